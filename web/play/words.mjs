// @ts-check
/** What a walk that is played says. */
import { DOT, counted, time } from "../kit/words.mjs"

export const WORDS = {
  game: "A walk that is played",
  picture: "What you see while walking",
  top: "The way from above",
  tools: "Walking",
  opening: "The model is being loaded.",
  click: "Click to walk",
  keys: (/** @type {boolean} */ mouse) =>
    `W A S D walk ${DOT} ${mouse ? "mouse or arrows look" : "no mouse for this model"} ${DOT} Esc lets go`,
  more: (/** @type {boolean} */ reads) =>
    `Backspace takes back ${DOT} N new seed ${DOT} P pause${reads ? ` ${DOT} T event text` : ""}`,
  waiting: "Press a key to go on",
  over: "The walk is over; it flows on to the next nodes.",
  lost: "The connection to ComfyUI was lost. What was walked is in ComfyUI's hands.",
  walk: "Walk",
  pause: "Pause",
  back: "Take back",
  backBy: (/** @type {number} */ chunks) => `the last ${counted(chunks, "chunk")}`,
  seed: "New seed from here",
  text: "Event text from here",
  textHint: "What happens now, in words; Enter sends it",
  large: "Fill the screen",
  small: "Leave the whole screen",
  end: "End the walk",
  again: "Play again",
  slow: (/** @type {string} */ takes, /** @type {string} */ plays) =>
    `Too slow here: a chunk of ${plays} s takes ${takes} s. Nothing you press is lost.`,
  taken: (/** @type {number} */ frames, /** @type {number} */ fps) => `taken back to ${time(frames / fps)} s`,
  seeded: (/** @type {number | string} */ seed) => `seed ${seed} from here`,
  told: (/** @type {string} */ text) => `from here: ${text}`,
}

/**
 * Say how a walk goes.
 * @param {object} facts
 * @param {number} facts.frames that are walked @param {number} facts.fps of the film @param {number} facts.limit 0 = none
 * @param {number} facts.shown frames shown a second; 0 = not known
 * @param {number} facts.takes milliseconds a chunk takes @param {number} facts.plays milliseconds it plays
 * @param {number} facts.reaction milliseconds from a key to its picture; 0 = not known
 */
export function factWords({ frames, fps, limit, shown, takes, plays, reaction }) {
  const of = limit ? ` of ${limit}` : ""
  return [
    `${frames}${of} frames`,
    `${time(frames / fps)} s`,
    shown ? `${shown.toFixed(1)} frames/s` : "",
    takes ? `chunk ${seconds(takes)} of ${seconds(plays)} s` : "",
    reaction ? `key to picture ${seconds(reaction)} s` : "",
  ]
    .filter(Boolean)
    .join(` ${DOT} `)
}

/** @param {number} milliseconds */
export const seconds = (milliseconds) => (milliseconds / 1000).toFixed(2)
