// @ts-check
/** What a player says. */
import { DOT, counted, time } from "../kit/words.mjs"

export const WORDS = {
  player: "Player",
  walk: "The walk, as a moving picture",
  tools: "Playing",
  scrub: "Frame",
  start: "First frame",
  back: "One frame back",
  play: "Play",
  pause: "Pause",
  forward: "One frame on",
  end: "Last frame",
  loop: "Play over and over",
  speed: "Speed",
  keys: "Show what was held",
  live: "Follow the newest chunk",
  large: "Fill the screen",
  small: "Leave the whole screen",
  pick: (/** @type {string} */ label) => `Keep ${label}`,
  take: (/** @type {number} */ number) => `take ${number}`,
  keep: "keep",
  kept: "kept",
  next: "kept at the next Run",
  picked: (/** @type {string} */ label) => `${label} is kept`,
  pending: (/** @type {string} */ label) => `${label} is kept at the next Run`,
  none: "No picture yet.",
  lost: "The server no longer has these pictures; queue again.",
}

/**
 * Say where a player stands: `frame 12 of 57 · 0.75 s`.
 * @param {{frame: number, frames: number, offset: number, rate: number}} place
 */
export const placeWords = ({ frame, frames, offset, rate }) =>
  frames ? `frame ${frame + offset} of ${offset + frames} ${DOT} ${time((frame + offset) / rate)} s` : WORDS.none

/** Say how long a walk is. @param {number} frames @param {number} rate */
export const lengthWords = (frames, rate) => `${counted(frames, "frame")}, ${time(frames / rate)} s`
