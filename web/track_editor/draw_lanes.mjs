// @ts-check
/**
 * Key lanes and prompts: spans with their lengths, the wait of a prompt, caps that light up. Pure functions of state
 * and layout.
 */
import { roundBox } from "../kit/canvas.mjs"
import { columnBoxes } from "../kit/columns.mjs"
import { lastSeen, toFrame, toX } from "../kit/ruler.mjs"
import { chunkAt, firstFrame } from "../track/chunks.mjs"
import { after, spanAt, spansIn } from "../track/sample.mjs"
import { idleSpans } from "./idle.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {import("../kit/palette.mjs").Palette} Palette */
/** @typedef {import("./layout.mjs").Layout} Layout */
/** @typedef {import("./layout.mjs").Lane} Lane */
/** @typedef {import("../track/timeline.mjs").Timeline} Timeline */
/** @typedef {import("./state.mjs").EditorState} EditorState */

const INSET = 4
/** Px a span must be wide to carry its length. */
const LABEL_FROM = 30
const ROUND_FROM = 7

/**
 * Lines between rows and the word in a lane that is not read.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 */
export function drawRows(context, layout, palette) {
  context.fillStyle = palette.grid
  for (const { top } of [
    layout.chunks,
    ...layout.lanes,
    layout.prompt,
    layout.curve,
    layout.band,
    layout.overview,
  ].filter((row) => row !== null))
    context.fillRect(0, Math.round(top) - 1, layout.width, 1)
}

/**
 * Draw the spans of all lanes.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, timeline: Timeline, selected: EditorState["spans"], from?: number, to?:
 *   number, lengths?: boolean}} scene `lengths`: whether spans carry theirs
 */
