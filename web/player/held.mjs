// @ts-check
/** What was held at a frame: from a track's own document, or from the runs that come with a reel. */
import { after, curveAt, spanAt } from "../track/sample.mjs"

/**
 * @typedef {object} Held what a player draws of the controls
 * @property {readonly string[]} held words of the keys that are down
 * @property {number} yaw degrees per frame, right positive
 * @property {number} pitch up positive
 */
/**
 * @typedef {object} Keys
 * @property {readonly string[]} words all keys that are drawn
 * @property {number} reach degrees per frame that fill the mouse's pad; 0 = no pad
 * @property {(frame: number) => Held} at
 */
/**
 * @typedef {object} Runs controls as runs of equal frames
 * @property {string[]} words every key that the model knows
 * @property {Record<string, [start: number, length: number][]>} keys
 * @property {[frame: number, yaw: number, pitch: number][]} turns each holds until the next
 */

/**
 * Read the runs that come with a reel.
 * @param {Runs} runs
 * @returns {Keys}
 */
export function keysOfRuns({ words, keys, turns }) {
  return {
    words,
    reach: turns.reduce((most, [, yaw, pitch]) => Math.max(most, Math.abs(yaw), Math.abs(pitch)), 0),
    at(frame) {
      const [, yaw, pitch] = turns[after(turns, frame) - 1] ?? [0, 0, 0]
      return { held: words.filter((word) => spanAt(keys[word] ?? [], frame)), yaw, pitch }
    },
  }
}

/**
 * Read a track's document.
 * @param {import("../track/timeline.mjs").Timeline} timeline
 * @param {readonly string[]} words every key that the model knows
 * @returns {Keys}
 */
export function keysOfTimeline(timeline, words) {
  const values = [...timeline.yaw, ...timeline.pitch].map(([, value]) => Math.abs(value))
  return {
    words,
    reach: Math.max(0, ...values),
    at: (frame) => ({
      held: words.filter((word) => spanAt(timeline.keys[word] ?? [], frame)),
      yaw: curveAt(timeline.yaw, frame),
      pitch: curveAt(timeline.pitch, frame),
    }),
  }
}
