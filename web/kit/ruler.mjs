// @ts-check
/** The time axis both editors share: what part is seen, and its ruler, chunk row, range, playhead and binding band.
 * Pure functions of view, size and palette.
 *
 * A view is {first, scale, left, width}: the frame at the left edge (may be a fraction), px per frame, and the plot
 * column's
 * place in the canvas in px.
 */
import { chunkAt, chunkNumber, firstFrame } from "../track/chunks.mjs"
import { roundBox } from "./canvas.mjs"
import { columnBoxes } from "./columns.mjs"

/** @typedef {import("./palette.mjs").Palette} Palette */
/** @typedef {{first: number, scale: number, left: number, width: number}} View */
/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/** @typedef {readonly [from: number, to: number]} Range `to` is the first frame after it */
/** @typedef {CanvasRenderingContext2D} Context */

export const RULER_HEIGHT = 22
export const CHUNK_HEIGHT = 15
/** Px after the last frame, so that its edge can be grabbed. */
const AFTER_END = 10
const LABEL_GAP = 46
const TICK_GAP = 7
const MOST_SCALE = 40
const CHUNK_LABEL = { digit: 6.5, around: 6 }

/** @param {View} view @param {number} frame */
export const toX = (view, frame) => view.left + (frame - view.first) * view.scale

/** @param {View} view @param {number} x @returns {number} a frame with its fraction */
export const toFrame = (view, x) => view.first + (x - view.left) / view.scale

/** @param {View} view @returns {number} the first frame after what is seen */
export const lastSeen = (view) => view.first + view.width / view.scale

/** Show all frames. @param {View} view @param {number} frames @returns {View} */
export function fit(view, frames) {
  return {
    ...view,
    first: 0,
    scale: Math.min(MOST_SCALE, Math.max(1e-4, (view.width - AFTER_END) / Math.max(1, frames))),
  }
}

/** Show some frames. @param {View} view @param {Range} range @param {number} frames @returns {View} */
export function fitRange(view, [from, to], frames) {
  const scale = (view.width - 2 * AFTER_END) / Math.max(1, to - from)
  return bounded({ ...view, first: from - AFTER_END / scale, scale }, frames)
}

/**
 * Zoom and keep the frame under a pixel still.
 * @param {View} view
 * @param {number} x
 * @param {number} factor
 * @param {number} frames
 * @returns {View}
 */
export function zoomAround(view, x, factor, frames) {
  const least = fit(view, frames).scale
  const scale = Math.min(Math.max(least, MOST_SCALE), Math.max(least, view.scale * factor))
  const frame = toFrame(view, x)
  return bounded({ ...view, scale, first: frame - (x - view.left) / scale }, frames)
}

/** @param {View} view @param {number} by frames @param {number} frames @returns {View} */
export const scrolled = (view, by, frames) => bounded({ ...view, first: view.first + by }, frames)

/** Keep a view inside its frames. @param {View} view @param {number} frames @returns {View} */
export function bounded(view, frames) {
  const least = fit(view, frames).scale
  if (view.scale <= least) return fit(view, frames)
  const room = frames + AFTER_END / view.scale - view.width / view.scale
  return { ...view, first: Math.max(0, Math.min(room, view.first)) }
}

/**
 * Scroll as little as needed to see a frame.
 * @param {View} view
 * @param {number} frame
 * @param {number} frames
 * @returns {View}
 */
export function revealing(view, frame, frames) {
  const margin = Math.min(24 / view.scale, view.width / view.scale / 4)
  if (frame < view.first + margin) return bounded({ ...view, first: frame - margin }, frames)
  const after = frame + 1 + margin - lastSeen(view)
  return after > 0 ? bounded({ ...view, first: view.first + after }, frames) : view
}

/** Frames between labels and between ticks. @param {number} scale @param {Variant} variant */
function tickSteps(scale, variant) {
  const steps = [1, 2, 4, 6, 12].concat(variant.chunk === 12 ? [] : [variant.chunk])
  for (let step = Math.max(12, variant.chunk); step * scale < LABEL_GAP * 4; step *= 2) steps.push(step * 2)
  const sorted = [...new Set(steps)].sort((a, b) => a - b)
  const label = sorted.find((step) => step * scale >= LABEL_GAP) ?? sorted[sorted.length - 1]
  const divisors = [1, 2, 3, 4, 6, 12, 24, 48, 96]
    .filter((part) => label % part === 0)
    .map((part) => label / part)
    .sort((a, b) => a - b)
  return { label, tick: divisors.find((step) => step * scale >= TICK_GAP) ?? label }
}

/**
 * Draw frame numbers and ticks.
 * @param {Context} context
 * @param {{view: View, palette: Palette, variant: Variant, frames: number, top: number, avoid?: [number, number][]}}
 *   scene `avoid`: px covered by flag and range words
 */
