// @ts-check
/** Edits of the mouse curves: keyframes, freehand strokes, pieces cut out and put in, values scaled. */
import { clamp } from "./edit_spans.mjs"
import { after, curveAt } from "./sample.mjs"
import { AXES, MAX_DEGREES, MAX_FRAMES, canonicalCurve, settled } from "./timeline.mjs"
import { thinned } from "./thin.mjs"

/** @import { Axis, Easing, Keyframe, Timeline } from "./timeline.mjs" */
/** @import { Range } from "./edits.mjs" */
/** @typedef {readonly [Axis, number]} KeyframeRef a keyframe, named by its curve and frame */

/** Largest error of a smooth piece that is cut through, degrees per frame. */
const CUT_ERROR = 0.02

/** Round a value as dragging does, to 0.05 degrees per frame. @param {number} value */
export function roundedValue(value) {
  return Math.round(value * 20) / 20 + 0
}

/**
 * Set a keyframe; one that is there keeps its easing unless another is given.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {number} frame
 * @param {number} [value] degrees per frame; without it, the curve's value there
 * @param {Easing} [easing]
 * @returns {Timeline}
 */
export function setKeyframe(timeline, axis, frame, value, easing) {
  const at = clamp(frame, 0, MAX_FRAMES)
  const old = timeline[axis].find((keyframe) => keyframe[0] === at)
  const before = timeline[axis][after(timeline[axis], at) - 1]
  const set = /** @type {Keyframe} */ ([
    at,
    limited(value ?? curveAt(timeline[axis], at)),
    easing ?? old?.[2] ?? before?.[2] ?? "linear",
  ])
  return withCurve(timeline, axis, [...timeline[axis].filter((keyframe) => keyframe !== old), set])
}

/**
 * Move keyframes in time and value, all by the same way; they push away those they land on.
 * @param {Timeline} timeline
 * @param {readonly KeyframeRef[]} refs
 * @param {{frames?: number, value?: number, copy?: boolean}} by `value` in degrees per frame; results round to 0.05
 * @returns {{timeline: Timeline, refs: KeyframeRef[]}} `refs` name the keyframes where they are now
 */
export function moveKeyframes(timeline, refs, { frames = 0, value = 0, copy = false }) {
  const chosen = refs.filter(([axis, frame]) => timeline[axis].some((keyframe) => keyframe[0] === frame))
  if (!chosen.length || (!frames && !value)) return { timeline, refs: [...chosen] }
  const places = chosen.map(([, frame]) => frame)
  const step = clamp(frames, -Math.min(...places), MAX_FRAMES - Math.max(...places))
  let moved = timeline
  for (const axis of AXES) {
    const own = new Set(chosen.filter((ref) => ref[0] === axis).map((ref) => ref[1]))
    const taken = timeline[axis].filter((keyframe) => own.has(keyframe[0]))
    const placed = taken.map(([frame, old, easing]) => {
      return /** @type {Keyframe} */ ([frame + step, value ? limited(roundedValue(old + value)) : old, easing])
    })
    const free = new Set(placed.map((keyframe) => keyframe[0]))
    const rest = timeline[axis].filter((keyframe) => (copy || !own.has(keyframe[0])) && !free.has(keyframe[0]))
    if (own.size) moved = withCurve(moved, axis, [...rest, ...placed])
  }
  return { timeline: moved, refs: chosen.map(([axis, frame]) => [axis, frame + step]) }
}

/**
 * Delete keyframes.
 * @param {Timeline} timeline
 * @param {readonly KeyframeRef[]} refs
 * @returns {Timeline}
 */
export function deleteKeyframes(timeline, refs) {
  return AXES.reduce((result, axis) => {
    const gone = new Set(refs.filter((ref) => ref[0] === axis).map((ref) => ref[1]))
    return gone.size
      ? withCurve(
          result,
          axis,
          result[axis].filter((keyframe) => !gone.has(keyframe[0])),
        )
      : result
  }, timeline)
}

