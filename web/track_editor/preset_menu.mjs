// @ts-check
/** Ready-made walks: the entries of the menu, the cards of an empty track, and putting one in. */
import { getPresets, presetText } from "../kit/server.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { copyRange, pasteClip, setFrames } from "../track/edits.mjs"
import { parse } from "../track/timeline.mjs"
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
  const { range, timeline } = editor.state
  const where = range ? WORDS.intoRange : isEmpty(timeline) ? WORDS.intoTrack : WORDS.atPlayhead
  const suits = suitable(editor)
  const entry = (/** @type {Preset} */ preset) => ({
    label: title(preset),
    note: preset.sentence,
    press: () => putIn(editor, preset),
  })
  return [{ heading: `${SHARED.presets} \u00b7 ${where}` }, ...suits.map(entry)]
}

/** @param {Preset} preset */
export const title = ({ name }) => WORDS.presetTitles[/** @type {"walk"} */ (name)] ?? name

/**
 * Put a ready-made walk in: over the range, over all of an empty track, else at the playhead in its own length.
 * @param {Editor} editor @param {Preset} preset
 */
export async function putIn(editor, preset) {
  const { range, timeline, playhead } = editor.state
  const [from, frames] = range
    ? [range[0], range[1] - range[0]]
    : isEmpty(timeline)
      ? [0, timeline.frames]
      : [playhead, preset.frames_hint]
  try {
    const text = await presetText(preset.name, frames, preset.seeded ? Math.floor(Math.random() * SEEDS) : 0)
    const made = parse(text).timeline
    if (!made || editor.signal.aborted || editor.state.timeline !== timeline) return
    const pasted = pasteClip(timeline, editor.variant, copyRange(made, [0, frames]), from)
    const whole = setFrames(pasted.timeline, Math.max(timeline.frames, from + frames))
    editor.edit(
      whole,
      { spans: [], points: [], prompts: [] },
      `${title(preset)}, ${editor.spoken.range([from, from + frames])}`,
    )
  } catch (error) {
    editor.fail(error)
  }
}
