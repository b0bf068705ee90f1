// @ts-check
/** The keyframes as a hidden table. */
import { make } from "../kit/dom.mjs"
import { shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Keyframes beyond these are not listed. */
const MOST_ROWS = 200

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
        .slice(0, MOST_ROWS)
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
          const press = () => editor.set({ chosen: [i], playhead: Math.min(frames - 1, keyframes[i].frame) })
          button.addEventListener("click", press, { signal: editor.signal })
          return make("tr", {}, make("td", {}, button), ...cells.map((text) => make("td", { text })))
        }),
      )
    },
  }
}
