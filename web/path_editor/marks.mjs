// @ts-check
/** The top view's handles: where keyframes, wedges, tangents and the target lie, and what is under the pointer. */
import { tangents } from "../path/edits.mjs"
import { radians } from "../path/poses.mjs"
import { toPixel } from "./view.mjs"

/**
 * @typedef {Pick<import("./draw_top.mjs").Scene, "drawn" | "view" | "size" | "narrow" | "state">} Scene what a mark's
 *   place depends on
 */
/** @typedef {[number, number]} Point px */
/**
 * @typedef {{kind: "keyframe" | "wedge", index: number} | {kind: "tangent", index: number, side: "out" | "into"} |
 *   {kind: "target"} | {kind: "path", frame: number} | {kind: "ground"}} Hit
 */

export const WEDGE = { length: 26, half: 0.42, from: 11 }
/** Keyframes from which on only the chosen ones show their wedge. */
export const CROWDED = 60
const REACH = { keyframe: 11, tangent: 10, target: 13, path: 8 }
/** Px within which the path's two ends are one. */
export const END_REACH = 12

/** Where a place is. @param {Scene} scene @param {import("../path/path.mjs").Vector} place @returns {Point} */
export const at = ({ view, size }, place) => toPixel(view, size, place[0], place[2])

/** The camera's direction at a keyframe, radians. @param {Scene} scene @param {number} index */
export function yawOf({ drawn }, index) {
  const { path, samples } = drawn
  const stop = path.keyframes[index]
  if (stop.frame < samples.yaw.length) return samples.yaw[stop.frame]
  if (typeof stop.look !== "string") return radians(stop.look[0])
  return samples.yaw[samples.yaw.length - 1]
}

/** Where a keyframe's wedge ends. @param {Scene} scene @param {number} index @returns {Point} */
export function wedgeEnd(scene, index) {
  const [x, y] = at(scene, scene.drawn.path.keyframes[index].place)
  const yaw = yawOf(scene, index)
  return [x + Math.sin(yaw) * WEDGE.length, y - Math.cos(yaw) * WEDGE.length]
}

/** Whether a keyframe shows its wedge. @param {Scene} scene @param {number} index */
export const showsWedge = ({ drawn, state }, index) =>
  drawn.path.keyframes.length <= CROWDED || state.chosen.includes(index)

/**
 * The tangent handles on show.
 * @param {Scene} scene
 * @returns {{index: number, side: "out" | "into", end: Point, from: Point}[]}
 */
export function handles(scene) {
  const { state, drawn } = scene
  const index = state.chosen.length === 1 ? state.chosen[0] : -1
  if (index < 0 || drawn.path.keyframes.length < 2 || index >= drawn.path.keyframes.length) return []
  const stop = drawn.path.keyframes[index]
  const both = tangents(drawn.path, index, drawn.spans)
  const from = at(scene, stop.place)
  const open = !drawn.path.closed
  return /** @type {const} */ (["out", "into"])
    .filter(
      (side) =>
        !(open && ((side === "into" && index === 0) || (side === "out" && index === drawn.path.keyframes.length - 1))),
    )
    .map((side) => ({
      index,
      side,
      from,
      end: /** @type {Point} */ ([
        from[0] + both[side][0] * scene.view.scale,
        from[1] - both[side][2] * scene.view.scale,
      ]),
    }))
}

/**
 * Tell what is under the pointer.
 * @param {Scene} scene @param {number} x @param {number} y
 * @returns {Hit}
 */
export function hitTop(scene, x, y) {
  const { drawn } = scene
  const near = (/** @type {Point} */ [px, py], /** @type {number} */ reach) => Math.hypot(px - x, py - y) <= reach
  const chosen = handles(scene).find(
    ({ end, from }) => near(end, REACH.tangent) && Math.hypot(end[0] - from[0], end[1] - from[1]) > 4,
  )
  if (chosen) return { kind: "tangent", index: chosen.index, side: chosen.side }
  const stops = drawn.path.keyframes
  let [best, least] = [-1, REACH.keyframe]
  stops.forEach(({ place }, i) => {
    const [px, py] = at(scene, place)
    const away = Math.hypot(px - x, py - y) - (scene.state.chosen.includes(i) ? 1 : 0)
    if (away < least) [best, least] = [i, away]
  })
  if (best >= 0) return { kind: "keyframe", index: best }
  if (drawn.path.target && near(at(scene, drawn.path.target), REACH.target)) return { kind: "target" }
  const wedge = stops.findIndex((_, i) => showsWedge(scene, i) && inWedge(scene, i, x, y))
  if (wedge >= 0) return { kind: "wedge", index: wedge }
  const frame = nearestFrame(scene, x, y, REACH.path)
  return frame === null ? { kind: "ground" } : { kind: "path", frame }
}

/** @param {Scene} scene @param {number} index @param {number} x @param {number} y */
function inWedge(scene, index, x, y) {
  const [px, py] = at(scene, scene.drawn.path.keyframes[index].place)
  const [dx, dy] = [x - px, y - py]
  const size = Math.hypot(dx, dy)
  if (size > WEDGE.length + 5 || size < WEDGE.from - 2) return false
  const apart = Math.atan2(dx, -dy) - yawOf(scene, index)
  return Math.abs(apart - 2 * Math.PI * Math.round(apart / (2 * Math.PI))) < WEDGE.half + 0.12
}

/**
 * Find the frame of the path that is nearest to a pixel.
 * @param {Scene} scene
 * @param {number} x
 * @param {number} y
 * @param {number} within
 */
export function nearestFrame({ drawn, view, size }, x, y, within) {
  const { samples, spans } = drawn
  if (!spans.length) return null
  let [best, least] = [/** @type {number | null} */ (null), within]
  let before = toPixel(view, size, samples.x[0], samples.z[0])
  for (let i = 1; i < samples.x.length; i++) {
    const point = toPixel(view, size, samples.x[i], samples.z[i])
    const [dx, dy] = [point[0] - before[0], point[1] - before[1]]
    const long = dx * dx + dy * dy
    const share = long ? Math.min(1, Math.max(0, ((x - before[0]) * dx + (y - before[1]) * dy) / long)) : 0
    const away = Math.hypot(before[0] + dx * share - x, before[1] + dy * share - y)
    if (away < least) [best, least] = [share < 0.5 ? i - 1 : i, away]
    before = point
  }
  return best
}
