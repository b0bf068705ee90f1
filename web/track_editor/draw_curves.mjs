// @ts-check
/**
 * The mouse curves: yaw solid with a light fill to zero, pitch dashed, what lies outside the model's range hatched in
 * place.
 */
import { lastSeen, toFrame, toX } from "../kit/ruler.mjs"
import { signed } from "../kit/words.mjs"
import { after } from "../track/sample.mjs"
import { extremes, sampled } from "./curve_data.mjs"
import { valueToY } from "./layout.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {import("../kit/palette.mjs").Palette} Palette */
/** @typedef {import("./layout.mjs").Layout} Layout */
/** @typedef {import("../track/timeline.mjs").Timeline} Timeline */

const DASH = [4, 3]
const DIAMOND = 4.5
/** Px between keyframes below which they are not drawn one by one. */
const KEYFRAME_GAP = 7

/**
 * List the corners of a curve in px: one per frame, or two per pixel column where frames are narrower.
 * @param {Layout} layout
 * @param {readonly import("../track/timeline.mjs").Keyframe[]} curve
 * @param {number} from
 * @param {number} to first frame after the last one
 * @returns {[number, number][]}
 */
export function curvePoints(layout, curve, from, to) {
  const { view } = layout
  const data = sampled(curve, to)
  const [first, end] = [Math.max(from, Math.floor(view.first) - 1, 0), Math.min(to, Math.ceil(lastSeen(view)) + 2)]
  /** @type {[number, number][]} */
  const points = []
  if (view.scale >= 1) {
    for (let frame = first; frame < end; frame++) points.push([toX(view, frame), valueToY(layout, data.values[frame])])
    return points
  }
  const step = 1 / view.scale
  for (let start = first; start < end; start += step) {
    const [low, high] = extremes(data, Math.floor(start), Math.max(Math.floor(start) + 1, Math.floor(start + step)))
    if (high < low) continue
    const x = toX(view, start)
    points.push([x, valueToY(layout, low)])
    if (high > low) points.push([x, valueToY(layout, high)])
  }
  return points
}

/** @param {Context} context @param {[number, number][]} points */
function trace(context, points) {
  context.beginPath()
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)))
}

/**
 * Draw both curves.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, timeline: Timeline, limit: number | null, from?: number, to?: number,
 *   reads: {yaw: boolean, pitch: boolean}}} scene `limit`: the model's range in degrees per frame
 */
export function drawCurves(context, { layout, palette, timeline, limit, from = 0, to = timeline.frames, reads }) {
  if (!layout.curve) return
  const { view, curve } = layout
  context.save()
  context.beginPath()
  context.rect(view.left, curve.top, view.width, curve.height)
  context.clip()
  drawAxis(context, layout, palette, limit)
  const zero = valueToY(layout, 0)
  for (const axis of /** @type {const} */ (["pitch", "yaw"])) {
    if (view.scale < 1) {
      context.globalAlpha = reads[axis] ? 1 : 0.45
      if (timeline[axis].length)
        drawColumns(context, layout, palette, axis, curveColumns(layout, timeline[axis], from, to), limit)
      context.globalAlpha = 1
      continue
    }
    const points = timeline[axis].length ? curvePoints(layout, timeline[axis], from, to) : []
    if (points.length < 2) continue
    context.globalAlpha = reads[axis] ? 1 : 0.45
    if (axis === "yaw") {
      trace(context, [[points[0][0], zero], ...points, [points[points.length - 1][0], zero]])
      context.fillStyle = palette.yaw
      context.globalAlpha *= 0.16
      context.fill()
      context.globalAlpha = reads[axis] ? 1 : 0.45
    }
    trace(context, points)
    context.strokeStyle = palette[axis]
    context.lineWidth = 1.5
    context.lineJoin = "round"
    context.setLineDash(axis === "pitch" ? DASH : [])
    context.stroke()
    context.setLineDash([])
    context.globalAlpha = 1
    if (limit && axis === "yaw") drawBeyond(context, layout, palette, points, limit)
  }
  context.restore()
}

/**
 * List a curve's columns where frames are narrower than pixels.
 * @param {Layout} layout
 * @param {readonly import("../track/timeline.mjs").Keyframe[]} curve
 * @param {number} from
 * @param {number} to first frame after the last one
 * @returns {[x: number, top: number, bottom: number][]} in px, each one pixel wide and touching the one before
 */
