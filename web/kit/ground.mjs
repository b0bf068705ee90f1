// @ts-check
/** What every view from above draws alike: ways, chevrons, the camera, the grid's step, the bars of the legend. */
/** @import { Palette } from "./palette.mjs" */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {readonly [number, number]} Place px */

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]
const BARS = [0.1, 0.2, 0.5, ...STEPS]
const WEDGE = { length: 28, half: 0.5, opacity: 0.25 }
const RAMP = { left: 12, width: 40, after: 7 }
/** Px that the colours of speed take before the words behind them. */
export const SPEED_BAR = RAMP.left + RAMP.width + RAMP.after

/**
 * Choose the metres between lines of the grid.
 * @param {number} scale px per metre
 * @param {number} gap least px between lines
 */
export function gridMetres(scale, gap) {
  return STEPS.find((step) => step * scale >= gap) ?? STEPS[STEPS.length - 1]
}

/**
 * Begin a way through points.
 * @param {Context} context
 * @param {readonly number[]} points x, y after one another
 */
export function trace(context, points) {
  context.beginPath()
  for (let i = 0; i < points.length; i += 2) context.lineTo(points[i], points[i + 1])
}

/**
 * Draw the way with round corners.
 * @param {Context} context
 * @param {string} colour
 * @param {number} width
 */
export function stroke(context, colour, width) {
  context.strokeStyle = colour
  context.lineWidth = width
  context.lineCap = context.getLineDash().length ? "butt" : "round"
  context.lineJoin = "round"
  context.stroke()
}

/**
 * Choose how the next words are written.
 * @param {Context} context
 * @param {Palette} palette
 * @param {string} font weight and size
 * @param {CanvasTextAlign} align
 * @param {string} [colour]
 */
export function write(context, palette, font, align, colour = palette.text) {
  context.font = `${font} ${palette.font}`
  context.textAlign = align
  context.textBaseline = "middle"
  context.fillStyle = colour
}

/**
 * Shorten words that are wider than there is room, as they are written now.
 * @param {Context} context
 * @param {string} text
 * @param {number} room px
 */
export function fitting(context, text, room) {
  const wide = (/** @type {string} */ words) => context.measureText(words).width > room
  if (!wide(text)) return text
  let end = text.length
  while (end > 0 && wide(`${text.slice(0, end)}\u2026`)) end--
  return `${text.slice(0, end).trimEnd()}\u2026`
}

/**
 * Draw a chevron that points where the camera looks.
 * @param {Context} context
 * @param {Palette} palette
 * @param {Place} place
 * @param {number} yaw radians
 */
export function chevron(context, palette, place, yaw) {
  turned(context, place, yaw, () => {
    trace(context, [-4, 3, 0, -2.5, 4, 3])
    stroke(context, palette.plot, 3)
    stroke(context, palette.foreground, 1.5)
  })
}

/**
 * Draw the camera as an arrow.
 * @param {Context} context
 * @param {Palette} palette
 * @param {Place} place
 * @param {number} yaw radians
 * @param {{colour?: string, wedge?: boolean}} [how] `wedge`: with what it sees
 */
export function cameraArrow(context, palette, place, yaw, { colour = palette.foreground, wedge = true } = {}) {
  turned(context, place, yaw, () => {
    if (wedge) fillWedge(context, palette)
    trace(context, [0, -7, 5, 5.5, 0, 2.5, -5, 5.5])
    context.closePath()
    stroke(context, palette.plot, 2.5)
    context.fillStyle = colour
    context.fill()
  })
}

/** @param {Context} context @param {Palette} palette */
function fillWedge(context, palette) {
  const opacity = context.globalAlpha
  context.beginPath()
  context.moveTo(0, 0)
  context.arc(0, 0, WEDGE.length, -Math.PI / 2 - WEDGE.half, -Math.PI / 2 + WEDGE.half)
  context.closePath()
  context.fillStyle = palette.foreground
  context.globalAlpha = opacity * WEDGE.opacity
  context.fill()
  context.globalAlpha = opacity
}

/**
 * Draw the scale bar with its length.
 * @param {Context} context
 * @param {Palette} palette
 * @param {Place} place its left end, at the middle of the words
 * @param {number} scale px per metre
 * @param {number} longest px
 */
export function scaleBar(context, palette, [x, y], scale, longest) {
  const fitting = BARS.filter((metres) => metres * scale <= longest)
  const metres = fitting[fitting.length - 1] ?? BARS[0]
  const right = Math.round(x + metres * scale) + 0.5
  trace(context, [x + 0.5, y - 4, x + 0.5, y + 2.5, right, y + 2.5, right, y - 4])
  context.lineCap = "butt"
  context.lineJoin = "miter"
  context.strokeStyle = palette.second
  context.lineWidth = 1
  context.stroke()
  write(context, palette, "11px", "left", palette.second)
  context.fillText(`${metres} m`, right + 6, y)
}

/**
 * Draw the colours of speed from nothing to the fastest.
 * @param {Context} context
 * @param {Palette} palette
 * @param {Place} place left end, at the middle of the words
 * @param {string} fastest in words
 */
export function speedBar(context, palette, [x, y], fastest) {
  for (let i = 0; i < RAMP.width; i++) {
    context.fillStyle = palette.speed((i + 0.5) / RAMP.width)
    context.fillRect(x + RAMP.left + i, y - 2.5, 1.5, 5)
  }
  write(context, palette, "11px", "left", palette.second)
  context.fillText("0", x, y)
  context.fillText(fastest, x + SPEED_BAR, y)
}

/**
 * Draw at a place, up being ahead.
 * @param {Context} context @param {Place} place @param {number} yaw @param {() => void} draw
 */
function turned(context, [x, y], yaw, draw) {
  context.save()
  context.translate(x, y)
  context.rotate(yaw)
  draw()
  context.restore()
}
