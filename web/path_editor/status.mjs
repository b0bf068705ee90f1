// @ts-check
/** Status line, notice and binding strip: what holds, what is the matter, and the way out of it. */
import { afterEnd, link, noticeOf, placeParts, reportless, showLine } from "../kit/status.mjs"
import { WORDS as SHARED, counted, decimal } from "../kit/words.mjs"
import { extendedFrames, trimmedFrames } from "../track/chunks.mjs"
import { setFrames, stretch } from "../path/edits.mjs"
import { extent, modelFrames, pathFrames, rateOf, shownPath } from "./state.mjs"
import { VALUE_WORDS, WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */

/**
 * Show the status line.
 * @param {Editor} editor
 */
export function showStatus(editor) {
  const { state, shell } = editor
  if (!state.variant) return shell.left.replaceChildren()
  showLine(editor, modelFrames(state, editor.frames), {
    repairs: (frames) => repairs(editor, frames),
    here: here(editor),
  })
}

/** What holds at the playhead. @param {Editor} editor */
function here(editor) {
  const { state, drawn, walked } = editor
  const at = Math.floor(state.playhead / rateOf(state) + 1e-6)
  const residual = walked?.off?.[at]
  const words = [...placeParts(editor, at), `${decimal(drawn.speeds[state.playhead] ?? 0)} m/s`]
  return residual === undefined ? words : [...words, `${decimal(residual)} m off the path`]
}

/** @param {Editor} editor @param {number} frames of the model */
function repairs(editor, frames) {
  const { state } = editor
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const [less, more] = [trimmedFrames(variant, frames), extendedFrames(variant, frames)].map(
    (count) => count && pathFrames(state, count),
  )
  const isShorter = less < state.path.frames // else a frame of the path is more than what is left over
  const trim = () => editor.edit(setFrames(editor.state.path, less), {}, `${less} frames`)
  const lengthen = () => editor.edit(stretch(editor.state.path, more), {}, `${more} frames`)
  const lost = beyond(state.path, less) > beyond(state.path)
  const shorter = () => link(editor, (lost ? SHARED.cut : SHARED.trim)(less), trim)
  return [link(editor, WORDS.stretch(more), lengthen), ...(less && isShorter ? [shorter()] : [])]
}

/** Count the keyframes that a path of so many frames does not reach. @param {CameraPath} path @param {number} [frames] */
const beyond = ({ keyframes, closed, frames: own }, frames = own) =>
  keyframes.filter(({ frame }) => frame >= frames - (closed ? 1 : 0)).length

/**
 * Work out the notice of a state.
 * @param {Editor} editor
 * @param {Parameters<typeof noticeOf>[1]} ways out
 */
export function pathNotice(editor, ways) {
  const notice = noticeOf(editor, ways, VALUE_WORDS)
  const { state } = editor
  const { frames, keyframes, closed } = state.path
  const late = beyond(state.path)
  if (notice || !state.variant || state.draft || !late) return notice
  const end = Math.max(frames, keyframes[keyframes.length - 1].frame + (closed ? 2 : 1))
  const use = pathFrames(state, extendedFrames(state.variant, modelFrames(state, end)))
  return afterEnd(WORDS.after(counted(late, "keyframe")), WORDS.afterText(extent(state) - 1), use, WORDS.useHint, () =>
    editor.edit(setFrames(editor.state.path, use), {}, `${use} frames`),
  )
}

/** The sentence shown in place of the chips, if any. @param {Editor} editor */
export function insteadOfChips({ state }) {
  const without = reportless(state)
  if (without) return without
  const { keyframes, frames } = shownPath(state)
  return keyframes.length < 2 ? WORDS.emptyStrip(counted(frames, "frame")) : ""
}
