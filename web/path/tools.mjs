// @ts-check
/** The tool bar of the Camera Path. */
import { make } from "../kit/dom.mjs"
import { makeField, parseFrames } from "../kit/fields.mjs"
import { openMenu } from "../kit/menu.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { time } from "../kit/words.mjs"
import { extendedFrames, firstFrame } from "../track/chunks.mjs"
import { setBackground, setFrames, setLook, stretch } from "./edits.mjs"
import { closeLoop, zoom } from "./keys.mjs"
import { MAX_FRAMES } from "./path.mjs"
import { PRESETS } from "./presets.mjs"
import { chunksOf, fpsOf, locked, modelFrames, paceOf, pathFrames, shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

const LOOKS = /** @type {const} */ (["path", "target", "keyed"])
const TOOLS = /** @type {const} */ ([
  ["pointer", "pointer"],
  ["pen", "pen"],
  ["add", "diamond"],
])
const ZOOM = 1.4
/** Px of width from which on the tool bar has room for its words. */
const WORDED = 770

/**
 * Build the tool bar.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function makeTools(editor) {
  const { signal, shell } = editor
  const { root } = shell
  const fields = timeFields(editor)
  const looks = lookSwitch(editor)
  /** @type {import("../kit/toolbar.mjs").Tool[]} */
  const tools = [
    .../** @type {import("../kit/toolbar.mjs").Tool[]} */ (
      TOOLS.map(([tool, icon]) => ({
        id: tool,
        kind: "toggle",
        icon,
        label: WORDS[tool],
        press: () => editor.set({ tool }),
      }))
    ),
    { id: "line1", kind: "line" },
    { id: "play", icon: "play", label: WORDS.play, key: "K", press: () => editor.play() },
    { id: "frame", kind: "part", element: fields.frames },
    { id: "time", kind: "part", element: fields.seconds, narrow: "menu" },
    { id: "line2", kind: "line", narrow: "gone" },
    { id: "looks", kind: "part", element: looks.element, narrow: "menu", entries: () => looks.entries() },
    { id: "space", kind: "space" },
    {
      id: "loop",
      kind: "toggle",
      icon: "loop",
      text: WORDS.loop,
      label: WORDS.loopHint,
      key: "L",
      press: () => closeLoop(editor),
    },
    {
      id: "model",
      kind: "toggle",
      icon: "route",
      text: WORDS.model,
      label: WORDS.modelHint,
      key: "O",
      press: () => editor.set({ model: !editor.state.model }),
    },
    { id: "line3", kind: "line", narrow: "gone" },
    {
      id: "presets",
      text: WORDS.presets,
      label: WORDS.presetsHint,
      opens: true,
      narrow: "menu",
      entries: () => presetEntries(editor),
      press: () => openMenu(bar.get("presets"), presetEntries(editor), { label: WORDS.presets, signal, root }),
    },
    { id: "fit", icon: "fit", label: WORDS.fit, key: "0", press: () => editor.set({ view: null, scale: 0, first: 0 }) },
    { id: "help", icon: "help", label: WORDS.help, key: "?", press: () => editor.toggleSheet(), narrow: "menu" },
  ]
  const bar = makeToolbar({ label: WORDS.tools, tools, signal, root })

  function show() {
    const { state } = editor
    const off = locked(state)
    const { closed, keyframes } = shownPath(state)
    bar.setNarrow(shell.narrow || root.clientWidth < WORDED)
    for (const [tool] of TOOLS) bar.set(tool, { disabled: off, pressed: state.tool === tool })
    bar.set("play", {
      disabled: !state.variant,
      icon: state.playing ? "pause" : "play",
      label: state.playing ? WORDS.pause : WORDS.play,
    })
    bar.set("loop", {
      disabled: off || keyframes.length < 2,
      pressed: closed,
      text: closed ? WORDS.openLoop : WORDS.loop,
    })
    bar.set("model", { pressed: state.model, disabled: !state.variant })
    bar.set("presets", { disabled: off })
    bar.set("fit", { disabled: !state.variant })
    looks.show(off)
    fields.show(off)
  }
  return { element: bar.element, show }
}

/**
 * Ready-made paths and the picture below, as a menu.
 * @param {Editor} editor
 * @returns {import("../kit/menu.mjs").Entry[]}
 */
function presetEntries(editor) {
  const { state } = editor
  const off = locked(state)
  const presets = PRESETS.map((preset) => ({
    label: preset.name,
    note: preset.note,
    disabled: off,
    press: () => putIn(editor, preset),
  }))
  const { background } = shownPath(state)
  const gone = background
    ? [{ label: WORDS.backgroundGone, disabled: off, press: () => editor.edit(setBackground(state.path, null)) }]
    : []
  return [
    { heading: WORDS.presets },
    ...presets,
    { line: true },
    { label: WORDS.background, disabled: off, press: () => editor.parts.upload() },
    ...gone,
    { line: true },
    { label: WORDS.snapGrid, key: "G", checked: state.grid, press: () => editor.set({ grid: !state.grid }) },
    { label: WORDS.zoomIn, key: "=", press: () => zoom(editor, ZOOM) },
    { label: WORDS.zoomOut, key: "\u2212", press: () => zoom(editor, 1 / ZOOM) },
  ]
}

