// @ts-check
/** A player's time: what there is, where chunks begin, and where it stands. */

/**
 * @typedef {object} Bar
 * @property {number} frames that there are
 * @property {number} frame that is shown
 * @property {readonly number[]} marks frames at which chunks begin
 * @property {number} begins frame at which the node's own part begins
 * @property {string} text where it stands
 */

const EDGE = 7
const LINE = 7

/**
 * Return the x of a frame.
 * @param {number} frame @param {number} frames @param {number} width px
 */
export const barX = (frame, frames, width) =>
  EDGE + (frames > 1 ? (frame / (frames - 1)) * Math.max(1, width - 2 * EDGE) : 0)

/**
 * Return the frame under an x.
 * @param {number} x @param {number} frames @param {number} width px
 */
export const barFrame = (x, frames, width) =>
  Math.min(frames - 1, Math.max(0, Math.round(((x - EDGE) / Math.max(1, width - 2 * EDGE)) * (frames - 1))))

/**
 * Draw what rests.
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} size
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {Bar} bar
 */
export function drawBar(context, { width }, palette, { frames, marks, begins }) {
  context.fillStyle = palette.grid
  context.fillRect(EDGE, LINE - 2, width - 2 * EDGE, 4)
  if (frames < 2) return
  const from = barX(begins, frames, width)
  context.fillStyle = palette.border
  context.fillRect(from, LINE - 2, width - EDGE - from, 4)
  if (marks.length * 4 > width) return // they would touch
  context.fillStyle = palette.frame
  for (const mark of marks) if (mark > 0) context.fillRect(Math.round(barX(mark, frames, width)), LINE - 5, 1, 10)
}

/**
 * Draw what moves.
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} size
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {Bar} bar
 */
export function drawPlayhead(context, { width, height }, palette, { frames, frame, begins, text }) {
  context.font = `500 11px ${palette.font}`
  context.textBaseline = "alphabetic"
  context.textAlign = "left"
  context.fillStyle = palette.second
  context.fillText(text, EDGE, height - 3)
  if (!frames) return
  const [from, x] = [barX(Math.min(begins, frame), frames, width), barX(frame, frames, width)]
  context.fillStyle = palette.selection
  context.fillRect(from, LINE - 2, Math.max(0, x - from), 4)
  context.beginPath()
  context.arc(x, LINE, 5, 0, 2 * Math.PI)
  context.fill()
  context.strokeStyle = palette.plot
  context.lineWidth = 1.5
  context.stroke()
}
