// @ts-check
/**
 * What the two canvases of the plot show: content (lanes, curves, band, overview) and overlay (ruler, header, range,
 * playhead).
 */
import { pill } from "../kit/canvas.mjs"
import {
  drawBand,
  drawChunkRow,
  drawChunks,
  drawPlayhead,
  drawRange,
  drawRuler,
  drawTail,
  flagPlace,
  rangeLabel,
  toX,
} from "../kit/ruler.mjs"
import { contentEnd } from "../track/edits.mjs"
import { curveAt, spanAt } from "../track/sample.mjs"
import { drawCurveHeader, drawCurves, drawKeyframes } from "./draw_curves.mjs"
import { drawForeign, drawHeader, drawLanes, drawPrompts, drawRows, outline } from "./draw_lanes.mjs"
import { drawOverview } from "./draw_overview.mjs"
import { idleSpans } from "./idle.mjs"
import { drawTake } from "./draw_take.mjs"
import { showsCards } from "./layout.mjs"
import { extent, readsOf, shownTimeline } from "./state.mjs"

/** @typedef {CanvasRenderingContext2D} Context */
/**
 * @typedef {object} Scene
 * @property {import("./state.mjs").EditorState} state
 * @property {import("./layout.mjs").Layout} layout
 * @property {import("../kit/palette.mjs").Palette} palette
 * @property {[string, number, number][]} band of the binding report
 * @property {boolean} narrow
 */

export const GRIP = { width: 12, height: 5 }

/** Frames of the track on show, or of what a recording makes of it. @param {import("./state.mjs").EditorState} state */
const framesOf = (state) => (state.recording?.timeline ?? shownTimeline(state)).frames

/** Draw what changes with the track and the view. @param {Context} context @param {Scene} scene */
export function drawContent(context, { state, layout, palette, band }) {
  const timeline = shownTimeline(state)
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const { view } = layout
  context.save()
  context.beginPath()
  context.rect(view.left, 0, view.width, layout.height)
  context.clip()
  const rows = { view, palette, variant, frames: framesOf(state), top: layout.chunks.top, bottom: layout.bottom }
  drawChunks(context, rows)
  drawRows(context, layout, palette)
  if (state.recording) drawTake(context, { state, layout, palette, ahead: true })
  else {
    drawLanes(context, { layout, palette, timeline, selected: state.spans })
    drawPrompts(context, { layout, palette, timeline, variant, selected: state.prompts, quiet: showsCards(state) })
    drawForeign(context, layout, palette)
    drawCurves(context, {
      layout,
      palette,
      timeline,
      limit: variant.max_yaw ?? null,
      to: extent(state),
      reads: readsOf(variant),
    })
    drawKeyframes(context, { layout, palette, timeline, range: state.range, selected: state.points })
  }
  drawBand(context, { view, palette, band, top: layout.band.top, height: layout.band.height })
  drawTail(context, { ...rows, content: contentEnd(timeline), top: layout.chunks.top })
  drawOverview(context, { layout, palette, timeline, state })
  context.restore()
}

/** Draw what changes with the playhead, the range and the pointer. @param {Context} context @param {Scene} scene */
export function drawOverlay(context, { state, layout, palette, narrow }) {
  const timeline = shownTimeline(state)
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const { view } = layout
  const { range, playhead, recording } = state
  const shared = { view, palette, playhead, top: layout.ruler.top, bottom: layout.bottom }
  context.save()
  context.beginPath()
  context.rect(view.left - 9, 0, view.width + 9, layout.height)
  context.clip()
  if (recording) drawTake(context, { state, layout, palette, ahead: false })
  if (range) drawRange(context, { ...shared, range, narrow })
  if (range && layout.curve && !recording) drawGrip(context, layout, palette, range)
  for (const [word, start, length] of state.olds) {
    const lane = layout.lanes.find((one) => one.word === word)
    if (lane) outline(context, layout, lane, [start, length], palette.second, 1, [3, 3])
  }
  if (state.stroke) drawStroke(context, palette, state.stroke)
  if (state.ghost !== null) {
    context.fillStyle = palette.second
    context.fillRect(Math.round(toX(view, state.ghost)), layout.chunks.top, 1, layout.bottom - layout.chunks.top)
  }
  context.restore()
  drawHeaderColumn(context, { state, layout, palette, narrow }, timeline)
  const text = recording?.count ? String(recording.count) : String(playhead)
  const flag = flagPlace(context, { view, palette, text, playhead })
  const label = range ? rangeLabel(context, { view, palette, range, playhead, narrow }) : null
  const avoid = /** @type {[number, number][]} */ ([
    flag,
    ...(label ? [[label.from - 6, label.to + 6]] : []),
    ...(range ?? []).map((frame) => [toX(view, frame) - 4, toX(view, frame) + 4]),
  ])
  drawRuler(context, { view, palette, variant, frames: framesOf(state), top: layout.ruler.top, avoid })
  drawChunkRow(context, { view, palette, variant, frames: framesOf(state), top: layout.chunks.top })
  drawPlayhead(context, { ...shared, text, recording: Boolean(recording) })
  if (state.cursor && document.activeElement?.contains(context.canvas)) drawCursor(context, layout, palette, state)
  if (state.pill) pill(context, palette, layout, state.pill.text, state.pill.x, state.pill.y)
}

