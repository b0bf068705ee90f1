// @ts-check
/** A walk in a place whose walls are known: worked out once, while walk and place are the same. */
import { WORDS } from "./words.mjs"
import { laid, runsOf, walkWithin } from "../track/walls.mjs"

/** @typedef {import("./place.mjs").Known} Known */
/** @typedef {import("../track/poses.mjs").Poses} Poses */
/** @typedef {import("../track/walls.mjs").Ground} Ground */
/** @typedef {import("./strip.mjs").Row} Row */

/** The ground of a place: the world's first frame is at its start. */
export function groundCache() {
  /** @type {{known: Known, ground: Ground} | null} */
  let last = null
  return (/** @type {Known | null} */ known) => {
    if (!known) return null
    if (last?.known !== known) last = { known, ground: laid(known.plan) }
    return last.ground
  }
}

/** A walk within walls. */
export function walkCache() {
  /** @type {{asked: Poses, ground: Ground, walked: import("../track/walls.mjs").Walked} | null} */
  let last = null
  return (/** @type {Poses} */ asked, /** @type {Ground} */ ground) => {
    if (last?.asked !== asked || last.ground !== ground) last = { asked, ground, walked: walkWithin(asked, ground) }
    return last.walked
  }
}

/** @type {readonly Row[]} */
const NONE = Object.freeze([])

/** The rows of a report that say where walls stand in the way, made once for the same marks. */
export function wallRows() {
  /** @type {{marked: Uint8Array, rows: readonly Row[]} | null} */
  let last = null
  /**
   * @param {Known | null} known
   * @param {Uint8Array | null | undefined} marked frames
   * @param {"track" | "path"} what is in the way of what
   * @param {number} [rate] frames that are marked per frame of the report
   */
  return (known, marked, what, rate = 1) => {
    if (!marked || !known) return NONE
    if (last?.marked !== marked) {
      const { walls, stopped, why, ...asked } = WORDS.wallRow
      const rows = runsOf(marked).map(([first, end]) => ({
        kind: /** @type {const} */ ("wall"),
        from: Math.floor(first / rate),
        to: Math.floor((end - 1) / rate),
        what: walls,
        asked: asked[what],
        got: stopped,
        why: why(known.plan.title),
      }))
      last = { marked, rows: rows.length ? rows : NONE }
    }
    return last.rows
  }
}
