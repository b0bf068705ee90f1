// @ts-check
/**
 * The pointer on top view and profile: drag edits, click selects, double click creates, Alt copies, Shift constrains.
 */
import { place, placeIn, standOf } from "../kit/canvas.mjs"
import { onCanvas } from "../kit/dom.mjs"
import { nearer, takeWheel, wheelTime } from "../kit/wheel.mjs"
import { beginProfile, cursorOfProfile, openProfile } from "./gesture_profile.mjs"
import { beginTop, hoverTop, openTop } from "./gesture_top.mjs"
import { panned, zoomTop } from "./view.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/**
 * @typedef {{x: number, y: number, shift: boolean, alt: boolean, time: number}} Point px of its box; `alt`: at the
 *   press
 */
/**
 * @typedef {object} Gesture
 * @property {(point: Point) => void} [move]
 * @property {(point: Point) => void} [done] after a drag; without `click`, after a click too
 * @property {(point: Point) => void} [click]
 */

const DRAG = 3

/**
 * Listen to the pointer.
 * @param {Editor} editor
 * @param {HTMLElement} top
 * @param {HTMLElement} profile
 */
export function listenToPointer(editor, top, profile) {
  const { signal } = editor
  /**
   * @type {{gesture: Gesture, start: Point, id: number, moved: boolean, box: HTMLElement,
   *   stand: ReturnType<typeof standOf>} | null}
   */
  let drag = null
  const pointOf = (/** @type {HTMLElement} */ box, /** @type {PointerEvent | MouseEvent} */ event) => ({
    ...placeIn(drag?.stand ?? standOf(box), event),
    shift: event.shiftKey,
    alt: drag ? drag.start.alt : event.altKey,
    time: event.timeStamp / 1000,
  })

  for (const box of [top, profile]) {
    const begin = box === top ? beginTop : beginProfile
    box.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || drag || !onCanvas(event) || !editor.ready) return
        top.focus({ preventScroll: true })
        const start = pointOf(box, event)
        const gesture = begin(editor, start)
        if (!gesture) return
        // the ground stays while it is drawn on
        if (!editor.state.view && editor.state.path.keyframes.length) editor.set({ view: editor.view })
        drag = { gesture, start, id: event.pointerId, moved: false, box, stand: standOf(box) }
        box.setPointerCapture(event.pointerId)
      },
      { signal },
    )
    box.addEventListener(
      "pointermove",
      (event) => {
        const point = pointOf(box, event)
        if (!drag) {
          if (!editor.ready || !onCanvas(event)) return
          if (box === top) hoverTop(editor, top, point)
          else box.style.cursor = cursorOfProfile(editor, point)
          return
        }
        if (!drag.moved && Math.hypot(point.x - drag.start.x, point.y - drag.start.y) < DRAG) return
        drag.moved = true
        const between = event.getCoalescedEvents?.() ?? []
        for (const one of between.length > 1 ? between : [event]) drag.gesture.move?.(pointOf(box, one))
      },
      { signal },
    )
    box.addEventListener(
      "pointerup",
      (event) => {
        if (!drag || event.pointerId !== drag.id) return
        const { gesture, moved } = drag
        const point = pointOf(box, event)
        drag = null
        if (moved || !gesture.click) gesture.done?.(point)
        else gesture.click(point)
        editor.settle()
      },
      { signal },
    )
    box.addEventListener("pointercancel", () => cancel(), { signal })
    box.addEventListener("lostpointercapture", () => drag && cancel(), { signal })
    box.addEventListener("pointerleave", () => editor.set({ ghost: null, pill: drag ? editor.state.pill : null }), {
      signal,
    })
    box.addEventListener(
      "dblclick",
      (event) => {
        if (event.button !== 0 || !onCanvas(event) || !editor.ready) return
        if (box === top) openTop(editor, pointOf(box, event))
        else openProfile(editor, pointOf(box, event))
      },
      { signal },
    )
    box.addEventListener("wheel", (event) => wheel(editor, box, top, event), { signal, passive: false })
  }

  /** Drop a drag; whether there was one. */
  function cancel() {
    if (!drag) return false
    const { box, id } = drag
    drag = null
    if (box.hasPointerCapture(id)) box.releasePointerCapture(id)
    editor.settle()
    return true
  }
  return { cancel }
}

/**
 * Zoom around the pointer, pan with Shift and Alt.
 * @param {Editor} editor
 * @param {HTMLElement} box
 * @param {HTMLElement} top
 * @param {WheelEvent} event
 */
function wheel(editor, box, top, event) {
  const step = takeWheel(editor, event)
  if (step === null) return
  const { x, y } = place(box, event)
  const { view, size } = editor
  if (box !== top) wheelTime(editor, step, x, event.shiftKey)
  else if (event.shiftKey) editor.set({ view: panned(view, step, 0) })
  else if (event.altKey) editor.set({ view: panned(view, 0, step) })
  else editor.set({ view: zoomTop(view, size, x, y, nearer(step)) })
}
