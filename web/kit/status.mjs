// @ts-check
/** Status line, notice and binding strip as far as both editors say the same. */
import { chunkAt, chunkNumber, goingOn, leftOver, wholeChunks } from "../track/chunks.mjs"
import { make } from "./dom.mjs"
import { sign } from "./icons.mjs"
import { openText } from "./menu.mjs"
import { fpsOf } from "./state.mjs"
import { DOT, WORDS, chunkSum, counted, time } from "./words.mjs"

/** @typedef {import("./editor.mjs").Base} Base */
/** @typedef {import("./notice.mjs").Notice} Notice */
/** @typedef {string | Node} Part */
/**
 * @typedef {object} ValueWords how an editor speaks of its value's text
 * @property {string} wrong it is not one
 * @property {string} newer it is of a later version
 * @property {RegExp} lead what the reader's sentences begin with
 * @property {string} textTitle of the dialog
 * @property {string} textNote
 */

const dot = () => make("span.wm-dot", { text: DOT })

/** Put dots between parts. @param {Part[]} parts @returns {Part[]} */
export const joined = (parts) => parts.flatMap((part, i) => (i ? [dot(), part] : [part]))

/**
 * Show the status line of an editor whose model is known.
 * @param {Base} editor
 * @param {number} frames of the model
 * @param {{repairs: (frames: number) => Part[], here: Part[]}} own `repairs`: ways to whole chunks; `here`: what holds
 *   at the playhead
 */
export function showLine(editor, frames, { repairs, here }) {
  const { state, shell } = editor
  const { variant, world } = state
  const fps = fpsOf(state)
  const over = leftOver(variant, frames)
  const chunks = wholeChunks(variant, frames)
  const parts = [
    make("b", { text: counted(editor.frames, "frame") }),
    `${time(editor.frames / fps)} s at ${Number(fps.toFixed(2))} fps`,
    ...(frames === editor.frames ? [] : [WORDS.ofModel(frames)]),
    shell.narrow ? counted(chunks, "chunk") : chunkSum(chunks, variant.first_chunk, variant.chunk),
    ...(over ? [] : [`0 ${WORDS.left}`]),
    ...(over && !world ? [WORDS.leftIfNew(over, leftOver(goingOn(variant, 1), frames))] : []),
    ...(world?.chunks ? [WORDS.goesOn(world.frames, time(world.frames / variant.fps))] : []),
  ]
  const alarm = () => make("span", {}, dot(), sign(), make("b", { text: `${over} ${WORDS.left}` }))
  showFacts(shell, parts, ...(over && world ? [alarm()] : []), ...(over && !editor.locked ? repairs(frames) : []))
  shell.right.replaceChildren(...joined(here))
}

/**
 * Show the left half of the status line.
 * @param {Base["shell"]} shell
 * @param {Part[]} facts cut short where there is no room for all
 * @param {...Part} rest never cut
 */
export const showFacts = ({ left }, facts, ...rest) =>
  left.replaceChildren(make("span.wm-facts", {}, ...joined(facts)), ...rest)

/** The playhead's frame and chunk. @param {Base} editor @param {number} frame of the model @returns {Part[]} */
export const placeParts = ({ state }, frame) => [
  make("span", {}, "frame ", make("b", { text: String(state.playhead) })),
  `chunk ${chunkNumber(state.variant, chunkAt(state.variant, frame))}`,
]

/**
 * Make a word of the status line that does something.
 * @param {Base} editor
 * @param {string} text
 * @param {() => void} press
 */
export function link({ signal }, text, press) {
  const button = make("button.wm-link", { text })
  button.addEventListener("click", press, { signal })
  return button
}

/**
 * Work out the notice of a state: what went wrong, a link, a text that says no value.
 * @param {Base} editor
 * @param {{copyIn: () => void, learn: () => void}} ways out
 * @param {ValueWords} words
 * @returns {Notice | null}
 */
export function noticeOf(editor, { copyIn, learn }, words) {
  const { failure, offline, linked, shown, problem } = editor.state
  if (failure) return alarm(WORDS.failed, failure, { label: WORDS.close, press: () => editor.set({ failure: "" }) })
  if (offline) return alarm(WORDS.offline, `${offline}.`, { label: WORDS.again, press: learn })
  if (linked)
    return {
      icon: "link",
      strong: WORDS.linked,
      text: `${WORDS.readOnly} ${shown ? WORDS.onLink : WORDS.noRun}`,
      actions: [{ label: WORDS.copyIn, hint: WORDS.copyInHint, disabled: !shown, press: copyIn }],
    }
  if (!problem) return null
  const text = problem.replace(words.lead, "")
  return alarm(
    problem.includes("newer version") ? words.newer : words.wrong,
    `${text}${/[.!?]$/.test(text) ? "" : "."} ${WORDS.lastValid}`,
    { label: WORDS.editText, press: (button) => editText(editor, button, words) },
  )
}

/**
 * @param {string} strong
 * @param {string} text
 * @param {NonNullable<Notice["actions"]>[number]} action
 * @returns {Notice}
 */
const alarm = (strong, text, action) => ({ alarm: true, strong, text, actions: [action] })

/**
 * Work out the notice of what is kept behind the end.
 * @param {string} strong
 * @param {string} text
 * @param {number} frames that play all of it, in whole chunks
 * @param {string} hint
 * @param {() => void} press
 * @returns {Notice}
 */
export const afterEnd = (strong, text, frames, hint, press) => ({
  icon: "warn",
  strong,
  text,
  actions: [{ label: WORDS.use(frames), hint, press }],
})

/** Edit the text itself. @param {Base} editor @param {HTMLElement} anchor @param {ValueWords} words */
function editText(editor, anchor, { textTitle, textNote }) {
  openText(anchor, {
    title: textTitle,
    note: textNote,
    text: editor.state.text,
    keep: WORDS.keep,
    cancel: WORDS.cancel,
    signal: editor.signal,
    root: editor.shell.root,
    done: editor.typeText,
  })
}

/** Why there can be no report, as a sentence, or nothing. @param {import("./state.mjs").Common<any>} state */
export const reportless = ({ problem, offline, linked, shown }) =>
  problem ? WORDS.unreadable : offline || (linked && !shown) ? WORDS.noReport : ""
