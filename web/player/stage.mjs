// @ts-check
/** Where the pictures are: screens side by side, what was held over them, and a word where there is no picture. */
import { makeLayers } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { drawKeys } from "./draw_keys.mjs"
import { makeScreen } from "./screen.mjs"

/**
 * @typedef {import("./draw_bar.mjs").Bar & {palette: import("../kit/palette.mjs").Palette, keys:
 *   import("./held.mjs").Keys | null}} Scene what is drawn
 */

/** Screens in a row. @param {number} count */
export const columnsOf = (count) => (count <= 3 ? Math.max(1, count) : Math.ceil(Math.sqrt(count)))
/** Px between screens. */
export const GAP = 3

/**
 * Return where the pictures of screens lie, each whole and in the middle of its cell, in px.
 * @param {{width: number, height: number}} size of the stage
 * @param {readonly {width: number, height: number}[]} shapes of the pictures; 0 = not known yet
 */
export function placesOf(size, shapes) {
  const columns = columnsOf(shapes.length)
  const rows = Math.ceil(shapes.length / columns)
  const [wide, high] = [(size.width - (columns - 1) * GAP) / columns, (size.height - (rows - 1) * GAP) / rows]
  return shapes.map(({ width, height }, index) => {
    const scale = width && height ? Math.min(wide / width, high / height) : 0
    const box = scale ? { width: width * scale, height: height * scale } : { width: wide, height: high }
    const [x, y] = [(index % columns) * (wide + GAP), Math.floor(index / columns) * (high + GAP)]
    return { x: x + (wide - box.width) / 2, y: y + (high - box.height) / 2, ...box }
  })
}

/**
 * Make the stage.
 * @param {{signal: AbortSignal, scene: () => Scene, pick?: (index: number) => void, press: () => void}} options
 */
export function makeStage({ signal, scene, pick, press }) {
  const said = make("div.wm-said", { role: "status" })
  const over = make("div.wm-over-all", { "aria-hidden": "true" })
  const element = make("div.wm-stage", {}, over, said)
  /** @type {ReturnType<typeof makeScreen>[]} */
  let screens = []
  let life = new AbortController()
  /** What was held on the frame that is drawn; another one with the same looks the same. */
  let drawn = ""
  const layers = makeLayers(over, {
    signal,
    content() {},
    overlay(context, size) {
      const { keys, frame, frames } = scene()
      if (!keys || !frames) return
      for (const { x, y, ...box } of placesOf(
        size,
        screens.map(({ source }) => source),
      )) {
        context.save()
        context.translate(x, y)
        drawKeys(context, box, keys, frame)
        context.restore()
      }
    },
    resized: () => (drawn = ""),
  })
  element.addEventListener(
    "click",
    (/** @type {Event} */ { target }) => /** @type {HTMLElement} */ (target).closest("button") ?? press(),
    { signal },
  )
  return {
    element,
    get screens() {
      return screens
    },
    /** Draw what is held, at once, if it is something else than before; or anyway. @param {boolean} [anyway] */
    overlay(anyway = false) {
      const { keys, frame, frames } = scene()
      const held = keys && frames ? JSON.stringify(keys.at(frame)) : "nothing"
      if (!anyway && held === drawn) return
      drawn = held
      layers.overlay()
      layers.now()
    },
    /** @param {import("./player.mjs").Screen[]} next */
    setScreens(next) {
      life.abort()
      life = new AbortController()
      const kept = new Set(next.map(({ source }) => source))
      for (const { element: old, source } of screens) {
        old.remove()
        if (!kept.has(source)) source.close()
      }
      screens = next.map((screen, index) =>
        makeScreen(screen, { signal: life.signal, pick: pick && (() => pick(index)) }),
      )
      over.before(...screens.map((screen) => screen.element))
      element.style.setProperty("--wm-columns", String(columnsOf(screens.length)))
    },
    /** @param {number} index @param {boolean} ran whether the last run kept it */
    setPicked: (index, ran) => screens.forEach((screen, at) => screen.setPicked(at === index, ran)),
    /** @param {string} text */
    say(text) {
      if (said.textContent !== text) said.textContent = text
    },
  }
}
