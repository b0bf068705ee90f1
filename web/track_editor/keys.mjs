// @ts-check
/** What the keys of the focused plot do. */
import { listenToKeys } from "../kit/keys.mjs"
import { fit, fitRange } from "../kit/ruler.mjs"
import { grownToChunks } from "../track/chunks.mjs"
import { clearRange, deleteKeyframes, deletePrompts, deleteSpans, fillOrClear, toggle } from "../track/edits.mjs"
import { copy, cutOut, paste, repeat } from "./clipboard.mjs"
import { addKeyframe } from "./gesture_curves.mjs"
import { nextChunk, stretched } from "./gesture_time.mjs"
import { typePrompt } from "./inline.mjs"
import { clearAll, selectAll } from "./select.mjs"
import { extent, shownTimeline } from "./state.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** How many times nearer a press on a key or a button shows the frames. */
export const ZOOM = 1.5
const SNAPS = /** @type {const} */ (["off", "frame", "chunk"])

/**
 * Keys that work at any time, also while edits are off: name -> what it does.
 * @type {Record<string, (editor: Editor, event: KeyboardEvent) => void>}
 */
const VIEW = {
  ArrowLeft: (editor, event) => step(editor, -1, event.shiftKey),
  ArrowRight: (editor, event) => step(editor, 1, event.shiftKey),
  PageUp: (editor) => editor.goTo(nextChunk(editor, -1), true),
  PageDown: (editor) => editor.goTo(nextChunk(editor, 1), true),
  ArrowUp: (editor) => changeLane(editor, -1),
  ArrowDown: (editor) => changeLane(editor, 1),
  "[": (editor) => setEnd(editor, 0),
  "]": (editor) => setEnd(editor, 1),
  "{": grow,
  "}": grow,
  g: (editor) => editor.setSnap(SNAPS[(SNAPS.indexOf(editor.state.snap) + 1) % SNAPS.length]),
  "-": (editor) => editor.zoomTime(1 / ZOOM),
  "=": (editor) => editor.zoomTime(ZOOM),
  "+": (editor) => editor.zoomTime(ZOOM),
  0: (editor) => editor.set({ scale: 0, first: 0 }),
  z: (editor) =>
    editor.show(
      editor.state.range
        ? fitRange(editor.layout().view, editor.state.range, extent(editor.state))
        : fit(editor.layout().view, extent(editor.state)),
    ),
  o: (editor) => editor.set({ overview: !editor.state.overview }),
  C: (editor) => copy(editor),
}

/** Keys that edit. @type {Record<string, (editor: Editor, event: KeyboardEvent) => void>} */
const EDIT = {
  Enter: pressKey,
  Delete: deleteChosen,
  Backspace: deleteChosen,
  X: (editor) => cutOut(editor),
  V: (editor) => paste(editor),
  d: (editor) => repeat(editor),
  i: (editor) => addKeyframe(editor, "yaw", editor.state.playhead),
  I: (editor) => addKeyframe(editor, "pitch", editor.state.playhead),
  e: (editor) => editor.record(),
  t: (editor) => typePrompt(editor, editor.shell.plot, editor.state.playhead),
}

/**
 * Listen to the keyboard on the plot.
 * @param {Editor} editor
 */
export const listen = (editor) =>
  listenToKeys(editor, { view: VIEW, edit: EDIT, selectAll, off: () => Boolean(editor.state.recording) })

/** @param {Editor} editor @param {number} by @param {boolean} extend */
function step(editor, by, extend) {
  const { playhead, range } = editor.state
  const { frames } = shownTimeline(editor.state)
  if (!extend) return editor.goTo(playhead + by, true)
  const { at, range: next } = stretched(range, playhead, by, frames)
  editor.goTo(Math.min(frames - 1, at), true)
  editor.set({ range: next })
  if (editor.state.range) editor.say(editor.spoken.range(editor.state.range))
}

/** @param {Editor} editor @param {0 | 1} side */
function setEnd(editor, side) {
  const { playhead, range } = editor.state
  const { frames } = shownTimeline(editor.state)
  const [from, to] = range ?? (side ? [0, frames] : [playhead, frames])
  const next = side ? [Math.min(from, playhead), playhead + 1] : [playhead, Math.max(to, playhead + 1)]
  editor.set({ range: [next[0], next[1]] })
  editor.say(editor.spoken.range([next[0], next[1]]))
}

/** @param {Editor} editor */
function grow(editor) {
  const { range, playhead } = editor.state
  const [from, to] = grownToChunks(editor.variant, range ?? [playhead, playhead + 1])
  editor.set({ range: [from, Math.min(to, shownTimeline(editor.state).frames)] })
  if (editor.state.range) editor.say(editor.spoken.range(editor.state.range))
}

/** @param {Editor} editor @param {number} by */
function changeLane(editor, by) {
  const { lanes } = editor.layout()
  const lane = Math.min(
    lanes.length - 1,
    Math.max(0, (editor.state.cursor ? editor.state.lane : editor.state.lane - by) + by),
  )
  editor.set({ lane, cursor: true })
  editor.say(lanes[lane].title)
}

/** @param {Editor} editor */
function pressKey(editor) {
  const { timeline, range, playhead, lane } = editor.state
  const place = editor.layout().lanes[lane]
  if (!place || place.derived || place.foreign) return
  const next = range
    ? fillOrClear(timeline, editor.variant, place.word, range)
    : toggle(timeline, editor.variant, place.word, playhead)
  editor.edit(next, { cursor: true }, editor.spoken.span(place.title, range ?? [playhead, playhead + 1]))
}

/** @param {Editor} editor @param {KeyboardEvent} event */
function deleteChosen(editor, { shiftKey }) {
  if (shiftKey) return clearAll(editor)
  const { timeline, spans, points, prompts, range } = editor.state
  const none = { spans: [], points: [], prompts: [] }
  if (spans.length || points.length || prompts.length)
    editor.edit(deletePrompts(deleteKeyframes(deleteSpans(timeline, spans), points), prompts), none, "deleted")
  else if (range) editor.edit(clearRange(timeline, range), none, `${editor.spoken.range(range)}, cleared`)
}
