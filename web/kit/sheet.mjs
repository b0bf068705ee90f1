// @ts-check
/** The list of keys and gestures over a plot. */
import { forTheHost, make, take } from "./dom.mjs"
import { icon } from "./icons.mjs"
import { WORDS } from "./words.mjs"

/**
 * Make the sheet.
 * @param {{shell: {plot: HTMLElement, root: HTMLElement}, signal: AbortSignal}} editor
 * @param {...string[][]} lists of a key, or a gesture, and what it does
 * @returns {{toggle: () => void, close: () => boolean}} `close` tells whether the sheet was open
 */
export function makeSheet({ shell: { plot, root }, signal }, ...lists) {
  const cross = make(
    "button.wm-tool.wm-close",
    { title: `${WORDS.close} (Esc)`, "aria-label": WORDS.close },
    icon("cross"),
  )
  const line = (/** @type {string[]} */ [key, text]) =>
    make("div", {}, make("kbd.wm-key", { text: key }), make("span", { text }))
  const element = make(
    "div.wm-sheet.wm-over",
    { role: "region", "aria-label": WORDS.help, "data-capture-wheel": "true", tabindex: "-1" },
    cross,
    ...lists.flat().map(line),
  )
  function close() {
    if (!element.isConnected) return false
    element.remove()
    plot.focus({ preventScroll: true })
    return true
  }
  cross.addEventListener("click", close, { signal })
  root.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      // the plot has Esc for itself; here it comes from the sheet, or from the button that opened it
      if (event.key === "Escape" && !forTheHost(event) && close()) take(event)
    },
    { signal },
  )
  element.addEventListener("wheel", (/** @type {WheelEvent} */ event) => event.stopPropagation(), {
    passive: true,
    signal,
  })
  return {
    close,
    toggle() {
      if (!close()) plot.append(element)
    },
  }
}
