// @ts-check
/** Status line, notice and binding strip: what holds, what is the matter, and the way out of it. */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { openText } from "../kit/menu.mjs"
import { DOT, WORDS as SHARED, chunkSum, counted, decimal, span, time } from "../kit/words.mjs"
import { chunkAt, leftOver, trimmedFrames, extendedFrames, wholeChunks } from "../track/chunks.mjs"
import { contentEnd, extendToChunk, framesForContent, setFrames, trimToChunk } from "../track/edits.mjs"
import { heldAt } from "../track/sample.mjs"
import { fpsOf, isEmpty, keyTitle, lanesOf, locked, shownTimeline } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/**
 * Show the status line.
 * @param {Editor} editor
 */
export function showStatus(editor) {
  const { state, shell } = editor
  if (state.recording) return showRecording(editor)
  if (!state.variant) return shell.left.replaceChildren()
  const timeline = shownTimeline(state)
  const { variant } = state
  const fps = fpsOf(state)
  const over = leftOver(variant, timeline.frames)
  const chunks = wholeChunks(variant, timeline.frames)
  const sum = shell.narrow ? counted(chunks, "chunk") : chunkSum(chunks, variant.first_chunk, variant.chunk)
  const parts = [
    make("b", { text: counted(timeline.frames, "frame") }),
    `${time(timeline.frames / fps)} s at ${Number(fps.toFixed(2))} fps`,
    sum,
  ]
  parts.push(over ? make("span", {}, sign(), make("b", { text: `${over} ${WORDS.left}` })) : `0 ${WORDS.left}`)
  shell.left.replaceChildren(...joined(parts), ...(over && !locked(state) ? repairs(editor, timeline.frames) : []))
  shell.right.replaceChildren(...joined(here(editor)))
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
  return [
    make("span", {}, "frame ", make("b", { text: String(frame) })),
    `chunk ${chunkAt(variant, frame)}`,
    held.length ? make("b", { text: letters.join(" ") }) : "no key",
    ...(moves ? [`${decimal(speed)} m/s`] : []),
  ]
}

/** @param {Editor} editor */
function showRecording({ state, shell }) {
  const { recording } = state
  const parts = [
    make("b", { text: recording.count ? WORDS.countIn : WORDS.recording }),
    recording.half ? WORDS.halfSpeed : WORDS.realTime,
    `${Number(fpsOf(state).toFixed(2))} fps`,
    recording.captured ? WORDS.captured : WORDS.notCaptured,
    `${counted(recording.missed, "frame")} missed`,
  ]
  shell.left.replaceChildren(...joined(parts))
  shell.right.replaceChildren(WORDS.previous)
}

/** @param {(string | Node)[]} parts @returns {(string | Node)[]} */
const joined = (parts) => parts.flatMap((part, i) => (i ? [make("span.wm-dot", { text: DOT }), part] : [part]))

function sign() {
  const warning = icon("warn")
  warning.classList.add("wm-sign")
  return warning
}

/** @param {Editor} editor @param {number} frames */
function repairs(editor, frames) {
  const { variant } = editor
  const link = (/** @type {string} */ text, /** @type {() => void} */ press) => {
    const button = make("button.wm-link", { text })
    button.addEventListener("click", press)
    return button
  }
  const [less, more] = [trimmedFrames(variant, frames), extendedFrames(variant, frames)]
  const trim = less
    ? [link(WORDS.trim(less), () => editor.edit(trimToChunk(editor.state.timeline, variant), {}, `${less} frames`))]
    : []
  return [
    ...trim,
    link(WORDS.extend(more), () => editor.edit(extendToChunk(editor.state.timeline, variant), {}, `${more} frames`)),
  ]
}

/**
 * Work out the notice of a state.
 * @param {Editor} editor
 * @param {{copyIn: () => void, again: () => void}} ways
 * @returns {import("../kit/notice.mjs").Notice | null}
 */
export function noticeOf(editor, { copyIn, again }) {
  const { state } = editor
  if (state.failure)
    return {
      alarm: true,
      strong: WORDS.failed,
      text: state.failure,
      actions: [{ label: WORDS.close, press: () => editor.set({ failure: "" }) }],
    }
  if (state.offline)
    return {
      alarm: true,
      strong: WORDS.offline,
      text: `${state.offline}.`,
      actions: [{ label: WORDS.again, press: again }],
    }
  if (state.linked) {
    const text = `${SHARED.readOnly} ${state.shown ? WORDS.onLink : WORDS.noRun}`
    return {
      icon: "link",
      strong: SHARED.linked,
      text,
      actions: [{ label: SHARED.copyIn, hint: SHARED.copyInHint, disabled: !state.shown, press: copyIn }],
    }
  }
  if (state.problem) {
    const newer = state.problem.includes("newer version")
    const text = state.problem.replace(/^Track JSON: /, "")
    return {
      alarm: true,
      strong: newer ? WORDS.newer : WORDS.notTrack,
      text: `${text}${/[.!?]$/.test(text) ? "" : "."} ${WORDS.lastValid}`,
      actions: [{ label: SHARED.editText, press: (button) => editText(editor, button) }],
    }
  }
  const end = contentEnd(state.timeline)
  if (!state.variant || state.draft || end <= state.timeline.frames) return null
  const use = framesForContent(state.timeline, state.variant)
  return {
    icon: "warn",
    strong: WORDS.after(counted(end - state.timeline.frames, "frame")),
    text: WORDS.afterText(span(state.timeline.frames, end)),
    actions: [
      {
        label: WORDS.use(use),
        hint: WORDS.useHint,
        press: () => editor.edit(setFrames(editor.state.timeline, use), {}, `${use} frames`),
      },
    ],
  }
}

/** Edit the text itself. @param {Editor} editor @param {HTMLElement} anchor */
export function editText(editor, anchor) {
  openText(anchor, {
    title: WORDS.textTitle,
    note: WORDS.textNote,
    text: editor.state.text,
    keep: SHARED.keep,
    cancel: SHARED.cancel,
    signal: editor.signal,
    root: editor.shell.root,
    done: editor.typeText,
  })
}

/** The sentence shown in place of the chips, if any. @param {Editor} editor */
export function insteadOfChips({ state }) {
  if (state.problem || state.offline || (state.linked && !state.shown)) return SHARED.noReport
  const timeline = shownTimeline(state)
  return isEmpty(timeline) && !state.short ? WORDS.emptyStrip(counted(timeline.frames, "frame")) : ""
}
