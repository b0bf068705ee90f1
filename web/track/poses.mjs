// @ts-check
/**
 * Where a track leads, seen from above, as the server integrates it (worldmodel/binding/motion.py): row i first steps along
 * the heading of frame i, or the mean of it and the next one, then turns. Right is x, ahead is z, a turn to the right is
 * positive.
 */
import { heldFlags, sampleInto } from "./sample.mjs"

/** @import { Timeline } from "./timeline.mjs" */

/**
 * How a model's camera moves.
 * @typedef {object} Motion
 * @property {number} step_metres way per frame while one walking key is held
 * @property {number | null} diagonal_metres way along both axes while two are; null: they are as fast as one
 * @property {number} least_degrees a mouse below that does not turn the camera
 * @property {string} along "before": a step follows the heading of its frame; "mean": the mean of it and the next one
 */

/**
 * One pose per frame of a track, and one more for where the last row leads.
 * @typedef {object} Poses
 * @property {number} frames
 * @property {Float64Array} x metres to the right, (frames + 1)
 * @property {Float64Array} z metres ahead, (frames + 1)
 * @property {Float64Array} yaw radians to the right, (frames + 1)
 * @property {Float64Array} pitch radians up, (frames + 1)
 * @property {Timeline} timeline what they were made from
 * @property {Motion} motion
 * @property {Place} start
 * @property {number} kept frames taken over from the former poses
 */

/** @typedef {Readonly<{x: number, z: number, yaw: number, pitch: number}>} Place metres and radians */

/** Where a fresh world begins. @type {Place} */
export const ORIGIN = Object.freeze({ x: 0, z: 0, yaw: 0, pitch: 0 })
const NONE = /** @type {const} */ ([])

/** The plainest motion. @param {number} step metres per frame @returns {Motion} */
export function walking(step) {
  return { step_metres: step, diagonal_metres: null, least_degrees: 0, along: "before" }
}

/**
 * Integrate a track from the first changed frame on.
 * @param {Timeline} timeline
 * @param {Motion} motion the model's
 * @param {Poses} [before] poses of a former state of the track; they are left as they are
 * @param {Place} [start] where frame 0 is
 * @returns {Poses}
 */
export function integrate(timeline, motion, before, start = ORIGIN) {
  const { frames } = timeline
  const { step_metres: step, diagonal_metres, least_degrees: least } = motion
  const diagonal = diagonal_metres ?? step * Math.SQRT1_2 // as fast as straight lines
  const share = motion.along === "mean" ? 0.5 : 0
  const goesOn = before && before.start === start && sameMotion(before.motion, motion)
  const same = goesOn ? firstChange(before.timeline, timeline) : 0
  if (before && same >= frames && before.frames === frames) return { ...before, timeline, kept: frames + 1 }
  const kept = before ? Math.min(same, frames, before.frames) : 0
  const [x, z, yaw, pitch] = Array.from({ length: 4 }, () => new Float64Array(frames + 1))
  ;[x[0], z[0], yaw[0], pitch[0]] = [start.x, start.z, start.yaw, start.pitch]
  if (before && kept) {
    x.set(before.x.subarray(0, kept + 1))
    z.set(before.z.subarray(0, kept + 1))
    yaw.set(before.yaw.subarray(0, kept + 1))
    pitch.set(before.pitch.subarray(0, kept + 1))
  }
  const [turn, tilt] = [new Float64Array(frames), new Float64Array(frames)]
  sampleInto(turn, timeline.yaw, kept, frames)
  sampleInto(tilt, timeline.pitch, kept, frames)
  const { forward = NONE, back = NONE, left = NONE, right = NONE } = timeline.keys
  const [f, b, l, r] = [forward, back, left, right].map((spans) => heldFlags(spans, frames))
  for (let i = kept; i < frames; i++) {
    const across = r[i] - l[i]
    const along = f[i] - b[i]
    const stride = across && along ? diagonal : step
    const turned = radians(turn[i], least)
    const sin = Math.sin(yaw[i] + share * turned)
    const cos = Math.cos(yaw[i] + share * turned)
    x[i + 1] = x[i] + (across * cos + along * sin) * stride
    z[i + 1] = z[i] + (along * cos - across * sin) * stride
    yaw[i + 1] = yaw[i] + turned
    pitch[i + 1] = pitch[i] + radians(tilt[i], least)
  }
  return { frames, x, z, yaw, pitch, timeline, motion, start, kept: kept ? kept + 1 : 0 }
}

/**
 * Return the first frame whose row two timelines may ask differently; Infinity if no row differs.
 * @param {Timeline} a
 * @param {Timeline} b
 */
export function firstChange(a, b) {
  const words = new Set([...Object.keys(a.keys), ...Object.keys(b.keys)])
  const lanes = Array.from(words, (word) => laneChange(a.keys[word] ?? [], b.keys[word] ?? []))
  return Math.min(...lanes, curveChange(a.yaw, b.yaw), curveChange(a.pitch, b.pitch), Infinity)
}

/**
 * @param {readonly import("./timeline.mjs").Span[]} a
 * @param {readonly import("./timeline.mjs").Span[]} b
 */
function laneChange(a, b) {
  const at = differsAt(a, b)
  if (at === Infinity) return Infinity
  const [one, other] = [a[at] ?? [Infinity, 0], b[at] ?? [Infinity, 0]]
  return one[0] === other[0] ? one[0] + Math.min(one[1], other[1]) : Math.min(one[0], other[0])
}

/**
 * @param {readonly import("./timeline.mjs").Keyframe[]} a
 * @param {readonly import("./timeline.mjs").Keyframe[]} b
 */
function curveChange(a, b) {
  const at = differsAt(a, b)
  if (at === Infinity) return Infinity
  return at === 0 ? 0 : a[at - 1][0] // the keyframe before leads to the one that differs
}

/** @param {readonly (readonly any[])[]} a @param {readonly (readonly any[])[]} b */
function differsAt(a, b) {
  if (a === b) return Infinity
  const longest = Math.max(a.length, b.length)
  for (let i = 0; i < longest; i++) {
    if (!a[i] || !b[i] || (a[i] !== b[i] && a[i].some((value, j) => value !== b[i][j]))) return i
  }
  return Infinity
}

/**
 * The wire carries degrees in single precision; below the least turn they are none.
 * @param {number} degrees
 * @param {number} least
 */
function radians(degrees, least) {
  const told = Math.fround(degrees)
  return Math.abs(told) < least ? 0 : (told * Math.PI) / 180
}

/** @param {Motion} a @param {Motion} b */
function sameMotion(a, b) {
  const names = /** @type {const} */ (["step_metres", "diagonal_metres", "least_degrees", "along"])
  return a === b || names.every((name) => a[name] === b[name])
}
