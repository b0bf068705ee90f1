// @ts-check
/**
 * A freehand stroke as few keyframes: their automatic curve keeps within an error of the stroke, and their timing
 * follows the hand, but never faster than the model walks.
 */
import { withKeyframes } from "./change.mjs"
import { EMPTY, MAX_FRAMES, keyframe } from "./path.mjs"
import { bezier, length, minus, pathSpans } from "./poses.mjs"
import { fitted, slowSpans, walkFrames, walkedBack, walking } from "./timing.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Vector} Vector */
/** @typedef {{place: Vector, seconds: number}} Point of a stroke */

/** Keyframes that a stroke may have. */
const MOST = 80
/** Places of a span that the stroke is held against. */
const LOOKED_AT = 24

/**
 * Draw a stroke at the end of a path.
 * @param {CameraPath} path
 * @param {readonly Point[]} stroke
 * @param {import("./timing.mjs").Pace & {fps: number, error?: number, near?: number, look?: import("./path.mjs").Look}}
 *   how `error`:
 *   metres; `near`: metres within which two places are one
 * @returns {CameraPath}
 */
export function drawStroke(path, stroke, { fps, error = 0.05, near = 0.1, look = "path", ...pace }) {
  const last = path.keyframes[path.keyframes.length - 1]
  const points = smoothed(apart(stroke, error / 2))
  if (points.length < 2) return path
  const joined = last !== undefined && length(minus(points[0].place, last.place)) <= near
  if (joined) points[0] = { ...points[0], place: last.place }
  const chosen = fit(
    points.map(({ place }) => place),
    error,
  )
  let frame = last ? last.frame : 0
  const made = []
  for (const [i, at] of chosen.entries()) {
    const { place, seconds } = points[at]
    const from = i ? points[chosen[i - 1]] : last && { place: last.place, seconds }
    if (from) {
      const needed = walkFrames(
        wayLength(points, i ? chosen[i - 1] : 0, i ? at : 0) || length(minus(place, from.place)),
        pace.step,
      )
      frame += Math.max(needed, Math.round((seconds - from.seconds) * fps))
    }
    if (!(joined && i === 0)) made.push(keyframe(frame, place, { look }))
  }
  if (frame >= MAX_FRAMES - 1) return path
  const first = path.keyframes.length
  const drawn = fitted(withKeyframes(path, [...path.keyframes, ...made]))
  return slowSpans(
    walkedBack(drawn, pace),
    walking(pace),
    Array.from({ length: made.length }, (_, i) => first + i - 1).filter((i) => i >= 0),
  )
}

/**
 * Choose points whose automatic curve keeps within an error of all points.
 * @param {readonly Vector[]} places
 * @param {number} error metres
 * @returns {number[]} indices, with both ends
 */
export function fit(places, error) {
  const chosen = [0, places.length - 1]
  while (chosen.length < MOST) {
    const worst = misses(places, chosen).filter((miss) => miss.by > error)
    if (!worst.length) break
    for (const { at } of worst) chosen.push(at)
    chosen.sort((a, b) => a - b)
  }
  for (let i = chosen.length - 2; i > 0; i--) {
    const fewer = chosen.filter((_, k) => k !== i)
    if (misses(places, fewer).every((miss) => miss.by <= error)) chosen.splice(i, 1)
  }
  return chosen
}

/**
 * Return, per span between chosen points, the point that the curve misses by most.
 * @param {readonly Vector[]} places @param {readonly number[]} chosen
 * @returns {{at: number, by: number}[]}
 */
function misses(places, chosen) {
  const keyframes = chosen.map((at, i) => keyframe(i, places[at]))
  return pathSpans({ ...EMPTY, keyframes }).flatMap(({ curve }, i) => {
    const line = Array.from({ length: LOOKED_AT + 1 }, (_, k) => bezier(curve, k / LOOKED_AT))
    let worst = { at: -1, by: -1 }
    for (let at = chosen[i] + 1; at < chosen[i + 1]; at++) {
      const by = distance(places[at], line)
      if (by > worst.by) worst = { at, by }
    }
    return worst.at < 0 ? [] : [worst]
  })
}

/** @param {Vector} place @param {readonly Vector[]} line */
function distance(place, line) {
  let least = Infinity
  for (let i = 0; i + 1 < line.length; i++) {
    const [x, z] = [line[i + 1][0] - line[i][0], line[i + 1][2] - line[i][2]]
    const [dx, dz] = [place[0] - line[i][0], place[2] - line[i][2]]
    const size = x * x + z * z
    const t = size > 0 ? Math.min(1, Math.max(0, (dx * x + dz * z) / size)) : 0
    least = Math.min(least, Math.hypot(dx - t * x, dz - t * z))
  }
  return least
}

/**
 * Drop points that are nearer to the last kept one than a distance; both ends stay.
 * @param {readonly Point[]} stroke
 * @param {number} metres
 */
function apart(stroke, metres) {
  /** @type {Point[]} */
  const kept = []
  for (const point of stroke) {
    const last = kept[kept.length - 1]
    if (!last || length(minus(point.place, last.place)) >= metres) kept.push(point)
  }
  const end = stroke[stroke.length - 1]
  if (kept.length > 1 && kept[kept.length - 1] !== end) kept[kept.length - 1] = end
  return kept
}

/** Take the hand's tremble away, with both ends where they are. @param {readonly Point[]} points @returns {Point[]} */
function smoothed(points) {
  return points.map((point, i) => {
    if (!i || i === points.length - 1) return point
    const [a, b, c] = [points[i - 1].place, point.place, points[i + 1].place]
    return {
      ...point,
      place: [(a[0] + 2 * b[0] + c[0]) / 4, (a[1] + 2 * b[1] + c[1]) / 4, (a[2] + 2 * b[2] + c[2]) / 4],
    }
  })
}

/** @param {readonly Point[]} points @param {number} from @param {number} to */
function wayLength(points, from, to) {
  let metres = 0
  for (let i = from; i < to; i++) metres += length(minus(points[i + 1].place, points[i].place))
  return metres
}
