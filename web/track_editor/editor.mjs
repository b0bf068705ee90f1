// @ts-check
/** One Action Track editor: its state, and the few ways in which anything changes it. */
import { extended, makeBase } from "../kit/editor.mjs"
import { askedOf } from "../kit/world.mjs"
import { walking } from "../track/poses.mjs"
import { write } from "../track/timeline.mjs"
import { layoutOf } from "./layout.mjs"
import { pastCache } from "../track/past.mjs"
import { groundCache, walkCache, wallRows } from "../kit/solid.mjs"
import { SPOKEN, playheadWords } from "./spoken.mjs"
import { START, extent, isEmpty, lanesOf, locked, poseCache, settled, shownTimeline, withText } from "./state.mjs"

/** How a track walks while no model is known: not at all. */
const STANDING = walking(0)

const motionOf = (/** @type {EditorState} */ { variant }) => variant?.motion ?? STANDING

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
  const [poses, past, ground, walked, rows] = [poseCache(), pastCache(), groundCache(), walkCache(), wallRows()]
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
  /**
   * @typedef {object} Own
   * @property {(now?: boolean) => void} record
   * @property {() => void} map @property {() => void} live @property {() => void} readShort
   * @property {() => {background: any, image: HTMLImageElement} | null} picture
   * @property {() => import("../kit/menu.mjs").Entry[]} pictureEntries
   */
  /** @type {typeof base.parts & Own} */
  const parts = /** @type {any} */ (base.parts)

  /** @param {EditorState} state @returns {[text: string, model: string, more: import("../kit/world.mjs").Asked] | null} */
  function question(state) {
    const { variant, problem, short, text } = state
    const timeline = shownTimeline(state)
    if (!variant || problem || (state.linked && !state.shown) || (isEmpty(timeline) && !short)) return null
    return [short ? text : write(timeline), variant.name, askedOf(state.world)]
  }

  function layout() {
    const [{ state }, { size }, { narrow }] = [base, layers, shell]
    if (laid?.state !== state || laid.size !== size || laid.narrow !== narrow)
      laid = { state, size, narrow, layout: layoutOf(state, size, narrow) }
    return laid.layout
  }

  function walk() {
    const { recording, world } = base.state
    const [motion, solid] = [motionOf(base.state), ground(base.state.ground)]
    const asked = poses(recording?.timeline ?? shownTimeline(base.state), motion, past(world, motion, solid)?.end)
    return { asked, walked: solid ? walked(asked, solid) : asked }
  }

  /** @param {string[]} names */
  function draw(names) {
    const over = names.every((name) => OVERLAY.has(name))
    if (over) layers.overlay()
    else layers.all()
    if (names.includes("recording")) parts.live?.()
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
    /** Where the walk leads that is on show: as far as the walls of its place let one, where they are known. */
    poses: () => walk().walked,
    /** The same without walls. */
    asked: () => walk().asked,
    /** Where the world was walked that the track goes on in. */
    past: () => past(base.state.world, motionOf(base.state), ground(base.state.ground)),
    /** What stands where it is walked, if that is known. */
    ground: () => ground(base.state.ground),
    /** The frames in which walls stand in the way, for the report. */
    walls: () => rows(base.state.ground, /** @type {{bumped?: Uint8Array}} */ (walk().walked).bumped, "track"),
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
