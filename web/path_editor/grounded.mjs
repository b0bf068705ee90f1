// @ts-check
/**
 * Where a camera path lies in the world that it is walked in: a model begins at the path's first pose, wherever that is
 * drawn, so the world's own end, or a place's start, is there.
 */
import { inPlan, laid, walkWithin, withinWalls } from "../track/walls.mjs"
import { pastBefore, pastCache } from "../track/past.mjs"
import { groundCache } from "../kit/solid.mjs"

/** @typedef {import("./state.mjs").PathState} PathState */
/** @typedef {import("./state.mjs").Drawn} Drawn */
/** @typedef {import("../track/walls.mjs").Ground} Ground */
/**
 * @typedef {object} Grounded
 * @property {Ground | null} ground what stands where the path is walked
 * @property {{x: Float64Array, z: Float64Array} | null} past where the world was walked before
 * @property {Uint8Array | null} within frames of the path within a wall
 */
/** @typedef {{ways: number[][], known: any, ground: Ground, walked: number[][]}} Stopped */

/** What is known of the world of a path on show, worked out once while it is the same. */
export function groundedCache() {
  const [start, pastOf] = [groundCache(), pastCache()]
  /** @type {{drawn: Drawn, world: any, known: any, made: Grounded} | null} */
  let last = null
  return (/** @type {PathState} */ state, /** @type {Drawn} */ drawn) => {
    const { world, ground: known, variant } = state
    if (last?.drawn === drawn && last.world === world && last.known === known) return last.made
    const { x, z, yaw } = drawn.samples
    const begin = x.length ? { x: x[0], z: z[0], yaw: yaw[0] } : { x: 0, z: 0, yaw: 0 }
    const whole = start(known)
    const past = variant && pastOf(world, variant.motion, whole)
    const ground = known && whole && laid(known.plan, begin, past ? inPlan(whole, past.end) : undefined)
    const made = Object.freeze({
      ground,
      past: past && pastBefore(past, begin),
      within: ground && drawn.spans.length ? withinWalls(drawn.samples, drawn.path.frames, ground) : null,
    })
    last = { drawn, world, known, made }
    return made
  }
}

/** What the model walks of a path as far as walls let it, worked out once. */
export function stoppedCache() {
  /** @type {{poses: number[][], ground: Ground, way: number[][]} | null} */
  let last = null
  return (/** @type {number[][]} */ poses, /** @type {Ground | null} */ ground) => {
    if (!ground || !poses.length) return poses
    if (last?.poses !== poses || last.ground !== ground) {
      const [x, z] = [0, 1].map((part) => Float64Array.from(poses, (pose) => pose[part]))
      const walked = walkWithin(/** @type {any} */ ({ frames: poses.length - 1, x, z }), ground)
      last = { poses, ground, way: poses.map((pose, i) => [walked.x[i], walked.z[i], pose[2]]) }
    }
    return last.way
  }
}
