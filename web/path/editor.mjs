// @ts-check
/** One Camera Path editor: its state, and the few ways in which anything changes it. */
import { makeBinding } from "../kit/server.mjs"
import { bounded, revealing } from "../kit/ruler.mjs"
import { angle, decimal } from "../kit/words.mjs"
import { write } from "./path.mjs"
import { degrees } from "./poses.mjs"
import { profileOf } from "./profile.mjs"
import { START, drawnCache, extent, fpsOf, locked, rateOf, settled, shownPath, withText } from "./state.mjs"
import { boundsOf, fitTop } from "./view.mjs"

/** @typedef {import("./state.mjs").PathState} PathState */
/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {ReturnType<typeof makeEditor>} Editor */

/** Members of the state that only the overlays show. */
const OVERLAY = new Set(["pill", "ghost", "stroke", "playing"])

/**
 * Make an editor. What it shows is drawn by the `draw…` modules, what it does is done by gestures, keys and tools.
 * @param {{shell: ReturnType<typeof import("../kit/shell.mjs").makeShell>, signal: AbortSignal,
 *   commit: (change: () => void) => void, changed: () => void}} options `commit`: one step of the host's undo;
 *   `changed`:
 *   tool bar, inspector, notice, status and strip show the state anew
 */
export function makeEditor({ shell, signal, commit, changed }) {
  /** @type {PathState} */
  let state = START
  const idle = { all: () => {}, overlay: () => {}, size: { width: 0, height: 0 } }
  /** @type {{top: typeof idle, profile: typeof idle}} */
  let layers = { top: idle, profile: idle }
  let request = 0
  /** @type {{state: PathState, size: any, narrow: boolean, profile: import("./profile.mjs").Profile} | null} */
  let laid = null
  const drawnOf = drawnCache()
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
    const path = shownPath(state)
    if (state.draft) binding.outdate()
    else if (!variant || problem || (state.linked && !state.shown) || path.keyframes.length < 2) binding.clear()
    else binding.ask(write(path), variant.name, { fps: fpsOf(state) })
  }

  const editor = {
    shell,
    signal,
    binding,
    refresh,
    askBinding,
    /**
     * @type {{play: () => void, sheet: () => boolean, cancel: () => boolean, strip: any, inspect: () => void, upload:
     *   () => void, picture: () => any}}
     */
    parts: /** @type {any} */ ({}),
    get state() {
      return state
    },
    /** Whether there is something to draw and to press on. */
    get ready() {
      return state.variant !== null && layers.top.size.width > 0
    },
    /** @param {typeof layers} made */
    useLayers(made) {
      layers = made
    },
    /** What follows from the path on show. */
    get drawn() {
      return drawnOf(state)
    },
    /** The top view's window. */
    get view() {
      return state.view ?? fitTop(boundsOf(editor.drawn), layers.top.size)
    },
    /** The size of the top view in px. */
    get size() {
      return layers.top.size
    },
    get profile() {
      const { size } = layers.profile
      if (laid?.state !== state || laid.size !== size || laid.narrow !== shell.narrow)
        laid = { state, size, narrow: shell.narrow, profile: profileOf(state, editor.drawn, size, shell.narrow) }
      return laid.profile
    },
    /** What the model makes of the path, if it is known. */
    get followed() {
      return binding.state.report?.followed ?? null
    },
    /** What the top view and the profile are drawn from. */
    scene() {
      const { stale } = binding.state
      return {
        state,
        drawn: editor.drawn,
        view: editor.view,
        size: layers.top.size,
        palette: shell.palette,
        narrow: shell.narrow,
        followed: editor.followed,
        rate: rateOf(state),
        stale,
        picture: editor.parts.picture?.() ?? null,
      }
    },
    profileScene() {
      const rate = rateOf(state)
      const band = (binding.state.report?.band ?? []).map(
        ([kind, start, length]) => /** @type {[string, number, number]} */ ([kind, start * rate, length * rate]),
      )
      return { ...editor.scene(), size: layers.profile.size, profile: editor.profile, band }
    },
    redraw() {
      layers.top.all()
      layers.profile.all()
      refresh()
    },
    /** Change what is shown. @param {Partial<PathState>} patch */
    set(patch) {
      const names = Object.keys(patch).filter(
        (name) => state[/** @type {"text"} */ (name)] !== patch[/** @type {"text"} */ (name)],
      )
      if (!names.length) return
      state = Object.freeze({ ...state, ...patch })
      if (names.every((name) => OVERLAY.has(name))) {
        layers.top.overlay()
        layers.profile.overlay()
        if (names.includes("playing")) refresh()
      } else if (names.length === 1 && names[0] === "playhead") {
        layers.top.overlay()
        if (state.playing) layers.profile.overlay()
        else layers.profile.all() // the flag pushes ruler labels away
        refresh()
      } else editor.redraw()
    },
    /** Show a path while a gesture goes on. @param {CameraPath} path @param {Partial<PathState>} [patch] */
    preview(path, patch = {}) {
      editor.set({ ...patch, draft: path })
      askBinding()
    },
    /**
     * Make an edit: one change of the value, one step of undo.
     * @param {CameraPath} path
     * @param {Partial<PathState>} [patch]
     * @param {string} [said]
     */
    edit(path, patch = {}, said = "") {
      if (path === state.path || locked(state)) editor.set({ ...patch, draft: null })
      else {
        const view = state.path.keyframes.length ? editor.view : state.view // an edit does not move the ground
        commit(() => editor.take({ ...state, view, ...patch, draft: null, path, text: write(path), problem: "" }))
      }
      askBinding()
      if (said) editor.say(said)
    },
    /** Put in another state. @param {PathState} next */
    take(next) {
      state = settled(next)
      editor.redraw()
    },
    /** Set the widget's value from outside. @param {string} text */
    setText(text) {
      if (text === state.text) return
      editor.take(withText(state, text))
      askBinding()
    },
    /** Change the value as the artist typed it. @param {string} text */
    typeText: (text) => commit(() => editor.setText(text)),
    /** Drop what a gesture left behind. */
    settle() {
      if (state.draft || state.pill || state.stroke) editor.set({ draft: null, pill: null, stroke: null })
      askBinding()
    },
    /** Say that something did not work. @param {unknown} error */
    fail: (error) => editor.set({ failure: error instanceof Error ? error.message : String(error) }),
    say: (/** @type {string} */ text) => shell.speaker.say(text),
    /** Show part of the profile. @param {import("../kit/ruler.mjs").View} view */
    show(view) {
      const whole = bounded({ ...view, first: 0 }, extent(state))
      const all = view.scale <= whole.scale && view.first <= 0 && whole.width / view.scale >= extent(state)
      editor.set({ first: view.first, scale: all ? 0 : view.scale })
    },
    /** Move the playhead. @param {number} frame @param {boolean} [speak] */
    goTo(frame, speak = false) {
      const playhead = Math.min(shownPath(state).frames - 1, Math.max(0, Math.round(frame)))
      editor.set({ playhead })
      if (state.scale) editor.show(revealing(editor.profile.view, playhead, extent(state)))
      if (speak)
        editor.say(
          `frame ${playhead}, ${decimal(editor.drawn.speeds[playhead])} metres a second, looking ${angle(degrees(editor.drawn.samples.yaw[playhead]))}`,
        )
    },
    toggleReport: () => editor.parts.strip.setOpen(!editor.parts.strip.isOpen),
    toggleSheet: () => editor.parts.sheet(),
    play: () => editor.parts.play(),
    /** Undo one step of intent: drag, sheet, selection, tool, focus. */
    escape() {
      if (editor.parts.cancel() || (shell.plot.querySelector(".wm-sheet") && editor.parts.sheet())) return
      if (state.playing) editor.play()
      else if (state.sheet) editor.set({ sheet: false })
      else if (state.chosen.length) editor.set({ chosen: [] })
      else if (state.tool !== "pointer") editor.set({ tool: "pointer" })
      else shell.plot.blur()
    },
  }
  return editor
}