/**
 * Choose the one axis that Shift leaves free while dragging.
 * @param {number} right pixels
 * @param {number} down pixels
 * @returns {"time" | "value"}
 */
export function freeAxis(right, down) {
  return Math.abs(right) >= Math.abs(down) ? "time" : "value"
}

/**
 * Draw freehand over a curve: the stroke replaces what it passes, thinned to keyframes. One that begins in the track
 * ends with it.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {readonly (readonly [number, number])[]} points (fractional frame, degrees per frame), in drawing order
 * @param {number} error largest error of the thinned stroke, degrees per frame
 * @returns {Timeline}
 */
export function drawStroke(timeline, axis, points, error) {
  const { start, values } = strokeValues(points)
  const room = timeline.frames - start
  const drawn = (room > 0 ? values.slice(0, room) : values).map(limited)
  return drawn.length ? withPiece(timeline, axis, start, drawn.length, thinned(drawn, error, start)) : timeline
}

/**
 * Read a stroke at whole frames: straight between its points; where it goes back, what was drawn last counts.
 * @param {readonly (readonly [number, number])[]} points (fractional frame, value)
 * @returns {{start: number, values: number[]}}
 */
export function strokeValues(points) {
  /** @type {Map<number, number>} */
  const drawn = new Map()
  points.forEach(([frame, value], i) => {
    const [before, held] = points[Math.max(0, i - 1)]
    const [low, high] = [Math.round(Math.min(before, frame)), Math.round(Math.max(before, frame))]
    for (let f = low; f <= high; f++) {
      const along = frame === before ? 1 : clamp((f - before) / (frame - before), 0, 1)
      drawn.set(f, held + (value - held) * along)
    }
  })
  const frames = [...drawn.keys()].filter((frame) => frame >= 0 && frame < MAX_FRAMES).sort((a, b) => a - b)
  return { start: frames[0] ?? 0, values: frames.map((frame) => drawn.get(frame) ?? 0) }
}

/**
 * Scale a curve's values in a range; outside nothing changes.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {Range} range
 * @param {number} factor
 * @returns {Timeline}
 */
export function scaleRange(timeline, axis, range, factor) {
  const piece = curvePiece(timeline[axis], range)
  const scaled = piece.map(([frame, value, easing]) => {
    return /** @type {Keyframe} */ ([frame, limited(value * factor), easing])
  })
  return factor === 1 ? timeline : withPiece(timeline, axis, range[0], range[1] - range[0], scaled)
}

/**
 * Return keyframes that play a curve as it is in [from, to), one at both ends; none for a curve without keyframes.
 * @param {readonly Keyframe[]} curve
 * @param {Range} range
 * @returns {readonly Keyframe[]}
 */
export function curvePiece(curve, [from, to]) {
  if (!curve.length || to <= from) return []
  const split = splitAt(splitAt(curve, from), to - 1)
  return split.slice(after(split, from - 1), after(split, to - 1))
}

/**
 * Play a piece in [start, start + length) of a curve; outside nothing changes. A piece that ends with the track needs no
 * keyframe behind the end, where nothing is played; its own last one says that it ends there.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {number} start
 * @param {number} length
 * @param {readonly Keyframe[]} piece keyframes within, one at both ends; none is a piece of zeros
 * @returns {Timeline}
 */
export function withPiece(timeline, axis, start, length, piece) {
  const curve = timeline[axis]
  const end = Math.min(start + length, MAX_FRAMES)
  if (end <= start || (!curve.length && piece.every((keyframe) => keyframe[1] === 0))) return timeline
  const inside = piece.length ? piece.filter((keyframe) => keyframe[0] < end) : zeros(start, end)
  const rest = curve.length ? curve : /** @type {Keyframe[]} */ ([[0, 0, "linear"]])
  const opened = splitAt(start > 0 ? splitAt(rest, start - 1) : rest, end)
  const before = start > 0 ? opened.slice(0, after(opened, start - 1)) : []
  const last = end === timeline.frames && !curve.some(([frame]) => frame >= end)
  const behind = last ? [] : opened.slice(after(opened, end - 1))
  const seams = [curve.length ? start - 1 : 0, start - 1, start, ...(last ? [] : [end - 1, end])]
  return withCurve(timeline, axis, tidied([...before, ...inside, ...behind], seams))
}

