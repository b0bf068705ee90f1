// @ts-check
/** The tool bar of the Action Track. */
import { make } from "../kit/dom.mjs"
import { makeField, parseFrames, parseNumber } from "../kit/fields.mjs"
import { openMenu } from "../kit/menu.mjs"
import { zoomAround } from "../kit/ruler.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { WORDS as SHARED, time } from "../kit/words.mjs"
import { firstFrame } from "../track/chunks.mjs"
import { setFrames } from "../track/edits.mjs"
import { MAX_FRAMES } from "../track/timeline.mjs"
import { chosenRange, copy, hasClip, paste, repeat } from "./clipboard.mjs"
import { presetEntries } from "./preset_menu.mjs"
import { extent, fpsOf, locked, shownTimeline } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

const ZOOM = 1.5

/**
 * Build the tool bar.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function makeTools(editor) {
  const { signal, shell } = editor
  const { root } = shell
  const fields = timeFields(editor)
  const times = makeField({
    label: WORDS.times,
    signal,
    columns: 2,
    unit: "",
    format: String,
    low: () => 2,
    high: () => 99,
    parse: (text, now) => Math.round(parseNumber(text, now) ?? NaN),
    commit: (value) => editor.set({ times: value }),
  })
  times.element.classList.add("wm-bare")
  times.element.prepend("\u00d7")
  const record = make("button.wm-tool.wm-worded.wm-filled", { title: `${WORDS.recordHint} (E)` })
  record.addEventListener("click", (/** @type {MouseEvent} */ event) => editor.record(event.shiftKey), { signal })
  const menu = (
    /** @type {HTMLElement} */ anchor,
    /** @type {import("../kit/menu.mjs").Entry[]} */ entries,
    /** @type {string} */ label,
  ) => openMenu(anchor, entries, { label, signal, root })
  const zoom = (/** @type {number} */ factor) => {
    const { view } = editor.layout()
    editor.show(
      zoomAround(view, view.left + (editor.state.playhead - view.first) * view.scale, factor, extent(editor.state)),
    )
  }
  const snapEntries = () => [
    { heading: WORDS.snap },
    .../** @type {const} */ (["off", "frame", "chunk"]).map((mode) => ({
      label: WORDS.snaps[mode],
      note: WORDS.snapNotes[mode],
      checked: editor.state.snap === mode,
      press: () => editor.setSnap(mode),
    })),
  ]
  /** @type {import("../kit/toolbar.mjs").Tool[]} */
  const tools = [
    { id: "record", kind: "part", element: record },
    {
      id: "start",
      icon: "start",
      label: WORDS.toStart,
      key: "Home",
      press: () => editor.goTo(0, true),
      narrow: "menu",
    },
    { id: "play", icon: "play", label: WORDS.play, key: "K", press: () => editor.play() },
    { id: "frame", kind: "part", element: fields.frames },
    { id: "time", kind: "part", element: fields.seconds, narrow: "menu" },
    { id: "line1", kind: "line", narrow: "gone" },
    { id: "space0", kind: "space", narrow: "bar" },
    { id: "copy", icon: "copy", label: WORDS.copy, key: "Shift+C", press: () => copy(editor) },
    { id: "paste", icon: "paste", label: WORDS.paste, key: "Shift+V", press: () => paste(editor), narrow: "menu" },
    { id: "repeat", icon: "repeat", label: WORDS.repeat, key: "D", press: () => repeat(editor) },
    { id: "times", kind: "part", element: times.element, narrow: "menu" },
    { id: "line2", kind: "line", narrow: "gone" },
    {
      id: "presets",
      text: WORDS.presets,
      label: WORDS.presetsHint,
      opens: true,
      narrow: "menu",
      entries: () => presetEntries(editor),
      press: () => menu(bar.get("presets"), presetEntries(editor), WORDS.presets),
    },
    { id: "space", kind: "space", narrow: "gone" },
    { id: "map", kind: "toggle", icon: "route", label: WORDS.map, press: () => editor.set({ map: !editor.state.map }) },
    {
      id: "snap",
      icon: "magnet",
      text: WORDS.snaps.chunk,
      label: WORDS.snap,
      key: "G",
      opens: true,
      look: "wm-filled",
      press: () => menu(bar.get("snap"), snapEntries(), WORDS.snap),
    },
    { id: "line3", kind: "line", narrow: "gone" },
    { id: "out", icon: "minus", label: WORDS.zoomOut, key: "\u2212", press: () => zoom(1 / ZOOM), narrow: "menu" },
    { id: "in", icon: "plus", label: WORDS.zoomIn, key: "=", press: () => zoom(ZOOM), narrow: "menu" },
    {
      id: "fit",
      icon: "fit",
      label: WORDS.fit,
      key: "0",
      press: () => editor.set({ scale: 0, first: 0 }),
      narrow: "menu",
    },
    { id: "line4", kind: "line", narrow: "gone" },
    { id: "help", icon: "help", label: WORDS.help, key: "?", press: () => editor.toggleSheet(), narrow: "menu" },
  ]
  const bar = makeToolbar({ label: WORDS.tools, tools, signal, root })
  bar.get("space0").classList.add("wm-narrow-space")

  function show() {
    const { state } = editor
    const timeline = shownTimeline(state)
    const [off, busy] = [locked(state), Boolean(state.recording)]
    const chosen = chosenRange(state) !== null
    showRecord(record, busy)
    record.disabled = off && !busy
    bar.setNarrow(shell.narrow)
    bar.set("start", { disabled: busy })
    bar.set("play", {
      disabled: busy || !state.variant,
      icon: state.playing ? "pause" : "play",
      label: state.playing ? WORDS.pause : WORDS.play,
    })
    bar.set("copy", { disabled: busy || !chosen })
    bar.set("paste", { disabled: off || busy || !hasClip() })
    bar.set("repeat", { disabled: off || busy || !chosen })
    bar.set("presets", { disabled: off || busy })
    bar.set("map", { pressed: state.map })
    bar.set("snap", { text: WORDS.snaps[state.snap], label: `${WORDS.snap}: ${WORDS.snaps[state.snap]}` })
    for (const id of ["out", "in", "fit"]) bar.set(id, { disabled: busy || !state.variant })
    times.show(state.times)
    times.disable(off || busy || !chosen)
    times.element.style.opacity = off || busy || !chosen ? ".38" : ""
    fields.show(timeline, off || busy)
  }
  return { element: bar.element, show }
}

