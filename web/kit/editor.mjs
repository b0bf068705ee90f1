// @ts-check
/** What both editors are built on: one frozen state, and the few ways in which anything changes it. */
import { bounded, revealing, zoomAround } from "./ruler.mjs"
import { makeBinding } from "./server.mjs"

/** @typedef {import("./ruler.mjs").View} View */
/**
 * @typedef {object} Place where an editor lives
 * @property {ReturnType<typeof import("./shell.mjs").makeShell>} shell
 * @property {AbortSignal} signal
 * @property {(change: () => void) => void} commit one step of the host's undo
 * @property {() => void} changed all parts that are not drawn show the state anew
 */
/**
 * @template {{frames: number}} V a track or a path
 * @template {import("./state.mjs").Common<V>} S
 * @typedef {object} Rules what an editor adds
 * @property {S} start
 * @property {(state: S) => S} settled keeps playhead and selection inside the value
 * @property {(state: S, text: string) => S} withText takes a text as the value
 * @property {() => void} [taken] another text was taken
 * @property {(value: V) => Partial<S> | null} written what a value changes; null if it says nothing new
 * @property {(state: S) => V} shown the value on show
 * @property {(state: S) => boolean} locked whether edits are off
 * @property {(state: S) => number} extent frames there is something to see of
 * @property {(state: S) => Parameters<ReturnType<typeof makeBinding>["ask"]> | null} question the report asked for
 * @property {() => View} timeView what is seen of the frames
 * @property {() => string} playheadWords what is said of the playhead
 * @property {(names: string[]) => void} draw draws what shows these members of the state
 * @property {() => void} redraw draws everything
 */
/**
 * @template {{frames: number}} V
 * @template {import("./state.mjs").Common<V>} S
 * @typedef {ReturnType<typeof makeBase<V, S>>} BaseOf
 */
/**
 * @typedef {BaseOf<any, any> & {ready: boolean, settle: () => void, escape: () => void}} Base what the kit's parts know
 *   of an editor
 */

/**
 * Make the base of an editor.
 * @template {{frames: number}} V
 * @template {import("./state.mjs").Common<V>} S
 * @param {Place} place
 * @param {Rules<V, S>} rules
 */
export function makeBase({ shell, signal, commit, changed }, rules) {
  let state = rules.start
  let request = 0
  const binding = makeBinding(signal, () => rules.redraw())
  signal.addEventListener("abort", () => cancelAnimationFrame(request))
  /**
   * What the widget's other files make; an editor may add its own.
   * @type {{play: () => void, sheet: ReturnType<typeof import("./sheet.mjs").makeSheet>, cancel: () => boolean,
   *   strip: ReturnType<typeof import("./strip.mjs").makeStrip>}}
   */
  const parts = /** @type {any} */ ({})

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
    if (state.draft) return binding.outdate()
    const question = rules.question(state)
    if (question) binding.ask(...question)
    else binding.clear()
  }

  /** Change what is shown. @param {Partial<S>} patch */
  function set(patch) {
    const names = Object.keys(patch).filter(
      (name) => state[/** @type {"text"} */ (name)] !== patch[/** @type {"text"} */ (name)],
    )
    if (!names.length) return
    state = Object.freeze({ ...state, ...patch })
    rules.draw(names)
  }

  /** Put in another state. @param {S} next */
  function take(next) {
    state = rules.settled(next)
    rules.redraw()
  }

  /** Set the widget's value from outside. @param {string} text */
  function setText(text) {
    if (text === state.text) return
    take(rules.withText(state, text))
    rules.taken?.()
    askBinding()
  }

  const say = (/** @type {string} */ text) => shell.speaker.say(text)
  const play = () => parts.play()

  /** Show part of the time axis. @param {View} view */
  function show(view) {
    const frames = rules.extent(state)
    const whole = bounded({ ...view, first: 0 }, frames)
    const all = view.scale <= whole.scale && view.first <= 0 && whole.width / view.scale >= frames
    set(/** @type {Partial<S>} */ ({ first: view.first, scale: all ? 0 : view.scale }))
  }

  return {
    shell,
    signal,
    binding,
    parts,
    refresh,
    askBinding,
    set,
    take,
    setText,
    say,
    play,
    show,
    get state() {
      return state
    },
    /** Whether edits are off. */
    get locked() {
      return rules.locked(state)
    },
    /** Frames of the value on show. */
    get frames() {
      return rules.shown(state).frames
    },
    /** Frames there is something to see of. */
    get extent() {
      return rules.extent(state)
    },
    get timeView() {
      return rules.timeView()
    },
    /** Show a value while a gesture goes on. @param {V} value @param {Partial<S>} [patch] */
    preview(value, patch = {}) {
      set({ ...patch, draft: value })
      askBinding()
    },
    /**
     * Make an edit: one change of the value, one step of undo.
     * @param {V} value
     * @param {Partial<S>} [patch]
     * @param {string} [said]
     */
    edit(value, patch = {}, said = "") {
      const written = rules.locked(state) ? null : rules.written(value)
      if (written) commit(() => take({ ...state, ...written, ...patch, draft: null }))
      else set({ ...patch, draft: null })
      askBinding()
      if (said) say(said)
    },
    /** Change the value as the artist typed it. @param {string} text */
    typeText: (text) => commit(() => setText(text)),
    /** Say that something did not work. @param {unknown} error */
    fail: (error) =>
      set(/** @type {Partial<S>} */ ({ failure: error instanceof Error ? error.message : String(error) })),
    /** Move the playhead. @param {number} frame @param {boolean} [speak] */
    goTo(frame, speak = false) {
      const playhead = Math.min(rules.shown(state).frames - 1, Math.max(0, Math.round(frame)))
      set(/** @type {Partial<S>} */ ({ playhead }))
      if (state.scale) show(revealing(rules.timeView(), playhead, rules.extent(state)))
      if (speak) say(rules.playheadWords())
    },
    /** Zoom the time axis around the playhead. @param {number} factor */
    zoomTime(factor) {
      const [view, frames, { playhead }] = [rules.timeView(), rules.extent(state), state]
      const x = view.left + Math.min(view.width, Math.max(0, (playhead - view.first) * view.scale))
      show(revealing(zoomAround(view, x, factor, frames), playhead, frames))
    },
    toggleReport: () => parts.strip.setOpen(!parts.strip.isOpen),
    toggleSheet: () => parts.sheet.toggle(),
    /** Drop a drag, the sheet or the playing, the first there is; whether there was one. */
    leave() {
      if (parts.cancel() || parts.sheet.close()) return true
      const { playing } = state
      if (playing) play()
      return playing
    },
  }
}

/**
 * Add an editor's own members to its base, getters as such.
 * @template {object} B
 * @template {object} O
 * @param {B} base
 * @param {O} own
 * @returns {B & O}
 */
export const extended = (base, own) =>
  /** @type {B & O} */ (Object.defineProperties(base, Object.getOwnPropertyDescriptors(own)))
