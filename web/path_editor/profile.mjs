// @ts-check
/** The profile's rows: where they lie, and how values and pixels belong together. */
import { CHUNK_HEIGHT, RULER_HEIGHT, bounded, fit } from "../kit/ruler.mjs"
import { extent, limitOf } from "./state.mjs"

/** @typedef {import("./state.mjs").PathState} PathState */
/** @typedef {import("./state.mjs").Drawn} Drawn */
/**
 * @typedef {{top: number, height: number, low: number, high: number}} Lane `low` and `high` are the values at its edges
 */
/**
 * @typedef {{view: import("../kit/ruler.mjs").View, head: number, height: Lane, pitch: Lane, speed: Lane, band: {top:
 *   number, height: number}, bottom: number}} Profile
 */

const HEAD = { wide: 79, narrow: 46 }
const BAND = 14
export const PROFILE_HEIGHT = { wide: 182, narrow: 164 }
const SHARES = [0.36, 0.3, 0.34]
const LEAST = { height: 0.5, pitch: 12 }
/** Share of a lane's values that is left free above and below. */
const ROOM = 0.22

/**
 * Lay the profile out.
 * @param {PathState} state @param {Drawn} drawn @param {{width: number, height: number}} size @param {boolean} narrow
 * @returns {Profile}
 */
export function profileOf(state, drawn, { width, height }, narrow) {
  const head = narrow ? HEAD.narrow : HEAD.wide
  const bare = { first: state.first, scale: 1, left: head, width: Math.max(1, width - head) }
  const frames = extent(state)
  const view = state.scale ? bounded({ ...bare, scale: state.scale }, frames) : fit(bare, frames)
  const top = RULER_HEIGHT + CHUNK_HEIGHT
  const room = Math.max(60, height - top - BAND)
  const heights = SHARES.map((share) => Math.round(room * share))
  const lanes = heights.map((high, i) => ({ top: top + heights.slice(0, i).reduce((a, b) => a + b, 0), height: high }))
  const speed = Math.max(limitOf(state) * 1.25, ...drawn.speeds.subarray(0, 1))
  return {
    view,
    head,
    height: { ...lanes[0], ...rangeOf(drawn.heights, LEAST.height) },
    pitch: { ...lanes[1], ...rangeOf(drawn.pitches, LEAST.pitch) },
    speed: { ...lanes[2], low: 0, high: Math.max(speed, Math.min(limitOf(state) * 3, most(drawn.speeds))) * 1.12 },
    band: { top: top + heights[0] + heights[1] + heights[2], height: BAND },
    bottom: height,
  }
}

/** Where a value lies. @param {Lane} lane @param {number} value */
export const toY = ({ top, height, low, high }, value) => top + height * (1 - (value - low) / (high - low))

/** What a pixel means. @param {Lane} lane @param {number} y */
export const toValue = ({ top, height, low, high }, y) => low + (1 - (y - top) / height) * (high - low)

/** @param {ArrayLike<number>} values */
function most(values) {
  let found = 0
  for (let i = 0; i < values.length; i++) found = Math.max(found, values[i])
  return found
}

/** @param {Float64Array} values @param {number} least */
function rangeOf(values, least) {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const size = Math.max(least, high - low)
  const middle = (low + high) / 2
  return { low: middle - size * (0.5 + ROOM), high: middle + size * (0.5 + ROOM) }
}
