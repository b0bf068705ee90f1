// @ts-check
/**
 * The pointer on top view and profile: drag edits, click selects, double click creates, Alt copies, Shift constrains.
 */
import { place } from "../kit/canvas.mjs"
import { listenToPointer } from "../kit/pointer.mjs"
import { nearer, takeWheel, wheelTime } from "../kit/wheel.mjs"
import { beginProfile, cursorOfProfile, openProfile } from "./gesture_profile.mjs"
import { beginTop, hoverTop, openTop } from "./gesture_top.mjs"
import { panned, zoomTop } from "./view.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */

/**
 * Listen to the pointer on both views.
 * @param {Editor} editor
 * @param {HTMLElement} top
 * @param {HTMLElement} profile
 */
export function listenToViews(editor, top, profile) {
  for (const box of [top, profile])
    box.addEventListener("wheel", (event) => wheel(editor, box, top, event), { signal: editor.signal, passive: false })
  const leave = (/** @type {boolean} */ dragging) =>
    editor.set({ ghost: null, reach: null, pill: dragging ? editor.state.pill : null })
  return listenToPointer(editor, [
    {
      element: top,
      begin: (start) => keepGround(editor, beginTop(editor, start)),
      open: (point) => openTop(editor, point),
      hover: (point) => hoverTop(editor, top, point),
      leave,
    },
    {
      element: profile,
      begin: (start) => keepGround(editor, beginProfile(editor, start)),
      open: (point) => openProfile(editor, point),
      hover: (point) => {
        profile.style.cursor = cursorOfProfile(editor, point)
      },
      leave,
    },
  ])
}

/** Let the ground stay while it is drawn on. @param {Editor} editor @param {Gesture | null} gesture */
function keepGround(editor, gesture) {
  if (gesture && !editor.state.view && editor.state.path.keyframes.length) editor.set({ view: editor.view })
  return gesture
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
