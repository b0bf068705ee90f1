// @ts-check
/** Edits of when a camera path is where: keyframes in time, lengths, the closed loop, and the model's speed. */
import { changed, clamp, settled, withKeyframes } from "./change.mjs"
import { MAX_FRAMES } from "./path.mjs"
import { apart, length, minus, pathSpans, played, sampleSpan, shorter } from "./poses.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/**
 * @typedef {{step: number, turn: number | null}} Pace metres and radians per frame that the model walks and turns at
 *   most
 */

const SLACK = 1.001
const NEARLY = 1.0005
const TRIES = 40
/** Times as long as a way and its turn take when both are even: what is longer stands still for the sake of a cusp. */
const LONGEST = 4

/**
 * Move a keyframe in time, between its neighbours; a path that ends with its last keyframe goes on doing so.
 * @param {CameraPath} path
 * @param {number} index
 * @param {number} frame
 */
export function retime(path, index, frame) {
  const stops = path.keyframes
  const low = index ? stops[index - 1].frame + 1 : 0
  const high = index < stops.length - 1 ? stops[index + 1].frame - 1 : path.closed ? path.frames - 2 : MAX_FRAMES - 1
  const to = Math.min(Math.max(Math.round(frame), low), Math.max(low, high))
  const ends = !path.closed && index === stops.length - 1 && stops[index].frame === path.frames - 1
  const moved = changed(path, [index], () => ({ frame: to }))
  return ends ? setFrames(moved, to + 1) : moved
}

/**
 * Give the way from a keyframe to the next another number of frames; all later keyframes shift.
 * @param {CameraPath} path
 * @param {number} index of the keyframe it begins with
 * @param {number} frames
 */
export function retimeSpan(path, index, frames) {
  const stops = played(path)
  const by = Math.max(1, Math.round(frames)) - (stops[index + 1].frame - stops[index].frame)
  const whole = Math.max(path.frames, path.keyframes[path.keyframes.length - 1].frame + 1) + by
  if (!by || whole > MAX_FRAMES) return path
  const later = path.keyframes.map((stop, i) => (i > index ? { ...stop, frame: stop.frame + by } : stop))
  return withKeyframes({ ...path, frames: Math.max(1, path.frames + by) }, later)
}

/** Change the length; keyframes stay where they are. @param {CameraPath} path @param {number} frames */
export function setFrames(path, frames) {
  return settled(path, { ...path, frames: clamp(Math.round(frames), 1, MAX_FRAMES) })
}

/**
 * Play the whole path in another number of frames.
 * @param {CameraPath} path
 * @param {number} frames
 */
export function stretch(path, frames) {
  const to = clamp(Math.round(frames), 1, MAX_FRAMES)
  const by = (to - 1) / Math.max(1, path.frames - 1)
  let least = -1
  const stops = path.keyframes.map((stop) => {
    least = Math.max(least + 1, Math.floor(stop.frame * by + 1e-9)) // down, so that no way of a longer path is shorter
    return { ...stop, frame: least }
  })
  return least >= MAX_FRAMES ? path : withKeyframes({ ...path, frames: to }, stops)
}

/**
 * Close the loop, or open it.
 *
 * A last keyframe that stands where the first one does becomes the closing one; else the way back is walked at the
 * model's speed. An opened path ends with its last keyframe.
 * @param {CameraPath} path
 * @param {Pace & {near: number}} how `near`: metres within which two places are one
 */
export function toggleLoop(path, { near, ...pace }) {
  const stops = path.keyframes
  const last = stops[stops.length - 1]
  if (path.closed) return settled(path, { ...path, closed: false, frames: last ? last.frame + 1 : path.frames })
  if (stops.length < 2) return path
  if (stops.length > 2 && length(minus(last.place, stops[0].place)) <= near) {
    return withKeyframes({ ...path, closed: true, frames: last.frame + 1 }, stops.slice(0, -1))
  }
  return walkedBack(settled(path, { ...path, closed: true, frames: last.frame + 2 }), pace)
}

/**
 * Give the way back of a closed path at least the frames that the model needs for it.
 * @param {CameraPath} path
 * @param {Pace} pace
 */
export function walkedBack(path, pace) {
  const stops = path.keyframes
  const last = stops[stops.length - 1]
  if (!path.closed || !last) return path
  const needed = last.frame + 1 + walkFrames(length(minus(stops[0].place, last.place)), pace.step)
  const frames = Math.min(MAX_FRAMES, Math.max(path.frames, needed))
  return slowSpans(settled(path, { ...path, frames }), walking(pace), [stops.length - 1])
}

/**
 * Give every way that is too fast as many frames as the model needs; later keyframes shift.
 * @param {CameraPath} path
 * @param {Pace} pace
 */