export function drawLanes(
  context,
  { layout, palette, timeline, selected, from = layout.view.first, to = lastSeen(layout.view), lengths = true },
) {
  for (const lane of layout.lanes) {
    const spans = lane.derived
      ? idleSpans(layout.lanes, timeline, from, to)
      : spansIn(timeline.keys[lane.word] ?? [], Math.max(0, Math.floor(from)), Math.ceil(to) + 1)
    drawSpans(context, layout, palette, lane, spans)
    if (lengths) drawLengths(context, layout, palette, lane, spans)
    for (const [word, start] of selected) {
      const span = word === lane.word ? spanAt(timeline.keys[word] ?? [], start) : undefined
      if (span) outline(context, layout, lane, span, palette.selection, 2)
    }
  }
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 * @param {Lane} lane
 * @param {readonly (readonly [number, number])[]} spans
 */
function drawSpans(context, layout, palette, lane, spans) {
  const { view } = layout
  const [top, height] = [lane.top + INSET, lane.height - 2 * INSET]
  context.fillStyle = lane.derived ? palette.border : palette.key
  if (lane.foreign) context.globalAlpha = 0.5
  context.beginPath()
  for (const [x, right] of columnBoxes(spans, (frame) => toX(view, frame), view.left - 4, view.left + view.width + 4)) {
    if (right - x >= ROUND_FROM) context.roundRect(x, top, right - x, height, 3)
    else context.fillRect(x, top, right - x, height) // many round boxes in one path are slow to fill
  }
  context.fill()
  context.globalAlpha = 1
}

/**
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 * @param {Lane} lane
 * @param {readonly (readonly [number, number])[]} spans
 */
function drawLengths(context, { view }, palette, lane, spans) {
  context.fillStyle = lane.derived ? palette.text : palette.keyText
  context.font = `500 11px ${palette.font}`
  context.textAlign = "left"
  context.textBaseline = "middle"
  for (const [start, length] of spans) {
    const x = Math.max(view.left, toX(view, start))
    if (toX(view, start + length) - x > LABEL_FROM)
      context.fillText(String(length), x + 6, lane.top + lane.height / 2 + 0.5)
  }
}

/**
 * Draw the outline of a span.
 * @param {Context} context @param {Layout} layout @param {Lane} lane @param {readonly [number, number]} span @param
 *   {string} colour @param {number} thickness @param {number[]} [dash]
 */
export function outline(context, layout, lane, [start, length], colour, thickness, dash = []) {
  const x = toX(layout.view, start)
  context.save()
  context.strokeStyle = colour
  context.lineWidth = thickness
  context.setLineDash(dash)
  roundBox(context, x, lane.top + INSET, Math.max(2, length * layout.view.scale), lane.height - 2 * INSET, 3)
  context.stroke()
  context.restore()
}

/**
 * Draw the prompts: pole and text from where it was asked, hatched until it takes effect.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, timeline: Timeline, variant: import("../track/chunks.mjs").Variant,
 *   selected: readonly number[], quiet?: boolean}} scene `quiet`: without words about the lane
 */
export function drawPrompts(context, { layout, palette, timeline, variant, selected, quiet }) {
  const { view, prompt } = layout
  const { prompts } = timeline
  const font = `11px ${palette.font}`
  const seen = Math.max(0, after(prompts, view.first) - 1)
  context.textBaseline = "middle"
  context.textAlign = "left"
  for (let i = seen; i < prompts.length && prompts[i][0] < lastSeen(view); i++) {
    const [frame, text] = prompts[i]
    const end = prompts[i + 1]?.[0] ?? Math.max(timeline.frames, frame + 1)
    const [x, right] = [toX(view, frame), Math.min(view.left + view.width, toX(view, end))]
    const chunk = chunkAt(variant, frame)
    const acts = Math.min(end, firstFrame(variant, chunk) === frame ? frame : firstFrame(variant, chunk + 1))
    context.fillStyle = selected.includes(frame) ? palette.selection : palette.field
    context.globalAlpha = selected.includes(frame) ? 0.35 : 1
    context.fillRect(x, prompt.top + INSET, Math.max(2, right - x - 1), prompt.height - 2 * INSET)
    context.globalAlpha = 1
    if (acts > frame) {
      context.fillStyle = palette.hatch(context, palette.second, 4)
      context.fillRect(x, prompt.top + INSET, toX(view, acts) - x, prompt.height - 2 * INSET)
    }
    context.fillStyle = palette.foreground
    context.fillRect(Math.round(x), prompt.top + 2, 2, prompt.height - 4)
    const at = Math.max(view.left, toX(view, acts)) + 6
    drawClipped(context, text, font, palette.text, at, prompt.top + prompt.height / 2 + 0.5, right - at - 2, prompt)
  }
  if (!variant.reads_text && !quiet) drawUnread(context, layout, palette, prompts, font)
}

/**
 * Say that the model reads no text, if there is room behind the last prompt.
 * @param {Context} context
 * @param {Layout} layout
 * @param {Palette} palette
 * @param {Timeline["prompts"]} prompts
 * @param {string} font
 */
function drawUnread(context, { view, prompt }, palette, prompts, font) {
  const last = prompts[prompts.length - 1]
  const x = Math.max(view.left + 8, last ? toX(view, last[0]) + palette.measure(context, last[1], font) + 30 : 0)
  const room = view.left + view.width - x - 8
  const text = [WORDS.noText, WORDS.noTextShort].find((words) => palette.measure(context, words, font) <= room)
  if (text) drawClipped(context, text, font, palette.second, x, prompt.top + prompt.height / 2 + 0.5, room, prompt)
}

/**
 * @param {Context} context
 * @param {string} text
 * @param {string} font
 * @param {string} colour
 * @param {number} x
 * @param {number} y
 * @param {number} room
 * @param {{top: number, height: number}} row
 */
function drawClipped(context, text, font, colour, x, y, room, row) {
  if (room < 8) return
  context.save()
  context.beginPath()
  context.rect(x, row.top, room, row.height)
  context.clip()
  context.font = font
  context.fillStyle = colour
  context.fillText(text, x, y)
  context.restore()
}

/**
 * Draw the header: names of rows, key caps that light up while the playhead is inside a span.
 * @param {Context} context
 * @param {{layout: Layout, palette: Palette, held: (word: string) => boolean, cursor: number, narrow: boolean}} scene
 *   `cursor`: the lane of the keyboard, −1 for none
 */
export function drawHeader(context, { layout, palette, held, cursor, narrow }) {
  context.fillStyle = palette.plot
  context.fillRect(0, 0, layout.header, layout.height)
  context.fillStyle = palette.border
  context.fillRect(layout.header - 1, 0, 1, layout.height)
  context.textBaseline = "middle"
  const word = (
    /** @type {string} */ text,
    /** @type {{top: number, height: number}} */ row,
    /** @type {string} */ colour,
    x = narrow ? 6 : 10,
    size = 11,
  ) => {
    context.textAlign = "left"
    context.font = `${size}px ${palette.font}`
    context.fillStyle = colour
    context.fillText(text, x, row.top + row.height / 2 + 0.5)
  }
  word(WORDS.rows.frame, layout.ruler, palette.second)
  word(WORDS.rows.chunk, layout.chunks, palette.second, undefined, 10.5)
  for (const [i, lane] of layout.lanes.entries()) {
    drawCap(context, palette, lane, narrow ? 14 : 11, held(lane.word))
    if (!narrow) word(lane.title, lane, palette.second, 38, 11.5)
    if (i === cursor) {
      context.strokeStyle = palette.selection
      context.lineWidth = 2
      context.strokeRect(2, lane.top + 1, layout.header - 4, lane.height - 2)
    }
  }
  word(narrow ? WORDS.rows.text : WORDS.rows.prompt, layout.prompt, palette.second)
  word(narrow ? WORDS.rows.bind : WORDS.rows.binding, layout.band, palette.second, undefined, 10.5)
  if (layout.overview && !narrow) word(WORDS.rows.overview, layout.overview, palette.second, undefined, 10.5)
}

/** @param {Context} context @param {Palette} palette @param {Lane} lane @param {number} x @param {boolean} lit */
function drawCap(context, palette, lane, x, lit) {
  const [size, height] = [18, Math.min(17, lane.height - 4)]
  const top = lane.top + (lane.height - height) / 2
  roundBox(context, x, top, size, height, 4)
  context.fillStyle = lit ? (lane.derived ? palette.border : palette.key) : palette.plot
  context.fill()
  context.strokeStyle = lit && !lane.derived ? palette.key : palette.second
  context.lineWidth = 1
  context.setLineDash(lane.foreign ? [2, 2] : [])
  context.stroke()
  context.setLineDash([])
  context.font = `600 11px ${palette.font}`
  context.textAlign = "center"
  context.fillStyle = lit && !lane.derived ? palette.keyText : palette.text
  context.fillText(lane.letter, x + size / 2, top + height / 2 + 0.5)
}

/** Words in a lane of another model's key. @param {Context} context @param {Layout} layout @param {Palette} palette */
export function drawForeign(context, layout, palette) {
  const { view } = layout
  context.font = `11px ${palette.font}`
  context.textAlign = "right"
  context.textBaseline = "middle"
  const [right, width] = [view.left + view.width - 8, palette.measure(context, WORDS.foreign, context.font)]
  for (const lane of layout.lanes.filter(({ foreign }) => foreign)) {
    context.fillStyle = palette.plot
    context.fillRect(right - width - 6, lane.top + 3, width + 12, lane.height - 6)
    context.fillStyle = palette.second
    context.fillText(WORDS.foreign, right, lane.top + lane.height / 2 + 0.5)
  }
}

/** The frame under a pixel, not below 0. @param {Layout} layout @param {number} x */
export const frameAt = (layout, x) => Math.max(0, Math.floor(toFrame(layout.view, x)))
