// @ts-check
/**
 * The empty track: a headline, one sentence, and four ready-made walks with a drawing each, over lanes that stay
 * paintable.
 */
import { makeCard } from "../kit/cards.mjs"
import { make } from "../kit/dom.mjs"
import { showsCards } from "./layout.mjs"
import { putIn, suitable, title } from "./preset_menu.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

const MOST = 4
/** Drawings in a box of 48 x 36: lines seen from above, by preset; others get the test card's bars. */
const DRAWINGS = {
  walk: "M24 33c-5-7 5-11 0-18V5M20 9l4-4 4 4",
  "look around": "M36 18a12 12 0 1 1-4-9M32 4v5h-5M24 18h.01",
  "there and back": "M18 32c0-12 3-16 10-24M24 9l4-2 1 5M22 32c0-11 4-15 10-22M19 28l3 4 4-3",
  "random from a seed": "M6 28c6 2 8-8 14-8s4 8 10 6 2-14 12-18M38 6l4 2-1 4",
}
const BARS = "M4 6h10M14 13h10M24 20h10M34 27h10"

/**
 * Keep the cards on the plot while the track is empty.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 * @returns {() => void} shows or hides them
 */
export function makeCards(editor, plot) {
  const list = make("div.wm-cards")
  const hint = make("p", {}, WORDS.emptyHint[0], make("b", { text: WORDS.emptyHint[1] }), WORDS.emptyHint[2])
  const element = make("div.wm-empty", { hidden: true }, make("h3", { text: WORDS.empty }), hint, list)
  plot.append(element)
  let shown = ""
  return () => {
    const on = editor.ready && showsCards(editor.state)
    if (element.hidden === on) element.hidden = !on
    if (!on) return
    const layout = editor.layout()
    const place = `${layout.header}px ${layout.lanes[0].top}px`
    const presets = suitable(editor).slice(0, MOST)
    const now = JSON.stringify([place, layout.width, layout.height, presets.map(({ name }) => name)])
    if (now === shown) return
    shown = now
    element.style.left = `${layout.header}px`
    element.style.top = `${layout.lanes[0].top}px`
    element.style.height = `${layout.band.top - layout.lanes[0].top}px`
    list.replaceChildren(...presets.map((preset) => card(editor, preset)))
  }
}

/** @param {Editor} editor @param {import("./preset_menu.mjs").Preset} preset */
function card(editor, preset) {
  const own = DRAWINGS[/** @type {"walk"} */ (preset.name)]
  return makeCard(editor, {
    name: title(preset),
    note: preset.sentence,
    drawing: own ?? BARS,
    look: own ? "" : "wm-bars",
    press: () => putIn(editor, preset, "all"),
  })
}
