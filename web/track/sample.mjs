// @ts-check
/** A timeline at whole frames: one frame by binary search, or the whole track. */

/** @import { Keyframe, Prompt, Span, Timeline } from "./timeline.mjs" */

/**
 * Return the index of the first entry whose frame is beyond `frame`.
 * @param {readonly (readonly [number, ...any[]])[]} entries sorted by frame
 * @param {number} frame
 */
export function after(entries, frame) {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle][0] > frame) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Return the span that holds a key at a frame.
 * @param {readonly Span[]} spans
 * @param {number} frame
 * @returns {Span | undefined}
 */
export function spanAt(spans, frame) {
  const span = spans[after(spans, frame) - 1]
  return span && frame < span[0] + span[1] ? span : undefined
}

/**
 * Return the spans that reach into [from, to).
 * @param {readonly Span[]} spans
 * @param {number} from
 * @param {number} to
 */
export function spansIn(spans, from, to) {
  const first = after(spans, from) - 1
  const begins = first >= 0 && spans[first][0] + spans[first][1] > from ? first : first + 1
  return spans.slice(begins, after(spans, to - 1))
}

/**
 * Return the words held at a frame, in writing order.
 * @param {Timeline} timeline
 * @param {number} frame
 */
export function heldAt(timeline, frame) {
  return Object.keys(timeline.keys).filter((word) => spanAt(timeline.keys[word], frame))
}

/**
 * Return a curve's value at a whole frame; the first value holds before it, the last after it.
 * @param {readonly Keyframe[]} keyframes
 * @param {number} frame
 */
export function curveAt(keyframes, frame) {
  if (!keyframes.length) return 0
  const next = after(keyframes, frame)
  if (next === 0) return keyframes[0][1]
  if (next === keyframes.length) return keyframes[next - 1][1]
  return between(keyframes[next - 1], keyframes[next], frame)
}

/**
 * Sample a curve at whole frames; none is a curve of zeros.
 * @param {readonly Keyframe[]} keyframes
 * @param {number} frames
 */
export function sampleCurve(keyframes, frames) {
  const values = new Float64Array(frames)
  sampleInto(values, keyframes, 0, frames)
  return values
}

/**
 * Sample a curve at the frames of [from, to), in place.
 * @param {Float64Array} values one per frame from frame 0 on
 * @param {readonly Keyframe[]} keyframes
 * @param {number} from
 * @param {number} to
 */
export function sampleInto(values, keyframes, from, to) {
  let next = after(keyframes, from)
  for (let frame = from; frame < to; next++) {
    const here = keyframes[next - 1]
    const there = keyframes[next]
    const end = there ? Math.min(there[0], to) : to
    if (here && there) for (; frame < end; frame++) values[frame] = between(here, there, frame)
    else values.fill((here ?? there)?.[1] ?? 0, frame, end)
    frame = Math.max(frame, end)
  }
}

/**
 * Sample a whole timeline; what lies beyond its length is left out.
 * @param {Timeline} timeline
 * @returns {{frames: number, keys: Record<string, Uint8Array>, yaw: Float64Array, pitch: Float64Array,
 *   prompts: readonly Prompt[]}} one entry per frame; `keys` holds the words that are held at all
 */
export function sample(timeline) {
  const { frames } = timeline
  /** @type {Record<string, Uint8Array>} */
  const keys = {}
  for (const [word, spans] of Object.entries(timeline.keys)) {
    if (spans[0][0] < frames) keys[word] = heldFlags(spans, frames)
  }
  return {
    frames,
    keys,
    yaw: sampleCurve(timeline.yaw, frames),
    pitch: sampleCurve(timeline.pitch, frames),
    prompts: timeline.prompts.slice(0, after(timeline.prompts, frames - 1)),
  }
}

/**
 * Return one flag per frame.
 * @param {readonly Span[]} spans
 * @param {number} frames
 */
export function heldFlags(spans, frames) {
  const held = new Uint8Array(frames)
  for (const [start, length] of spans) held.fill(1, start, start + length)
  return held
}

/** @param {Keyframe} here @param {Keyframe} there @param {number} frame */
function between(here, there, frame) {
  let along = (frame - here[0]) / (there[0] - here[0])
  if (here[2] === "smooth") along = along * along * (3 - 2 * along)
  else if (here[2] === "hold") along = 0
  return here[1] + (there[1] - here[1]) * along
}
