// @ts-check
/** The whole track in one row: a thin line per key, and a frame around the visible part. */
import { roundBox } from "../kit/canvas.mjs"
import { columnBoxes } from "../kit/columns.mjs"
import { lastSeen } from "../kit/ruler.mjs"
import { extent } from "./state.mjs"

/** @typedef {import("./layout.mjs").Layout} Layout */

const PAD = 3

/** Px of a frame in the overview. @param {Layout} layout @param {number} frames @param {number} frame */
const overviewX = (layout, frames, frame) =>
  layout.view.left + PAD + (frame / Math.max(1, frames)) * (layout.view.width - 2 * PAD - 4)

/** The frame at a pixel of the overview. @param {Layout} layout @param {number} frames @param {number} x */
export const overviewFrame = (layout, frames, x) =>
  ((x - layout.view.left - PAD) / (layout.view.width - 2 * PAD - 4)) * frames

/** Where the visible part lies, in px. @param {Layout} layout @param {number} frames @returns {[number, number]} */
export function overviewWindow(layout, frames) {
  const { view } = layout
  return [
    overviewX(layout, frames, Math.max(0, view.first)),
    Math.min(view.left + view.width - PAD, overviewX(layout, frames, Math.min(frames, lastSeen(view))) + 4),
  ]
}

/**
 * Draw the overview.
 * @param {CanvasRenderingContext2D} context
 * @param {{layout: Layout, palette: import("../kit/palette.mjs").Palette, timeline:
 *   import("../track/timeline.mjs").Timeline, state: import("./state.mjs").EditorState}} scene
 */
export function drawOverview(context, { layout, palette, timeline, state }) {
  if (!layout.overview) return
  const { top, height } = layout.overview
  const frames = extent(state)
  const lanes = layout.lanes.filter((lane) => !lane.derived)
  const step = Math.min(2.5, (height - 8) / Math.max(1, lanes.length))
  context.fillStyle = palette.key
  lanes.forEach((lane, i) => {
    const y = top + 4 + i * step
    const boxes = columnBoxes(
      timeline.keys[lane.word] ?? [],
      (frame) => overviewX(layout, frames, frame),
      0,
      layout.width,
    )
    for (const [x, right] of boxes) context.fillRect(x, y, right - x, 1.25)
  })
  const [from, to] = overviewWindow(layout, frames)
  roundBox(context, from + 0.5, top + 2.5, to - from - 1, height - 5, 3)
  context.strokeStyle = palette.second
  context.lineWidth = 1
  context.stroke()
}
