// @ts-check
/** The pointer on both editors: a press becomes one drag or one click, of one pointer, and never stays. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { DRAG, listenToPointer } from "../../web/kit/pointer.mjs"

/** @import { Gesture, Point } from "../../web/kit/pointer.mjs" */

/** What an element is to the pointer: 200 x 100 px at (10, 20), seen at half its size. */
class Element extends EventTarget {
  offsetWidth = 200
  offsetHeight = 100
  clientLeft = 1
  clientTop = 1
  focused = 0
  /** @type {number | null} */
  captured = null
  gone = false
  over = false

  getBoundingClientRect = () => ({ left: 10, top: 20, width: 100, height: 50 })
  focus = () => void this.focused++
  closest = () => (this.over ? this : null)
  hasPointerCapture = (/** @type {number} */ id) => this.captured === id

  /** @param {number} id */
  setPointerCapture(id) {
    if (this.gone) throw new Error("NotFoundError")
    this.captured = id
  }

  releasePointerCapture() {
    this.captured = null
  }
}

/** @param {Element} element @param {string} type @param {object} [more] */
function send(element, type, more = {}) {
  const event = { button: 0, pointerId: 1, clientX: 60, clientY: 45, shiftKey: false, altKey: false, ...more }
  element.dispatchEvent(Object.assign(new Event(type), event))
}

/**
 * Two boxes whose gestures write down what they are told.
 * @param {Partial<Gesture> | null} [gesture] null: a press begins nothing
 */
function boxes(gesture = {}) {
  /** @type {[string, any][]} */
  const told = []
  const life = new AbortController()
  const tell =
    (/** @type {string} */ word) =>
    (/** @type {any} */ what = null) =>
      void told.push([word, what])
  const whole = { move: tell("move"), done: tell("done"), click: tell("click"), cancel: tell("cancel"), ...gesture }
  const owner = { signal: life.signal, ready: true, settle: tell("settle") }
  const elements = [new Element(), new Element()]
  const { cancel } = listenToPointer(
    owner,
    elements.map((element) => ({
      element: /** @type {any} */ (element),
      begin: (start) => {
        tell("begin")(start)
        return gesture && whole
      },
      open: tell("open"),
      hover: tell("hover"),
      leave: tell("leave"),
    })),
  )
  const words = () => told.splice(0).map(([word]) => word)
  return { box: elements[0], other: elements[1], owner, told, words, cancel, life }
}

test("a press that stays within a few px is a click", () => {
  const { box, words, cancel } = boxes()
  send(box, "pointerdown")
  assert.equal(box.captured, 1)
  send(box, "pointermove", { clientX: 60 + DRAG / 2 - 0.1 })
  send(box, "pointerup")
  assert.deepEqual(words(), ["begin", "click", "settle"])
  assert.equal(cancel(), false)
})

test("a drag is told where the pointer is in the box, at every zoom, and goes on within the few px", () => {
  const { box, told } = boxes()
  send(box, "pointerdown", { altKey: true })
  send(box, "pointermove", { clientX: 70, clientY: 45, shiftKey: true })
  send(box, "pointermove", { clientX: 60.1, altKey: true })
  send(box, "pointerup", { clientX: 61 })
  const points = told.slice(0, 4).map(([word, { x, y, shift, alt, free, moved }]) => {
    return [word, x, y, shift, alt, free, moved].join(" ")
  })
  assert.deepEqual(points.slice(0, 2), ["begin 99 49 false true false false", "move 119 49 true true false true"])
  assert.deepEqual(points.slice(3), ["done 101 49 false true false true"])
})

test("Alt that is pressed during a drag frees it, and is no copy", () => {
  const { box, told } = boxes()
  send(box, "pointerdown")
  send(box, "pointermove", { clientX: 90, altKey: true })
  const point = /** @type {Point} */ (told[1][1])
  assert.deepEqual([point.alt, point.free], [false, true])
})

test("a gesture without a click is done at once", () => {
  const { box, words } = boxes({ click: undefined })
  send(box, "pointerdown")
  send(box, "pointerup")
  assert.deepEqual(words(), ["begin", "done", "settle"])
})

