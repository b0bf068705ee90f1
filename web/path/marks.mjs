// @ts-check
/**
 * The top view's handles: where keyframes, wedges, tangents and the target lie, what is under the pointer, how they
 * look.
 */
import { pill } from "../kit/canvas.mjs"
import { DOT } from "../kit/words.mjs"
import { tangents } from "./edits.mjs"
import { stroke, trace, write } from "./draw_top.mjs"
import { radians } from "./poses.mjs"
import { toPixel } from "./view.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./draw_top.mjs").Scene} Scene */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {[number, number]} Point px */
/**
 * @typedef {{kind: "keyframe" | "wedge", index: number} | {kind: "tangent", index: number, side: "out" | "into"} |
 *   {kind: "target"} | {kind: "path", frame: number} | {kind: "ground"}} Hit
 */

const DIAMOND = 6.5
const WEDGE = { length: 26, half: 0.42, from: 11 }
/** Keyframes from which on only the chosen ones show their wedge. */
const CROWDED = 60
const REACH = { keyframe: 11, tangent: 10, target: 13, path: 8 }
const RING = 13
const NEAR_END = 12

/** Px within which the path's two ends are one. */
export const END_REACH = NEAR_END

/** @param {Scene} scene @param {import("./path.mjs").Vector} place @returns {Point} */
const at = ({ view, size }, place) => toPixel(view, size, place[0], place[2])

/** The camera's direction at a keyframe, radians. @param {Scene} scene @param {number} index */
function yawOf({ drawn }, index) {
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
const showsWedge = ({ drawn, state }, index) => drawn.path.keyframes.length <= CROWDED || state.chosen.includes(index)

/**
 * The tangent handles on show.
 * @param {Scene} scene
 * @returns {{index: number, side: "out" | "into", end: Point, from: Point}[]}
 */
function handles(scene) {
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
  const near = ([px, py], /** @type {number} */ reach) => Math.hypot(px - x, py - y) <= reach
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

/**
 * Draw keyframes, wedges, tangents, target and the ring that closes the loop.
 * @param {Context} context
 * @param {Scene} scene
 */
export function drawMarks(context, scene) {
  const { drawn, state, palette } = scene
  const stops = drawn.path.keyframes
  drawTarget(context, scene)
  if (stops.length > 1) drawRing(context, scene)
  stops.forEach((_, i) => showsWedge(scene, i) && drawWedge(context, scene, i))
  for (const { from, end } of handles(scene)) {
    trace(context, [...from, ...end])
    stroke(context, palette.selection, 1.25)
    context.beginPath()
    context.arc(...end, 4, 0, 2 * Math.PI)
    context.fillStyle = palette.plot
    context.fill()
    stroke(context, palette.selection, 1.5)
  }
  stops.forEach(({ place, frame }, i) =>
    diamond(context, palette, at(scene, place), state.chosen.includes(i), frame >= drawn.path.frames),
  )
  drawLabels(context, scene)
}

/** @param {Context} context @param {Scene} scene @param {number} index */
function drawWedge(context, scene, index) {
  const { state, palette, drawn } = scene
  const chosen = state.chosen.includes(index)
  const yaw = yawOf(scene, index)
  const [x, y] = at(scene, drawn.path.keyframes[index].place)
  const corner = (/** @type {number} */ turn) => [
    x + Math.sin(yaw + turn) * WEDGE.length,
    y - Math.cos(yaw + turn) * WEDGE.length,
  ]
  trace(context, [x, y, ...corner(-WEDGE.half), ...corner(WEDGE.half)])
  context.closePath()
  context.fillStyle = chosen ? palette.selection : palette.foreground
  context.globalAlpha = chosen ? 0.35 : 0.12
  context.fill()
  context.globalAlpha = chosen ? 1 : 0.7
  stroke(context, chosen ? palette.selection : palette.second, 1)
  context.globalAlpha = 1
}

/**
 * @param {Context} context
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {Point} place
 * @param {boolean} chosen
 * @param {boolean} beyond
 */
export function diamond(context, palette, [x, y], chosen, beyond = false, size = DIAMOND) {
  trace(context, [x, y - size, x + size, y, x, y + size, x - size, y])
  context.closePath()
  context.fillStyle = beyond ? palette.plot : chosen ? palette.selection : palette.foreground
  context.strokeStyle = beyond ? palette.second : palette.plot
  context.lineWidth = 2
  context.lineJoin = "miter"
  context.stroke()
  context.fill()
  if (beyond) stroke(context, chosen ? palette.selection : palette.second, 1)
}

/** @param {Context} context @param {Scene} scene */
function drawTarget(context, scene) {
  const { drawn, palette } = scene
  const { target, keyframes } = drawn.path
  if (!target) return
  const [x, y] = at(scene, target)
  context.save()
  context.setLineDash([1.5, 3.5])
  for (const { look, place } of keyframes.slice(0, CROWDED)) {
    if (look !== "target") continue
    trace(context, [...at(scene, place), x, y])
    stroke(context, palette.second, 1)
  }
  context.restore()
  context.beginPath()
  context.arc(x, y, 5.5, 0, 2 * Math.PI)
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    context.moveTo(x + dx * 3, y + dy * 3)
    context.lineTo(x + dx * 9, y + dy * 9)
  }
  stroke(context, palette.plot, 4)
  stroke(context, palette.foreground, 1.5)
  write(context, palette, "11px", "left", palette.second)
  context.fillText(WORDS.target, x + 13, y)
}

/**
 * The ring at the start: dashed while open, solid when the loop is closed.
 * @param {Context} context
 * @param {Scene} scene
 */
function drawRing(context, scene) {
  const { drawn, palette } = scene
  context.save()
  context.beginPath()
  context.arc(...at(scene, drawn.path.keyframes[0].place), RING, 0, 2 * Math.PI)
  if (!drawn.path.closed) context.setLineDash([4, 3])
  stroke(context, palette.selection, 1.25)
  context.restore()
}

/** Numbers of keyframes, on the side away from the path's middle. @param {Context} context @param {Scene} scene */
function drawLabels(context, scene) {
  const { drawn, palette, narrow, state, size } = scene
  const stops = drawn.path.keyframes
  const points = stops.map(({ place }) => at(scene, place))
  const middle = points.reduce((sum, [x, y]) => [sum[0] + x / points.length, sum[1] + y / points.length], [0, 0])
  /** @type {[number, number, number, number][]} */
  const taken = points.map(([x, y]) => [x - 7, y - 7, x + 7, y + 7])
  stops.forEach(({ frame }, i) => {
    const text = narrow ? String(i) : `${i} ${DOT} f ${frame}`
    const width = palette.measure(context, text, `11px ${palette.font}`)
    const out = Math.atan2(points[i][1] - middle[1], points[i][0] - middle[0])
    const yaw = yawOf(scene, i) - Math.PI / 2
    const turns = [0, 0.6, -0.6, 1.2, -1.2, 2, -2, Math.PI]
      .map((turn) => out + turn)
      .sort((a, b) => Number(Math.cos(a - yaw) > 0.6) - Number(Math.cos(b - yaw) > 0.6))
    for (const turn of turns) {
      const x = points[i][0] + Math.cos(turn) * (15 + width / 2)
      const y = points[i][1] + Math.sin(turn) * 17
      const box = /** @type {[number, number, number, number]} */ ([x - width / 2 - 2, y - 7, x + width / 2 + 2, y + 7])
      if (
        box[0] < 2 ||
        box[2] > size.width - 2 ||
        taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])
      )
        continue
      taken.push(box)
      write(context, palette, "11px", "center", state.chosen.includes(i) ? palette.text : palette.second)
      context.lineJoin = "round"
      context.strokeStyle = palette.plot
      context.lineWidth = 3
      context.strokeText(text, x, y)
      context.fillText(text, x, y)
      break
    }
  })
}

