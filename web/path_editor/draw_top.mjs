// @ts-check
/**
 * The top view's ground and ways: picture, grid, drawn path by speed, the model's path, legend. Pure functions of the
 * scene.
 */
import { drawPlan, drawWallMarks, wallCross } from "../kit/draw_plan.mjs"
import { SPEED_BAR, chevron, fitting, scaleBar, speedBar, stroke, trace, write } from "../kit/ground.mjs"
import { drawPicture } from "../kit/picture.mjs"
import { DOT, decimal } from "../kit/words.mjs"
import { chunkNumber, firstFrame } from "../track/chunks.mjs"
import { along, bezier, eased } from "../path/poses.mjs"
import { chunkStart, chunksOf, limitOf } from "./state.mjs"
import { gridStep, toGround, toPixel } from "./view.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("../kit/palette.mjs").Palette} Palette */
/** @typedef {CanvasRenderingContext2D} Context */
/**
 * @typedef {object} Followed what the model makes of the path, frame by frame
 * @property {number[][]} poses x, z, yaw (radians)
 * @property {number[]} position metres beside the path
 *
 * @typedef {object} Scene
 * @property {import("./state.mjs").PathState} state
 * @property {import("./state.mjs").Drawn} drawn
 * @property {import("./view.mjs").TopView} view
 * @property {{width: number, height: number}} size
 * @property {Palette} palette
 * @property {boolean} narrow
 * @property {Followed | null} followed
 * @property {import("./grounded.mjs").Stopped | null} walked what the model walks of that as far as walls let it
 * @property {import("../track/walls.mjs").Ground | null} ground what stands where the path is walked
 * @property {{x: Float64Array, z: Float64Array} | null} past where the world was walked before
 * @property {Uint8Array | null} within frames of the path within a wall
 * @property {number} rate frames of the path per frame of the model
 * @property {boolean} stale whether the model's path is out of date
 * @property {CanvasImageSource & {width: number, height: number} | null} picture
 */

/** Px of the path drawn in one straight piece. */
const PIECE = 4
const THIN = 0.7
const BAR_LONGEST = 72
const TICK = { gap: 9, half: 6 }
const WHISKER = { frames: 3, metres: 0.04 }
/** Metres from which on a residual is worth a label. */
const LABEL_FROM = 0.2

/** Draw everything that only an edit changes, below the keyframes. @param {Context} context @param {Scene} scene */
export function drawGround(context, scene) {
  const { ground, past, within, view, size, palette, drawn } = scene
  if (ground) {
    const [left, top] = toPixel(view, size, 0, 0)
    drawPlan(context, ground, { left, top, scale: view.scale }, palette)
  }
  const { background } = drawn.path
  if (background && scene.picture)
    drawPicture(context, scene.picture, background, toPixel(view, size, ...background.centre), view.scale)
  drawGrid(context, scene)
  if (past) drawPast(context, scene, past)
  const { x, z } = drawn.samples
  if (within) drawWallMarks(context, within, (frame) => toPixel(view, size, x[frame], z[frame]), palette)
  const runs = pathRuns(scene)
  if (scene.state.model && scene.walked) drawModel(context, scene, scene.walked)
  for (const { amount, points, fast } of runs) {
    trace(context, points)
    stroke(context, fast ? scene.palette.alert : scene.palette.speed(amount), 2.75)
  }
  drawTicks(context, scene, runs)
  if (runs.length) drawChevrons(context, scene)
}

/** Where the world was walked before, thin. @param {Context} context @param {Scene} scene @param {{x: Float64Array, z: Float64Array}} past */
function drawPast(context, { view, size, palette }, { x, z }) {
  context.beginPath()
  let before = [Infinity, Infinity]
  x.forEach((right, i) => {
    const point = toPixel(view, size, right, z[i])
    if (Math.abs(point[0] - before[0]) + Math.abs(point[1] - before[1]) < THIN) return
    context.lineTo(...point)
    before = point
  })
  stroke(context, palette.second, 1.2)
}

/** Draw what is written on the ground. @param {Context} context @param {Scene} scene */
export function drawWords(context, scene) {
  const { palette, drawn, view, narrow } = scene
  const step = gridStep(view)
  write(context, palette, "600 11.5px", "left")
  context.fillText(WORDS.top, 10, 15)
  const left = 16 + palette.measure(context, WORDS.top, `600 11.5px ${palette.font}`)
  write(context, palette, "11.5px", "left", palette.second)
  const words = [
    drawn.metres ? `${decimal(drawn.metres, 1)} m` : "",
    narrow ? "" : WORDS.grid(String(step)),
    scene.ground?.plan.title ?? "",
  ].filter(Boolean)
  context.fillText(fitting(context, words.join(` ${DOT} `), scene.size.width - left - 8), left, 15)
  drawLegend(context, scene)
}

