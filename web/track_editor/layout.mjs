// @ts-check
/** Where everything lies in the plot: rows from top to bottom, the header on the left, the view of the frames. */
import { CHUNK_HEIGHT, RULER_HEIGHT, bounded, fit } from "../kit/ruler.mjs"
import { extent, isEmpty, lanesOf, shownTimeline } from "./state.mjs"

/** @typedef {import("./state.mjs").EditorState} EditorState */
/** @typedef {{top: number, height: number}} Row in px */
/** @typedef {Row & {word: string, title: string, letter: string, derived: boolean, foreign: boolean}} Lane */
/**
 * @typedef {object} Layout
 * @property {number} header width
 * @property {number} width @property {number} height of the plot
 * @property {import("../kit/ruler.mjs").View} view
 * @property {Row} ruler @property {Row} chunks @property {Lane[]} lanes @property {Row} prompt
 * @property {Row | null} curve @property {Row} band @property {Row | null} overview
 * @property {number} bottom of the rows that chunk borders cross
 * @property {number} range degrees per frame at the top of the curve area
 */

const WIDE = { header: 104, lane: 22 }
const NARROW = { header: 46, lane: 20 }
const PROMPT = 24
const BAND = 14
const OVERVIEW = 18
const LEAST_CURVE = 64
const MOST_LANE = 30
/** Degrees per frame at the edge of the curve area if neither the model nor the curve asks for more. */
const SAME_DEGREES = 4

/** Whether there is a curve area. @param {EditorState} state */
function hasCurves(state) {
  const timeline = shownTimeline(state)
  return Boolean(state.variant?.mouse) || timeline.yaw.length > 0 || timeline.pitch.length > 0
}

/** The least height of the plot in px. @param {EditorState} state @param {boolean} narrow */
export function leastPlot(state, narrow) {
  const lanes = state.variant ? lanesOf(state.variant, shownTimeline(state)).length : 4
  const rows =
    RULER_HEIGHT +
    CHUNK_HEIGHT +
    lanes * (narrow ? NARROW : WIDE).lane +
    PROMPT +
    BAND +
    (state.overview ? OVERVIEW : 0)
  return rows + (hasCurves(state) ? LEAST_CURVE : 0) + 2
}

/**
 * Lay out the plot.
 * @param {EditorState} state with a variant
 * @param {import("../kit/canvas.mjs").Size} size
 * @param {boolean} narrow
 * @returns {Layout}
 */
export function layoutOf(state, { width, height }, narrow) {
  const form = narrow ? NARROW : WIDE
  const variant = /** @type {import("../track/chunks.mjs").Variant} */ (state.variant)
  const timeline = shownTimeline(state)
  const listed = lanesOf(variant, timeline)
  const curves = hasCurves(state)
  const rest = height - RULER_HEIGHT - CHUNK_HEIGHT - PROMPT - BAND - (state.overview ? OVERVIEW : 0)
  const lane = curves ? form.lane : Math.min(MOST_LANE, Math.max(form.lane, Math.floor(rest / listed.length)))
  let top = 0
  const row = (/** @type {number} */ high) => ({ top: (top += high) - high, height: high })
  const ruler = row(RULER_HEIGHT)
  const chunks = row(CHUNK_HEIGHT)
  const lanes = listed.map((entry) => ({ ...entry, ...row(lane) }))
  const prompt = row(PROMPT)
  const curve = curves ? row(Math.max(LEAST_CURVE, rest - lane * listed.length)) : null
  if (!curves) top = Math.max(top, height - BAND - (state.overview ? OVERVIEW : 0))
  const band = row(BAND)
  const bottom = top
  const overview = state.overview ? row(OVERVIEW) : null
  return {
    header: form.header,
    width,
    height,
    view: viewOf(state, form.header, width),
    ruler,
    chunks,
    lanes,
    prompt,
    curve,
    band,
    overview,
    bottom,
    range: degreesOf(state),
  }
}

/** @param {EditorState} state @param {number} header @param {number} width */
function viewOf(state, header, width) {
  const column = { first: state.first, scale: state.scale || 1, left: header, width: Math.max(40, width - header) }
  const frames = extent(state)
  return state.scale ? bounded(column, frames) : fit(column, frames)
}

/** Degrees per frame at the edge of the curve area. @param {EditorState} state */
function degreesOf(state) {
  const timeline = state.timeline // not the draft: the scale must not move under the pointer
  const most = [...timeline.yaw, ...timeline.pitch].reduce((found, [, value]) => Math.max(found, Math.abs(value)), 0)
  const model = state.variant?.max_yaw ?? SAME_DEGREES
  return Math.max(model, Math.min(most, 180)) * 1.18
}

/** Height in px of a value. @param {Layout} layout @param {number} value */
export function valueToY(layout, value) {
  const { top, height } = /** @type {Row} */ (layout.curve)
  return top + height / 2 - (value / layout.range) * (height / 2 - 2)
}

/** Value at a height. @param {Layout} layout @param {number} y */
export function yToValue(layout, y) {
  const { top, height } = /** @type {Row} */ (layout.curve)
  return ((top + height / 2 - y) / (height / 2 - 2)) * layout.range
}

/** Whether the cards of the empty state are on show. @param {EditorState} state */
export const showsCards = (state) =>
  !state.draft &&
  !state.recording &&
  !state.linked &&
  !state.problem &&
  !state.short &&
  Boolean(state.variant) &&
  isEmpty(state.timeline)