/** @param {HTMLElement} record @param {boolean} busy */
function showRecord(record, busy) {
  if (record.dataset.busy === String(busy)) return
  record.dataset.busy = String(busy)
  record.classList.toggle("wm-recording", busy)
  record.title = busy ? `${WORDS.stopHint} (Esc)` : `${WORDS.recordHint} (E)`
  record.replaceChildren(
    make(busy ? "span.wm-square" : "span.wm-red"),
    make("span", { text: busy ? WORDS.stop : WORDS.record }),
  )
}

/** The fields of playhead, length and time. @param {Editor} editor */
function timeFields(editor) {
  const { signal } = editor
  const axis = (/** @type {number} */ now) => ({
    now,
    fps: fpsOf(editor.state),
    chunkStart: (/** @type {number} */ index) => firstFrame(editor.variant, index),
  })
  const shared = {
    signal,
    low: () => 0,
    high: () => shownTimeline(editor.state).frames - 1,
    preview: (/** @type {number} */ frame) => editor.goTo(frame),
    commit: (/** @type {number} */ frame) => editor.goTo(frame, true),
  }
  const frame = makeField({
    ...shared,
    label: WORDS.playhead,
    hint: `${WORDS.playhead}. ${SHARED.typed}`,
    columns: 4,
    format: String,
    parse: (text, now) => parseFrames(text, axis(now)),
  })
  const second = makeField({
    ...shared,
    label: WORDS.seconds,
    hint: `${WORDS.seconds}. ${SHARED.typed}`,
    unit: "s",
    columns: 5,
    format: (value) => time(value / fpsOf(editor.state)),
    parse: (text, now) => parseFrames(text, { ...axis(now), plain: "seconds" }),
  })
  const length = makeField({
    label: WORDS.frames,
    hint: `${WORDS.frames}. ${SHARED.typed}`,
    signal,
    columns: 4,
    format: String,
    low: () => 1,
    high: () => MAX_FRAMES,
    parse: (text, now) => parseFrames(text, axis(now)),
    preview: (value) => editor.preview(setFrames(editor.state.timeline, value)),
    commit: (value) => editor.edit(setFrames(editor.state.timeline, value), {}, `${value} frames`),
  })
  length.input.style.textAlign = "left"
  const frames = make("span.wm-field", {}, frame.input, make("span", { text: "/" }), length.input)
  return {
    frames,
    seconds: second.element,
    /** @param {import("../track/timeline.mjs").Timeline} timeline @param {boolean} off */
    show(timeline, off) {
      const width = `${Math.max(2, String(timeline.frames).length)}ch`
      frame.input.style.width = length.input.style.width = width
      frame.show(editor.state.playhead)
      second.show(editor.state.playhead)
      length.show(timeline.frames)
      length.disable(off)
    },
  }
}
