// @ts-check
/** Where a dragged frame settles: chunk borders pull most, then span ends and the playhead, then whole frames. */
import { nearestBorder } from "./chunks.mjs"

/** @typedef {"off" | "frame" | "chunk"} SnapMode */
/** @typedef {{frame: number, to: "chunk" | "edge" | "frame"}} Snapped */

const BORDER_PULL = 8
const EDGE_PULL = 5

/**
 * Snap a fractional frame.
 * @param {number} at frame under the pointer
 * @param {object} how
 * @param {SnapMode} how.mode "off" leaves whole frames only, "frame" knows span ends and playhead, "chunk" borders too
 * @param {number} how.pixels pixels per frame
 * @param {import("./chunks.mjs").Variant} how.variant
 * @param {readonly number[]} [how.edges] sorted frames of span ends and of the playhead
 * @returns {Snapped}
 */
export function snap(at, { mode, pixels, variant, edges = [] }) {
  const border = nearestBorder(variant, at)
  if (mode === "chunk" && Math.abs(border - at) * pixels <= BORDER_PULL) return { frame: border, to: "chunk" }
  const edge = nearest(edges, at)
  const near = edge !== undefined && Math.abs(edge - at) * pixels <= EDGE_PULL
  if (mode !== "off" && near) return { frame: edge, to: "edge" }
  return { frame: Math.max(0, Math.round(at)), to: "frame" }
}

/**
 * List where things begin and end, for `snap`.
 * @param {import("./timeline.mjs").Timeline} timeline
 * @param {number} playhead
 * @param {(word: string, start: number) => boolean} [left] tells of a span that it is dragged itself, and left out
 * @returns {number[]}
 */
export function snapEdges(timeline, playhead, left = () => false) {
  const ends = Object.entries(timeline.keys).flatMap(([word, spans]) =>
    spans.flatMap(([start, length]) => (left(word, start) ? [] : [start, start + length])),
  )
  return [...new Set([...ends, playhead, 0, timeline.frames])].sort((a, b) => a - b)
}

/** @param {readonly number[]} frames sorted @param {number} at @returns {number | undefined} */
function nearest(frames, at) {
  let [low, high] = [0, frames.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (frames[middle] > at) high = middle
    else low = middle + 1
  }
  const [before, behind] = [frames[low - 1], frames[low]]
  return behind === undefined || at - before <= behind - at ? before : behind
}
