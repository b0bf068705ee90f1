// @ts-check
/** One Action Track editor: its state, and the few ways in which anything changes it. */
import { makeBinding } from "../kit/server.mjs"
import { bounded, revealing } from "../kit/ruler.mjs"
import { write } from "../track/timeline.mjs"
import { layoutOf } from "./layout.mjs"
import { SPOKEN, playheadWords } from "./spoken.mjs"
import { START, extent, isEmpty, lanesOf, locked, poseCache, settled, shownTimeline, withText } from "./state.mjs"

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
 * @param {{shell: ReturnType<typeof import("../kit/shell.mjs").makeShell>, signal: AbortSignal,
 *   commit: (change: () => void) => void, changed: () => void}} options `commit`: one step of the host's undo;
 *   `changed`:
 *   tool bar, notice, status and strip show the state anew
 */
export function makeEditor({ shell, signal, commit, changed }) {
  /** @type {EditorState} */
  let state = START
  /** @type {{all: () => void, overlay: () => void, size: {width: number, height: number}}} */
  let layers = { all: () => {}, overlay: () => {}, size: { width: 0, height: 0 } }
  /** @type {{state: EditorState, size: any, narrow: boolean, layout: any} | null} */
  let laid = null
  let request = 0
  const poses = poseCache()
  const binding = makeBinding(signal, () => editor.redraw())
  signal.addEventListener("abort", () => cancelAnimationFrame(request))

  /** Tell the rest of the page's parts, once per frame. */
  function refresh() {
    if (!request && !signal.aborted)
      request = requestAnimationFrame(() => {
        request = 0
        changed()
      })
  }

  /** Ask for the report of what is on show. */
  function askBinding() {
    const { variant, problem } = state
    const timeline = shownTimeline(state)
    const known = variant && !problem && (!state.linked || state.shown)
    if (state.draft) binding.outdate()
    else if (!known || (isEmpty(timeline) && !state.short)) binding.clear()
    else binding.ask(state.short ? state.text : write(timeline), variant.name)
  }

  const editor = {
    shell,
    signal,
    binding,
    refresh,
    spoken: SPOKEN,
    /**
     * @type {{play: () => void, record: (now?: boolean) => void, sheet: () => boolean, cancel: () => boolean, strip:
     *   any, map: () => void}}
     */
    parts: /** @type {any} */ ({}),
    get state() {
      return state
    },
    /** The model; only asked for when `ready`. @returns {import("../track/chunks.mjs").Variant} */
    get variant() {
      return /** @type {any} */ (state.variant)
    },
    /** Whether there is something to draw and to press on. */
    get ready() {
      return state.variant !== null && layers.size.width > 0
    },
    /** @param {typeof layers} made */
    useLayers(made) {
      layers = made
    },
    get layers() {
      return layers
    },
    layout() {
      const { size } = layers
      if (laid?.state !== state || laid.size !== size || laid.narrow !== shell.narrow)
        laid = { state, size, narrow: shell.narrow, layout: layoutOf(state, size, shell.narrow) }
      return laid.layout
    },
    /** @returns {[string, number, number][]} */
    band: () => binding.state.report?.band ?? [],
    poses: () => poses(state.recording?.timeline ?? shownTimeline(state), state.variant?.step_metres ?? 0),
    redraw() {
      laid = null
      layers.all()
      editor.parts.map?.()
      refresh()
    },
    /** Change what is shown. @param {Partial<EditorState>} patch */
    set(patch) {
      const names = Object.keys(patch).filter(
        (name) => state[/** @type {"text"} */ (name)] !== patch[/** @type {"text"} */ (name)],
      )
      if (!names.length) return
      state = Object.freeze({ ...state, ...patch })
      if (names.every((name) => OVERLAY.has(name))) layers.overlay()
      else layers.all()
      if (names.includes("playhead") || names.some((name) => !OVERLAY.has(name))) editor.parts.map?.()
      refresh()
    },
    /** Show a track while a gesture goes on. @param {Timeline} timeline @param {Partial<EditorState>} [patch] */
    preview(timeline, patch = {}) {
      editor.set({ ...patch, draft: timeline })
      askBinding()
    },
    /**
     * Make an edit: one change of the value, one step of undo; the first edit of a short form writes it as JSON.
     * @param {Timeline} timeline
     * @param {Partial<EditorState>} [patch]
     * @param {string} [said]
     */
    edit(timeline, patch = {}, said = "") {
      const same = timeline === state.timeline
      if (same || locked(state)) editor.set({ ...patch, draft: null })
      else
        commit(() =>
          editor.take({
            ...state,
            ...patch,
            draft: null,
            timeline,
            text: write(timeline),
            short: false,
            problem: "",
            failure: "",
          }),
        )
      askBinding()
      if (said) editor.say(said)
    },
    /** Put in another state. @param {EditorState} next */
    take(next) {
      state = settled(next)
      editor.redraw()
    },
    /** Set the widget's value from outside. @param {string} text */
    setText(text) {
      if (text === state.text) return
      editor.take(withText(state, text))
      if (state.short) editor.readShort()
      askBinding()
    },
    /** Change the value as the artist typed it. @param {string} text */
    typeText: (text) => commit(() => editor.setText(text)),
    readShort: () => {},
    askBinding,
    /** Drop what a gesture left behind. */
    settle() {
      if (state.draft) editor.set({ draft: null })
      askBinding()
    },
    /** Say that something did not work. @param {unknown} error */
    fail: (error) => editor.set({ failure: error instanceof Error ? error.message : String(error) }),
    say: (/** @type {string} */ text) => shell.speaker.say(text),
    /** Show part of the track. @param {import("../kit/ruler.mjs").View} view */
    show(view) {
      const whole = bounded({ ...view, first: 0 }, extent(state))
      editor.set({
        first: view.first,
        scale:
          view.scale <= whole.scale && view.first <= 0 && whole.width / view.scale >= extent(state) ? 0 : view.scale,
      })
    },
    /** Move the playhead. @param {number} frame @param {boolean} [speak] */
    goTo(frame, speak = false) {
      const playhead = Math.min(shownTimeline(state).frames - 1, Math.max(0, frame))
      editor.set({ playhead })
      if (state.scale) editor.show(revealing(editor.layout().view, playhead, extent(state)))
      if (speak) editor.say(playheadWords(state))
    },
    setSnap(/** @type {EditorState["snap"]} */ snap) {
      editor.set({ snap })
      editor.say(`snap: ${snap}`)
    },
    /** Select frames and open the report there. @param {number} start @param {string} kind @param {number} length */
    openReport(start, kind, length) {
      editor.set({ range: [start, start + length] })
      editor.parts.strip.openAt(start, kind)
    },
    toggleReport: () => editor.parts.strip.setOpen(!editor.parts.strip.isOpen),
    toggleSheet: () => editor.parts.sheet(),
    play: () => editor.parts.play(),
    record: (/** @type {boolean} */ now = false) => editor.parts.record(now),
    /** Undo one step of intent: drag, sheet, selection, range, focus. */
    escape() {
      if (editor.parts.cancel() || (shell.plot.querySelector(".wm-sheet") && editor.parts.sheet())) return
      if (state.playing) editor.play()
      else if (state.spans.length || state.points.length || state.prompts.length)
        editor.set({ spans: [], points: [], prompts: [] })
      else if (state.range) editor.set({ range: null })
      else shell.plot.blur()
    },
    /** The name of the lane some lanes further. @param {import("./layout.mjs").Lane} lane @param {number} by */
    laneTitle(lane, by) {
      const lanes = lanesOf(editor.variant, state.timeline).filter((one) => !one.derived && !one.foreign)
      const at = lanes.findIndex((one) => one.word === lane.word) + by
      return lanes[Math.min(lanes.length - 1, Math.max(0, at))].title
    },
  }
  return editor
}
