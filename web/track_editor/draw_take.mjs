// @ts-check
/**
 * A recording: the take so far over the plot's ground, and the previous take as dashed outline ahead of the playhead.
 */
import { drawChunks, lastSeen, toX } from "../kit/ruler.mjs"
import { spansIn } from "../track/sample.mjs"
import { curvePoints, drawCurves } from "./draw_curves.mjs"
import { drawLanes, drawPrompts, drawRows, outline } from "./draw_lanes.mjs"
import { readsOf } from "./state.mjs"

/** @typedef {CanvasRenderingContext2D} Context */

/**
 * Draw the take (overlay) or what it will replace (content).
 * @param {Context} context
 * @param {{state: import("./state.mjs").EditorState, layout: import("./layout.mjs").Layout, palette:
 *   import("../kit/palette.mjs").Palette, ahead: boolean}} scene
 */
export function drawTake(context, { state, layout, palette, ahead }) {
  const { recording } = state
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const { view } = layout
  const limit = variant.max_yaw ?? null
  const reads = readsOf(variant)
  if (ahead)
    return drawFormer(context, { timeline: recording.before, layout, palette, variant, from: recording.range[0] })
  const { timeline } = recording
  const x = toX(view, state.playhead)
  context.save()
  context.beginPath()
  context.rect(
    view.left,
    layout.lanes[0].top,
    Math.max(0, Math.min(view.width, x - view.left)),
    layout.band.top - layout.lanes[0].top,
  )
  context.clip()
  context.fillStyle = palette.plot
  context.fillRect(view.left, 0, view.width, layout.height)
  drawChunks(context, {
    view,
    palette,
    variant,
    frames: timeline.frames,
    top: layout.chunks.top,
    bottom: layout.bottom,
  })
  drawRows(context, layout, palette)
  drawLanes(context, {
    layout,
    palette,
    timeline,
    selected: [],
    to: Math.min(lastSeen(view), state.playhead),
    lengths: false,
  })
  drawPrompts(context, { layout, palette, timeline, variant, selected: [], quiet: true })
  drawCurves(context, {
    layout,
    palette,
    timeline,
    limit,
    to: Math.max(1, Math.min(timeline.frames, state.playhead + 1)),
    reads,
  })
  context.restore()
}

/**
 * @param {Context} context
 * @param {{timeline: import("../track/timeline.mjs").Timeline, layout: import("./layout.mjs").Layout, palette:
 *   import("../kit/palette.mjs").Palette, variant: import("../track/chunks.mjs").Variant, from: number}} scene
 */
function drawFormer(context, { timeline, layout, palette, variant, from }) {
  const end = Math.ceil(lastSeen(layout.view)) + 1
  for (const lane of layout.lanes) {
    const spans = spansIn(timeline.keys[lane.word] ?? [], from, end)
    for (const [start, length] of spans)
      outline(
        context,
        layout,
        lane,
        [Math.max(from, start), start + length - Math.max(from, start)],
        palette.border,
        1,
        [3, 3],
      )
  }
  drawPrompts(context, { layout, palette, timeline, variant, selected: [] })
  if (!layout.curve) return
  context.save()
  context.strokeStyle = palette.second
  context.globalAlpha = 0.7
  context.setLineDash([2, 3])
  for (const axis of /** @type {const} */ (["yaw", "pitch"])) {
    if (!timeline[axis].length) continue
    context.beginPath()
    for (const [x, y] of curvePoints(layout, timeline[axis], from, timeline.frames)) context.lineTo(x, y)
    context.stroke()
  }
  context.restore()
}
