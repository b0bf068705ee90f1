// @ts-check
/** Where a world was walked before a track goes on in it, as its tracks say. */
import { ORIGIN, integrate } from "../track/poses.mjs"

/** @typedef {import("../track/poses.mjs").Place} Place */
/** @typedef {import("../track/poses.mjs").Motion} Motion */
/** @typedef {import("../kit/world.mjs").WorldBefore} WorldBefore */
/** @typedef {Readonly<{x: Float64Array, z: Float64Array, end: Place}>} Past metres, one per frame and one for the end */

/**
 * Walk a world's tracks one after another.
 * @param {WorldBefore} world
 * @param {Motion} motion
 * @returns {Past}
 */
export function pastOf({ walked }, motion) {
  const total = walked.reduce((sum, { frames }) => sum + frames, 0)
  const [x, z] = [new Float64Array(total + 1), new Float64Array(total + 1)]
  let [end, at] = [ORIGIN, 0]
  for (const { timeline, frames } of walked) {
    const poses = integrate({ ...timeline, frames }, motion, undefined, end)
    x.set(poses.x, at)
    z.set(poses.z, at)
    end = Object.freeze({ x: poses.x[frames], z: poses.z[frames], yaw: poses.yaw[frames], pitch: poses.pitch[frames] })
    at += frames
  }
  return Object.freeze({ x, z, end })
}

/** Walk a world once, and remember it while it is the same. */
export function pastCache() {
  /** @type {{world: WorldBefore, motion: Motion, past: Past} | null} */
  let last = null
  return (/** @type {WorldBefore | null} */ world, /** @type {Motion} */ motion) => {
    if (!world?.walked.length) return null
    if (last?.world !== world || last.motion !== motion) last = { world, motion, past: pastOf(world, motion) }
    return last.past
  }
}
