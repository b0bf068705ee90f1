// @ts-check
/** A player's clock: which frame is due, at any rate and speed, without a timer of its own. */

/** Frames by which more may come too late without the film being put off: what was late is shown for less. */
const MADE_UP = 0.75
/** Speeds that are offered. */
export const SPEEDS = Object.freeze([0.25, 0.5, 1, 2, 4])

/**
 * @typedef {object} Span what is played
 * @property {number} from the first frame
 * @property {number} end the frame after the last
 * @property {"stop" | "loop" | "wait"} then what comes at the end: rest on the last frame, begin anew, or go on when
 *   there is more
 */

/**
 * Make a clock; all times are in milliseconds, as `performance.now()` gives them.
 * @param {number} rate frames per second
 */
export function makeClock(rate) {
  let speed = 1
  let began = 0
  /** Position in frames, when it began. */
  let place = 0
  let playing = false

  /** Where it stands, in frames; not held inside of anything. @param {number} now */
  const at = (now) => (playing ? place + ((now - began) / 1000) * rate * speed : place)
  /** Count from here on. @param {number} now @param {number} frame */
  const begin = (now, frame) => {
    place = frame
    began = now
  }
  return {
    at,
    get playing() {
      return playing
    },
    get rate() {
      return rate
    },
    get speed() {
      return speed
    },
    /** @param {number} now */
    play(now) {
      if (playing) return
      began = now
      playing = true
    },
    /** Rest on the frame that is shown. @param {number} now */
    pause(now) {
      begin(now, Math.floor(at(now)))
      playing = false
    },
    /** @param {number} frame @param {number} now */
    seek: (frame, now) => begin(now, frame),
    /** @param {number} next frames per second @param {number} now */
    setRate(next, now) {
      begin(now, at(now))
      rate = next
    },
    /** @param {number} next times the rate @param {number} now */
    setSpeed(next, now) {
      begin(now, at(now))
      speed = next
    },
  }
}

/**
 * Hold a position inside of a span.
 * @param {number} position in frames
 * @param {Span} span
 * @returns {{frame: number, place: number, over: boolean}} the whole frame that is shown; where to count from; whether
 *   the span has been played to its end
 */
export function within(position, { from, end, then }) {
  if (end <= from) return { frame: from, place: from, over: true }
  if (position < end) {
    const place = Math.max(from, position)
    return { frame: Math.floor(place), place, over: false }
  }
  if (then === "loop") {
    const place = from + ((position - from) % (end - from))
    return { frame: Math.floor(place), place, over: true }
  }
  // one that waits stands at the end itself, so that the next frame is due when it comes
  return { frame: end - 1, place: then === "wait" ? end : end - 1, over: true }
}

/**
 * Whether a clock that waits for more stands at the end; until then it goes on, so that what comes a moment too late is
 * made up for.
 * @param {number} position in frames @param {number} end the frame after the last @param {boolean} stood before
 */
export const standsAt = (position, end, stood) => stood || position >= end + MADE_UP

/**
 * Return the speed before or after another among those that are offered.
 * @param {number} speed
 * @param {number} by -1 or 1
 */
export function nextSpeed(speed, by) {
  const at = SPEEDS.findIndex((one) => one >= speed)
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + by))]
}

/** Write a speed: `0.5×`. @param {number} speed */
export const speedWords = (speed) => `${speed}\u00d7`
