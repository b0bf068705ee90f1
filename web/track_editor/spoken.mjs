// @ts-check
/** What the live region says about edits. */
import { signed, span } from "../kit/words.mjs"
import { curveAt } from "../track/sample.mjs"
import { heldAt } from "../track/sample.mjs"
import { chunkAt, chunkNumber } from "../track/chunks.mjs"
import { keyTitle, lanesOf, shownTimeline } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {readonly [number, number]} Range */

const frames = (/** @type {Range} */ [from, to]) => (to - from === 1 ? `frame ${from}` : `frames ${from} to ${to - 1}`)

export const SPOKEN = {
  span: (/** @type {string} */ title, /** @type {Range} */ range) => `${title}, ${frames(range)}`,
  selected: (/** @type {string} */ title, /** @type {Range} */ range) => `${title}, ${frames(range)}, selected`,
  moved: (/** @type {string} */ title, /** @type {readonly (readonly [string, number])[]} */ refs) =>
    `${title}, moved to frame ${refs[0]?.[1] ?? 0}`,
  axis: (/** @type {"yaw" | "pitch"} */ axis) => WORDS.axes[axis],
  keyframe: (
    /** @type {"yaw" | "pitch"} */ axis,
    /** @type {number} */ frame,
    /** @type {import("../track/timeline.mjs").Timeline} */ timeline,
  ) => `${WORDS.axes[axis]}, keyframe at ${frame}, ${signed(curveAt(timeline[axis], frame))}`,
  drawn: (/** @type {"yaw" | "pitch"} */ axis) => `${WORDS.axes[axis]} drawn`,
  prompt: (/** @type {number} */ frame) => `prompt at frame ${frame}`,
  range: (/** @type {Range} */ range) => `range, frames ${span(...range)}`,
}

/** Say where the playhead is: frame, chunk, keys held. @param {import("./state.mjs").EditorState} state */
export function playheadWords(state) {
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const held = heldAt(shownTimeline(state), state.playhead).map((word) => keyTitle(variant, word))
  return [
    `frame ${state.playhead}`,
    `chunk ${chunkNumber(variant, chunkAt(variant, state.playhead))}`,
    held.length ? held.join(" and ") : "no key",
  ].join(", ")
}

/** Say what the editor shows, as its accessible name. @param {import("./state.mjs").EditorState} state */
export function stateWords(state) {
  const timeline = shownTimeline(state)
  const lanes = state.variant ? lanesOf(state.variant, timeline).length : 0
  return `${WORDS.editor}, ${timeline.frames} frames, ${lanes} lanes, playhead at ${state.playhead}`
}