/**
 * @param {Context} context
 * @param {{state: import("./state.mjs").EditorState, layout: import("./layout.mjs").Layout, palette:
 *   import("../kit/palette.mjs").Palette, narrow: boolean}} scene
 * @param {import("../track/timeline.mjs").Timeline} timeline
 */
function drawHeaderColumn(context, { state, layout, palette, narrow }, timeline) {
  const { playhead, recording } = state
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const idle = layout.lanes.find((lane) => lane.derived)
  const held = (/** @type {string} */ word) => {
    if (recording) return recording.held.has(word)
    if (word === idle?.word)
      return idleSpans(layout.lanes, timeline, playhead, playhead + 1).some(
        ([start, length]) => playhead >= start && playhead < start + length,
      )
    return Boolean(spanAt(timeline.keys[word] ?? [], playhead))
  }
  drawHeader(context, { layout, palette, held, cursor: state.cursor ? state.lane : -1, narrow })
  const values = recording
    ? recording.values
    : { yaw: curveAt(timeline.yaw, playhead), pitch: curveAt(timeline.pitch, playhead) }
  drawCurveHeader(context, {
    layout,
    palette,
    values,
    limit: variant.max_yaw ?? Math.max(1, Math.floor(layout.range / 1.18)),
    narrow,
    reads: readsOf(variant),
  })
}

/**
 * The handle that scales the curves in the range.
 * @param {Context} context
 * @param {import("./layout.mjs").Layout} layout
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {import("../track/edits.mjs").Range} range
 */
function drawGrip(context, layout, palette, range) {
  const { x, y } = gripPlace(layout, range)
  context.fillStyle = palette.selection
  context.beginPath()
  context.roundRect(x - GRIP.width / 2, y - GRIP.height / 2, GRIP.width, GRIP.height, 2)
  context.fill()
}

/** @param {import("./layout.mjs").Layout} layout @param {import("../track/edits.mjs").Range} range */
export function gripPlace(layout, range) {
  const { view } = layout
  const curve = /** @type {import("./layout.mjs").Row} */ (layout.curve)
  const [from, to] = range.map((frame) => Math.min(view.left + view.width, Math.max(view.left, toX(view, frame))))
  return { x: (from + to) / 2, y: curve.top + 7 }
}

/**
 * @param {Context} context
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {{axis: "yaw" | "pitch", points: [number, number][]}} stroke in px
 */
function drawStroke(context, palette, { axis, points }) {
  context.strokeStyle = palette[axis]
  context.lineWidth = 2
  context.setLineDash(axis === "pitch" ? [4, 3] : [])
  context.beginPath()
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)))
  context.stroke()
  context.setLineDash([])
}

/**
 * @param {Context} context
 * @param {import("./layout.mjs").Layout} layout
 * @param {import("../kit/palette.mjs").Palette} palette
 * @param {import("./state.mjs").EditorState} state
 */
function drawCursor(context, layout, palette, state) {
  const lane = layout.lanes[state.lane]
  if (lane)
    outline(
      context,
      layout,
      { ...lane, top: lane.top - 2, height: lane.height + 4 },
      [state.playhead, 1],
      palette.selection,
      2,
    )
}