/**
 * Drop a curve's keyframes in [from, to); before, it plays as it did.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {Range} range `from` is above 0
 * @returns {Timeline}
 */
export function endedBefore(timeline, axis, [from, to]) {
  const curve = timeline[axis]
  if (!curve.some(([frame]) => frame >= from && frame < to)) return timeline
  const rest = splitAt(curve, from - 1).filter(([frame]) => frame < from || frame >= to)
  return withCurve(timeline, axis, tidied(rest, [from - 1]))
}

/**
 * Replace a curve; the same object if it is as it was.
 * @param {Timeline} timeline
 * @param {Axis} axis
 * @param {readonly Keyframe[]} keyframes with different frames
 * @returns {Timeline}
 */
export function withCurve(timeline, axis, keyframes) {
  return settled(timeline, { ...timeline, [axis]: canonicalCurve(keyframes) })
}

/** Keep a value within what a track can hold. @param {number} value */
function limited(value) {
  return clamp(Number.isNaN(value) ? 0 : value, -MAX_DEGREES, MAX_DEGREES)
}

/** @param {number} start @param {number} end @returns {Keyframe[]} */
function zeros(start, end) {
  const last = /** @type {Keyframe[]} */ (end - start > 1 ? [[end - 1, 0, "linear"]] : [])
  return [[start, 0, "linear"], ...last]
}

/**
 * Put a keyframe at a frame without changing what is played; a smooth piece is cut into straight ones.
 * @param {readonly Keyframe[]} curve
 * @param {number} frame
 * @returns {readonly Keyframe[]}
 */
function splitAt(curve, frame) {
  const next = after(curve, frame)
  const [here, there] = [curve[next - 1], curve[next]]
  if (here?.[0] === frame) return curve
  const value = curveAt(curve, frame)
  /** @type {Keyframe} */
  const keyframe = [frame, value, here && there ? here[2] : "linear"]
  if (!here || !there || here[2] !== "smooth") return [...curve.slice(0, next), keyframe, ...curve.slice(next)]
  const values = Array.from({ length: there[0] - here[0] }, (_, i) => curveAt(curve, here[0] + i))
  const cutThrough = [
    ...thinned(values.slice(0, frame - here[0] + 1), CUT_ERROR, here[0]),
    ...thinned(values.slice(frame - here[0]), CUT_ERROR, frame).slice(1),
  ]
  return [...curve.slice(0, next - 1), ...cutThrough, ...curve.slice(next)]
}

/**
 * Drop those of some keyframes that play no part.
 * @param {readonly Keyframe[]} curve
 * @param {readonly number[]} frames
 * @returns {readonly Keyframe[]}
 */
function tidied(curve, frames) {
  let tidy = [...curve]
  for (const frame of frames) {
    const at = tidy.findIndex((keyframe) => keyframe[0] === frame)
    const without = tidy.filter((_, i) => i !== at)
    if (at >= 0 && plays(without, tidy, at)) tidy = without
  }
  return tidy.every((keyframe) => keyframe[1] === 0) ? [] : tidy
}

/**
 * Tell whether a curve plays the same without one of its keyframes.
 * @param {readonly Keyframe[]} without
 * @param {readonly Keyframe[]} curve
 * @param {number} at index in `curve`
 */
function plays(without, curve, at) {
  const from = curve[Math.max(0, at - 1)][0]
  const to = curve[Math.min(curve.length - 1, at + 1)][0]
  for (let frame = from; frame <= to; frame++) {
    if (Math.abs(curveAt(without, frame) - curveAt(curve, frame)) > 1e-9) return false
  }
  return true
}