/**
 * Draw what moves without an edit: the stroke in the making, the camera at the playhead, the pill.
 * @param {Context} context
 * @param {Scene} scene
 */
export function drawTopOverlay(context, scene) {
  const { state, drawn, palette, view, size } = scene
  const { samples } = drawn
  if (state.stroke) {
    trace(
      context,
      state.stroke.flatMap(([x, z]) => toPixel(view, size, x, z)),
    )
    stroke(context, palette.selection, 2)
  }
  if (state.ghost && drawn.spans.length) {
    context.globalAlpha = 0.5
    arrow(context, scene, Math.min(state.ghost.frame, samples.x.length - 1))
    context.globalAlpha = 1
  }
  if (drawn.path.keyframes.length) arrow(context, scene, state.playhead)
  if (state.pill?.where === "top") pill(context, palette, size, state.pill.text, state.pill.x, state.pill.y)
}

/** @param {Context} context @param {Scene} scene @param {number} frame */
function arrow(context, { drawn, view, size, palette }, frame) {
  const { x, z, yaw } = drawn.samples
  const [px, py] = toPixel(view, size, x[frame], z[frame])
  context.save()
  context.translate(px, py)
  context.rotate(yaw[frame])
  context.beginPath()
  context.moveTo(0, 0)
  context.arc(0, 0, 30, -Math.PI / 2 - 0.5, -Math.PI / 2 + 0.5)
  context.closePath()
  context.fillStyle = palette.foreground
  const opacity = context.globalAlpha
  context.globalAlpha = opacity * 0.22
  context.fill()
  context.globalAlpha = opacity
  trace(context, [0, -8, 5.5, 6, 0, 3, -5.5, 6])
  context.closePath()
  stroke(context, palette.plot, 3)
  context.fillStyle = palette.foreground
  context.fill()
  context.restore()
}