/**
 * Replace the path by a ready-made one in whole chunks; the picture stays.
 * @param {Editor} editor
 * @param {typeof PRESETS[number]} preset
 */
export function putIn(editor, preset) {
  const { state } = editor
  const { path } = state
  const walked = preset.make(paceOf(state))
  const chunks = state.variant ? extendedFrames(state.variant, modelFrames(state, walked.frames)) : walked.frames
  const made = stretch(walked, pathFrames(state, chunks))
  editor.edit(
    setBackground({ ...made, extra: path.extra }, path.background),
    { chosen: [], view: null, playhead: 0, tool: "pointer" },
    preset.name,
  )
}

/** Where new keyframes look: three buttons of which one is pressed. @param {Editor} editor */
function lookSwitch(editor) {
  const buttons = LOOKS.map((look) => {
    const button = make("button.wm-tool.wm-worded", {
      role: "radio",
      text: WORDS.looks[look],
      title: WORDS.lookHints[look],
    })
    button.addEventListener("click", () => choose(look), { signal: editor.signal })
    return button
  })
  const choose = (/** @type {typeof LOOKS[number]} */ look) => {
    editor.set({ look })
    editor.say(WORDS.lookHints[look])
  }
  return {
    element: make("span.wm-group.wm-looks", { role: "radiogroup", "aria-label": WORDS.look }, ...buttons),
    entries: () => [
      { heading: WORDS.look },
      ...LOOKS.map((look) => ({
        label: WORDS.looks[look],
        checked: editor.state.look === look,
        press: () => choose(look),
      })),
      { line: true },
    ],
    /** @param {boolean} off */
    show: (off) =>
      buttons.forEach((button, i) => {
        button.setAttribute("aria-checked", String(editor.state.look === LOOKS[i]))
        button.disabled = off
      }),
  }
}

/** The entries that choose where keyframes look. @param {Editor} editor @param {readonly number[]} indices */
export function lookEntries(editor, indices) {
  const all = editor.state.path.keyframes.map((_, i) => i)
  const entry = (/** @type {typeof LOOKS[number]} */ look, /** @type {readonly number[]} */ which) => ({
    label: WORDS.lookNames[look],
    press: () => editor.edit(setLook(editor.state.path, which, look), {}, WORDS.lookNames[look]),
  })
  const now = (/** @type {typeof LOOKS[number]} */ look) => {
    const own = editor.state.path.keyframes[indices[0]]?.look
    return typeof own === "string" ? own === look : look === "keyed"
  }
  return [
    ...LOOKS.map((look) => ({ ...entry(look, indices), checked: now(look) })),
    { heading: WORDS.forAll },
    ...LOOKS.map((look) => entry(look, all)),
  ]
}

/** The fields of playhead, length and time. @param {Editor} editor */
function timeFields(editor) {
  const { signal } = editor
  const axis = (/** @type {number} */ now) => ({
    now,
    fps: fpsOf(editor.state),
    chunkStart: (/** @type {number} */ index) => Math.round(firstFrame(chunksOf(editor.state), index)),
  })
  const shared = {
    signal,
    low: () => 0,
    high: () => shownPath(editor.state).frames - 1,
    preview: (/** @type {number} */ frame) => editor.goTo(frame),
    commit: (/** @type {number} */ frame) => editor.goTo(frame, true),
  }
  const frame = makeField({
    ...shared,
    label: WORDS.playhead,
    columns: 4,
    format: String,
    parse: (text, now) => parseFrames(text, axis(now)),
  })
  const second = makeField({
    ...shared,
    label: WORDS.seconds,
    unit: "s",
    columns: 5,
    format: (value) => time(value / fpsOf(editor.state)),
    parse: (text, now) => parseFrames(text, { ...axis(now), plain: "seconds" }),
  })
  const length = makeField({
    label: WORDS.frames,
    signal,
    columns: 4,
    format: String,
    low: () => 1,
    high: () => MAX_FRAMES,
    parse: (text, now) => parseFrames(text, axis(now)),
    preview: (value) => editor.preview(setFrames(editor.state.path, value)),
    commit: (value) => editor.edit(setFrames(editor.state.path, value), {}, `${value} frames`),
  })
  length.input.style.textAlign = "left"
  return {
    frames: make("span.wm-field", {}, frame.input, make("span", { text: "/" }), length.input),
    seconds: second.element,
    /** @param {boolean} off */
    show(off) {
      const { frames } = shownPath(editor.state)
      frame.input.style.width = length.input.style.width = `${Math.max(2, String(frames).length)}ch`
      frame.show(editor.state.playhead)
      second.show(editor.state.playhead)
      length.show(frames)
      length.disable(off)
    },
  }
}