export function curveColumns(layout, curve, from, to) {
  const { view } = layout
  const data = sampled(curve, to)
  /** @type {[number, number, number][]} */
  const columns = []
  const right = Math.min(view.left + view.width, toX(view, to))
  for (let x = Math.floor(Math.max(view.left, toX(view, from))); x < right; x++) {
    const first = Math.max(from, Math.floor(toFrame(view, x)))
    const [low, high] = extremes(data, first, Math.max(first + 1, Math.floor(toFrame(view, x + 1))))
    if (high < low) continue
    const before = columns[columns.length - 1]
    const [top, bottom] = [valueToY(layout, high), valueToY(layout, low)]
    columns.push([x, before ? Math.min(top, before[2]) : top, before ? Math.max(bottom, before[1]) : bottom])
  }
  return columns
}

/**
 * Draw a curve column by column: a line of thousands of corners would be slow to draw.
 * @param {Context} context @param {Layout} layout @param {Palette} palette @param {"yaw" | "pitch"} axis
 * @param {[number, number, number][]} columns @param {number | null} limit
 */
function drawColumns(context, layout, palette, axis, columns, limit) {
  const zero = valueToY(layout, 0)
  const alpha = context.globalAlpha
  context.fillStyle = palette[axis]
  if (axis === "yaw") {
    context.globalAlpha = alpha * 0.16
    for (const [x, top, bottom] of columns)
      context.fillRect(x, Math.min(top, zero), 1, Math.max(bottom, zero) - Math.min(top, zero))
    context.globalAlpha = alpha
  }
  const shown = axis === "pitch" ? columns.filter(([x]) => x % (DASH[0] + DASH[1]) < DASH[0]) : columns
  for (const [x, top, bottom] of shown) context.fillRect(x, top - 0.75, 1, bottom - top + 1.5)
  if (!limit || axis === "pitch") return
  for (const [edge, side] of [
    [valueToY(layout, limit), 1],
    [valueToY(layout, -limit), -1],
  ]) {
    const beyond = columns.filter(([, top, bottom]) => (side > 0 ? top < edge : bottom > edge))
    context.fillStyle = palette.hatch(context, palette.yaw, 4)
    for (const [x, top, bottom] of beyond)
      context.fillRect(x, side > 0 ? top : edge, 1, side > 0 ? edge - top : bottom - edge)
    context.fillStyle = palette.foreground
    for (const [x] of beyond) context.fillRect(x, edge - 0.75, 1, 1.5)
  }
}

/**
 * Zero line and the model's range.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 * @param {number | null} limit
 */
function drawAxis(context, layout, palette, limit) {
  const { view } = layout
  const line = (/** @type {number} */ value, /** @type {number[]} */ dash) => {
    const y = Math.round(valueToY(layout, value)) + 0.5
    context.setLineDash(dash)
    context.beginPath()
    context.moveTo(view.left, y)
    context.lineTo(view.left + view.width, y)
    context.stroke()
  }
  context.strokeStyle = palette.border
  context.lineWidth = 1
  line(0, [])
  if (limit) for (const value of [limit, -limit]) line(value, [2, 4])
  context.setLineDash([])
}

/**
 * Hatch what the model cuts off, and draw the line it follows instead.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 * @param {[number, number][]} points
 * @param {number} limit
 */
function drawBeyond(context, layout, palette, points, limit) {
  for (const side of [limit, -limit]) {
    const edge = valueToY(layout, side)
    const beyond = (/** @type {number} */ y) => (side > 0 ? Math.min(y, edge) : Math.max(y, edge))
    if (points.every(([, y]) => beyond(y) === edge)) continue
    trace(context, [
      [points[0][0], edge],
      ...points.map(([x, y]) => /** @type {[number, number]} */ ([x, beyond(y)])),
      [points[points.length - 1][0], edge],
    ])
    context.fillStyle = palette.hatch(context, palette.yaw, 4)
    context.fill()
    context.beginPath()
    let open = false
    for (const [x, y] of points) {
      const cut = beyond(y) !== edge
      if (cut && open) context.lineTo(x, edge)
      else if (cut) context.moveTo(x, edge)
      open = cut
    }
    context.strokeStyle = palette.foreground
    context.lineWidth = 1.5
    context.stroke()
  }
}

