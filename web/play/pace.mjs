// @ts-check
/**
 * When the next chunk is asked for: as late as it still comes in time, because what is pressed until then is in it. Pure;
 * times are milliseconds.
 */

/** Answers that are remembered. */
const REMEMBERED = 6
/** Assumed of a machine that nothing is known of. */
const UNKNOWN = 400

/** How long the last chunks took from being asked for to their first picture. @typedef {readonly number[]} Pace */

/** Begin. @type {Pace} */
export const UNPACED = Object.freeze([])

/** Take down what a chunk took. @param {Pace} pace @param {number} took @returns {Pace} */
export const paced = (pace, took) => Object.freeze([...pace, took].slice(-REMEMBERED))

/**
 * How long before the last picture is over the next chunk is asked for: the slowest of late, and nothing more, because the
 * player makes up for what comes a moment too late.
 * @param {Pace} pace
 */
export const lead = (pace) => (pace.length ? Math.max(...pace) : UNKNOWN)

/** The usual time of a chunk: the median. @param {Pace} pace */
export function usual(pace) {
  const sorted = [...pace].sort((one, other) => one - other)
  return sorted.length ? sorted[Math.floor((sorted.length - 1) / 2)] : 0
}

/**
 * Whether the machine is too slow for the film: two chunks and more, and the usual one takes longer than it plays.
 * @param {Pace} pace @param {number} plays
 */
export const tooSlow = (pace, plays) => pace.length > 1 && usual(pace) > plays
