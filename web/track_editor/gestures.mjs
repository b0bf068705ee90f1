// @ts-check
/**
 * The pointer on the plot: drag edits, click selects, double click creates or opens, Alt copies, Shift constrains or
 * extends.
 */
import { place } from "../kit/canvas.mjs"
import { listenToPointer } from "../kit/pointer.mjs"
import { toFrame } from "../kit/ruler.mjs"
import { takeWheel, wheelTime } from "../kit/wheel.mjs"
import { curveAt } from "../track/sample.mjs"
import { addKeyframe, dragKeyframe, dragPrompt, freehand, scaleCurves } from "./gesture_curves.mjs"
import { dragSpan, paintSpan, selectLane, snapFrame, trimEdge } from "./gesture_lanes.mjs"
import { dragBar, dragHandle, dragOverview, movePlayhead, selectChunk, setRange } from "./gesture_time.mjs"
import { cursorOf, hitAt } from "./hit.mjs"
import { typePrompt, typeSpan } from "./inline.mjs"
import { locked } from "./state.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */

/**
 * Listen to the pointer on the plot.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 */
export function listenToPlot(editor, plot) {
  plot.addEventListener("wheel", (event) => wheel(editor, plot, event), { signal: editor.signal, passive: false })
  return listenToPointer(editor, [
    {
      element: plot,
      begin: (start) => {
        editor.set({ cursor: false })
        return begin(editor, start)
      },
      open: (point) => open(editor, plot, point),
      hover: (point) => hover(editor, plot, point),
      leave: () => editor.set({ ghost: null }),
    },
  ])
}

/** @param {Editor} editor @param {Point} start @returns {Gesture | null} */
function begin(editor, start) {
  const hit = hitAt(editor.state, editor.layout(), editor.band(), start.x, start.y)
  if (hit.kind === "ruler") return start.shift ? setRange(editor, start) : movePlayhead(editor, start)
  if (hit.kind === "chunks") return setRange(editor, start)
  if (hit.kind === "handle") return dragHandle(editor, hit.side)
  if (hit.kind === "bar") return start.shift ? setRange(editor, start) : dragBar(editor, start)
  if (hit.kind === "overview") return dragOverview(editor, hit.part, start)
  if (hit.kind === "band") return { click: () => editor.openReport(hit.start, hit.what, hit.length) }
  if (hit.kind === "axis") return { click: () => editor.set({ axis: hit.axis }) }
  if (editor.state.recording || locked(editor.state)) return null
  if (hit.kind === "cap") return selectLane(editor, hit.lane)
  if (hit.kind === "lane") return hit.lane.foreign ? null : paintSpan(editor, hit.lane, start)
  if (hit.kind === "span") return hit.edge && !start.alt ? trimEdge(editor, hit, start) : dragSpan(editor, hit, start)
  if (hit.kind === "flag") return dragPrompt(editor, hit.frame, start)
  if (hit.kind === "keyframe") return dragKeyframe(editor, hit, start)
  if (hit.kind === "curve") return freehand(editor, hit.axis, start)
  if (hit.kind === "curves") return freehand(editor, editor.state.axis, start)
  if (hit.kind === "grip") return scaleCurves(editor, start)
  return { click: () => editor.set({ spans: [], points: [], prompts: [] }) }
}

/** @param {Editor} editor @param {HTMLElement} plot @param {Point} point */
function open(editor, plot, point) {
  const hit = hitAt(editor.state, editor.layout(), editor.band(), point.x, point.y)
  const frame = Math.max(0, Math.floor(toFrame(editor.layout().view, point.x)))
  if (hit.kind === "chunks") return selectChunk(editor, hit.chunk)
  if (editor.state.recording || locked(editor.state)) return
  if (hit.kind === "span") typeSpan(editor, plot, hit)
  else if (hit.kind === "prompts")
    typePrompt(editor, plot, snapFrame(editor, toFrame(editor.layout().view, point.x), point))
  else if (hit.kind === "flag") typePrompt(editor, plot, hit.frame)
  else if (hit.kind === "curve") addKeyframe(editor, hit.axis, frame)
}

/** @param {Editor} editor @param {HTMLElement} plot @param {Point} point */
function hover(editor, plot, point) {
  const { state } = editor
  const hit = hitAt(state, editor.layout(), editor.band(), point.x, point.y)
  plot.style.cursor = cursorOf(hit, locked(state) || Boolean(state.recording))
  const title =
    hit.kind === "cap"
      ? hit.lane.title
      : hit.kind === "keyframe"
        ? `${hit.frame} \u00b7 ${curveAt(state.timeline[hit.axis], hit.frame)}`
        : ""
  if (plot.title !== title) plot.title = title
}

/**
 * Zoom around the pointer, scroll with Shift; with Alt too the wheel is the host's.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 * @param {WheelEvent} event
 */
function wheel(editor, plot, event) {
  const step = event.altKey ? null : takeWheel(editor, event)
  if (step !== null) wheelTime(editor, step, place(plot, event).x, event.shiftKey)
}
