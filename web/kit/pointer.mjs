// @ts-check
/** The pointer on an editor's boxes: a press begins a gesture, which becomes a drag or stays a click. */
import { placeIn, standOf } from "./canvas.mjs"
import { onCanvas } from "./dom.mjs"

/** Px that a pointer moves before a press is a drag. */
export const DRAG = 3

/**
 * @typedef {object} Point where the pointer is
 * @property {number} x px of the box that was pressed
 * @property {number} y
 * @property {boolean} shift
 * @property {boolean} alt as it was at the press
 * @property {boolean} free Alt pressed since
 * @property {boolean} moved whether the press is a drag
 * @property {number} time s
 */
/**
 * @typedef {object} Gesture what a press begins; it ends with one of `done`, `click` and `cancel`
 * @property {(point: Point) => void} [move] during a drag
 * @property {boolean} [fine] whether `move` is told every place the pointer was at, and not one for each frame drawn
 * @property {(point: Point) => void} [done] after a drag; without `click`, after a click too
 * @property {(point: Point) => void} [click]
 * @property {() => void} [cancel] takes back what was changed beside the draft
 */
/**
 * @typedef {object} Box what is pressed on
 * @property {HTMLElement} element
 * @property {(start: Point) => Gesture | null} begin
 * @property {(point: Point) => void} open on a double click
 * @property {(point: Point) => void} hover
 * @property {(dragging: boolean) => void} leave when the pointer goes elsewhere
 */
/**
 * @typedef {object} Owner an editor
 * @property {AbortSignal} signal
 * @property {boolean} ready whether there is something to press on
 * @property {() => void} settle drops what a gesture left behind
 */

/**
 * Listen to the pointer: one gesture at a time, of the pointer that began it, and on the page until it ends.
 * @param {Owner} owner
 * @param {readonly Box[]} boxes the first one has the focus
 * @returns {{cancel: () => boolean}} drops the gesture; whether there was one
 */
export function listenToPointer(owner, boxes) {
  const { signal } = owner
  /**
   * @type {{gesture: Gesture, start: Point, id: number, moved: boolean, element: HTMLElement,
   *   stand: ReturnType<typeof standOf>} | null}
   */
  let press = null

  /** @param {HTMLElement} element @param {PointerEvent | MouseEvent} event @returns {Point} */
  const pointOf = (element, event) => ({
    ...placeIn(press?.stand ?? standOf(element), event),
    shift: event.shiftKey,
    alt: press ? press.start.alt : event.altKey,
    free: press ? event.altKey && !press.start.alt : false,
    moved: press?.moved ?? false,
    time: event.timeStamp / 1000,
  })

  /** Drop the gesture. */
  function cancel() {
    if (!press) return false
    const { gesture, element, id } = press
    press = null
    if (element.hasPointerCapture(id)) element.releasePointerCapture(id)
    gesture.cancel?.()
    owner.settle()
    return true
  }

  /** @param {Box} box @param {PointerEvent} event */
  function down({ element, begin }, event) {
    if (event.button !== 0 || press || !onCanvas(event) || !owner.ready) return
    boxes[0].element.focus({ preventScroll: true })
    const start = pointOf(element, event)
    const gesture = begin(start)
    if (!gesture) return
    press = { gesture, start, id: event.pointerId, moved: false, element, stand: standOf(element) }
    try {
      element.setPointerCapture(event.pointerId)
    } catch {
      cancel() // the pointer has left already, and its end will not come
    }
  }

  /** @param {Box} box @param {PointerEvent} event */
  function move({ element, hover }, event) {
    if (!press) {
      if (owner.ready && onCanvas(event)) hover(pointOf(element, event))
      return
    }
    if (event.pointerId !== press.id) return
    const { x, y } = pointOf(element, event)
    if (!press.moved && Math.hypot(x - press.start.x, y - press.start.y) < DRAG) return
    press.moved = true
    const { gesture } = press
    const seen = (gesture.fine && event.getCoalescedEvents?.()) || []
    for (const one of seen.length > 1 ? seen : [event]) gesture.move?.(pointOf(element, one))
  }

  /** @param {Box} box @param {PointerEvent} event */
  function up({ element }, event) {
    if (event.pointerId !== press?.id) return
    const point = pointOf(element, event)
    const { gesture, moved } = press
    press = null
    if (moved || !gesture.click) gesture.done?.(point)
    else gesture.click(point)
    owner.settle()
  }

  const lost = (/** @type {PointerEvent} */ event) => event.pointerId === press?.id && cancel()
  for (const box of boxes) {
    const { element } = box
    element.addEventListener("pointerdown", (event) => down(box, event), { signal })
    element.addEventListener("pointermove", (event) => move(box, event), { signal })
    element.addEventListener("pointerup", (event) => up(box, event), { signal })
    element.addEventListener("pointercancel", lost, { signal })
    element.addEventListener("lostpointercapture", lost, { signal })
    element.addEventListener("pointerleave", () => box.leave(press !== null), { signal })
    element.addEventListener(
      "dblclick",
      (event) => {
        if (event.button === 0 && onCanvas(event) && owner.ready) box.open(pointOf(element, event))
      },
      { signal },
    )
  }
  return { cancel }
}
