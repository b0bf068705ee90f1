// @ts-check
/**
 * The pointer on the plot: drag edits, click selects, double click creates or opens, Alt copies, Shift constrains or
 * extends.
 */
import { place, placeIn, standOf } from "../kit/canvas.mjs"
import { onCanvas } from "../kit/dom.mjs"
import { toFrame } from "../kit/ruler.mjs"
import { takeWheel, wheelTime } from "../kit/wheel.mjs"
import { curveAt } from "../track/sample.mjs"
import { addKeyframe, dragKeyframe, dragPrompt, freehand, scaleCurves } from "./gesture_curves.mjs"
import { dragSpan, paintSpan, selectLane, snapFrame, trimEdge } from "./gesture_lanes.mjs"
import { dragBar, dragHandle, dragOverview, movePlayhead, selectChunk, setRange } from "./gesture_time.mjs"
import { cursorOf, hitAt } from "./hit.mjs"
import { typePrompt, typeSpan } from "./inline.mjs"
import { locked } from "./state.mjs"

/**
 * @typedef {{x: number, y: number, shift: boolean, alt: boolean, free: boolean, moved: boolean}} Point `alt`: at the
 *   press; `free`: Alt pressed since
 */
/**
 * @typedef {object} Gesture
 * @property {(point: Point) => void} [move]
 * @property {(point: Point) => void} [done] after a drag; without `click`, after a click too
 * @property {(point: Point) => void} [click]
 * @property {() => void} [cancel]
 */
/** @typedef {import("./editor.mjs").Editor} Editor */

const DRAG = 3

/**
 * Listen to the pointer on the plot.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 */
export function listenToPointer(editor, plot) {
  const { signal } = editor
  /** @type {{gesture: Gesture, start: Point, id: number, moved: boolean, stand: ReturnType<typeof standOf>} | null} */
  let drag = null

  const pointOf = (/** @type {PointerEvent | MouseEvent} */ event) => {
    const { x, y } = placeIn(drag?.stand ?? standOf(plot), event)
    const start = drag?.start
    return {
      x,
      y,
      shift: event.shiftKey,
      alt: start ? start.alt : event.altKey,
      free: start ? event.altKey && !start.alt : false,
      moved: drag?.moved ?? false,
    }
  }

  plot.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0 || drag || !onCanvas(event) || !editor.ready) return
      plot.focus({ preventScroll: true })
      editor.set({ cursor: false })
      const start = pointOf(event)
      const gesture = begin(editor, start)
      if (!gesture) return
      drag = { gesture, start, id: event.pointerId, moved: false, stand: standOf(plot) }
      try {
        plot.setPointerCapture(event.pointerId)
      } catch {
        // the pointer has left already; its end will not come, and the next press begins anew
        drag = null
      }
    },
    { signal },
  )

  plot.addEventListener(
    "pointermove",
    (event) => {
      if (!drag) {
        if (editor.ready && onCanvas(event)) hover(editor, plot, pointOf(event))
        return
      }
      const point = pointOf(event)
      if (!drag.moved && Math.hypot(point.x - drag.start.x, point.y - drag.start.y) < DRAG) return
      drag.moved = true
      drag.gesture.move?.({ ...point, moved: true })
    },
    { signal },
  )

  plot.addEventListener(
    "pointerup",
    (event) => {
      if (!drag || event.pointerId !== drag.id) return
      const point = { ...pointOf(event), moved: drag.moved }
      const { gesture, moved } = drag
      drag = null
      editor.set({ pill: null, olds: [], stroke: null })
      if (moved || !gesture.click) gesture.done?.(point)
      else gesture.click(point)
      editor.settle()
    },
    { signal },
  )

  const cancel = () => {
    if (!drag) return false
    const { gesture } = drag
    drag = null
    gesture.cancel?.()
    editor.set({ pill: null, olds: [], stroke: null, draft: null })
    editor.settle()
    return true
  }
  plot.addEventListener("pointercancel", cancel, { signal })
  plot.addEventListener("lostpointercapture", () => drag && cancel(), { signal })
  plot.addEventListener("pointerleave", () => editor.state.ghost !== null && editor.set({ ghost: null }), { signal })
  plot.addEventListener(
    "dblclick",
    (event) => {
      if (event.button === 0 && onCanvas(event) && editor.ready) open(editor, plot, pointOf(event))
    },
    { signal },
  )
  plot.addEventListener("wheel", (event) => wheel(editor, plot, event), { signal, passive: false })
  return { cancel }
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
