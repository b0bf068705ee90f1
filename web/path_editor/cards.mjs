// @ts-check
/** The empty path: a headline, one sentence, and ready-made paths with a drawing each. */
import { makeCard } from "../kit/cards.mjs"
import { make } from "../kit/dom.mjs"
import { PRESETS } from "../path/presets.mjs"
import { locked, shownPath } from "./state.mjs"
import { putIn } from "./tools.mjs"
import { WORDS } from "./words.mjs"

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
  const cards = PRESETS.filter(({ id }) => DRAWINGS[id]).map((preset) =>
    makeCard(editor, { ...preset, drawing: DRAWINGS[preset.id], press: () => putIn(editor, preset) }),
  )
  const element = make(
    "div.wm-empty",
    { hidden: true },
    make("div.wm-plate", {}, make("h3", { text: WORDS.empty }), make("p", { text: WORDS.emptyHint })),
    make("div.wm-cards", {}, ...cards),
  )
  plot.append(element)
  return () => {
    const { state } = editor
    const on =
      editor.ready && !shownPath(state).keyframes.length && !locked(state) && !state.stroke && state.tool === "pointer"
    if (element.hidden === on) element.hidden = !on
  }
}
