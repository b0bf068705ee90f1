// @ts-check
/** How edits of a camera path make a new one: frozen, canonical, and the same object if it says nothing new. */
import { canonical, write } from "./path.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Keyframe} Keyframe */

/**
 * Change members of keyframes.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {(stop: Keyframe) => Partial<Keyframe>} patch
 * @returns {CameraPath}
 */
export function changed(path, indices, patch) {
  const stops = path.keyframes.map((stop, i) => (indices.includes(i) ? { ...stop, ...patch(stop) } : stop))
  return withKeyframes(path, stops)
}

/** @param {number} value @param {number} low @param {number} high */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high)
}

/** @param {CameraPath} path @param {readonly Keyframe[]} keyframes @returns {CameraPath} */
export function withKeyframes(path, keyframes) {
  return settled(path, { ...path, keyframes })
}

/**
 * Return the canonical form; the same object if it says nothing new.
 * @param {CameraPath} before
 * @param {CameraPath} after
 */
export function settled(before, after) {
  const made = canonical(after)
  return write(made) === write(before) ? before : made
}
