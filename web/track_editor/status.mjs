// @ts-check
/** Status line, notice and binding strip: what holds, what is the matter, and the way out of it. */
import { make } from "../kit/dom.mjs"
import { fpsOf } from "../kit/state.mjs"
import { afterEnd, link, noticeOf, placeParts, reportless, showFacts, showLine } from "../kit/status.mjs"
import { WORDS as SHARED, counted, decimal, span } from "../kit/words.mjs"
import { extendedFrames, trimmedFrames } from "../track/chunks.mjs"
import { contentEnd, extendToChunk, framesForContent, setFrames, trimToChunk } from "../track/edits.mjs"
import { heldAt } from "../track/sample.mjs"
import { isEmpty, keyTitle, lanesOf, shownTimeline } from "./state.mjs"
import { VALUE_WORDS, WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/**
 * Show the status line.
 * @param {Editor} editor
 */
export function showStatus(editor) {
  const { state, shell } = editor
  if (state.recording) showRecording(editor)
  else if (!state.variant) shell.left.replaceChildren()
  else
    showLine(editor, editor.frames, {
      repairs: (frames) => repairs(editor, frames),
      here: [...placeParts(editor, state.playhead), ...here(editor)],
    })
}

/** What holds at the playhead. @param {Editor} editor */
function here(editor) {
  const { state, variant } = editor
  const timeline = shownTimeline(state)
  const frame = state.playhead
  const held = heldAt(timeline, frame)
  const letters = lanesOf(variant, timeline)
    .filter(({ word }) => held.includes(word))
    .map(({ letter, word }) => (variant.keyboard.idle === null ? letter : `${letter} ${keyTitle(variant, word)}`))
  const { x, z } = editor.poses()
  const speed = Math.hypot(x[frame + 1] - x[frame], z[frame + 1] - z[frame]) * fpsOf(state)
  const moves = variant.mouse !== null
  return [held.length ? make("b", { text: letters.join(" ") }) : "no key", ...(moves ? [`${decimal(speed)} m/s`] : [])]
}

/** @param {Editor} editor */
function showRecording({ state, shell }) {
  const { recording, variant } = state
  const parts = [
    make("b", { text: recording.count ? WORDS.countIn : WORDS.recording }),
    recording.half ? WORDS.halfSpeed : WORDS.realTime,
    `${Number(fpsOf(state).toFixed(2))} fps`,
    ...(variant?.mouse ? [recording.captured ? WORDS.captured : WORDS.notCaptured] : []),
    `${counted(recording.missed, "frame")} missed`,
  ]
  showFacts(shell, parts)
  shell.right.replaceChildren(WORDS.previous)
}

/** @param {Editor} editor @param {number} frames */
function repairs(editor, frames) {
  const { variant } = editor
  const [less, more] = [trimmedFrames(variant, frames), extendedFrames(variant, frames)]
  const trim = () => editor.edit(trimToChunk(editor.state.timeline, variant), {}, `${less} frames`)
  const extend = () => editor.edit(extendToChunk(editor.state.timeline, variant), {}, `${more} frames`)
  const end = contentEnd(editor.state.timeline)
  const words = end > less && end <= editor.state.timeline.frames ? SHARED.cut : SHARED.trim
  return [link(editor, WORDS.extend(more), extend), ...(less ? [link(editor, words(less), trim)] : [])]
}

/**
 * Work out the notice of a state.
 * @param {Editor} editor
 * @param {Parameters<typeof noticeOf>[1]} ways out
 */
export function trackNotice(editor, ways) {
  const notice = noticeOf(editor, ways, VALUE_WORDS)
  const { variant, draft, timeline } = editor.state
  const end = contentEnd(timeline)
  if (notice || !variant || draft || end <= timeline.frames) return notice
  const use = framesForContent(timeline, variant)
  return afterEnd(
    WORDS.after(counted(end - timeline.frames, "frame")),
    WORDS.afterText(end - timeline.frames, span(timeline.frames, end)),
    use,
    WORDS.useHint,
    () => editor.edit(setFrames(editor.state.timeline, use), {}, `${use} frames`),
  )
}

/** The sentence shown in place of the chips, if any. @param {Editor} editor */
export function insteadOfChips({ state }) {
  const without = reportless(state)
  if (without) return without
  const timeline = shownTimeline(state)
  return isEmpty(timeline) && !state.short ? WORDS.emptyStrip(counted(timeline.frames, "frame")) : ""
}
