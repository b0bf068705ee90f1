// @ts-check
/** Where a world was walked before a track goes on in it, as its tracks say, and as the walls there let one. */
import { ORIGIN, integrate } from "./poses.mjs"
import { walkWithin } from "./walls.mjs"

/** @typedef {import("./poses.mjs").Place} Place */
/** @typedef {import("./poses.mjs").Motion} Motion */
/** @typedef {import("../kit/world.mjs").WorldBefore} WorldBefore */
/** @typedef {Readonly<{x: Float64Array, z: Float64Array, end: Place}>} Past metres, one per frame and one for the end */

/**
 * Walk a world's tracks one after another.
 * @param {WorldBefore} world
 * @param {Motion} motion
 * @param {import("./walls.mjs").Ground | null} [ground] what stands there
 * @returns {Past}
 */
export function pastOf({ walked }, motion, ground = null) {
  const total = walked.reduce((sum, { frames }) => sum + frames, 0)
  const [x, z] = [new Float64Array(total + 1), new Float64Array(total + 1)]
  let [end, at] = [ORIGIN, 0]
  for (const { timeline, frames } of walked) {
    const asked = integrate({ ...timeline, frames }, motion, undefined, end)
    const poses = ground ? walkWithin(asked, ground) : asked
    x.set(poses.x, at)
    z.set(poses.z, at)
    end = Object.freeze({ x: poses.x[frames], z: poses.z[frames], yaw: poses.yaw[frames], pitch: poses.pitch[frames] })
    at += frames
  }
  return Object.freeze({ x, z, end })
}

/**
 * Lay a past before a path that goes on from its end.
 * @param {Past} past
 * @param {{x: number, z: number, yaw: number}} begin of the path, in its own axes
 * @returns {{x: Float64Array, z: Float64Array}} the past in the path's axes
 */
export function pastBefore({ x, z, end }, begin) {
  const yaw = begin.yaw - end.yaw
  const [sin, cos] = [Math.sin(yaw), Math.cos(yaw)]
  const laid = { x: new Float64Array(x.length), z: new Float64Array(x.length) }
  for (let i = 0; i < x.length; i++) {
    const [across, along] = [x[i] - end.x, z[i] - end.z]
    laid.x[i] = begin.x + across * cos + along * sin
    laid.z[i] = begin.z + along * cos - across * sin
  }
  return laid
}

/** Walk a world once, and remember it while it is the same. */
export function pastCache() {
  /** @type {{world: WorldBefore, motion: Motion, ground: import("./walls.mjs").Ground | null, past: Past} | null} */
  let last = null
  return (
    /** @type {WorldBefore | null} */ world,
    /** @type {Motion} */ motion,
    /** @type {import("./walls.mjs").Ground | null} */ ground = null,
  ) => {
    if (!world?.walked.length) return null
    if (last?.world !== world || last.motion !== motion || last.ground !== ground)
      last = { world, motion, ground, past: pastOf(world, motion, ground) }
    return last.past
  }
}
