// @ts-check
/** The inspector's fields of the chosen keyframe. */
import { make } from "../kit/dom.mjs"
import { makeField, parseFrames, parseNumber } from "../kit/fields.mjs"
import { icon } from "../kit/icons.mjs"
import { openMenu } from "../kit/menu.mjs"
import { fpsOf } from "../kit/state.mjs"
import { angle, decimal, signed, time } from "../kit/words.mjs"
import { changed, retime, setAutomatic, setLook, setPitch, tangents, turned } from "../path/edits.mjs"
import { AXES, FINE } from "./inspector_places.mjs"
import { EASES, MAX_METRES } from "../path/path.mjs"
import { degrees } from "../path/poses.mjs"
import { chunkStart, leader, shownPath } from "./state.mjs"
import { lookEntries } from "./tools.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */

/** The fields of the chosen keyframe. @param {Editor} editor @param {boolean} all */
export function keyframeParts(editor, all) {
  const { signal } = editor
  const chosen = () => editor.state.chosen
  const apply = (/** @type {(path: CameraPath, value: number) => CameraPath} */ change) => ({
    signal,
    preview: (/** @type {number} */ value) => editor.preview(change(editor.state.path, value)),
    dropped: () => editor.settle(),
    commit: (/** @type {number} */ value) => editor.edit(change(editor.state.path, value)),
  })
  const frames = apply((path, value) => retime(path, chosen()[0], value))
  const axis = (/** @type {number} */ now) => ({
    now,
    fps: fpsOf(editor.state),
    chunkStart: (/** @type {number} */ index) => chunkStart(editor.state, index),
  })
  const place = (/** @type {keyof typeof AXES} */ name) => {
    const k = AXES[name]
    return makeField({
      ...apply((path, value) => shifted(path, chosen(), k, k === 1 ? -value : value)),
      label: WORDS.fields[name],
      name: WORDS.fields[name],
      columns: 6,
      step: FINE,
      pixels: 2,
      format: name === "height" ? decimal : signed,
      parse: parseNumber,
      low: () => -MAX_METRES,
      high: () => MAX_METRES,
    })
  }
  const frame = makeField({
    ...frames,
    label: WORDS.fields.frame,
    name: WORDS.fields.frame,
    columns: 5,
    format: String,
    parse: (text, now) => parseFrames(text, axis(now)),
    low: () => 0,
  })
  const seconds = makeField({
    ...frames,
    label: WORDS.fields.time,
    name: WORDS.fields.time,
    columns: 7,
    format: (value) => `${time(value / fpsOf(editor.state))} s`,
    parse: (text, now) => parseFrames(text.replace(/\s*s\s*$/, "s"), { ...axis(now), plain: "seconds" }),
    low: () => 0,
  })
  const tilt = { columns: 6, format: angle, parse: parseNumber, step: 0.5 }
  const pitch = makeField({
    ...apply((path, value) => setPitch(path, chosen(), value)),
    ...tilt,
    label: WORDS.fields.pitch,
    name: WORDS.fields.pitch,
    low: () => -90,
    high: () => 90,
  })
  const yaw = makeField({
    ...apply((path, value) => setLook(path, chosen(), [turned(value), pitchNow(editor)])),
    ...tilt,
    label: WORDS.fields.yaw,
    name: WORDS.fields.yaw,
  })
  yaw.element.classList.add("wm-wide")
  const fields = /** @type {Record<string, ReturnType<typeof makeField>>} */ ({
    frame,
    time: seconds,
    right: place("right"),
    ahead: place("ahead"),
    height: place("height"),
    pitch,
  })
  const look = choice(editor, WORDS.fields.look, () => lookEntries(editor, chosen()))
  const ease = choice(editor, WORDS.fields.easing, () => easeEntries(editor, chosen()))
  const automatic = button(editor, WORDS.automatic, () => editor.edit(setAutomatic(editor.state.path, chosen())))
  automatic.classList.add("wm-wide")
  return {
    fields,
    yaw,
    look: look.element,
    ease: ease.element,
    automatic,
    /** @param {import("../path/path.mjs").Keyframe | undefined} stop @param {boolean} off */
    show(stop, off) {
      for (const field of [...Object.values(fields), yaw]) field.disable(off || !stop)
      look.show(stop ? lookName(stop) : "\u2013", off || !stop)
      if (!stop) return
      frame.show(stop.frame)
      seconds.show(stop.frame)
      fields.right.show(stop.place[0])
      fields.ahead.show(stop.place[2])
      fields.height.show(0 - stop.place[1])
      fields.pitch.show(pitchNow(editor))
      yaw.element.hidden = typeof stop.look === "string"
      if (typeof stop.look !== "string") yaw.show(stop.look[0])
      ease.show(WORDS.eases[stop.ease], off)
      automatic.hidden = !all || (stop.out === null && stop.into === null)
      automatic.disabled =
        off || tangents(shownPath(editor.state), editor.state.chosen[0], editor.drawn.spans).automatic
    },
  }
}

/** @param {import("../path/path.mjs").Keyframe} stop */
const lookName = ({ look }) => WORDS.lookNames[typeof look === "string" ? look : "keyed"]

/** The camera's pitch at the chosen keyframe, degrees. @param {Editor} editor */
function pitchNow(editor) {
  const stop = leader(editor.state)
  const { pitch } = editor.drawn.samples
  return stop ? Math.round(degrees(pitch[Math.min(stop.frame, pitch.length - 1)]) * 1000) / 1000 + 0 : 0
}

/**
 * Move keyframes so that the first of them has a value.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {number} axis
 * @param {number} value
 */
function shifted(path, indices, axis, value) {
  const by = value - path.keyframes[indices[0]].place[axis]
  return changed(path, indices, ({ place }) => ({
    place: /** @type {any} */ (place.map((part, i) => (i === axis ? part + by : part))),
  }))
}

/** @param {Editor} editor @param {readonly number[]} indices */
function easeEntries(editor, indices) {
  const { path } = editor.state
  return EASES.map((ease) => ({
    label: WORDS.eases[ease],
    checked: path.keyframes[indices[0]]?.ease === ease,
    press: () =>
      editor.edit(
        changed(editor.state.path, indices, () => ({ ease })),
        {},
        WORDS.eases[ease],
      ),
  }))
}

/**
 * A field whose value is chosen from a menu.
 * @param {Editor} editor
 * @param {string} name
 * @param {() => import("../kit/menu.mjs").Entry[]} entries
 */
function choice(editor, name, entries) {
  const said = make("span.wm-said")
  const element = make(
    "button.wm-choice.wm-wide",
    { "aria-haspopup": "menu", title: name },
    make("span", { text: name }),
    said,
    icon("down"),
  )
  element.addEventListener(
    "click",
    () => openMenu(element, entries(), { label: name, signal: editor.signal, root: editor.shell.root }),
    { signal: editor.signal },
  )
  return {
    element,
    /** @param {string} text @param {boolean} off */
    show(text, off) {
      said.textContent = text
      element.disabled = off
      element.setAttribute("aria-label", `${name}: ${text}`)
    },
  }
}

/**
 * A button of the inspector.
 * @param {Editor} editor
 * @param {string} text
 * @param {() => void} press
 * @param {string} [hint]
 */
export function button(editor, text, press, hint = text) {
  const element = make("button.wm-tool.wm-worded.wm-filled", { text, title: hint })
  element.addEventListener("click", press, { signal: editor.signal })
  return element
}
