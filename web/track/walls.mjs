// @ts-check
/**
 * What stands in the way of a walk, as the server's engine walks it (worldmodel/tinyworld/scene/engine.py): of a step, first
 * the part along the plan's x, then the part along its z, each of them only if the body fits there.
 *
 * A plan has axes of its own. An anchor is where a path's origin lies in them, and which way ahead is:
 *
 *     plan x = anchor.x + x cos + z sin,  plan z = anchor.z + z cos - x sin,  plan yaw = anchor.yaw + yaw
 */

/** @import { Poses } from "./poses.mjs" */
/** @typedef {Readonly<{x: number, z: number, yaw: number}>} Stance metres and radians */
/**
 * @typedef {object} Plan a ground plan, as the server says it
 * @property {string} title
 * @property {number} side cells along a side
 * @property {number} cell metres along a cell's side
 * @property {number} radius metres that a body keeps from walls
 * @property {readonly string[]} cells rows of letters, z = 0 first; a capital letter is a wall
 * @property {Readonly<Record<string, string>>} colours of the letters
 * @property {readonly [x: number, z: number, yaw: number]} start where one begins
 */
/** @typedef {Readonly<{plan: Plan, anchor: Stance}>} Ground a plan, and where a path lies in it */
/** @typedef {Poses & {bumped: Uint8Array}} Walked what is left of a walk; bumped: a wall shortened the frame's step */

const EPSILON = 1e-9

/**
 * Lay a path so that one of its stances is one of the plan's.
 * @param {Plan} plan
 * @param {Stance} [here] the path's
 * @param {Stance} [there] the same in the plan; without it, the plan's start
 * @returns {Ground}
 */
export function laid(plan, here = { x: 0, z: 0, yaw: 0 }, there = startOf(plan)) {
  const yaw = there.yaw - here.yaw
  const [sin, cos] = [Math.sin(yaw), Math.cos(yaw)]
  const x = there.x - (here.x * cos + here.z * sin)
  const z = there.z - (here.z * cos - here.x * sin)
  return Object.freeze({ plan, anchor: Object.freeze({ x, z, yaw }) })
}

/** Where one begins in a plan. @param {Plan} plan @returns {Stance} */
export const startOf = ({ start: [x, z, yaw] }) => ({ x, z, yaw })

/** A stance of the path in the plan's axes. @param {Ground} ground @param {Stance} stance @returns {Stance} */
export function inPlan({ anchor }, { x, z, yaw }) {
  const [sin, cos] = [Math.sin(anchor.yaw), Math.cos(anchor.yaw)]
  return { x: anchor.x + x * cos + z * sin, z: anchor.z + z * cos - x * sin, yaw: anchor.yaw + yaw }
}

/**
 * Whether a body stands at a place of the plan without touching a wall.
 * @param {Plan} plan @param {number} x @param {number} z @param {number} [radius]
 */
export function fits({ side, cell, cells, radius: own }, x, z, radius = own) {
  const free = (/** @type {number} */ px, /** @type {number} */ pz) => {
    const [column, row] = [px, pz].map((value) => Math.min(side - 1, Math.max(0, Math.floor(value / cell))))
    return isFree(cells[row][column])
  }
  const [left, right, near, far] = [x - radius, x + radius, z - radius, z + radius]
  return free(left, near) && free(left, far) && free(right, near) && free(right, far)
}

/** Whether a letter of a plan is no wall. @param {string} letter */
export const isFree = (letter) => letter >= "a"

/**
 * Walk as poses ask, as far as the walls let one.
 * @param {Poses} asked in the path's axes, as if nothing stood in the way
 * @param {Ground} ground
 * @returns {Walked} in the same axes
 */
export function walkWithin(asked, { plan, anchor }) {
  const { frames } = asked
  const [sin, cos] = [Math.sin(anchor.yaw), Math.cos(anchor.yaw)]
  const [x, z] = [new Float64Array(frames + 1), new Float64Array(frames + 1)]
  const bumped = new Uint8Array(frames)
  ;[x[0], z[0]] = [asked.x[0], asked.z[0]]
  let { x: px, z: pz } = inPlan({ plan, anchor }, { x: x[0], z: z[0], yaw: 0 })
  for (let i = 0; i < frames; i++) {
    const [across, along] = [asked.x[i + 1] - asked.x[i], asked.z[i + 1] - asked.z[i]]
    let [dx, dz] = [across * cos + along * sin, along * cos - across * sin]
    if (dx && !fits(plan, px + dx, pz)) dx = stopped(dx, bumped, i)
    if (dz && !fits(plan, px + dx, pz + dz)) dz = stopped(dz, bumped, i)
    px += dx
    pz += dz
    x[i + 1] = x[i] + (bumped[i] ? dx * cos - dz * sin : across)
    z[i + 1] = z[i] + (bumped[i] ? dx * sin + dz * cos : along)
  }
  return { ...asked, x, z, bumped }
}

/** A part of a step before a wall: none. @param {number} step @param {Uint8Array} bumped @param {number} frame */
function stopped(step, bumped, frame) {
  if (Math.abs(step) > EPSILON) bumped[frame] = 1
  return 0
}

/**
 * Tell of each frame whether a body there is within a wall, however it came there.
 * @param {{x: ArrayLike<number>, z: ArrayLike<number>}} path
 * @param {number} frames
 * @param {Ground} ground
 * @returns {Uint8Array}
 */
export function withinWalls({ x, z }, frames, ground) {
  const [within, { plan, anchor }] = [new Uint8Array(frames), ground]
  const [sin, cos] = [Math.sin(anchor.yaw), Math.cos(anchor.yaw)]
  for (let i = 0; i < frames; i++)
    if (!fits(plan, anchor.x + x[i] * cos + z[i] * sin, anchor.z + z[i] * cos - x[i] * sin)) within[i] = 1
  return within
}

/**
 * Return the runs of marked frames.
 * @param {Uint8Array} marked
 * @returns {[from: number, to: number][]} half open
 */
export function runsOf(marked) {
  /** @type {[number, number][]} */
  const runs = []
  for (let i = 0; i < marked.length; i++) {
    const last = runs[runs.length - 1]
    if (!marked[i]) continue
    if (last?.[1] === i) last[1] = i + 1
    else runs.push([i, i + 1])
  }
  return runs
}
