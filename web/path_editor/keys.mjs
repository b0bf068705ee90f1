// @ts-check
/** What the keys of the focused plot do. */
import { listenToKeys } from "../kit/keys.mjs"
import { cleared, duplicate, insert, paste, remove, setFrames, setTarget, sight, toggleLoop } from "../path/edits.mjs"
import { extendedFrames } from "../track/chunks.mjs"
import { nudge } from "./gesture_top.mjs"
import { locked, modelFrames, paceOf, pathFrames } from "./state.mjs"
import { boundsOf, fitTop, zoomTop } from "./view.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { WORDS, keyframeWords } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** How many times nearer a press on a key or a button shows the path. */
export const ZOOM = 1.4
const NUDGE = 0.05
/** Metres within which the path's two ends are one. */
const NEAR = 0.1

/** Keyframes that were copied, for all Camera Paths of the page. @type {readonly import("../path/path.mjs").Keyframe[]} */
let clip = []

/**
 * Keys that work at any time, also while edits are off.
 * @type {Record<string, (editor: Editor, event: KeyboardEvent) => void>}
 */
const VIEW = {
  ArrowLeft: (editor, event) => arrow(editor, event, [-NUDGE, 0, 0], -1),
  ArrowRight: (editor, event) => arrow(editor, event, [NUDGE, 0, 0], 1),
  ArrowUp: (editor, event) => arrow(editor, event, [0, 0, NUDGE], 0),
  ArrowDown: (editor, event) => arrow(editor, event, [0, 0, -NUDGE], 0),
  PageUp: (editor) => choose(editor, -1),
  PageDown: (editor) => choose(editor, 1),
  g: (editor) => editor.set({ grid: !editor.state.grid }),
  "-": (editor) => zoom(editor, 1 / ZOOM),
  "=": (editor) => zoom(editor, ZOOM),
  "+": (editor) => zoom(editor, ZOOM),
  0: (editor) => editor.set({ view: null, scale: 0, first: 0 }),
  z: fitChosen,
  o: (editor) => editor.set({ model: !editor.state.model }),
  C: (editor) => copy(editor),
}

/** Keys that edit. @type {Record<string, (editor: Editor, event: KeyboardEvent) => void>} */
const EDIT = {
  Enter: (editor) => editor.parts.inspect(),
  Delete: (editor, { shiftKey }) => (shiftKey ? clearAll(editor) : removeChosen(editor)),
  Backspace: (editor, { shiftKey }) => (shiftKey ? clearAll(editor) : removeChosen(editor)),
  X: (editor) => copy(editor) && removeChosen(editor),
  V: pasteCopied,
  d: duplicateChosen,
  i: insertHere,
  t: targetHere,
  l: (editor) => closeLoop(editor),
}

/**
 * Listen to the keyboard on the plot.
 * @param {Editor} editor
 */
export const listen = (editor) => listenToKeys(editor, { view: VIEW, edit: EDIT, selectAll })

/** Select every keyframe. @param {Editor} editor */
export function selectAll(editor) {
  if (editor.locked) return
  editor.set({ chosen: editor.state.path.keyframes.map((_, i) => i) })
  editor.say(SHARED.allSelected)
}

/** Take all keyframes out. @param {Editor} editor */
export function clearAll(editor) {
  editor.edit(cleared(editor.state.path), { chosen: [], playhead: 0 }, SHARED.allCleared)
}

/**
 * @param {Editor} editor
 * @param {KeyboardEvent} event
 * @param {import("../path/path.mjs").Vector} way
 * @param {number} frames
 */
function arrow(editor, { shiftKey }, way, frames) {
  if (shiftKey && !locked(editor.state)) nudge(editor, way)
  else if (!shiftKey && frames) editor.goTo(editor.state.playhead + frames, true)
}

/** @param {Editor} editor @param {number} by */
function choose(editor, by) {
  const { keyframes, frames } = editor.drawn.path
  if (!keyframes.length) return
  const { chosen, playhead } = editor.state
  const before =
    keyframes.filter((stop) => (by > 0 ? stop.frame <= playhead : stop.frame < playhead)).length - (by > 0 ? 1 : 0)
  const next = chosen.length ? chosen[0] + by : by > 0 ? before + 1 : before - 1
  const index = Math.min(keyframes.length - 1, Math.max(0, next))
  editor.set({ chosen: [index], playhead: Math.min(keyframes[index].frame, frames - 1) })
  editor.say(keyframeWords(index, keyframes[index]))
}

/** @param {Editor} editor @param {number} factor */
export function zoom(editor, factor) {
  const { size, view } = editor
  editor.set({ view: zoomTop(view, size, size.width / 2, size.height / 2, factor) })
  editor.zoomTime(factor)
}

/** Show the chosen keyframes, or all. @param {Editor} editor */
function fitChosen(editor) {
  const { chosen } = editor.state
  const { path } = editor.drawn
  const bounds = chosen.length
    ? boundsOf({
        ...editor.drawn,
        spans: [],
        path: { ...path, target: null, keyframes: path.keyframes.filter((_, i) => chosen.includes(i)) },
      })
    : boundsOf(editor.drawn)
  editor.set({ view: { ...fitTop(bounds, editor.size), own: true } })
}

/** @param {Editor} editor @returns {boolean} */
function copy(editor) {
  const { chosen } = editor.state
  if (!chosen.length) return false
  clip = [...chosen].sort((a, b) => a - b).map((index) => editor.drawn.path.keyframes[index])
  editor.say(`${clip.length} copied`)
  return true
}

/** @param {Editor} editor */
function pasteCopied(editor) {
  const { path, playhead } = editor.state
  const pasted = paste(path, clip, playhead)
  editor.edit(pasted.path, { chosen: pasted.indices }, `${pasted.indices.length} pasted`)
}

/** @param {Editor} editor */
function removeChosen(editor) {
  const { chosen, path } = editor.state
  if (chosen.length) editor.edit(remove(path, chosen), { chosen: [] }, `${chosen.length} deleted`)
}

/** @param {Editor} editor */
function duplicateChosen(editor) {
  const { chosen, path } = editor.state
  if (!chosen.length) return
  const made = duplicate(path, chosen[0])
  editor.edit(made.path, { chosen: [made.index] }, keyframeWords(made.index, made.path.keyframes[made.index]))
}

/** @param {Editor} editor */
export function insertHere(editor) {
  const { path, playhead } = editor.state
  const { path: next, index } = insert(path, playhead)
  if (index >= 0) editor.edit(next, { chosen: [index] }, keyframeWords(index, next.keyframes[index]))
}

/** @param {Editor} editor */
function targetHere(editor) {
  const { state, drawn } = editor
  const { x, y, z, yaw } = drawn.samples
  const at = state.playhead
  editor.edit(setTarget(state.path, sight([x[at], y[at], z[at]], yaw[at])), {}, "target set")
}

/**
 * Close the loop, or open it. A way back that is added takes longer until it ends with a chunk: shortened to one, the
 * path would end before it is back.
 * @param {Editor} editor
 */
export function closeLoop(editor) {
  const { state } = editor
  let path = toggleLoop(state.path, { ...paceOf(state), near: NEAR })
  if (path.closed && path.frames > state.path.frames && state.variant)
    path = setFrames(path, pathFrames(state, extendedFrames(state.variant, modelFrames(state, path.frames))))
  editor.edit(path, {}, path.closed ? WORDS.closed : WORDS.open)
}
