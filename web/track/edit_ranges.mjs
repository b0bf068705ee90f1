// @ts-check
/** Edits of a range of frames with all that is in it, and of the track's length. */
import { chunkFrames, extendedFrames, trimmedFrames } from "./chunks.mjs"
import { curvePiece, endedBefore, withCurve, withPiece } from "./edit_curves.mjs"
import { withPrompts } from "./edit_prompts.mjs"
import { clamp, cut, holdSpans, withKeys } from "./edit_spans.mjs"
import { spansIn } from "./sample.mjs"
import { AXES, MAX_FRAMES, frozen, settled } from "./timeline.mjs"

/** @import { Axis, Keyframe, Timeline } from "./timeline.mjs" */
/** @import { Variant } from "./chunks.mjs" */
/** @import { Range } from "./edits.mjs" */

/**
 * A piece of a track, its frames counted from its own beginning.
 * @typedef {object} Clip
 * @property {number} frames
 * @property {readonly import("./edit_spans.mjs").HeldSpan[]} spans
 * @property {readonly Keyframe[]} yaw
 * @property {readonly Keyframe[]} pitch
 * @property {readonly import("./timeline.mjs").Prompt[]} prompts
 */

/**
 * Copy a range: keys, curves and prompts.
 * @param {Timeline} timeline
 * @param {Range} range
 * @returns {Clip}
 */
export function copyRange(timeline, [from, to]) {
  const spans = Object.entries(timeline.keys).flatMap(([word, held]) =>
    spansIn(held, from, to).map(([start, length]) => {
      const first = Math.max(start, from)
      return /** @type {const} */ ([word, first - from, Math.min(start + length, to) - first])
    }),
  )
  const [yaw, pitch] = AXES.map((axis) =>
    curvePiece(timeline[axis], [from, to]).map(([frame, value, easing]) => {
      return /** @type {Keyframe} */ ([frame - from, value, easing])
    }),
  )
  const prompts = timeline.prompts.filter(([frame]) => frame >= from && frame < to)
  return Object.freeze({
    frames: to - from,
    spans: frozen(spans),
    yaw: frozen(yaw),
    pitch: frozen(pitch),
    prompts: frozen(prompts.map(([frame, text]) => /** @type {const} */ ([frame - from, text]))),
  })
}

/**
 * Clear a range: no key is held, the curves are zero, no prompt begins.
 * @param {Timeline} timeline
 * @param {Range} range
 * @returns {Timeline}
 */
export function clearRange(timeline, [from, to]) {
  return AXES.reduce((result, axis) => withPiece(result, axis, from, to - from, []), withoutHeld(timeline, [from, to]))
}

/**
 * Clear the whole track, what is kept behind its end included; the length stays.
 * @param {Timeline} timeline
 * @returns {Timeline}
 */
export function cleared(timeline) {
  return settled(timeline, { ...timeline, keys: {}, yaw: [], pitch: [], prompts: [] })
}

/** Clear a range of keys and prompts. @param {Timeline} timeline @param {Range} range */
function withoutHeld(timeline, [from, to]) {
  const lanes = Object.entries(timeline.keys).map(([word, spans]) => [word, cut(spans, from, to)])
  const still = withKeys(timeline, Object.fromEntries(lanes))
  return withPrompts(
    still,
    still.prompts.filter(([frame]) => frame < from || frame >= to),
  )
}

/**
 * Copy a range and clear it.
 * @param {Timeline} timeline
 * @param {Range} range
 * @returns {{clip: Clip, timeline: Timeline}}
 */
export function cutRange(timeline, range) {
  return { clip: copyRange(timeline, range), timeline: clearRange(timeline, range) }
}

/**
 * Put a clip in place of what is at its frames; what goes past the end of the track is kept there.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {Clip} clip
 * @param {number} at
 * @returns {{timeline: Timeline, range: Range}} `range` is where the clip lies
 */
export function pasteClip(timeline, variant, clip, at) {
  const start = clamp(at, 0, MAX_FRAMES - 1)
  const end = Math.min(start + clip.frames, MAX_FRAMES)
  const held = holdSpans(
    clearRange(timeline, [start, end]),
    variant,
    clip.spans.map(([word, first, length]) => [word, start + first, length]),
  )
  const turned = AXES.reduce((result, axis) => {
    const piece = clip[axis].map(([frame, value, easing]) => /** @type {Keyframe} */ ([start + frame, value, easing]))
    return piece.length ? withPiece(result, axis, start, end - start, piece) : result
  }, held)
  const asked = clip.prompts.map(([frame, text]) => /** @type {const} */ ([start + frame, text]))
  const inside = asked.filter(([frame]) => frame < end)
  const pasted = withPrompts(turned, [...turned.prompts, ...inside])
  return { timeline: settled(timeline, pasted), range: [start, end] }
}

