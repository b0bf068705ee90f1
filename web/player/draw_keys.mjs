// @ts-check
/** Key caps and the mouse's pad, drawn over a picture as the film with controls has them. */
import { roundBox } from "../kit/canvas.mjs"

const LETTERS = /** @type {Record<string, string>} */ ({ forward: "W", left: "A", back: "S", right: "D" })
/** Column and row of the four keys that lie under the fingers. @type {Record<string, [number, number]>} */
const PLACES = { forward: [1, 0], left: [0, 1], back: [1, 1], right: [2, 1] }
const INK = { lit: "#2fbf98", dark: "rgb(14 16 19 / .55)", edge: "rgb(255 255 255 / .35)", text: "#fff", on: "#05241b" }
const TURN = "#f0b33a"

/**
 * Draw what is held into the lower corners of a box.
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} size of the box, px
 * @param {import("./held.mjs").Keys} keys
 * @param {number} frame
 */
export function drawKeys(context, size, keys, frame) {
  const unit = Math.min(30, Math.max(13, Math.min(size.width, size.height) / 11))
  const { held, yaw, pitch } = keys.at(frame)
  const margin = Math.max(5, unit * 0.4)
  const bottom = size.height - margin
  context.save()
  context.textAlign = "center"
  context.textBaseline = "middle"
  const gap = unit * 0.12
  const cap = unit
  const more = keys.words.filter((word) => !PLACES[word])
  const lit = more.filter((word) => held.includes(word))
  for (const word of keys.words.filter((one) => PLACES[one])) {
    const [column, row] = PLACES[word]
    const [x, y] = [margin + column * (cap + gap), bottom - (2 - row) * (cap + gap) + gap]
    drawCap(context, { x, y, width: cap, height: cap, text: LETTERS[word], on: held.includes(word) })
  }
  // what else is held, as words over the four keys
  const line = unit * 0.75
  let top = bottom - 2 * (cap + gap)
  for (const word of lit) {
    top -= line + gap
    drawCap(context, {
      x: margin,
      y: top + gap,
      width: 3 * cap + 2 * gap,
      height: line,
      text: word.replaceAll("_", " "),
      on: true,
    })
  }
  if (keys.reach > 0) drawPad(context, { x: size.width - margin, y: bottom, unit }, { yaw, pitch, reach: keys.reach })
  context.restore()
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number, text: string, on: boolean}} cap
 */
function drawCap(context, { x, y, width, height, text, on }) {
  roundBox(context, x, y, width, height, height * 0.2)
  context.fillStyle = on ? INK.lit : INK.dark
  context.fill()
  context.lineWidth = 1
  context.strokeStyle = INK.edge
  context.stroke()
  context.fillStyle = on ? INK.on : INK.text
  context.font = `600 ${Math.round(height * (text.length > 1 ? 0.62 : 0.54))}px sans-serif`
  context.fillText(text, x + width / 2, y + height / 2 + 0.5, width - 4)
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, unit: number}} corner lower right
 * @param {{yaw: number, pitch: number, reach: number}} turn
 */
function drawPad(context, { x, y, unit }, { yaw, pitch, reach }) {
  const [width, height] = [unit * 2.6, unit * 1.9]
  const [left, top] = [x - width, y - height]
  roundBox(context, left, top, width, height, unit * 0.2)
  context.fillStyle = INK.dark
  context.fill()
  context.strokeStyle = INK.edge
  context.lineWidth = 1
  context.stroke()
  const [middle, centre] = [left + width / 2, top + height / 2]
  const inset = unit * 0.3
  context.beginPath()
  context.moveTo(left + inset, centre)
  context.lineTo(x - inset, centre)
  context.moveTo(middle, top + inset)
  context.lineTo(middle, y - inset)
  context.stroke()
  const to = [middle + (yaw / reach) * (width / 2 - inset), centre - (pitch / reach) * (height / 2 - inset)]
  context.strokeStyle = context.fillStyle = TURN
  context.lineWidth = Math.max(1.5, unit * 0.1)
  context.beginPath()
  context.moveTo(middle, centre)
  context.lineTo(to[0], to[1])
  context.stroke()
  context.beginPath()
  context.arc(to[0], to[1], Math.max(2, unit * 0.13), 0, 2 * Math.PI)
  context.fill()
}
