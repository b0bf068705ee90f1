// @ts-check
/** Edits of prompts: at most one per frame. */
import { clamp } from "./edit_spans.mjs"
import { LONE_SURROGATE } from "./json.mjs"
import { MAX_FRAMES, frozen, settled } from "./timeline.mjs"

/** @import { Prompt, Timeline } from "./timeline.mjs" */

/**
 * Put a prompt at a frame, in place of the one that may be there.
 * @param {Timeline} timeline
 * @param {number} frame
 * @param {string} text
 * @returns {Timeline}
 */
export function setPrompt(timeline, frame, text) {
  const at = clamp(frame, 0, MAX_FRAMES)
  const whole = text.replace(new RegExp(LONE_SURROGATE, "gu"), "\ufffd")
  return withPrompts(timeline, [...timeline.prompts.filter((prompt) => prompt[0] !== at), [at, whole]])
}

/**
 * Move or copy a prompt to a frame, or to the nearest free one on its way.
 * @param {Timeline} timeline
 * @param {number} from
 * @param {number} to
 * @param {{copy?: boolean}} [how]
 * @returns {{timeline: Timeline, frame: number}} `frame` is where it is now
 */
export function movePrompt(timeline, from, to, { copy = false } = {}) {
  const text = timeline.prompts.find((prompt) => prompt[0] === from)?.[1]
  if (text === undefined) return { timeline, frame: from }
  const taken = new Set(timeline.prompts.map((prompt) => prompt[0]))
  let frame = clamp(to, 0, MAX_FRAMES)
  while (frame !== from && taken.has(frame)) frame += frame > from ? -1 : 1
  if (frame === from) return { timeline, frame }
  const rest = copy ? timeline : deletePrompts(timeline, [from])
  return { timeline: setPrompt(rest, frame, text), frame }
}

/**
 * Delete prompts.
 * @param {Timeline} timeline
 * @param {readonly number[]} frames
 * @returns {Timeline}
 */
export function deletePrompts(timeline, frames) {
  return withPrompts(
    timeline,
    timeline.prompts.filter((prompt) => !frames.includes(prompt[0])),
  )
}

/**
 * Replace the prompts; the same object if they are as they were.
 * @param {Timeline} timeline
 * @param {readonly Prompt[]} prompts with different frames
 * @returns {Timeline}
 */
export function withPrompts(timeline, prompts) {
  return settled(timeline, { ...timeline, prompts: frozen([...prompts].sort((a, b) => a[0] - b[0])) })
}
