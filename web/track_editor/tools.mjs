// @ts-check
/** The tool bar of the Action Track. */
import { make } from "../kit/dom.mjs"
import { makeField, parseNumber } from "../kit/fields.mjs"
import { openMenu } from "../kit/menu.mjs"
import { makeTimeFields } from "../kit/time_fields.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { chunkStart } from "../track/chunks.mjs"
import { setFrames } from "../track/edits.mjs"
import { MAX_FRAMES } from "../track/timeline.mjs"
import { ZOOM } from "./keys.mjs"
import { chosenRange, copy, hasClip, paste, repeat } from "./clipboard.mjs"
import { presetEntries } from "./preset_menu.mjs"
import { locked } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

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
    chunkStart: (number) => chunkStart(editor.variant, number),
    before: () => editor.state.variant?.frames_before ?? 0,
    withFrames: (frames) => setFrames(editor.state.timeline, frames),
  })
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
    { id: "play", icon: "play", label: SHARED.play, key: "K", press: () => editor.play() },
    { id: "frame", kind: "part", element: fields.frames },
    { id: "time", kind: "part", element: fields.seconds, narrow: "menu" },
    {
      id: "keep",
      kind: "toggle",
      icon: "lock",
      label: WORDS.keepLength,
      press: () => editor.set({ grows: !editor.state.grows }),
      narrow: "menu",
    },
    { id: "line1", kind: "line", narrow: "gone" },
    { id: "space0", kind: "space", narrow: "bar" },
    { id: "copy", icon: "copy", label: WORDS.copy, key: "Shift+C", press: () => copy(editor) },
    { id: "paste", icon: "paste", label: WORDS.paste, key: "Shift+V", press: () => paste(editor), narrow: "menu" },
    { id: "repeat", icon: "repeat", label: WORDS.repeat, key: "D", press: () => repeat(editor) },
    { id: "times", kind: "part", element: times.element, narrow: "menu" },
    { id: "line2", kind: "line", narrow: "gone" },
    {
      id: "presets",
      text: SHARED.presets,
      label: WORDS.presetsHint,
      opens: true,
      narrow: "menu",
      entries: () => presetEntries(editor),
      press: () => menu(bar.get("presets"), presetEntries(editor), SHARED.presets),
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
      entries: snapEntries,
      press: () => menu(bar.get("snap"), snapEntries(), WORDS.snap),
    },
    { id: "line3", kind: "line", narrow: "gone" },
    {
      id: "out",
      icon: "minus",
      label: SHARED.zoomOut,
      key: "\u2212",
      press: () => editor.zoomTime(1 / ZOOM),
      narrow: "menu",
    },
    { id: "in", icon: "plus", label: SHARED.zoomIn, key: "=", press: () => editor.zoomTime(ZOOM), narrow: "menu" },
    {
      id: "fit",
      icon: "fit",
      label: WORDS.fit,
      key: "0",
      press: () => editor.set({ scale: 0, first: 0 }),
      narrow: "menu",
    },
    { id: "line4", kind: "line", narrow: "gone" },
    { id: "help", icon: "help", label: SHARED.help, key: "?", press: () => editor.toggleSheet(), narrow: "menu" },
  ]
  const bar = makeToolbar({ label: WORDS.tools, tools, signal, root })
  bar.get("space0").classList.add("wm-narrow-space")

  function show() {
    const { state } = editor
    const [off, busy] = [locked(state), Boolean(state.recording)]
    const chosen = chosenRange(state) !== null
    showRecord(record, busy)
    record.disabled = off && !busy
    bar.setNarrow(shell.narrow)
    bar.set("start", { disabled: busy })
    bar.set("play", {
      disabled: busy || !state.variant,
      icon: state.playing ? "pause" : "play",
      label: state.playing ? SHARED.pause : SHARED.play,
    })
    bar.set("keep", { pressed: !state.grows, disabled: busy })
    bar.set("copy", { disabled: busy || !chosen })
    bar.set("paste", { disabled: off || busy || !hasClip() })
    bar.set("repeat", { disabled: off || busy || !chosen })
    bar.set("presets", { disabled: off || busy })
    bar.set("map", { pressed: state.map, disabled: state.variant?.mouse === null })
    bar.set("snap", { text: WORDS.snaps[state.snap], label: `${WORDS.snap}: ${WORDS.snaps[state.snap]}` })
    for (const id of ["out", "in", "fit"]) bar.set(id, { disabled: busy || !state.variant })
    times.show(state.times)
    times.disable(off || busy || !chosen)
    times.element.style.opacity = off || busy || !chosen ? ".38" : ""
    fields.show(off || busy)
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
