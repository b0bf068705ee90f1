// @ts-check
/**
 * Recording: keyboard and mouse drive a take; Esc, a lost pointer lock and a lost window stop it and keep what there
 * is.
 */
import { take as swallow } from "../kit/dom.mjs"
import { capture } from "../kit/pointer_lock.mjs"
import { lastSeen } from "../kit/ruler.mjs"
import { fpsOf } from "../kit/state.mjs"
import {
  COUNT_IN,
  SENSITIVITY,
  begin,
  end,
  frameOf,
  framesToRecord,
  meaning,
  move,
  pass,
  press,
  recorded,
  release,
  setHalf,
  shownNow,
  takeBack,
} from "./record.mjs"
import { locked } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Milliseconds after a take, or after the last key of it, in which somebody may still be playing. */
const STILL_PLAYING = 1000

/**
 * Make the recorder of an editor.
 * @param {Editor} editor
 * @returns {(now?: boolean) => Promise<void>} starts, or stops and keeps; `now` skips the count-in
 */
export function makeRecorder(editor) {
  const { plot } = editor.shell
  let starting = false
  /** @type {(() => void) | null} */
  let stop = null
  editor.signal.addEventListener("abort", () => stop?.())

  return async (now = false) => {
    if (stop) return stop()
    if (starting || !editor.ready || locked(editor.state)) return
    starting = true
    plot.focus({ preventScroll: true })
    const captured = editor.variant.mouse !== null && (await capture(plot))
    starting = false
    if (editor.signal.aborted || !editor.ready || locked(editor.state)) return
    stop = run(editor, captured, now ? 0 : COUNT_IN, () => {
      stop = null
    })
  }
}

/**
 * Keep the keys of a take from the host, which has shortcuts of one letter, for a moment after the end: one goes on
 * holding and pressing them until one sees that it is over.
 * @param {import("./record.mjs").Settings} settings of the take
 * @param {boolean} atEnd whether the take ended by itself, and a late Esc is meant for it too
 */
function swallowLate(settings, atEnd) {
  const life = new AbortController()
  const { signal } = life
  let until = performance.now() + STILL_PLAYING
  const late = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey) return
    const now = performance.now()
    const stops = atEnd && event.key === "Escape"
    const played = stops || event.key === "Backspace" || meaning(settings, event.code) !== undefined
    if (event.repeat || (played && now < until)) swallow(event)
    else life.abort()
    if (stops) life.abort()
    until = now + STILL_PLAYING
  }
  const released = () => (until = performance.now() + STILL_PLAYING) // a key that is held on to says: still playing
  window.addEventListener("keydown", late, { signal, capture: true })
  window.addEventListener("keyup", released, { signal, capture: true })
  window.addEventListener("blur", () => life.abort(), { signal })
}

/**
 * @param {Editor} editor
 * @param {boolean} captured
 * @param {number} countIn
 * @param {() => void} over
 * @returns {() => void} stops and keeps
 */
function run(editor, captured, countIn, over) {
  const { timeline, playhead, range, grows } = editor.state
  const variant = editor.variant
  const frames = framesToRecord(timeline, playhead, range, grows)
  let take = begin(
    { timeline, variant, fps: fpsOf(editor.state), range: frames, sensitivity: SENSITIVITY, mouse: captured },
    performance.now(),
    countIn,
  )
  const life = new AbortController()
  const { signal } = life
  let request = 0
  let made = timeline

  function show() {
    const { frames: before } = made
    made = take.rows.length === editor.state.recording?.take.rows.length ? made : recorded(take)
    const { held, yaw, pitch } = shownNow(take)
    const counting = take.phase === "counting" ? Math.ceil((take.due - performance.now()) / 1000) : 0
    const recording = {
      take,
      before: timeline,
      timeline: made,
      range: frames,
      grows: grows && !range,
      held: new Set(held),
      values: { yaw, pitch },
      count: counting,
      missed: take.missed,
      half: take.half,
      captured,
      waiting: take.phase === "waiting",
    }
    editor.set({ recording, playhead: Math.min(frameOf(take), frames[1] - 1) })
    if (made.frames !== before) editor.redraw() // the whole time axis has another length
    const view = editor.timeView
    if (editor.state.playhead >= lastSeen(view)) editor.show({ ...view, first: editor.state.playhead })
  }

  function stop(atEnd = false) {
    if (signal.aborted) return
    life.abort()
    cancelAnimationFrame(request)
    swallowLate(take.settings, atEnd)
    take = end(take)
    if (document.pointerLockElement) document.exitPointerLock()
    const result = recorded(take)
    over()
    editor.set({ recording: null, playhead: frames[0] }) // where it plays from, and where another take begins
    editor.edit(
      result,
      { spans: [], points: [], prompts: [] },
      `${WORDS.stopped}, ${editor.spoken.range([frames[0], Math.max(frames[0] + 1, frameOf(take))])}`,
    )
    editor.redraw()
  }

  function step() {
    const before = take
    take = pass(take, performance.now())
    if (take.phase === "over") return stop(true)
    if (take !== before || take.phase === "counting") show()
    request = requestAnimationFrame(step)
  }

  window.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey) return
      swallow(event)
      if (event.key === "Escape") return stop()
      if (event.repeat) return
      if (event.key === "Backspace") take = takeBack(take)
      else if (event.key === "Shift") take = setHalf(take, true, performance.now())
      else if (meaning(take.settings, event.code)) take = press(take, event.code, performance.now())
      show()
    },
    { signal, capture: true },
  )
  window.addEventListener(
    "keyup",
    (event) => {
      if (event.key === "Shift") take = setHalf(take, false, performance.now())
      take = release(take, event.code)
      swallow(event)
      show()
    },
    { signal, capture: true },
  )
  window.addEventListener(
    "mousemove",
    (event) => {
      take = move(take, event.movementX, event.movementY)
    },
    { signal },
  )
  window.addEventListener("blur", () => stop(), { signal })
  document.addEventListener("visibilitychange", () => document.hidden && stop(), { signal })
  document.addEventListener("pointerlockchange", () => captured && document.pointerLockElement === null && stop(), {
    signal,
  })
  editor.set({ playing: false, pill: null, spans: [], points: [], prompts: [] })
  show()
  editor.redraw()
  editor.say(WORDS.recording)
  request = requestAnimationFrame(step)
  return stop
}
