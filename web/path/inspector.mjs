// @ts-check
/**
 * The inspector: the chosen keyframe's numbers, the loop, the target, the picture, and what the model makes of the
 * path.
 */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { makeField, parseFrames, parseNumber } from "../kit/fields.mjs"
import { openMenu } from "../kit/menu.mjs"
import { angle, counted, decimal, signed, span, time } from "../kit/words.mjs"
import { firstFrame } from "../track/chunks.mjs"
import {
  changed,
  retime,
  setAutomatic,
  setBackground,
  setLook,
  setPitch,
  setTarget,
  slowDown,
  tangents,
  turned,
} from "./edits.mjs"
import { insertHere } from "./keys.mjs"
import { EASES, MAX_METRES } from "./path.mjs"
import { degrees, length, minus } from "./poses.mjs"
import { chunksOf, fpsOf, leader, limitOf, locked, paceOf, shownPath } from "./state.mjs"
import { lookEntries } from "./tools.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Background} Background */

const FINE = 0.05
const SHIFTS = { right: 0, height: 1, ahead: 2 }

/**
 * Build the inspector and, for the narrow form, its one row.
 * @param {Editor} editor
 */
export function makeInspector(editor) {
  const parts = keyframeParts(editor, true)
  const row = keyframeParts(editor, false)
  const title = make("b")
  const many = make("span.wm-note")
  const head = make("div.wm-title", {}, title, many)
  const none = make(
    "div.wm-none",
    {},
    make("p", { text: WORDS.noneHint }),
    button(editor, WORDS.insert, () => insertHere(editor)),
  )
  const keyframe = make(
    "div.wm-fields",
    {},
    ...["frame", "time", "right", "ahead", "height", "pitch"].map((name) => parts.fields[name].element),
    parts.yaw.element,
    parts.look,
    parts.ease,
    parts.automatic,
  )
  const [loop, model, target, picture] = [facts(), facts(), targetPart(editor), picturePart(editor)]
  const slow = button(editor, WORDS.slow, () => slowAll(editor), WORDS.slowHint)
  slow.classList.add("wm-slow")
  const body = make(
    "div.wm-inspect",
    {},
    head,
    none,
    keyframe,
    section(WORDS.loopTitle, loop.element),
    section(WORDS.modelTitle, model.element, WORDS.modelBy),
    target.element,
    picture.element,
    make("div.wm-grow"),
    slow,
  )
  const name = make("span.wm-name")
  const more = make("button.wm-tool", { title: WORDS.more, "aria-label": WORDS.more }, icon("more"))
  more.addEventListener("click", () => editor.set({ sheet: !editor.state.sheet }), { signal: editor.signal })
  const bar = make(
    "div.wm-inspect-row",
    {},
    name,
    ...["frame", "height"].map((field) => row.fields[field].element),
    row.look,
    more,
  )
  const element = make(
    "div.wm-inspector",
    { "aria-label": WORDS.keyframe, role: "group", "data-capture-wheel": "true" },
    bar,
    body,
  )
  element.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey && element.contains(document.activeElement)) event.stopPropagation()
    },
    { signal: editor.signal, passive: true },
  )

  function show() {
    const { state, shell } = editor
    const stop = leader(state)
    const off = locked(state)
    const { keyframes } = shownPath(state)
    const count = state.chosen.length
    title.textContent =
      count > 1
        ? WORDS.several(count)
        : stop
          ? `${WORDS.keyframe} ${state.chosen[0]}`
          : keyframes.length
            ? counted(keyframes.length, "keyframe")
            : WORDS.none
    name.textContent = stop ? `${WORDS.key} ${state.chosen[0]}` : WORDS.noKey
    many.textContent = stop ? WORDS.of(keyframes.length) : ""
    none.hidden = Boolean(stop)
    none.querySelector("button").disabled = off || keyframes.length < 2
    keyframe.hidden = !stop
    parts.show(stop, off)
    row.show(stop, off)
    loop.show(loopFacts(editor))
    model.show(modelFacts(editor))
    target.show(off)
    picture.show(off)
    slow.disabled = off || !editor.drawn.fast.length
    element.toggleAttribute("data-open", shell.narrow && state.sheet)
    more.setAttribute("aria-expanded", String(state.sheet))
  }
  /** Put the caret into the first field. */
  const inspect = () => {
    if (!leader(editor.state)) return
    const { input } = (editor.shell.narrow ? row : parts).fields.frame
    input.focus()
    input.select()
  }
  return { element, show, inspect }
}

