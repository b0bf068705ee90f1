// @ts-check
/** The tool bar of the Camera Path. */
import { make } from "../kit/dom.mjs"
import { openMenu } from "../kit/menu.mjs"
import { makeTimeFields } from "../kit/time_fields.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { extendedFrames } from "../track/chunks.mjs"
import { setBackground, setFrames, setLook, stretch } from "../path/edits.mjs"
import { ZOOM, clearAll, closeLoop, selectAll, zoom } from "./keys.mjs"
import { MAX_FRAMES } from "../path/path.mjs"
import { PRESETS } from "../path/presets.mjs"
import { chunkStart, locked, modelFrames, paceOf, pathFrames, rateOf, shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

const LOOKS = /** @type {const} */ (["path", "target", "keyed"])
const TOOLS = /** @type {const} */ ([
  ["pointer", "pointer"],
  ["pen", "pen"],
  ["add", "diamond"],
])
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
  const fields = makeTimeFields(editor, {
    label: WORDS.frames,
    most: MAX_FRAMES,
    chunkStart: (index) => chunkStart(editor.state, index),
    withFrames: (frames) => setFrames(editor.state.path, frames),
    before: () => (editor.state.variant?.frames_before ?? 0) * rateOf(editor.state),
  })
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
    { id: "play", icon: "play", label: SHARED.play, key: "K", press: () => editor.play() },
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
      text: SHARED.presets,
      label: WORDS.presetsHint,
      opens: true,
      narrow: "menu",
      entries: () => presetEntries(editor),
      press: () => openMenu(bar.get("presets"), presetEntries(editor), { label: SHARED.presets, signal, root }),
    },
    { id: "fit", icon: "fit", label: WORDS.fit, key: "0", press: () => editor.set({ view: null, scale: 0, first: 0 }) },
    { id: "help", icon: "help", label: SHARED.help, key: "?", press: () => editor.toggleSheet(), narrow: "menu" },
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
      label: state.playing ? SHARED.pause : SHARED.play,
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
    { heading: SHARED.presets },
    ...presets,
    { line: true },
    { label: SHARED.selectAll, key: "Ctrl+A", disabled: off, press: () => selectAll(editor) },
    { label: SHARED.clearAll, key: "Shift+Delete", disabled: off, press: () => clearAll(editor) },
    { label: WORDS.background, disabled: off, press: () => editor.parts.upload() },
    ...gone,
    { line: true },
    { label: WORDS.snapGrid, key: "G", checked: state.grid, press: () => editor.set({ grid: !state.grid }) },
    { label: SHARED.zoomIn, key: "=", press: () => zoom(editor, ZOOM) },
    { label: SHARED.zoomOut, key: "\u2212", press: () => zoom(editor, 1 / ZOOM) },
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

/**
 * The entries that choose where keyframes look; the last one gives all of them what the chosen have.
 * @param {Editor} editor @param {readonly number[]} indices
 */
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
  const own = LOOKS.find(now)
  return [
    ...LOOKS.map((look) => ({ ...entry(look, indices), checked: now(look) })),
    { line: true },
    ...(own ? [{ ...entry(own, all), label: WORDS.forAll(WORDS.lookNames[own]) }] : []),
  ]
}
