// @ts-check
/** What both editors' states have in common. */

/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/**
 * @template V
 * @typedef {object} Common
 * @property {string} text the widget's value, sent as it is
 * @property {string} problem what is wrong with the text; empty if nothing is
 * @property {V | null} draft while a gesture goes on
 * @property {boolean} linked a link gives the value
 * @property {{text: string, value: V} | null} shown what the last run was given
 * @property {Variant | null} variant
 * @property {import("./world.mjs").WorldBefore | null} world that the track is given to; null = not known
 * @property {import("./place.mjs").Known | null} ground where the track is walked, and what stands there; null = not known
 * @property {string} offline why the models are not known; empty if they are
 * @property {number} askedFps the node's fps; 0 = the model's own
 * @property {number} first frame at the time axis's left edge
 * @property {number} scale px per frame of the time axis; 0 = fit
 * @property {number} playhead
 * @property {boolean} playing
 * @property {string} failure what did not work, as on the way to the server
 */

/** @type {Common<any>} */
export const COMMON = Object.freeze({
  text: "",
  problem: "",
  draft: null,
  linked: false,
  shown: null,
  variant: null,
  world: null,
  ground: null,
  offline: "",
  askedFps: 0,
  first: 0,
  scale: 0,
  playhead: 0,
  playing: false,
  failure: "",
})

/** Frames per second of display. @param {{askedFps: number, variant: Variant | null}} state */
export const fpsOf = (state) => state.askedFps || state.variant?.fps || 1
