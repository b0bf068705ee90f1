// @ts-check
/** What the pen will do to the path that is there, said over the top view, and the way to begin anew. */
import { make } from "../kit/dom.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { clearAll } from "./keys.mjs"
import { locked } from "./state.mjs"
import { WORDS } from "./words.mjs"

/**
 * Keep the line over the top view while the pen is chosen and there is a path.
 * @param {import("./editor.mjs").Editor} editor
 * @returns {() => void} shows or hides it
 */
export function makePenHint(editor) {
  const { signal } = editor
  const { plot } = editor.shell
  const clear = make("button.wm-link.wm-over", { text: SHARED.clearAll, title: WORDS.clearHint })
  const pressed = () => {
    plot.focus({ preventScroll: true })
    clearAll(editor)
  }
  clear.addEventListener("click", pressed, { signal })
  clear.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => (event.key === "Enter" || event.key === " ") && event.stopPropagation(),
    { signal },
  )
  const element = make("div.wm-plate.wm-pen", { hidden: true }, WORDS.goesOn, clear)
  plot.append(element)
  return () => {
    const { state } = editor
    const on = state.tool === "pen" && state.path.keyframes.length > 0 && !locked(state) && !state.stroke
    if (element.hidden === on) element.hidden = !on
  }
}
