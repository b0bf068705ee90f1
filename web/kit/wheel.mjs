// @ts-check
/** The wheel over a plot: when it is the editor's, and what it does to the time axis. */
import { take } from "./dom.mjs"
import { lastSeen, scrolled, zoomAround } from "./ruler.mjs"

/** How many times nearer a px of the wheel shows what is under the pointer. */
const ZOOM = 1.0015
/** Px of a wheel step that counts lines. */
const LINES = 33
/** Share of what is seen that a step as wide as the time axis scrolls. */
const SCROLL = 0.6

/**
 * Take a step of the wheel; unfocused, with Ctrl or Meta and sideways it is the host's.
 * @param {import("./editor.mjs").Base} editor
 * @param {WheelEvent} event
 * @returns {number | null} px; null if it is the host's
 */
export function takeWheel(editor, event) {
  const { deltaX, deltaY, deltaMode, shiftKey, ctrlKey, metaKey } = event
  const sideways = Math.abs(deltaX) > Math.abs(deltaY) && !shiftKey
  const focused = editor.shell.plot.contains(document.activeElement)
  if (!focused || ctrlKey || metaKey || sideways || !editor.ready) return null
  take(event)
  return (deltaY || deltaX) * (deltaMode === 1 ? LINES : 1)
}

/** How many times nearer a step shows what is under the pointer. @param {number} step px */
export const nearer = (step) => ZOOM ** -step

/**
 * Zoom the time axis around the pointer, or scroll it.
 * @param {import("./editor.mjs").Base} editor
 * @param {number} step px
 * @param {number} x of the pointer, px
 * @param {boolean} scroll
 */
export function wheelTime(editor, step, x, scroll) {
  const { timeView: view, extent } = editor
  const by = (step / view.width) * (lastSeen(view) - view.first) * SCROLL
  editor.show(scroll ? scrolled(view, by, extent) : zoomAround(view, Math.max(view.left, x), nearer(step), extent))
}
