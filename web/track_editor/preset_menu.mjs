// @ts-check
/** Ready-made walks: the entries of the menu, the cards of an empty track, and putting one in. */
import { getPresets, presetText } from "../kit/server.mjs"
import { DOT, WORDS as SHARED, span } from "../kit/words.mjs"
import { extendedFrames } from "../track/chunks.mjs"
import { cleared, copyRange, pasteClip, setFrames } from "../track/edits.mjs"
import { MAX_FRAMES, parse } from "../track/timeline.mjs"
import { clearAll, selectAll } from "./select.mjs"
import { isEmpty } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {{name: string, seeded: boolean, frames_hint: number, sentence: string, model: string | null}} Preset */

const SEEDS = 2 ** 32

/** @type {Preset[]} */
let known = []

/** Learn what presets there are. */
export async function learnPresets() {
  known = /** @type {Preset[]} */ (await getPresets())
  return known
}

/**
 * Presets that suit a model: those made for it first, none of another's; general ones only where there is a key to
 * walk.
 * @param {Editor} editor
 * @returns {Preset[]}
 */
export function suitable(editor) {
  const { name, keyboard, mouse } = editor.variant
  const general = keyboard.words.includes("forward") && mouse !== null
  return [
    ...(general ? known.filter(({ model }) => model === null) : []),
    ...known.filter(({ model }) => model === name),
  ]
}

/** @param {Editor} editor @returns {import("../kit/menu.mjs").Entry[]} */
export function presetEntries(editor) {
  if (!editor.ready) return [{ heading: SHARED.presets }]
  const { range, timeline, playhead } = editor.state
  const suits = suitable(editor)
  const all = suits.map((preset) => ({
    label: title(preset),
    note: preset.sentence,
    press: () => putIn(editor, preset, "all"),
  }))
  const here = suits.map((preset) => ({ label: title(preset), press: () => putIn(editor, preset, "here") }))
  return [
    { heading: `${SHARED.presets} ${DOT} ${WORDS.replaceAll(wholeLength(editor))}` },
    ...all,
    ...(isEmpty(timeline) && !range
      ? []
      : [{ heading: range ? WORDS.intoRange(span(...range)) : WORDS.insertAt(playhead) }, ...here]),
    { line: true },
    { label: SHARED.selectAll, key: "Ctrl+A", press: () => selectAll(editor) },
    { label: SHARED.clearAll, key: "Shift+Delete", press: () => clearAll(editor) },
    ...editor.parts.pictureEntries(),
  ]
}

/** @param {Preset} preset */
export const title = ({ name }) => WORDS.presetTitles[/** @type {"walk"} */ (name)] ?? name

/** Frames of the track as whole chunks. @param {Editor} editor */
const wholeLength = ({ state, variant }) => Math.min(MAX_FRAMES, extendedFrames(variant, state.timeline.frames))

/**
 * Put a ready-made walk in, so that it ends with a chunk: in place of the whole track and in its length, or into the
 * range, or from the playhead on in its own length.
 * @param {Editor} editor @param {Preset} preset @param {"all" | "here"} where
 */
export async function putIn(editor, preset, where) {
  const { range, timeline, playhead } = editor.state
  const { variant } = editor
  const end = Math.min(MAX_FRAMES, extendedFrames(variant, playhead + preset.frames_hint))
  const [from, to] = where === "all" ? [0, wholeLength(editor)] : (range ?? [playhead, end])
  const frames = to - from
  try {
    const text = await presetText(preset.name, frames, preset.seeded ? Math.floor(Math.random() * SEEDS) : 0)
    const made = parse(text).timeline
    if (!made || editor.signal.aborted || editor.state.timeline !== timeline) return
    const rest = where === "all" ? cleared(timeline) : timeline
    const length = where === "all" ? to : Math.max(timeline.frames, to)
    const pasted = pasteClip(setFrames(rest, length), variant, copyRange(made, [0, frames]), from)
    editor.edit(
      pasted.timeline,
      { spans: [], points: [], prompts: [], ...(where === "all" ? { playhead: 0, range: null } : {}) },
      `${title(preset)}, ${editor.spoken.range([from, to])}`,
    )
  } catch (error) {
    editor.fail(error)
  }
}
