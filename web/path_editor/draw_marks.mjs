// @ts-check
/** How the top view's handles look, and what moves without an edit. Pure functions of the scene. */
import { pill } from "../kit/canvas.mjs"
import { cameraArrow, stroke, trace, write } from "../kit/ground.mjs"
import { RING, labels } from "./labels.mjs"
import { CROWDED, WEDGE, at, handles, showsWedge, yawOf } from "./marks.mjs"
import { toPixel } from "./view.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./draw_top.mjs").Scene} Scene */
/** @typedef {import("./marks.mjs").Point} Point */
/** @typedef {CanvasRenderingContext2D} Context */

const DIAMOND = 6.5

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

/** Numbers of keyframes. @param {Context} context @param {Scene} scene */
function drawLabels(context, scene) {
  const { palette, state } = scene
  const widthOf = (/** @type {string} */ text) => palette.measure(context, text, `11px ${palette.font}`)
  for (const { index, text, x, y } of labels(scene, widthOf)) {
    write(context, palette, "11px", "center", state.chosen.includes(index) ? palette.text : palette.second)
    context.lineJoin = "round"
    context.strokeStyle = palette.plot
    context.lineWidth = 3
    context.strokeText(text, x, y)
    context.fillText(text, x, y)
  }
}

/**
 * Draw what moves without an edit: the stroke in the making, the camera at the playhead, the pill.
 * @param {Context} context
 * @param {Scene} scene
 */
export function drawTopOverlay(context, scene) {
  const { state, drawn, palette, view, size } = scene
  const { samples } = drawn
  drawReach(context, scene)
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

/**
 * The way that nobody draws: from the path's end to the pointer, or to where the stroke begins.
 * @param {Context} context
 * @param {Scene} scene
 */
function drawReach(context, scene) {
  const { state, drawn, palette, view, size } = scene
  const to = state.stroke?.[0] ?? state.reach
  const last = drawn.path.keyframes[drawn.path.keyframes.length - 1]
  if (!to || !last) return
  context.save()
  context.setLineDash([5, 5])
  trace(context, [...at(scene, last.place), ...toPixel(view, size, ...to)])
  stroke(context, palette.plot, 3.5)
  stroke(context, palette.selection, 1.5)
  context.restore()
}

/** @param {Context} context @param {Scene} scene @param {number} frame */
function arrow(context, { drawn, view, size, palette }, frame) {
  const { x, z, yaw } = drawn.samples
  cameraArrow(context, palette, toPixel(view, size, x[frame], z[frame]), yaw[frame])
}
