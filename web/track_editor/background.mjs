// @ts-check
/**
 * The picture below the map's path. It moves no camera, so it is no part of the track: the node keeps it in its
 * properties, and a run is the same with it and without.
 */
import { make } from "../kit/dom.mjs"
import { makeField, parseNumber } from "../kit/fields.mjs"
import { choosePicture, pictureCache } from "../kit/picture.mjs"
import { decimal, signed } from "../kit/words.mjs"
import { MOST_METRES as MOST, backgroundOf } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/picture.mjs").Background} Background */
/** @typedef {"right" | "ahead" | "width" | "opacity"} Name */

export const PROPERTY = "wm_background"
/** Share of the map that a new picture takes. */
const WIDTH = 0.8

/**
 * Look after the picture of an editor's map.
 * @param {Editor} editor
 * @param {any} node
 * @param {(change: () => void) => void} commit one step of the host's undo
 * @param {() => {centre: readonly [number, number], width: number}} seen what the map shows, metres
 */
export function makeBackground(editor, node, commit, seen) {
  const { signal } = editor
  const pictureOf = pictureCache(signal, { ready: () => editor.redraw(), failed: editor.fail })
  /** @type {Record<Name, [format: (value: number) => string, low: number, high: number]>} */
  const kinds = {
    right: [signed, -MOST, MOST],
    ahead: [signed, -MOST, MOST],
    width: [decimal, 0.001, MOST],
    opacity: [decimal, 0, 1],
  }
  const fields = Object.entries(kinds).map(([name, [format, low, high]]) =>
    makeField({
      signal,
      label: WORDS.picture[/** @type {Name} */ (name)],
      name: WORDS.picture[/** @type {Name} */ (name)],
      columns: 6,
      step: 0.05,
      pixels: 2,
      format,
      parse: parseNumber,
      low: () => low,
      high: () => high,
      preview: (value) => editor.set({ background: changed(/** @type {Name} */ (name), value) }),
      dropped: read,
      commit: (value) => put(changed(/** @type {Name} */ (name), value)),
    }),
  )
  const element = make("div.wm-pair.wm-picture-fields", {}, ...fields.map((field) => field.element))

  /** @param {Name} name @param {number} value */
  function changed(name, value) {
    const { background } = editor.state
    if (!background) return null
    const [right, ahead] = background.centre
    if (name === "right") return { ...background, centre: /** @type {const} */ ([value, ahead]) }
    return name === "ahead"
      ? { ...background, centre: /** @type {const} */ ([right, value]) }
      : { ...background, [name]: value }
  }

  /** @param {Background | null} background */
  function put(background) {
    commit(() => {
      node.properties ??= {}
      if (background) node.properties[PROPERTY] = background
      else delete node.properties[PROPERTY]
      read()
    })
  }

  /** Take what the node keeps. */
  function read() {
    editor.set({ background: backgroundOf(node.properties?.[PROPERTY]) })
  }

  /** @param {string} image */
  function taken(image) {
    const { centre, width } = seen()
    put({ image, centre, width: WIDTH * width, opacity: 0.5 })
  }

  return {
    read,
    /** The picture and where it lies, once it has loaded. */
    picture() {
      const { background } = editor.state
      const image = pictureOf(background?.image)
      return background && image ? { background, image } : null
    },
    /** @returns {import("../kit/menu.mjs").Entry[]} */
    entries() {
      const { background } = editor.state
      const choose = () => choosePicture(signal, { taken, failed: editor.fail })
      if (!background) return [{ line: true }, { label: WORDS.picture.choose, press: choose }]
      const { centre, width, opacity } = background
      fields.forEach((field, i) => field.show([...centre, width, opacity][i]))
      return [
        { heading: WORDS.picture.title },
        { element },
        { label: WORDS.picture.choose, press: choose },
        { label: WORDS.picture.gone, press: () => put(null) },
      ]
    },
  }
}
