// @ts-check
/** Status line, notice and binding strip: what holds, what is the matter, and the way out of it. */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { openText } from "../kit/menu.mjs"
import { DOT, WORDS as SHARED, chunkSum, counted, decimal, time } from "../kit/words.mjs"
import { chunkAt, extendedFrames, trimmedFrames, wholeChunks } from "../track/chunks.mjs"
import { setFrames, stretch } from "./edits.mjs"
import { extent, fpsOf, locked, modelFrames, overOf, pathFrames, rateOf, shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/**
 * Show the status line.
 * @param {Editor} editor
 */
export function showStatus(editor) {
  const { state, shell } = editor
  const { variant } = state
  if (!variant) return shell.left.replaceChildren()
  const { frames } = shownPath(state)
  const fps = fpsOf(state)
  const [model, over] = [modelFrames(state, frames), overOf(state)]
  const chunks = wholeChunks(variant, model)
  const sum = shell.narrow ? counted(chunks, "chunk") : chunkSum(chunks, variant.first_chunk, variant.chunk)
  const parts = [
    make("b", { text: counted(frames, "frame") }),
    `${time(frames / fps)} s at ${Number(fps.toFixed(2))} fps`,
    sum,
  ]
  parts.push(over ? make("span", {}, sign(), make("b", { text: `${over} ${WORDS.left}` })) : `0 ${WORDS.left}`)
  shell.left.replaceChildren(...joined(parts), ...(over && !locked(state) ? repairs(editor, model) : []))
  shell.right.replaceChildren(...joined(here(editor)))
}

/** What holds at the playhead. @param {Editor} editor */
function here(editor) {
  const { state, drawn, followed } = editor
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const frame = state.playhead
  const at = Math.floor(frame / rateOf(state) + 1e-6)
  const residual = followed?.position?.[at]
  const words = [
    make("span", {}, "frame ", make("b", { text: String(frame) })),
    `chunk ${chunkAt(variant, at)}`,
    `${decimal(drawn.speeds[frame] ?? 0)} m/s`,
  ]
  return residual === undefined ? words : [...words, `residual ${decimal(residual)} m`]
}

/** @param {(string | Node)[]} parts @returns {(string | Node)[]} */
const joined = (parts) => parts.flatMap((part, i) => (i ? [make("span.wm-dot", { text: DOT }), part] : [part]))

function sign() {
  const warning = icon("warn")
  warning.classList.add("wm-sign")
  return warning
}

/** @param {Editor} editor @param {number} frames of the model */
function repairs(editor, frames) {
  const { state } = editor
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const link = (/** @type {string} */ text, /** @type {() => void} */ press) => {
    const button = make("button.wm-link", { text })
    button.addEventListener("click", press)
    return button
  }
  const [less, more] = [trimmedFrames(variant, frames), extendedFrames(variant, frames)].map(
    (count) => count && pathFrames(state, count),
  )
  const trim = less
    ? [link(WORDS.trim(less), () => editor.edit(setFrames(editor.state.path, less), {}, `${less} frames`))]
    : []
  return [...trim, link(WORDS.stretch(more), () => editor.edit(stretch(editor.state.path, more), {}, `${more} frames`))]
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
    const text = state.problem.replace(/^Path JSON: /, "")
    return {
      alarm: true,
      strong: newer ? WORDS.newer : WORDS.notPath,
      text: `${text}${/[.!?]$/.test(text) ? "" : "."} ${WORDS.lastValid}`,
      actions: [{ label: SHARED.editText, press: (button) => editText(editor, button) }],
    }
  }
  const { frames, keyframes, closed } = state.path
  const beyond = keyframes.filter(({ frame }) => frame >= frames - (closed ? 1 : 0)).length
  if (!state.variant || state.draft || !beyond) return null
  const end = Math.max(frames, keyframes[keyframes.length - 1].frame + (closed ? 2 : 1))
  const use = pathFrames(state, extendedFrames(state.variant, modelFrames(state, end)))
  return {
    icon: "warn",
    strong: WORDS.after(counted(beyond, "keyframe")),
    text: WORDS.afterText(extent(state) - 1),
    actions: [
      {
        label: WORDS.use(use),
        hint: WORDS.useHint,
        press: () => editor.edit(setFrames(editor.state.path, use), {}, `${use} frames`),
      },
    ],
  }
}

/** Edit the text itself. @param {Editor} editor @param {HTMLElement} anchor */
function editText(editor, anchor) {
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
  const { keyframes, frames } = shownPath(state)
  return keyframes.length < 2 ? WORDS.emptyStrip(counted(frames, "frame")) : ""
}
