// @ts-check
/** What lies over the top view: the empty path's ready-made ones, and the list of keys. */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { PRESETS } from "./presets.mjs"
import { locked, shownPath } from "./state.mjs"
import { putIn } from "./tools.mjs"
import { GESTURES, KEYS, WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Drawings in a box of 48 x 36: the paths seen from above. @type {Record<string, string>} */
const DRAWINGS = {
  ahead: "M24 33V6M19.5 10.5 24 6l4.5 4.5",
  circle: "M24 31a12.5 12.5 0 1 1 6-1.6M27 33l3.5-3.5-5-1M24 18.5h.01",
  eight: "M24 18c-5-4-8-6-8-9.5a8 6.5 0 0 1 16 0c0 3.5-3 5.5-8 9.5s-8 6-8 9.5a8 6.5 0 0 0 16 0c0-3.5-3-5.5-8-9.5z",
  corridor: "M14 33V14a5 5 0 0 1 5-5h16M30.5 4.5 35 9l-4.5 4.5",
}

/**
 * Keep the cards over the top view while there is no path.
 * @param {Editor} editor
 * @returns {() => void} shows or hides them
 */
export function makeCards(editor) {
  const { plot } = editor.shell
  const cards = PRESETS.filter(({ id }) => DRAWINGS[id]).map((preset) => {
    const button = make(
      "button.wm-path-card.wm-over",
      { title: preset.note },
      drawing(preset.id),
      make("span", { text: preset.name }),
    )
    button.addEventListener("click", () => {
      plot.focus({ preventScroll: true })
      putIn(editor, preset)
    })
    button.addEventListener(
      "keydown",
      (/** @type {KeyboardEvent} */ event) => (event.key === "Enter" || event.key === " ") && event.stopPropagation(),
    )
    return button
  })
  const element = make(
    "div.wm-path-empty",
    { hidden: true },
    make("h3", { text: WORDS.empty }),
    make("p", { text: WORDS.emptyHint }),
    make("div.wm-path-cards", {}, ...cards),
  )
  plot.append(element)
  return () => {
    const { state } = editor
    const on =
      editor.ready && !shownPath(state).keyframes.length && !locked(state) && !state.stroke && state.tool === "pointer"
    if (element.hidden === on) element.hidden = !on
  }
}

/** @param {string} id */
function drawing(id) {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", "0 0 48 36")
  svg.setAttribute("aria-hidden", "true")
  svg.appendChild(document.createElementNS(space, "path")).setAttribute("d", DRAWINGS[id])
  return svg
}

/**
 * Make the list of keys.
 * @param {Editor} editor
 * @returns {() => boolean} opens or closes; whether it is closed now
 */
export function makeSheet(editor) {
  const { plot } = editor.shell
  const close = make(
    "button.wm-tool.wm-path-close",
    { title: `${WORDS.close} (Esc)`, "aria-label": WORDS.close },
    icon("cross"),
  )
  const line = (/** @type {string[]} */ [key, text]) =>
    make("div", {}, make("kbd.wm-key", { text: key }), make("span", { text }))
  const element = make(
    "div.wm-sheet.wm-over",
    { role: "region", "aria-label": WORDS.help, "data-capture-wheel": "true", tabindex: "-1" },
    close,
    ...[...KEYS, ...GESTURES].map(line),
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

/**
 * Make the hidden table that mirrors the keyframes; a press on a row selects its keyframe.
 * @param {Editor} editor
 */
export function makeTable(editor) {
  const body = make("tbody")
  const head = make("tr", {}, ...WORDS.columns.map((text) => make("th", { text, scope: "col" })))
  const element = make("div.wm-hidden", {}, make("table", { "aria-label": WORDS.table }, make("thead", {}, head), body))
  let shown = ""
  return {
    element,
    show() {
      const { keyframes, frames } = shownPath(editor.state)
      const rows = keyframes
        .slice(0, 200)
        .map(({ frame, place, look, ease }) => [
          String(frame),
          place[0].toFixed(2),
          place[2].toFixed(2),
          (0 - place[1]).toFixed(2),
          typeof look === "string" ? look : WORDS.lookNames.keyed,
          WORDS.eases[ease],
        ])
      if (JSON.stringify(rows) === shown) return
      shown = JSON.stringify(rows)
      body.replaceChildren(
        ...rows.map((cells, i) => {
          const button = make("button", { text: String(i), tabindex: "-1" })
          button.addEventListener("click", () =>
            editor.set({ chosen: [i], playhead: Math.min(frames - 1, keyframes[i].frame) }),
          )
          return make("tr", {}, make("td", {}, button), ...cells.map((text) => make("td", { text })))
        }),
      )
    },
  }
}
