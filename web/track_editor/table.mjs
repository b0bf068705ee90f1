// @ts-check
/**
 * The track as a table for those who cannot see the plot: spans, keyframes and prompts, edited by the same commands.
 * It is visually hidden, follows the track when that rests, and takes no tab stops: screen readers walk it by rows.
 */
import { forTheHost, make } from "../kit/dom.mjs"
import * as edits from "../track/edits.mjs"
import { AXES } from "../track/timeline.mjs"
import { keyTitle, locked, shownTimeline } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @import { Variant } from "../track/chunks.mjs" */
/** @import { Axis, Timeline } from "../track/timeline.mjs" */
/** @import { Editor } from "./editor.mjs" */
/**
 * One thing in the track: a span has a word and a length, a keyframe an axis and degrees per frame, a prompt a text.
 * @typedef {Readonly<{kind: "span", of: string, frame: number, value: number}
 *   | {kind: "keyframe", of: Axis, frame: number, value: number}
 *   | {kind: "prompt", of: "prompt", frame: number, value: string}>} Row
 */

/** Milliseconds without a change after which the table is written anew. */
const REST = 300
/** Rows beyond these are left to the text: a table of thousands would slow the page down. */
const MOST_ROWS = 300

/**
 * List what is in a track, kind by kind.
 * @param {Timeline} timeline
 * @returns {Row[]}
 */
export function tableRows(timeline) {
  const spans = Object.entries(timeline.keys).flatMap(([of, held]) =>
    held.map(([frame, value]) => /** @type {Row} */ ({ kind: "span", of, frame, value })),
  )
  const keyframes = AXES.flatMap((of) =>
    timeline[of].map(([frame, value]) => /** @type {Row} */ ({ kind: "keyframe", of, frame, value })),
  )
  const prompts = timeline.prompts.map(([frame, value]) => {
    return /** @type {Row} */ ({ kind: "prompt", of: "prompt", frame, value })
  })
  return [...spans, ...keyframes, ...prompts]
}

/**
 * Move what a row names to another frame; what is no whole frame changes nothing.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {Row} row
 * @param {string} typed
 * @returns {Timeline}
 */
export function withFrame(timeline, variant, { kind, of, frame }, typed) {
  const to = typed.trim() === "" ? NaN : Number(typed)
  if (!Number.isInteger(to)) return timeline
  const frames = to - frame
  if (kind === "span") return edits.moveSpans(timeline, variant, [[of, frame]], { frames }).timeline
  if (kind === "keyframe") return edits.moveKeyframes(timeline, [[of, frame]], { frames }).timeline
  return edits.movePrompt(timeline, frame, to).timeline
}

/**
 * Give a row another length, value or text; what cannot be one changes nothing.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {Row} row
 * @param {string} typed
 * @returns {Timeline}
 */
export function withValue(timeline, variant, { kind, of, frame }, typed) {
  if (kind === "prompt") return edits.setPrompt(timeline, frame, typed)
  const value = typed.trim() === "" ? NaN : Number(typed)
  if (!Number.isFinite(value)) return timeline
  if (kind === "keyframe") return edits.setKeyframe(timeline, of, frame, value)
  if (value < 1) return timeline
  return edits.trimSpan(timeline, variant, [of, frame], [frame, frame + Math.round(value)]).timeline
}

/**
 * Delete what a row names.
 * @param {Timeline} timeline
 * @param {Row} row
 * @returns {Timeline}
 */
export function withoutRow(timeline, { kind, of, frame }) {
  if (kind === "span") return edits.deleteSpans(timeline, [[of, frame]])
  if (kind === "keyframe") return edits.deleteKeyframes(timeline, [[of, frame]])
  return edits.deletePrompts(timeline, [frame])
}

/**
 * Make the table of an editor.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, refresh: () => void}} `refresh`: call it when the state may have changed
 */
