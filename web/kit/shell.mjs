// @ts-check
/**
 * The frame of an editor from top to bottom: tool bar, notice, body with the plot, status line, binding strip, report.
 */
import { makeLayers } from "./canvas.mjs"
import { injectStyle } from "./css.mjs"
import { make } from "./dom.mjs"
import { makeNotice } from "./notice.mjs"
import { readPalette, watchPalette } from "./palette.mjs"
import { makeSpeaker } from "./speak.mjs"

const NARROW = 560

/**
 * Build an editor's frame in its place. Tool bar and strip are put in by `complete`, as they need the root.
 * @param {import("./mount.mjs").Mount} mount
 * @param {{name: string, kind: string, rules: string}} options `kind` names the style sheet of the editor, `rules` is it
 */
export function makeShell({ root, least, life: { signal } }, { name, kind, rules }) {
  injectStyle(document, kind, rules)
  root.className = "wm-editor"
  const attributes = { "data-wm-kind": kind, "data-capture-wheel": "true", role: "group", "aria-label": name }
  for (const [key, value] of Object.entries(attributes)) root.setAttribute(key, value)
  root.style.setProperty("--wm-least", `${least}px`)
  const plot = make("div.wm-plot", { tabindex: "0", role: "application", "aria-label": name })
  const body = make("div.wm-body", {}, plot)
  const [left, right] = [make("span.wm-left"), make("span.wm-right")]
  const status = make("div.wm-status", {}, left, right)
  const notice = makeNotice(signal)
  const speaker = makeSpeaker(signal)
  root.append(notice.element, body, status, speaker.element)
  /** @type {import("./palette.mjs").Palette | null} */
  let palette = null
  let narrow = false
  /** @type {(() => void)[]} */
  const listeners = []
  const changed = () => listeners.forEach((listener) => listener())

  const observer = new ResizeObserver(() => {
    const now = root.clientWidth > 0 && root.clientWidth < NARROW
    if (root.clientWidth === 0 || now === narrow) return
    narrow = now
    root.toggleAttribute("data-narrow", narrow)
    changed()
  })
  observer.observe(root)
  signal.addEventListener("abort", () => observer.disconnect())
  watchPalette(document, signal, () => {
    palette = null
    changed()
  })

  return {
    root,
    plot,
    body,
    status,
    left,
    right,
    notice,
    speaker,
    /** Put tool bar above and strip, report and more below. @param {HTMLElement} tools @param {...HTMLElement} below */
    complete(tools, ...below) {
      root.prepend(tools)
      speaker.element.before(...below)
    },
    get narrow() {
      return narrow
    },
    /** The colours, read when first asked for and after each change of the host's palette. */
    get palette() {
      if (!root.isConnected) return readPalette(root) // colours are known in the page only
      palette ??= readPalette(root)
      return palette
    },
    /** Call back after a change of palette or form. @param {() => void} listener */
    onChange: (listener) => listeners.push(listener),
    /**
     * Stack canvases in a box of this editor.
     * @param {HTMLElement} box
     * @param {import("./canvas.mjs").Draw} content
     * @param {import("./canvas.mjs").Draw} overlay
     * @param {(size: import("./canvas.mjs").Size) => void} [resized]
     */
    layers: (box, content, overlay, resized) => makeLayers(box, { signal, content, overlay, resized }),
  }
}
