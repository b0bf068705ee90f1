// @ts-check
/** The inspector's fields of the target and of the picture. */
import { make } from "../kit/dom.mjs"
import { makeField, parseNumber } from "../kit/fields.mjs"
import { icon } from "../kit/icons.mjs"
import { decimal, signed } from "../kit/words.mjs"
import { setBackground, setTarget } from "../path/edits.mjs"
import { MAX_METRES } from "../path/path.mjs"
import { shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */
/** @typedef {import("../path/path.mjs").Background} Background */

/** Metres of a step of a field. */
export const FINE = 0.05
/** Where a place has its numbers. */
export const AXES = { right: 0, height: 1, ahead: 2 }

/**
 * A titled group of fields that is there when there is something to edit.
 * @param {Editor} editor
 * @param {string} title
 * @param {Record<string, ReturnType<typeof makeField>>} fields
 * @param {() => void} gone
 * @param {string} hint
 */
function group(editor, title, fields, gone, hint) {
  const close = make("button.wm-tool", { title: hint, "aria-label": hint }, icon("cross"))
  close.addEventListener("click", gone, { signal: editor.signal })
  const element = make(
    "section",
    {},
    make("div.wm-title", {}, make("b", { text: title }), close),
    make("div.wm-fields", {}, ...Object.values(fields).map((field) => field.element)),
  )
  return {
    element,
    /** @param {Record<string, number> | null} values @param {boolean} off */
    put(values, off) {
      element.hidden = !values
      close.disabled = off
      for (const [name, field] of Object.entries(fields)) {
        field.disable(off)
        if (values) field.show(values[name])
      }
    },
  }
}

/** The target's fields. @param {Editor} editor */
export function targetPart(editor) {
  const field = (/** @type {keyof typeof AXES} */ name) => {
    const put = (/** @type {number} */ value) => {
      const target = /** @type {import("../path/path.mjs").Vector} */ (editor.state.path.target)
      return setTarget(
        editor.state.path,
        /** @type {any} */ (target.map((part, i) => (i === AXES[name] ? (i === 1 ? -value : value) : part))),
      )
    }
    return metreField(editor, name, name === "height" ? decimal : signed, put)
  }
  const made = group(
    editor,
    WORDS.targetTitle,
    { right: field("right"), ahead: field("ahead"), height: field("height") },
    () => editor.edit(setTarget(editor.state.path, null)),
    WORDS.removeTarget,
  )
  return {
    element: made.element,
    /** @param {boolean} off */
    show(off) {
      const { target } = shownPath(editor.state)
      made.put(target && { right: target[0], ahead: target[2], height: 0 - target[1] }, off)
    },
  }
}

/** The picture's fields. @param {Editor} editor */
export function picturePart(editor) {
  const put =
    (/** @type {(picture: Background, value: number) => Partial<Background>} */ change) =>
    (/** @type {number} */ value) => {
      const { path } = editor.state
      return path.background ? setBackground(path, { ...path.background, ...change(path.background, value) }) : path
    }
  const fields = {
    right: metreField(
      editor,
      "right",
      signed,
      put(({ centre }, value) => ({ centre: [value, centre[1]] })),
    ),
    ahead: metreField(
      editor,
      "ahead",
      signed,
      put(({ centre }, value) => ({ centre: [centre[0], value] })),
    ),
    width: metreField(
      editor,
      "width",
      decimal,
      put((_, value) => ({ width: value })),
      0.001,
    ),
    opacity: metreField(
      editor,
      "opacity",
      decimal,
      put((_, value) => ({ opacity: value })),
      0,
      1,
    ),
  }
  const made = group(
    editor,
    WORDS.pictureTitle,
    fields,
    () => editor.edit(setBackground(editor.state.path, null)),
    WORDS.backgroundGone,
  )
  return {
    element: made.element,
    /** @param {boolean} off */
    show(off) {
      const { background } = shownPath(editor.state)
      made.put(
        background && {
          right: background.centre[0],
          ahead: background.centre[1],
          width: background.width,
          opacity: background.opacity,
        },
        off,
      )
    },
  }
}

/**
 * @param {Editor} editor
 * @param {"right" | "ahead" | "height" | "width" | "opacity"} name
 * @param {(value: number) => string} format
 * @param {(value: number) => CameraPath} put
 */
function metreField(editor, name, format, put, low = -MAX_METRES, high = MAX_METRES) {
  return makeField({
    signal: editor.signal,
    label: WORDS.fields[name],
    name: WORDS.fields[name],
    columns: 6,
    step: FINE,
    pixels: 2,
    format,
    parse: parseNumber,
    low: () => low,
    high: () => high,
    preview: (value) => editor.preview(put(value)),
    dropped: () => editor.settle(),
    commit: (value) => editor.edit(put(value)),
  })
}