test("only a pen is told every place between two frames", () => {
  for (const fine of [true, false]) {
    const { box, told } = boxes({ fine })
    const between = [62, 66, 70].map((clientX) => ({ clientX, clientY: 45, shiftKey: false, altKey: false }))
    send(box, "pointerdown")
    send(box, "pointermove", { clientX: 70, getCoalescedEvents: () => between })
    const places = told.filter(([word]) => word === "move").map(([, { x }]) => x)
    assert.deepEqual(places, fine ? [103, 111, 119] : [119])
  }
})

test("one gesture at a time, and only the pointer that began it goes on with it", () => {
  const { box, other, words } = boxes()
  send(box, "pointerdown")
  for (const element of [box, other]) {
    send(element, "pointerdown", { pointerId: 2 })
    send(element, "pointermove", { pointerId: 2, clientX: 90 })
    send(element, "pointerup", { pointerId: 2 })
    send(element, "pointercancel", { pointerId: 2 })
    send(element, "lostpointercapture", { pointerId: 2 })
  }
  assert.deepEqual(words(), ["begin"])
  send(box, "pointermove", { clientX: 90 })
  send(box, "pointerup", { clientX: 90 })
  assert.deepEqual(words(), ["move", "done", "settle"])
})

test("what takes the pointer away drops the gesture, once, and lets the pointer go", () => {
  for (const type of ["pointercancel", "lostpointercapture", ""]) {
    const { box, words, cancel } = boxes()
    send(box, "pointerdown")
    send(box, "pointermove", { clientX: 90 })
    if (type) send(box, type)
    else assert.equal(cancel(), true)
    assert.equal(box.captured, null)
    send(box, "lostpointercapture")
    send(box, "pointerup", { clientX: 90 })
    assert.deepEqual(words(), ["begin", "move", "cancel", "settle"], type)
    send(box, "pointerdown")
    send(box, "pointerup")
    assert.deepEqual(words(), ["begin", "click", "settle"], "the next press begins anew")
  }
})

test("a pointer that has left before it could be held leaves nothing behind", () => {
  const { box, words } = boxes()
  box.gone = true
  send(box, "pointerdown")
  assert.deepEqual(words(), ["begin", "cancel", "settle"])
  box.gone = false
  send(box, "pointerdown")
  send(box, "pointerup")
  assert.deepEqual(words(), ["begin", "click", "settle"])
})

test("nothing begins on what lies over a box, with another button, or before there is anything to press on", () => {
  const { box, owner, words } = boxes()
  send(box, "pointerdown", { button: 2 })
  send(box, "dblclick", { button: 2 })
  owner.ready = false
  for (const type of ["pointerdown", "pointermove", "dblclick"]) send(box, type)
  owner.ready = true
  box.over = true
  for (const type of ["pointerdown", "pointermove", "dblclick"]) send(box, type)
  assert.deepEqual([words(), box.focused], [[], 0])
})

test("a press on any box gives the first one the focus; one that begins nothing is not held", () => {
  const { box, other, words } = boxes(null)
  send(other, "pointerdown")
  assert.deepEqual([box.focused, other.focused, other.captured], [1, 0, null])
  send(other, "pointermove")
  assert.deepEqual(words(), ["begin", "hover"])
})

test("hovering, leaving and double clicks are told, and all ends with the editor", () => {
  const { box, other, told, words, life } = boxes()
  send(box, "pointermove")
  send(other, "dblclick")
  send(box, "pointerleave")
  send(box, "pointerdown")
  send(box, "pointerleave")
  send(box, "pointerup")
  const leaves = told.filter(([word]) => word === "leave").map(([, dragging]) => dragging)
  assert.deepEqual(leaves, [false, true])
  assert.deepEqual(words(), ["hover", "open", "leave", "begin", "leave", "click", "settle"])
  life.abort()
  for (const type of ["pointermove", "pointerdown", "pointerup", "dblclick", "pointerleave"]) send(box, type)
  assert.deepEqual(words(), [])
})
