// @ts-check
/** All of a track at once: selected, or cleared. */
import { cleared } from "../track/edits.mjs"
import { AXES } from "../track/timeline.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Select every span, keyframe and prompt. @param {Editor} editor */
export function selectAll(editor) {
  const { timeline } = editor.state
  if (editor.locked) return
  editor.set({
    spans: Object.entries(timeline.keys).flatMap(([word, held]) =>
      held.map(([start]) => /** @type {const} */ ([word, start])),
    ),
    points: AXES.flatMap((axis) => timeline[axis].map(([frame]) => /** @type {const} */ ([axis, frame]))),
    prompts: timeline.prompts.map(([frame]) => frame),
  })
  editor.say(SHARED.allSelected)
}

/** Take every key, turn and prompt out; the length stays. @param {Editor} editor */
export function clearAll(editor) {
  editor.edit(cleared(editor.state.timeline), { spans: [], points: [], prompts: [], range: null }, SHARED.allCleared)
}