export function slowDown(path, pace) {
  return slowSpans(
    path,
    pace,
    played(path).map((_, i) => i),
  )
}

/**
 * Tell in which frames the camera walks or turns faster than the model does; cuts (`hold`) are not walked.
 * @param {CameraPath} path
 * @param {import("./poses.mjs").Samples} samples
 * @param {Pace} pace
 * @returns {[from: number, to: number][]} half open
 */
export function tooFast(path, { x, z, yaw }, { step, turn }) {
  const cuts = new Set(
    played(path).flatMap((stop, i, all) => (stop.ease === "hold" && all[i + 1] ? [all[i + 1].frame - 1] : [])),
  )
  /** @type {[number, number][]} */
  const found = []
  for (let i = 0; i + 1 < x.length; i++) {
    const walks = apart(x, z, i) > step * SLACK
    const turns = turn !== null && Math.abs(shorter(yaw[i + 1] - yaw[i])) > turn * SLACK
    if (cuts.has(i) || (!walks && !turns)) continue
    const last = found[found.length - 1]
    if (last && last[1] === i) last[1] = i + 1
    else found.push([i, i + 1])
  }
  return found
}

/**
 * A pace that may turn as fast as it likes: what is drawn is timed by its length alone.
 * @param {Pace} pace
 * @returns {Pace}
 */
export const walking = ({ step }) => ({ step, turn: null })

/** Count the frames a way takes. @param {number} metres @param {number} step metres per frame */
export function walkFrames(metres, step) {
  return Math.max(1, Math.ceil(metres / step - 1e-6))
}

/** Let a path reach its last keyframe. @param {CameraPath} path */
export function fitted(path) {
  const last = path.keyframes[path.keyframes.length - 1]
  const least = last ? last.frame + (path.closed ? 2 : 1) : 1
  const onlyOne = path.keyframes.length === 1
  if (path.frames >= least && (onlyOne || path.closed)) return path
  return last && !onlyOne ? setFrames(path, least) : path
}

/**
 * Slow down the ways that begin with some keyframes. A turn that more frames do not soften, or far too many only, as at
 * a cusp, is left.
 * @param {CameraPath} path @param {Pace} pace @param {number[]} indices
 * @returns {CameraPath}
 */
export function slowSpans(path, pace, indices) {
  for (const index of [...indices].sort((a, b) => b - a)) {
    const slower = slowSpan(path, pace, index)
    path = lasting(slower, index) <= longest(path, pace, index) ? slower : slowSpan(path, walking(pace), index)
  }
  return path
}

/** Slow down one way. @param {CameraPath} path @param {Pace} pace @param {number} index @returns {CameraPath} */
function slowSpan(path, pace, index) {
  for (let i = 0; i < TRIES; i++) {
    const span = pathSpans(path)[index]
    if (!span || span.start.ease === "hold") break
    const frames = span.end.frame - span.start.frame
    const excess = excessOf(span, path, pace)
    if (excess <= NEARLY) break
    const slower = retimeSpan(path, index, Math.max(frames + 1, Math.ceil(frames * excess - 1e-6)))
    if (slower === path || excessOf(pathSpans(slower)[index], slower, pace) > excess * 0.9 + 0.1) break
    path = slower
  }
  return path
}

/** Frames of the way that begins with a keyframe. @param {CameraPath} path @param {number} index */
function lasting(path, index) {
  const span = pathSpans(path)[index]
  return span ? span.end.frame - span.start.frame : 0
}

/** Frames that a way may get at most. @param {CameraPath} path @param {Pace} pace @param {number} index */
function longest(path, { step, turn }, index) {
  const span = pathSpans(path)[index]
  if (!span) return 0
  const { x, z, yaw } = sampleSpan(span, path.target)
  let even = 0
  for (let i = 0; i + 1 < x.length; i++)
    even += apart(x, z, i) / step + (turn === null ? 0 : Math.abs(shorter(yaw[i + 1] - yaw[i])) / turn)
  return LONGEST * Math.max(span.end.frame - span.start.frame, Math.ceil(even))
}

/**
 * How many times faster than the model a span is at its fastest.
 * @param {import("./poses.mjs").Span} span
 * @param {CameraPath} path
 * @param {Pace} pace
 */
function excessOf(span, path, { step, turn }) {
  const { x, z, yaw } = sampleSpan(span, path.target)
  let most = 0
  for (let i = 0; i + 1 < x.length; i++) {
    const turned = turn === null ? 0 : Math.abs(shorter(yaw[i + 1] - yaw[i])) / turn
    most = Math.max(most, apart(x, z, i) / step, turned)
  }
  return most
}
