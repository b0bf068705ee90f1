// @ts-check
/** Fields that open in place: the text of a prompt, start and length of a span. */
import { forTheHost, make, take } from "../kit/dom.mjs"
import { makeField, parseFrames } from "../kit/fields.mjs"
import { openPopup } from "../kit/menu.mjs"
import { toX } from "../kit/ruler.mjs"
import { fpsOf } from "../kit/state.mjs"
import { chunkStart } from "../track/chunks.mjs"
import { deletePrompts, setPrompt, trimSpan } from "../track/edits.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/**
 * Type a prompt where it begins: Enter keeps, Esc drops, an empty text deletes.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 * @param {number} frame
 */
export function typePrompt(editor, plot, frame) {
  const { view, prompt } = editor.layout()
  const before = editor.state.timeline.prompts.find(([at]) => at === frame)?.[1] ?? ""
  const input = make("input.wm-over.wm-prompt", {
    type: "text",
    "aria-label": `${WORDS.prompt}, frame ${frame}`,
    spellcheck: "false",
  })
  const left = Math.min(toX(view, frame), view.left + view.width - 160)
  const width = Math.max(150, Math.min(360, view.left + view.width - left - 4))
  const [x, y] = [Math.max(view.left, left), prompt.top + 1]
  input.style.cssText = `left:${x}px;top:${y}px;width:${width}px;height:${prompt.height - 2}px`
  input.value = before
  plot.append(input)
  let over = false
  const close = (/** @type {boolean} */ keep) => {
    if (over) return
    over = true
    const focused = document.activeElement === input
    input.remove()
    if (focused) plot.focus({ preventScroll: true })
    const text = input.value.trim()
    if (!keep || text === before) return
    const { timeline } = editor.state
    editor.edit(
      text ? setPrompt(timeline, frame, text) : deletePrompts(timeline, [frame]),
      { prompts: text ? [frame] : [] },
      editor.spoken.prompt(frame),
    )
  }
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (forTheHost(event)) return
    event.stopPropagation()
    // while an input method composes, both keys are its own
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return
    take(event)
    close(event.key === "Enter")
  })
  for (const kind of ["pointerdown", "wheel", "dblclick"])
    input.addEventListener(kind, (/** @type {Event} */ event) => event.stopPropagation(), { passive: true })
  input.addEventListener("blur", () => close(true))
  editor.signal.addEventListener("abort", () => close(false))
  input.focus({ preventScroll: true })
  input.select()
}

/**
 * Type where a span begins and how long it is.
 * @param {Editor} editor
 * @param {HTMLElement} plot
 * @param {{lane: import("./layout.mjs").Lane, span: readonly [number, number]}} hit
 */
export function typeSpan(editor, plot, { lane, span }) {
  const popup = openPopup(plot, {
    role: "dialog",
    label: `${WORDS.span}, ${lane.title}`,
    signal: editor.signal,
    root: editor.shell.root,
    anchored: false,
  })
  let [start, length] = span
  const axis = (/** @type {number} */ now) => ({
    now,
    fps: fpsOf(editor.state),
    chunkStart: (/** @type {number} */ index) => chunkStart(editor.variant, index),
  })
  const commit = (/** @type {number} */ from, /** @type {number} */ frames) => {
    const trimmed = trimSpan(editor.state.timeline, editor.variant, [lane.word, start], [from, from + frames])
    editor.edit(trimmed.timeline, { spans: trimmed.refs }, editor.spoken.span(lane.title, [from, from + frames]))
    start = trimmed.refs[0]?.[1] ?? from
    length = frames
  }
  const shared = { signal: popup.closed, columns: 6, format: String }
  const first = makeField({
    ...shared,
    label: `${lane.title}, ${WORDS.start}`,
    name: WORDS.start,
    low: () => 0,
    parse: (text, now) => parseFrames(text, axis(now)),
    commit: (value) => commit(value, length),
  })
  const count = makeField({
    ...shared,
    label: `${lane.title}, ${WORDS.length}`,
    name: WORDS.length,
    low: () => 1,
    parse: (text, now) => parseFrames(text, axis(now)),
    commit: (value) => commit(start, value),
  })
  first.show(start)
  count.show(length)
  popup.element.classList.add("wm-pair")
  popup.element.append(first.element, count.element)
  popup.element.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") queueMicrotask(popup.close)
      else if (event.key === "Escape") {
        take(event)
        popup.close()
      }
    },
    { capture: true },
  )
  const rect = plot.getBoundingClientRect()
  const zoom = rect.width / plot.offsetWidth || 1
  popup.element.style.left = `${Math.max(4, rect.left + toX(editor.layout().view, start) * zoom)}px`
  popup.element.style.top = `${rect.top + (lane.top + lane.height + 2) * zoom}px`
  first.input.focus({ preventScroll: true })
  first.input.select()
}
