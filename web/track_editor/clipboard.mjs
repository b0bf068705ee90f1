// @ts-check
/** Copy, cut, paste and repeat; one clipboard for all Action Tracks of the page. */
import { copyRange, cutRange, pasteClip, repeatRange } from "../track/edits.mjs"
import { spanAt } from "../track/sample.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** @type {import("../track/edits.mjs").Clip | null} */
let clip = null

/** Whether there is something to paste. */
export const hasClip = () => clip !== null

/**
 * The frames that copy, cut and repeat mean: the range, or from the first to the last of what is selected.
 * @param {Editor["state"]} state
 * @returns {import("../track/edits.mjs").Range | null}
 */
export function chosenRange({ range, spans, points, prompts, timeline }) {
  if (range) return range
  const held = spans
    .map(([word, start]) => spanAt(timeline.keys[word] ?? [], start))
    .filter((span) => span !== undefined)
  const starts = [...held.map(([start]) => start), ...points.map(([, frame]) => frame), ...prompts]
  const ends = [
    ...held.map(([start, length]) => start + length),
    ...points.map(([, frame]) => frame + 1),
    ...prompts.map((frame) => frame + 1),
  ]
  if (!starts.length) return null
  return [starts.reduce((a, b) => Math.min(a, b)), ends.reduce((a, b) => Math.max(a, b))]
}

/** @param {Editor} editor */
export function copy(editor) {
  const range = chosenRange(editor.state)
  if (!range) return
  clip = copyRange(editor.state.timeline, range)
  editor.say(`${editor.spoken.range(range)}, copied`)
  editor.refresh()
}

/** @param {Editor} editor */
export function cutOut(editor) {
  const range = chosenRange(editor.state)
  if (!range) return
  const cut = cutRange(editor.state.timeline, range)
  clip = cut.clip
  editor.edit(cut.timeline, { spans: [], points: [], prompts: [] }, `${editor.spoken.range(range)}, cut`)
}

/** @param {Editor} editor */
export function paste(editor) {
  if (!clip) return
  const pasted = pasteClip(editor.state.timeline, editor.variant, clip, editor.state.playhead)
  editor.edit(
    pasted.timeline,
    { range: pasted.range, spans: [], points: [], prompts: [] },
    `${editor.spoken.range(pasted.range)}, pasted`,
  )
}

/** @param {Editor} editor */
export function repeat(editor) {
  const range = chosenRange(editor.state)
  if (!range) return
  const repeated = repeatRange(editor.state.timeline, editor.variant, range, editor.state.times)
  editor.edit(
    repeated.timeline,
    { range: repeated.range, spans: [], points: [], prompts: [] },
    `${editor.spoken.range(repeated.range)}, repeated`,
  )
}