/** @param {Context} context @param {Scene} scene */
function drawGrid(context, { view, size, palette }) {
  const step = gridStep(view)
  const [left, far] = toGround(view, size, 0, 0)
  const [right, near] = toGround(view, size, size.width, size.height)
  const line = (/** @type {number} */ at, /** @type {number} */ px, /** @type {boolean} */ upright) => {
    context.fillStyle = at % 5 === 0 ? palette.border : palette.grid
    context.globalAlpha = at === 0 ? 1 : at % 5 === 0 ? 0.55 : 0.75
    if (upright) context.fillRect(Math.round(px), 0, 1, size.height)
    else context.fillRect(0, Math.round(px), size.width, 1)
  }
  for (let i = Math.ceil(left / step); i * step <= right; i++) line(i, toPixel(view, size, i * step, 0)[0], true)
  for (let i = Math.ceil(near / step); i * step <= far; i++) line(i, toPixel(view, size, 0, i * step)[1], false)
  context.globalAlpha = 1
}

/**
 * Cut the path into runs of one colour.
 * @param {Scene} scene
 * @returns {{amount: number, fast: boolean, points: number[], frame: number}[]}
 */
export function pathRuns({ state, drawn, view, size }) {
  const limit = limitOf(state)
  const { speeds, fast, spans } = drawn
  /** @type {{amount: number, fast: boolean, points: number[], frame: number}[]} */
  const runs = []
  let next = 0
  for (const span of spans) {
    const frames = span.end.frame - span.start.frame
    const long = span.arc[span.arc.length - 1] * view.scale
    const pieces = Math.max(1, Math.min(frames * Math.max(1, Math.ceil(long / PIECE / frames)), Math.ceil(long / THIN)))
    let before = toPixel(view, size, span.curve[0][0], span.curve[0][2])
    for (let i = 0; i < pieces; i++) {
      const frame = span.start.frame + Math.floor((i * frames) / pieces)
      const place = bezier(span.curve, along(span.arc, i + 1 === pieces ? 1 : eased(span.start.ease, (i + 1) / pieces)))
      const point = toPixel(view, size, place[0], place[2])
      if (Math.abs(point[0] - before[0]) + Math.abs(point[1] - before[1]) < THIN && i + 1 < pieces) continue
      while (next < fast.length && fast[next][1] <= frame) next++
      const over = next < fast.length && frame >= fast[next][0] && span.start.ease !== "hold"
      const amount = Math.round(Math.min(1, (speeds[Math.min(frame, speeds.length - 1)] ?? 0) / limit) * 24) / 24
      const last = runs[runs.length - 1]
      const goesOn =
        last && last.points[last.points.length - 2] === before[0] && last.points[last.points.length - 1] === before[1]
      if (goesOn && last.amount === amount && last.fast === over) last.points.push(...point)
      else runs.push({ amount, fast: over, points: [...before, ...point], frame })
      before = point
    }
  }
  return runs
}

/**
 * Ticks across the path where it is too fast.
 * @param {Context} context
 * @param {Scene} scene
 * @param {ReturnType<typeof pathRuns>} runs
 */
function drawTicks(context, { palette }, runs) {
  context.beginPath()
  for (const { points } of runs.filter(({ fast }) => fast)) {
    let way = 0
    for (let i = 2; i < points.length; i += 2) {
      const [dx, dy] = [points[i] - points[i - 2], points[i + 1] - points[i - 1]]
      const length = Math.hypot(dx, dy)
      if (!length) continue
      for (let at = (TICK.gap - (way % TICK.gap)) % TICK.gap; at < length; at += TICK.gap) {
        const [x, y] = [points[i - 2] + (dx * at) / length, points[i - 1] + (dy * at) / length]
        const [nx, ny] = [(-dy / length) * TICK.half, (dx / length) * TICK.half]
        context.moveTo(x - nx, y - ny)
        context.lineTo(x + nx, y + ny)
      }
      way += length
    }
  }
  stroke(context, palette.alert, 1.25)
}

