// @ts-check
/** One Action Track editor: its state, and the few ways in which anything changes it. */
import { extended, makeBase } from "../kit/editor.mjs"
import { walking } from "../track/poses.mjs"
import { write } from "../track/timeline.mjs"
import { layoutOf } from "./layout.mjs"
import { pastCache } from "./past.mjs"
import { SPOKEN, playheadWords } from "./spoken.mjs"
import { START, extent, isEmpty, lanesOf, locked, poseCache, settled, shownTimeline, withText } from "./state.mjs"

/** How a track walks while no model is known: not at all. */
const STANDING = walking(0)

/** @typedef {import("./state.mjs").EditorState} EditorState */
/** @typedef {import("../track/timeline.mjs").Timeline} Timeline */
/** @typedef {ReturnType<typeof makeEditor>} Editor */

/** Members of the state that only the overlay shows. */
const OVERLAY = new Set([
  "playhead",
  "pill",
  "ghost",
  "stroke",
  "olds",
  "cursor",
  "lane",
  "playing",
  "range",
  "recording",
])

/**
 * Make an editor. What it shows is drawn by the `draw…` modules, what it does is done by gestures, keys and tools.
 * @param {import("../kit/editor.mjs").Place} place
 */
export function makeEditor(place) {
  const { shell } = place
  /** @type {{all: () => void, overlay: () => void, size: {width: number, height: number}}} */
  let layers = { all: () => {}, overlay: () => {}, size: { width: 0, height: 0 } }
  /** @type {{state: EditorState, size: any, narrow: boolean, layout: any} | null} */
  let laid = null
  const [poses, past] = [poseCache(), pastCache()]
  /** @type {import("../kit/editor.mjs").BaseOf<Timeline, EditorState>} */
  const base = makeBase(place, {
    start: START,
    settled,
    withText,
    taken: () => base.state.short && parts.readShort(),
    // the first edit of a short form writes it as JSON
    written: (timeline) =>
      timeline === base.state.timeline
        ? null
        : { timeline, text: write(timeline), short: false, problem: "", failure: "" },
    shown: (state) => state.recording?.timeline ?? shownTimeline(state),
    locked,
    extent,
    question,
    timeView: () => layout().view,
    playheadWords: () => playheadWords(base.state),
    draw,
    redraw,
  })
  const { set, say } = base
  /** @type {typeof base.parts & {record: (now?: boolean) => void, map: () => void, readShort: () => void}} */
  const parts = /** @type {any} */ (base.parts)

  /** @param {EditorState} state @returns {[text: string, model: string, more: {chunks: number | null}] | null} */
  function question(state) {
    const { variant, problem, short, text } = state
    const timeline = shownTimeline(state)
    if (!variant || problem || (state.linked && !state.shown) || (isEmpty(timeline) && !short)) return null
    return [short ? text : write(timeline), variant.name, { chunks: state.world?.chunks ?? null }]
  }

  function layout() {
    const [{ state }, { size }, { narrow }] = [base, layers, shell]
    if (laid?.state !== state || laid.size !== size || laid.narrow !== narrow)
      laid = { state, size, narrow, layout: layoutOf(state, size, narrow) }
    return laid.layout
  }

  /** @param {string[]} names */
  function draw(names) {
    const over = names.every((name) => OVERLAY.has(name))
    if (over) layers.overlay()
    else layers.all()
    if (!over || names.includes("playhead")) parts.map?.()
    base.refresh()
  }

  function redraw() {
    laid = null
    layers.all()
    parts.map?.()
    base.refresh()
  }

  return extended(base, {
    parts,
    layout,
    redraw,
    spoken: SPOKEN,
    /** The model; only asked for when `ready`. @returns {import("../track/chunks.mjs").Variant} */
    get variant() {
      return /** @type {any} */ (base.state.variant)
    },
    /** Whether there is something to draw and to press on. */
    get ready() {
      return base.state.variant !== null && layers.size.width > 0
    },
    /** @param {typeof layers} made */
    useLayers(made) {
      layers = made
    },
    get layers() {
      return layers
    },
    /** @returns {[string, number, number][]} */
    band: () => base.binding.state.report?.band ?? [],
    poses() {
      const { recording, variant, world } = base.state
      const motion = variant?.motion ?? STANDING
      return poses(recording?.timeline ?? shownTimeline(base.state), motion, past(world, motion)?.end)
    },
    /** Where the world was walked that the track goes on in. */
    past: () => past(base.state.world, base.state.variant?.motion ?? STANDING),
    /** Drop what a gesture left behind. */
    settle() {
      const { olds } = base.state
      set({ draft: null, pill: null, stroke: null, olds: olds.length ? [] : olds })
      base.askBinding()
    },
    setSnap(/** @type {EditorState["snap"]} */ snap) {
      set({ snap })
      say(`snap: ${snap}`)
    },
    /** Select frames and open the report there. @param {number} start @param {string} kind @param {number} length */
    openReport(start, kind, length) {
      set({ range: [start, start + length] })
      parts.strip.openAt(start, kind)
    },
    record: (/** @type {boolean} */ now = false) => parts.record(now),
    /** Undo one step of intent: drag, sheet, playing, selection, range, focus. */
    escape() {
      if (base.leave()) return
      const { spans, points, prompts, range } = base.state
      if (spans.length || points.length || prompts.length) set({ spans: [], points: [], prompts: [] })
      else if (range) set({ range: null })
      else shell.plot.blur()
    },
    /** The name of the lane some lanes further. @param {import("./layout.mjs").Lane} lane @param {number} by */
    laneTitle(lane, by) {
      const { state } = base
      const lanes = lanesOf(/** @type {any} */ (state.variant), state.timeline).filter(
        (one) => !one.derived && !one.foreign,
      )
      const at = lanes.findIndex((one) => one.word === lane.word) + by
      return lanes[Math.min(lanes.length - 1, Math.max(0, at))].title
    },
  })
}