/**
 * Play a range again and again: `times` in all, over what follows it.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {Range} range
 * @param {number} times
 * @returns {{timeline: Timeline, range: Range}} `range` spans all of them
 */
export function repeatRange(timeline, variant, [from, to], times) {
  const clip = copyRange(timeline, [from, to])
  let [result, end] = [timeline, to]
  for (let i = 1; i < times && end < MAX_FRAMES; i++) {
    const pasted = pasteClip(result, variant, clip, end)
    result = pasted.timeline
    end = pasted.range[1]
  }
  return { timeline: settled(timeline, result), range: [from, end] }
}

/**
 * Move or copy what is in a range to another frame.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {Range} range
 * @param {number} frames how far
 * @param {{copy?: boolean}} [how]
 * @returns {{timeline: Timeline, range: Range}} `range` is where it lies now
 */
export function moveRange(timeline, variant, range, frames, { copy = false } = {}) {
  const [from, to] = range
  const step = clamp(frames, -from, MAX_FRAMES - to)
  if (!step) return { timeline, range }
  const { clip, timeline: cleared } = cutRange(timeline, range)
  const moved = pasteClip(copy ? timeline : cleared, variant, clip, from + step)
  return { timeline: settled(timeline, moved.timeline), range: moved.range }
}

/**
 * Set the track's length; what lies beyond is kept. In frames that are added nothing turns after a turn that ended with
 * the track.
 * @param {Timeline} timeline
 * @param {number} frames
 * @returns {Timeline}
 */
export function setFrames(timeline, frames) {
  const length = clamp(Math.round(frames), 1, MAX_FRAMES)
  if (length === timeline.frames) return timeline
  const ended = length > timeline.frames ? AXES.reduce(endedWithTrack, timeline) : timeline
  return Object.freeze({ ...ended, frames: length })
}

/**
 * Let a curve whose last keyframe is on the track's last frame be zero behind it.
 * @param {Timeline} timeline
 * @param {Axis} axis
 */
function endedWithTrack(timeline, axis) {
  const curve = timeline[axis]
  const [frame, value] = curve[curve.length - 1] ?? [0, 0]
  if (!curve.length || frame !== timeline.frames - 1 || value === 0) return timeline
  return withCurve(timeline, axis, [...curve, [timeline.frames, 0, "linear"]])
}

/**
 * Shorten the track to whole chunks, at least one; what was in the frames left over goes.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @returns {Timeline}
 */
export function trimToChunk(timeline, variant) {
  const frames = trimmedFrames(variant, timeline.frames)
  if (!frames) return timeline
  const over = /** @type {Range} */ ([frames, timeline.frames])
  return setFrames(
    AXES.reduce((result, axis) => endedBefore(result, axis, over), withoutHeld(timeline, over)),
    frames,
  )
}

/**
 * Lengthen the track to whole chunks.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @returns {Timeline}
 */
export function extendToChunk(timeline, variant) {
  return setFrames(timeline, extendedFrames(variant, Math.max(timeline.frames, chunkFrames(variant, 0))))
}

/**
 * Return the frame after the last one that holds a key or a prompt, or that a curve changes on: its last keyframe only
 * closes what is before it.
 * @param {Timeline} timeline
 */
export function contentEnd(timeline) {
  const spans = Object.values(timeline.keys).map((held) => held[held.length - 1])
  const curves = [timeline.yaw, timeline.pitch].map((curve) => curve[curve.length - 1]?.[0] ?? 0)
  const asked = (timeline.prompts[timeline.prompts.length - 1]?.[0] ?? -1) + 1
  return Math.max(0, ...spans.map(([start, length]) => start + length), ...curves, asked)
}

/**
 * Return the length in whole chunks that plays all content.
 * @param {Timeline} timeline
 * @param {Variant} variant
 */
export function framesForContent(timeline, variant) {
  return Math.min(MAX_FRAMES, extendedFrames(variant, Math.max(contentEnd(timeline), chunkFrames(variant, 0))))
}