/** The fields of the chosen keyframe. @param {Editor} editor @param {boolean} all */
function keyframeParts(editor, all) {
  const { signal } = editor
  const chosen = () => editor.state.chosen
  const apply = (/** @type {(path: CameraPath, value: number) => CameraPath} */ change) => ({
    signal,
    preview: (/** @type {number} */ value) => editor.preview(change(editor.state.path, value)),
    commit: (/** @type {number} */ value) => editor.edit(change(editor.state.path, value)),
  })
  const frames = apply((path, value) => retime(path, chosen()[0], value))
  const axis = (/** @type {number} */ now) => ({
    now,
    fps: fpsOf(editor.state),
    chunkStart: (/** @type {number} */ index) => Math.round(firstFrame(chunksOf(editor.state), index)),
  })
  const place = (/** @type {keyof typeof SHIFTS} */ name) => {
    const k = SHIFTS[name]
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
    /** @param {import("./path.mjs").Keyframe | undefined} stop @param {boolean} off */
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

/** @param {import("./path.mjs").Keyframe} stop */
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

/** @param {Editor} editor @param {string} text @param {() => void} press @param {string} [hint] */
function button(editor, text, press, hint = text) {
  const element = make("button.wm-tool.wm-worded.wm-filled", { text, title: hint })
  element.addEventListener("click", press, { signal: editor.signal })
  return element
}

/** @param {string} title @param {HTMLElement} content @param {string} [note] */
function section(title, content, note = "") {
  return make(
    "section",
    {},
    make("div.wm-title", {}, make("b", { text: title }), make("span.wm-note", { text: note })),
    content,
  )
}

/** Rows of a name and a value. */
function facts() {
  const element = make("dl.wm-facts")
  let shown = ""
  return {
    element,
    /** @param {[name: string, value: string, alarm?: boolean][]} rows */
    show(rows) {
      if (JSON.stringify(rows) === shown) return
      shown = JSON.stringify(rows)
      element.replaceChildren(
        ...rows.flatMap(([name, value, alarm]) => [
          make("dt", { text: name }),
          make("dd", {}, alarm ? sign() : null, value),
        ]),
      )
    },
  }
}

function sign() {
  const warning = icon("warn")
  warning.classList.add("wm-sign")
  return warning
}

/** @param {Editor} editor @returns {[string, string, boolean?][]} */
function loopFacts(editor) {
  const { path } = editor.drawn
  const stops = path.keyframes
  const open =
    stops.length > 1 ? WORDS.gap(decimal(length(minus(stops[stops.length - 1].place, stops[0].place)))) : WORDS.open
  const poses = editor.followed?.poses
  const gap = poses?.length
    ? Math.hypot(poses[poses.length - 1][0] - poses[0][0], poses[poses.length - 1][1] - poses[0][1])
    : null
  /** @type {[string, string][]} */
  const ends = path.closed && gap !== null ? [[WORDS.modelEnds, WORDS.off(decimal(gap))]] : []
  return [[WORDS.drawn, path.closed ? WORDS.closed : open], ...ends]
}

/** @param {Editor} editor @returns {[string, string, boolean?][]} */
function modelFacts(editor) {
  const { state, followed, drawn } = editor
  /** @type {[string, string, boolean?][]} */
  const rows = []
  if (followed?.position?.length) {
    const { position } = followed
    const worst = position.reduce(
      (/** @type {number} */ best, /** @type {number} */ value, /** @type {number} */ i) =>
        value > position[best] ? i : best,
      0,
    )
    const squares = position.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value * value, 0)
    rows.push([WORDS.rms, `${decimal(Math.sqrt(squares / position.length))} m`])
    rows.push([WORDS.most, WORDS.mostAt(decimal(position[worst]), Math.round(worst * editor.scene().rate))])
  }
  rows.push([WORDS.limit, `${decimal(limitOf(state))} m/s`])
  const { turn } = paceOf(state)
  if (turn !== null) rows.push([WORDS.turnLimit, `${decimal(degrees(turn) * fpsOf(state), 0)} \u00b0/s`])
  const [first, ...more] = drawn.fast
  if (first) rows.push([WORDS.tooFast, `f ${span(first[0], first[1])}${more.length ? ` +${more.length}` : ""}`, true])
  else rows.push([WORDS.tooFast, WORDS.nowhere])
  return rows
}

/** @param {Editor} editor */
function slowAll(editor) {
  const path = slowDown(editor.state.path, paceOf(editor.state))
  editor.edit(path, {}, `${path.frames} frames`)
}

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
function targetPart(editor) {
  const field = (/** @type {keyof typeof SHIFTS} */ name) => {
    const put = (/** @type {number} */ value) => {
      const target = /** @type {import("./path.mjs").Vector} */ (editor.state.path.target)
      return setTarget(
        editor.state.path,
        /** @type {any} */ (target.map((part, i) => (i === SHIFTS[name] ? (i === 1 ? -value : value) : part))),
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
function picturePart(editor) {
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
    commit: (value) => editor.edit(put(value)),
  })
}