export function makeTable(editor) {
  const { title, columns } = WORDS.table
  const body = make("tbody")
  const head = make("tr", {}, ...columns.map((text) => make("th", { text, scope: "col" })))
  const table = make("table", {}, make("caption", { text: title }), make("thead", {}, head), body)
  const element = make("div.wm-hidden", {}, table)
  /** @type {Row[]} */
  let rows = []
  /** @type {unknown[]} what the table was last written from */
  let written = []
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer

  function write() {
    const { state } = editor
    if (!state.variant || state.draft || state.recording) return
    const [timeline, off] = [shownTimeline(state), locked(state)]
    if (written[0] === timeline && written[1] === off && written[2] === state.variant) return
    written = [timeline, off, state.variant]
    const all = tableRows(timeline)
    rows = all.slice(0, MOST_ROWS)
    while (body.rows.length > rows.length) body.deleteRow(-1)
    rows.forEach((row, i) => fill(body.rows[i] ?? body.appendChild(emptyRow()), row, editor.variant, off))
    const more = all.length - rows.length
    table.caption.textContent = more ? `${title}. ${WORDS.table.more(more)}` : title
  }

  /** @param {Timeline} timeline @param {Row} row */
  function edited(timeline, row) {
    editor.edit(timeline, {}, WORDS.table.edited(nameOf(row, editor.variant), row.frame))
  }

  const { signal } = editor
  const changed = (/** @type {Event} */ event) => {
    event.stopPropagation()
    const input = /** @type {HTMLInputElement} */ (event.target)
    const row = rows[/** @type {HTMLTableRowElement} */ (input.closest("tr")).sectionRowIndex]
    const change = input.name === "frame" ? withFrame : withValue
    edited(change(editor.state.timeline, editor.variant, row, input.value), row)
    written = [] // what was not taken is set back
    refresh()
  }
  const pressed = (/** @type {Event} */ event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button")
    if (!button) return
    const row = rows[/** @type {HTMLTableRowElement} */ (button.closest("tr")).sectionRowIndex]
    edited(withoutRow(editor.state.timeline, row), row)
  }
  const typed = (/** @type {KeyboardEvent} */ event) => {
    if (!forTheHost(event)) event.stopPropagation()
  }
  body.addEventListener("change", changed, { signal })
  body.addEventListener("click", pressed, { signal })
  element.addEventListener("keydown", typed, { signal })

  function refresh() {
    clearTimeout(timer)
    if (!signal.aborted) timer = setTimeout(write, REST)
  }
  signal.addEventListener("abort", () => clearTimeout(timer))
  return { element, refresh }
}

/** @returns {HTMLTableRowElement} */
function emptyRow() {
  const field = (/** @type {string} */ name) => make("input", { name, tabindex: "-1" })
  return make(
    "tr",
    {},
    make("th", { scope: "row" }),
    make("td", {}, field("frame")),
    make("td", {}, field("value")),
    make("td", {}, make("button", { text: WORDS.table.delete, tabindex: "-1" })),
  )
}

/** @param {HTMLTableRowElement} element @param {Row} row @param {Variant} variant @param {boolean} off edits are off */
function fill(element, row, variant, off) {
  const name = nameOf(row, variant)
  const [frame, value] = element.querySelectorAll("input")
  const button = /** @type {HTMLButtonElement} */ (element.querySelector("button"))
  element.cells[0].textContent = name
  frame.value = String(row.frame)
  value.value = String(row.value)
  frame.setAttribute("aria-label", `${name}, ${WORDS.table.columns[1]}`)
  value.setAttribute("aria-label", `${name}, ${WORDS.table.values[row.kind]}`)
  button.setAttribute("aria-label", `${WORDS.table.delete} ${name}, ${row.frame}`)
  frame.inputMode = "numeric"
  value.inputMode = row.kind === "prompt" ? "text" : "decimal"
  frame.disabled = value.disabled = button.disabled = off
}

/** @param {Row} row @param {Variant} variant */
function nameOf({ kind, of }, variant) {
  if (kind === "span") return keyTitle(variant, of)
  return kind === "keyframe" ? WORDS.axes[of] : WORDS.rows.prompt
}
