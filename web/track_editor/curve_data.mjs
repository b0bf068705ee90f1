// @ts-check
/** A curve's values at whole frames, and their least and greatest per 16 and 256 frames, kept per curve. */
import { sampleCurve } from "../track/sample.mjs"

/** @typedef {readonly import("../track/timeline.mjs").Keyframe[]} Curve */
/** @typedef {{values: Float64Array, levels: {size: number, low: Float64Array, high: Float64Array}[]}} Sampled */

const SIZES = [16, 256]

/** @type {WeakMap<Curve, Sampled>} */
const cache = new WeakMap()

/**
 * Sample a curve, or take what was sampled before.
 * @param {Curve} curve frozen
 * @param {number} frames
 * @returns {Sampled}
 */
export function sampled(curve, frames) {
  const known = cache.get(curve)
  if (known && known.values.length === frames) return known
  const values = sampleCurve(curve, frames)
  const result = { values, levels: frames > SIZES[0] ? SIZES.map((size) => level(values, size)) : [] }
  cache.set(curve, result)
  return result
}

/** @param {Float64Array} values @param {number} size frames per entry */
function level(values, size) {
  const length = Math.ceil(values.length / size)
  const [low, high] = [new Float64Array(length).fill(Infinity), new Float64Array(length).fill(-Infinity)]
  for (let frame = 0; frame < values.length; frame++) {
    const at = Math.floor(frame / size)
    if (values[frame] < low[at]) low[at] = values[frame]
    if (values[frame] > high[at]) high[at] = values[frame]
  }
  return { size, low, high }
}

/**
 * Find the least and greatest value in [from, to).
 * @param {Sampled} data
 * @param {number} from
 * @param {number} to
 * @returns {[number, number]}
 */
export function extremes({ values, levels }, from, to) {
  let [low, high, frame] = [Infinity, -Infinity, from]
  const end = Math.min(to, values.length)
  while (frame < end) {
    let coarse = levels.length - 1
    while (coarse >= 0 && (frame % levels[coarse].size || frame + levels[coarse].size > end)) coarse--
    const [size, least, most] =
      coarse < 0 ? [1, values, values] : [levels[coarse].size, levels[coarse].low, levels[coarse].high]
    low = Math.min(low, least[frame / size])
    high = Math.max(high, most[frame / size])
    frame += size
  }
  return [low, high]
}