/** Chevrons at chunk starts point where the camera looks. @param {Context} context @param {Scene} scene */
function drawChevrons(context, { state, drawn, view, size, palette }) {
  if (!state.variant) return
  const chunks = chunksOf(state)
  const { x, z, yaw } = drawn.samples
  for (let index = 1; firstFrame(chunks, index) < drawn.path.frames; index += 1) {
    if (chunks.chunk * 0.1 * view.scale < 4 && index % 8) continue
    const frame = chunkStart(state, chunkNumber(chunks, index))
    if (frame >= x.length) break
    chevron(context, palette, toPixel(view, size, x[frame], z[frame]), yaw[frame])
  }
}

/**
 * What the model walks, dashed, and how far it is from what was asked.
 * @param {Context} context
 * @param {Scene} scene
 * @param {import("./grounded.mjs").Stopped} walked
 */
function drawModel(context, { drawn, view, size, palette, rate, stale }, { way, off }) {
  const { x, z } = drawn.samples
  context.save()
  context.globalAlpha = stale ? 0.35 : 1
  context.beginPath()
  for (let i = 0; i < way.length && !stale; i += WHISKER.frames) {
    const frame = Math.round(i * rate)
    if (frame >= x.length || off[i] < WHISKER.metres) continue
    context.moveTo(...toPixel(view, size, x[frame], z[frame]))
    context.lineTo(...toPixel(view, size, way[i][0], way[i][1]))
  }
  stroke(context, palette.second, 0.75)
  context.beginPath()
  let before = [Infinity, Infinity]
  for (const [px, pz] of way) {
    const point = toPixel(view, size, px, pz)
    if (Math.abs(point[0] - before[0]) + Math.abs(point[1] - before[1]) < THIN) continue
    context.lineTo(...point)
    before = point
  }
  context.setLineDash([5, 4])
  context.lineCap = "butt"
  stroke(context, palette.foreground, 1.25)
  context.restore()
}

/** The first frame of the largest distance. @param {readonly number[]} off metres */
export const worstOf = (off) => off.reduce((best, value, i) => (value > off[best] ? i : best), 0)

/** The label at the largest residual. @param {Scene} scene @returns {{text: string, x: number, y: number} | null} */
export function residualLabel({ state, walked, stale, view, size }) {
  if (!state.model || !walked?.off.length || stale) return null
  const { way, off } = walked
  const worst = worstOf(off)
  if (off[worst] < LABEL_FROM) return null
  const [x, y] = toPixel(view, size, way[worst][0], way[worst][1])
  return { text: `${decimal(off[worst])} m`, x, y: y - 28 }
}

/** @param {Context} context @param {Scene} scene */
function drawLegend(context, { state, drawn, palette, size, view, narrow, followed, within }) {
  const y = size.height - 14
  scaleBar(context, palette, [12, y], view.scale, BAR_LONGEST)
  if (!drawn.spans.length) return
  const limit = `${decimal(limitOf(state), narrow ? 1 : 2)} m/s`
  let right = size.width - 12 - palette.measure(context, limit, `11px ${palette.font}`) - SPEED_BAR
  speedBar(context, palette, [right, y], limit)
  right -= 24
  if (narrow) return
  const entry = (/** @type {string} */ word, /** @type {number} */ wide, /** @type {(x: number) => void} */ sample) => {
    const width = palette.measure(context, word, `11px ${palette.font}`)
    if (right - width - wide < 120) return
    write(context, palette, "11px", "right", palette.second)
    context.fillText(word, right, y)
    sample(right - width - wide - 6)
    right -= width + wide + 24
  }
  if (within?.includes(1)) entry(WORDS.atWall, 10, (x) => wallCross(context, palette, [x + 5, y]))
  if (drawn.fast.length) entry(WORDS.tooFast, 20, (x) => fastSample(context, palette, x, y))
  if (state.model && followed) entry(WORDS.modelPath, 22, (x) => dashes(context, palette, x, y))
  entry(WORDS.chunk, 8, (x) => chevron(context, palette, [x + 4, y], Math.PI / 2))
}

/** @param {Context} context @param {Palette} palette @param {number} x @param {number} y */
function fastSample(context, palette, x, y) {
  trace(context, [x, y, x + 20, y])
  for (let i = 2; i < 20; i += 5) {
    context.moveTo(x + i, y - 5)
    context.lineTo(x + i, y + 5)
  }
  stroke(context, palette.alert, 1.25)
}

/** @param {Context} context @param {Palette} palette @param {number} x @param {number} y */
function dashes(context, palette, x, y) {
  trace(context, [x, y, x + 22, y])
  context.setLineDash([5, 4])
  stroke(context, palette.foreground, 1.25)
  context.setLineDash([])
}
