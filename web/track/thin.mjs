// @ts-check
/** Few keyframes in place of one value per frame. */

/** @import { Keyframe } from "./timeline.mjs" */

/**
 * Describe values by keyframes with straight lines between them, one at both ends.
 *
 * Each line reaches as far as it can: all lines from the last keyframe that pass every value within the error form a
 * wedge, which narrows value by value until a value can no longer be reached (Imai and Iri's funnel, greedy).
 * @param {ArrayLike<number>} values one per frame
 * @param {number} error largest distance of a played value from the given one
 * @param {number} [start] frame of the first value
 * @returns {Keyframe[]}
 */
export function thinned(values, error, start = 0) {
  /** @type {Keyframe[]} */
  const keyframes = []
  for (let at = 0; at < values.length; at = reach(values, at, error)) {
    keyframes.push([start + at, values[at], "linear"])
    if (at === values.length - 1) break
  }
  return keyframes
}

/**
 * Return the last index that a straight line from value `at` reaches.
 * @param {ArrayLike<number>} values
 * @param {number} at
 * @param {number} error
 */
function reach(values, at, error) {
  let [low, high, last] = [-Infinity, Infinity, at + 1]
  for (let i = at + 1; i < values.length; i++) {
    const slope = (values[i] - values[at]) / (i - at)
    if (slope >= low && slope <= high) last = i
    low = Math.max(low, slope - error / (i - at))
    high = Math.min(high, slope + error / (i - at))
    if (low > high) break
  }
  return last
}
