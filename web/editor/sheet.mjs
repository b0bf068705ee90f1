// @ts-check
/** The list of keys over the plot. */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { GESTURES, KEYS, WORDS } from "./words.mjs"

/**
 * @param {import("./editor.mjs").Editor} editor
 * @returns {() => boolean} opens or closes; whether it is closed now
 */
export function makeSheet(editor) {
  const { plot } = editor.shell
  const close = make(
    "button.wm-tool.wm-close",
    { title: `${WORDS.close} (Esc)`, "aria-label": WORDS.close },
    icon("cross"),
  )
  const line = (/** @type {string[]} */ [key, text]) =>
    make("div", {}, make("kbd.wm-key", { text: key }), make("span", { text }))
  const element = make(
    "div.wm-sheet.wm-over",
    { role: "region", "aria-label": WORDS.help, "data-capture-wheel": "true", tabindex: "-1" },
    close,
    ...KEYS.map(line),
    ...GESTURES.map(line),
  )
  const toggle = () => {
    if (element.isConnected) {
      element.remove()
      plot.focus({ preventScroll: true })
      return true
    }
    plot.append(element)
    return false
  }
  close.addEventListener("click", toggle)
  element.addEventListener("wheel", (/** @type {WheelEvent} */ event) => event.stopPropagation(), { passive: true })
  return toggle
}