export function drawRuler(context, { view, palette, variant, frames, top, avoid = [] }) {
  const { label, tick } = tickSteps(view.scale, variant)
  const font = `10.5px ${palette.font}`
  context.fillStyle = palette.border
  const first = Math.max(0, Math.floor(view.first / tick) * tick)
  for (let frame = first; frame <= Math.min(frames, lastSeen(view)); frame += tick) {
    const x = toX(view, frame)
    if (x < view.left - 0.5) continue
    const tall = frame % label === 0 ? 7 : 4
    context.fillRect(Math.round(x), top + RULER_HEIGHT - tall, 1, tall)
  }
  context.fillStyle = palette.text
  context.font = font
  context.textBaseline = "middle"
  context.textAlign = "left"
  for (let frame = Math.ceil(first / label) * label; frame < Math.min(frames, lastSeen(view)); frame += label) {
    const text = String(frame)
    const width = palette.measure(context, text, font)
    const x = Math.max(view.left + 3, toX(view, frame) - (frame ? width / 2 : -3))
    if (x + width > view.left + view.width - 2 || avoid.some(([from, to]) => x + width > from - 4 && x < to + 4))
      continue
    context.fillText(text, x, top + 8)
  }
}

/**
 * Draw the chunks' numbers.
 * @param {Context} context
 * @param {{view: View, palette: Palette, variant: Variant, frames: number, top: number}} scene
 */
export function drawChunkRow(context, { view, palette, variant, frames, top }) {
  const font = `10px ${palette.font}`
  const room = variant.chunk * view.scale
  const digits = String(chunkNumber(variant, chunkAt(variant, frames))).length
  const every = Math.max(1, Math.ceil((CHUNK_LABEL.digit * Math.max(2, digits) + CHUNK_LABEL.around) / room))
  context.fillStyle = palette.second
  context.font = font
  context.textBaseline = "middle"
  context.textAlign = "center"
  const until = Math.min(frames, lastSeen(view))
  let index = Math.floor(chunkAt(variant, Math.max(0, view.first)) / every) * every
  for (; firstFrame(variant, index) < until; index += every) {
    const from = Math.max(view.left, toX(view, firstFrame(variant, index)))
    const to = Math.min(view.left + view.width, toX(view, Math.min(frames, firstFrame(variant, index + 1))))
    const text = String(chunkNumber(variant, index))
    if (to - from >= palette.measure(context, text, font) + 2 || every > 1)
      context.fillText(text, (from + to) / 2, top + CHUNK_HEIGHT / 2 + 0.5)
  }
}

/**
 * Shade every other chunk and draw the borders.
 * @param {Context} context
 * @param {{view: View, palette: Palette, variant: Variant, frames: number, top: number, bottom: number}} scene
 */
export function drawChunks(context, { view, palette, variant, frames, top, bottom }) {
  const until = Math.min(frames, lastSeen(view))
  const right = view.left + view.width
  const dense = variant.chunk * view.scale < 3
  for (
    let index = chunkAt(variant, Math.max(0, view.first));
    !dense && firstFrame(variant, index) < until;
    index += 1
  ) {
    const start = firstFrame(variant, index)
    const [from, to] = [
      Math.max(view.left, toX(view, start)),
      Math.min(right, toX(view, Math.min(frames, firstFrame(variant, index + 1)))),
    ]
    if (index % 2 === 0) {
      context.fillStyle = palette.shade
      context.fillRect(from, top, to - from, bottom - top)
    }
    if (start >= view.first) {
      context.fillStyle = palette.border
      context.fillRect(Math.round(from), top, 1, bottom - top)
    }
  }
  const end = toX(view, frames)
  if (end <= right && end >= view.left) {
    context.fillStyle = palette.border
    context.fillRect(Math.round(end), top, 1, bottom - top)
  }
}

/**
 * Hatch what comes after the end.
 * @param {Context} context
 * @param {{view: View, palette: Palette, frames: number, content: number, top: number, bottom: number}} scene
 *   `content`: first frame after the last one that is kept
 */
export function drawTail(context, { view, palette, frames, content, top, bottom }) {
  if (content <= frames) return
  const from = Math.max(view.left, toX(view, frames))
  const to = Math.min(view.left + view.width, toX(view, content))
  if (to <= from) return
  context.fillStyle = palette.hatch(context, palette.border)
  context.fillRect(from, top, to - from, bottom - top)
  context.fillStyle = palette.foreground
  if (toX(view, frames) >= view.left) context.fillRect(Math.round(from) - 1, top, 2, bottom - top)
}

/**
 * Where the flag of the playhead is.
 * @param {Context} context
 * @param {{view: View, palette: Palette, text: string, playhead: number}} scene
 * @returns {[number, number]} px
 */
export function flagPlace(context, { view, palette, text, playhead }) {
  const width = Math.max(22, palette.measure(context, text, `600 11px ${palette.font}`) + 12)
  const x = toX(view, playhead)
  const left = Math.max(view.left - 7, Math.min(view.left + view.width - width + 4, x - width / 2))
  return [left, left + width]
}

