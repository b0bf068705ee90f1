// @ts-check
/** The tool bar's fields of playhead, length and time. */
import { make } from "./dom.mjs"
import { makeField, parseFrames } from "./fields.mjs"
import { fpsOf } from "./state.mjs"
import { WORDS, time } from "./words.mjs"

/**
 * Build the fields.
 * @template {{frames: number}} V
 * @param {import("./editor.mjs").Base} editor
 * @param {object} own
 * @param {string} own.label of the length
 * @param {number} own.most frames
 * @param {(index: number) => number} own.chunkStart frame at which a chunk starts
 * @param {(frames: number) => V} own.withFrames the value with another length
 * @param {() => number} own.before frames that the world has before frame 0, at the value's rate; seconds count them
 */
export function makeTimeFields(editor, { label, most, chunkStart, withFrames, before }) {
  const { signal } = editor
  const axis = (/** @type {number} */ now) => ({ now, fps: fpsOf(editor.state), chunkStart })
  const field = (/** @type {string} */ name) => ({ label: name, hint: `${name}. ${WORDS.typed}`, signal })
  const shared = {
    low: () => 0,
    high: () => editor.frames - 1,
    preview: (/** @type {number} */ frame) => editor.goTo(frame),
    commit: (/** @type {number} */ frame) => editor.goTo(frame, true),
  }
  const frame = makeField({
    ...field(WORDS.playhead),
    ...shared,
    columns: 4,
    format: String,
    parse: (text, now) => parseFrames(text, axis(now)),
  })
  const second = makeField({
    ...field(WORDS.seconds),
    ...shared,
    unit: "s",
    columns: 5,
    format: (value) => time((value + before()) / fpsOf(editor.state)),
    parse: (text, now) => {
      const frame = parseFrames(text, { ...axis(now + before()), plain: "seconds" })
      return frame === null ? null : frame - before()
    },
  })
  const length = makeField({
    ...field(label),
    columns: 4,
    format: String,
    low: () => 1,
    high: () => most,
    parse: (text, now) => parseFrames(text, axis(now)),
    preview: (value) => editor.preview(withFrames(value)),
    dropped: () => editor.settle(),
    commit: (value) => editor.edit(withFrames(value), {}, `${value} frames`),
  })
  length.input.style.textAlign = "left"
  return {
    frames: make("span.wm-field", {}, frame.input, make("span", { text: "/" }), length.input),
    seconds: second.element,
    /** @param {boolean} off whether the length is fixed */
    show(off) {
      const { frames } = editor
      frame.input.style.width = length.input.style.width = `${Math.max(2, String(frames).length)}ch`
      second.input.style.width = `${Math.max(5, time((frames - 1 + before()) / fpsOf(editor.state)).length)}ch`
      frame.show(editor.state.playhead)
      second.show(editor.state.playhead)
      length.show(frames)
      length.disable(off)
    },
  }
}