/**
 * Draw the keyframes that are in reach: those in the range, the selected ones, or all when few are seen.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, timeline: Timeline, range: import("../track/edits.mjs").Range | null,
 *   selected: readonly (readonly ["yaw" | "pitch", number])[]}} scene
 */
export function drawKeyframes(context, { layout, palette, timeline, range, selected }) {
  if (!layout.curve) return
  for (const axis of /** @type {const} */ (["pitch", "yaw"])) {
    for (const [frame, value] of seenKeyframes(layout, timeline, axis, range, selected)) {
      const chosen = selected.some(([of, at]) => of === axis && at === frame)
      diamond(
        context,
        toX(layout.view, frame),
        valueToY(layout, value),
        chosen ? palette.selection : palette[axis],
        palette.plot,
      )
    }
  }
}

/**
 * List the keyframes of a curve that can be seen and grabbed.
 * @param {Layout} layout @param {Timeline} timeline @param {"yaw" | "pitch"} axis
 * @param {import("../track/edits.mjs").Range | null} range @param {readonly (readonly ["yaw" | "pitch", number])[]}
 *   selected
 */
export function seenKeyframes(layout, timeline, axis, range, selected) {
  const { view } = layout
  const list = timeline[axis]
  const seen = list.slice(after(list, view.first - 1), after(list, lastSeen(view)))
  if (seen.length * KEYFRAME_GAP <= view.width) return seen
  const chosen = new Set(selected.filter(([of]) => of === axis).map(([, frame]) => frame))
  const inside = range ? seen.filter(([frame]) => frame >= range[0] && frame < range[1]) : []
  const shown = inside.length * KEYFRAME_GAP <= view.width ? inside : []
  return seen.filter((keyframe) => chosen.has(keyframe[0]) || shown.includes(keyframe))
}

/** @param {Context} context @param {number} x @param {number} y @param {string} colour @param {string} edge */
export function diamond(context, x, y, colour, edge) {
  context.beginPath()
  context.moveTo(x, y - DIAMOND)
  context.lineTo(x + DIAMOND, y)
  context.lineTo(x, y + DIAMOND)
  context.lineTo(x - DIAMOND, y)
  context.closePath()
  context.fillStyle = colour
  context.fill()
  context.strokeStyle = edge
  context.lineWidth = 1
  context.stroke()
}

/**
 * Draw names, scale and the values at the playhead beside the curves.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, values: {yaw: number, pitch: number}, limit: number, narrow: boolean,
 *   reads: {yaw: boolean, pitch: boolean}}} scene
 */
export function drawCurveHeader(context, { layout, palette, values, limit, narrow, reads }) {
  if (!layout.curve) return
  const { top, height } = layout.curve
  context.textBaseline = "middle"
  const say = (
    /** @type {string} */ text,
    /** @type {number} */ x,
    /** @type {number} */ y,
    colour = palette.second,
    size = 10.5,
    align = /** @type {CanvasTextAlign} */ ("right"),
  ) => {
    context.font = `${size}px ${palette.font}`
    context.textAlign = align
    context.fillStyle = colour
    context.fillText(text, x, y)
  }
  const right = layout.header - 7
  const mark = Number.isInteger(limit) ? 0 : 1
  say(signed(limit, mark), right, valueToY(layout, limit))
  say(signed(-limit, mark), right, valueToY(layout, -limit))
  say("0", right, valueToY(layout, 0))
  if (height > 60) say(WORDS.unit, right, (valueToY(layout, limit) + valueToY(layout, 0)) / 2)
  for (const axis of /** @type {const} */ (["yaw", "pitch"])) {
    const y = narrow ? valueToY(layout, axis === "yaw" ? limit : -limit) : top + height * (axis === "yaw" ? 0.22 : 0.68)
    const short = narrow || height < 90
    context.strokeStyle = palette[axis]
    context.lineWidth = 2
    context.setLineDash(axis === "pitch" ? [5, 3] : [])
    context.beginPath()
    context.moveTo(narrow ? 5 : 10, y)
    context.lineTo(narrow ? 15 : 24, y)
    context.stroke()
    context.setLineDash([])
    if (narrow) continue
    say(WORDS.axes[axis], 30, y, palette.text, 11.5, "left")
    if (!short) say(reads[axis] ? signed(values[axis]) : WORDS.notRead, 10, y + 15, palette.second, 11, "left")
  }
}