/**
 * Draw the playhead with its flag.
 * @param {Context} context
 * @param {{view: View, palette: Palette, text: string, playhead: number, top: number, bottom: number, recording?:
 *   boolean}} scene
 */
export function drawPlayhead(context, { view, palette, text, playhead, top, bottom, recording = false }) {
  const x = toX(view, playhead)
  if (x < view.left - 1 || x > view.left + view.width + 1) return
  const colour = recording ? palette.record : palette.foreground
  context.fillStyle = colour
  context.fillRect(Math.round(x) - 0.5, top + 14, 1.5, bottom - top - 14)
  const [left, right] = flagPlace(context, { view, palette, text, playhead })
  roundBox(context, left, top + 2, right - left, 14, 3)
  context.fill()
  context.beginPath()
  context.moveTo(x - 4, top + 16)
  context.lineTo(x + 4.5, top + 16)
  context.lineTo(x + 0.25, top + 20)
  context.fill()
  context.font = `600 11px ${palette.font}`
  context.textAlign = "center"
  context.textBaseline = "middle"
  context.fillStyle = recording ? palette.recordText : palette.plot
  context.fillText(text, (left + right) / 2, top + 9.5)
}

/**
 * How the range says its length.
 * @param {Context} context
 * @param {{view: View, palette: Palette, range: Range, playhead: number, narrow?: boolean}} scene
 * @returns {{text: string, x: number, from: number, to: number}}
 */
export function rangeLabel(context, { view, palette, range: [from, to], playhead, narrow = false }) {
  const [left, right] = [Math.max(view.left, toX(view, from)), Math.min(view.left + view.width, toX(view, to))]
  const frames = to - from
  const [start, end] = playhead >= from && playhead < to ? widerSide(left, right, toX(view, playhead)) : [left, right]
  const font = `500 11px ${palette.font}`
  const choices = narrow ? [`${frames} f`] : [`${frames} ${frames === 1 ? "frame" : "frames"}`, `${frames} f`]
  const text = choices.find((choice) => palette.measure(context, choice, font) <= end - start - 8) ?? ""
  const width = text ? palette.measure(context, text, font) : 0
  const x = (start + end) / 2
  return { text, x, from: x - width / 2, to: x + width / 2 }
}

/** @param {number} left @param {number} right @param {number} x @returns {[number, number]} */
const widerSide = (left, right, x) => (x - left > right - x ? [left, x - 14] : [x + 14, right])

/**
 * Draw the range: its ground through all rows, its bar and handles in the ruler.
 * @param {Context} context
 * @param {{view: View, palette: Palette, range: Range, playhead: number, top: number, bottom: number, narrow?:
 *   boolean}} scene
 */
export function drawRange(context, { view, palette, range, playhead, top, bottom, narrow = false }) {
  const edges = range.map((frame) => toX(view, frame))
  const right = view.left + view.width
  const [from, to] = [Math.max(view.left, edges[0]), Math.min(right, edges[1])]
  if (to <= view.left || from >= right) return
  context.save()
  context.fillStyle = palette.selection
  context.globalAlpha = palette.dark ? 0.24 : 0.2
  context.fillRect(from, top, to - from, bottom - top)
  context.globalAlpha = 1
  for (const x of edges.filter((edge) => edge >= view.left && edge <= right)) {
    context.fillRect(Math.round(x) - 0.5, top, 1, bottom - top)
    roundBox(context, x - 2.5, top + 5, 5, 12, 2)
    context.fill()
  }
  context.restore()
  const label = rangeLabel(context, { view, palette, range, playhead, narrow })
  context.font = `500 11px ${palette.font}`
  context.textAlign = "center"
  context.textBaseline = "middle"
  context.fillStyle = palette.text
  if (label.text) context.fillText(label.text, label.x, top + 11)
}

/**
 * Draw the binding band: thin line = kept, hatched block = quantised, solid block = dropped.
 * @param {Context} context
 * @param {{view: View, palette: Palette, band: [string, number, number][], top: number, height: number}} scene
 */
export function drawBand(context, { view, palette, band, top, height }) {
  const middle = Math.round(top + height / 2)
  const draw = (
    /** @type {string} */ of,
    /** @type {string | CanvasPattern} */ style,
    /** @type {number} */ y,
    /** @type {number} */ high,
  ) => {
    const spans = band
      .filter(([kind]) => kind === of)
      .map(([, start, length]) => /** @type {const} */ ([start, length]))
    context.fillStyle = style
    for (const [from, to] of columnBoxes(spans, (frame) => toX(view, frame), view.left, view.left + view.width))
      context.fillRect(from, y, to - from, high)
  }
  draw("kept", palette.second, middle, 1)
  draw("quantised", palette.hatch(context, palette.text, 4), middle - 3.5, 8)
  draw("dropped", palette.alert, middle - 3.5, 8)
}
