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
/** @typedef {import("./draw_top.mjs").Followed} Followed */

/** Metres from which on walls are said to lead the model elsewhere. */
const SEEN = 0.005

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

/**
 * What the model walks of a path as far as walls let it, and how far from the path that is, worked out once.
 * @typedef {object} Stopped
 * @property {number[][]} way x, z, yaw
 * @property {number[]} off metres beside the path, frame by frame
 * @property {boolean} apart whether walls lead it away from where the model would walk
 */
export function stoppedCache() {
  /** @type {{followed: Followed, drawn: Drawn, ground: Ground, rate: number, made: Stopped} | null} */
  let last = null
  return (
    /** @type {Followed} */ followed,
    /** @type {Ground | null} */ ground,
    /** @type {Drawn} */ drawn,
    /** @type {number} */ rate,
  ) => {
    const { poses, position } = followed
    if (!ground || !poses?.length) return { way: poses ?? [], off: position ?? [], apart: false }
    const same = last?.followed === followed && last.drawn === drawn && last.ground === ground && last.rate === rate
    if (last && same) return last.made
    const [x, z] = [0, 1].map((part) => Float64Array.from(poses, (pose) => pose[part]))
    const walked = walkWithin(/** @type {any} */ ({ frames: poses.length - 1, x, z }), ground)
    const way = poses.map((pose, i) => [walked.x[i], walked.z[i], pose[2]])
    const apart = way.some(([right, ahead], i) => Math.hypot(right - x[i], ahead - z[i]) > SEEN)
    const asked = drawn.samples
    const off = apart
      ? way.map(([right, ahead], i) => {
          const at = Math.min(Math.round(i * rate), asked.x.length - 1)
          return Math.hypot(right - asked.x[at], ahead - asked.z[at])
        })
      : position
    last = { followed, drawn, ground, rate, made: { way, off, apart } }
    return last.made
  }
}
