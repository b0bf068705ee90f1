// @ts-check
/** Where the top view writes the numbers of keyframes. */
import { DOT } from "../kit/words.mjs"
import { tangents } from "../path/edits.mjs"
import { at, yawOf } from "./marks.mjs"

/** @typedef {import("./marks.mjs").Scene} Scene */
/** @typedef {import("./marks.mjs").Point} Point */
/** @typedef {[left: number, top: number, right: number, bottom: number]} Box px */

/** Radius of the ring that closes the loop, px. */
export const RING = 13
/** Px from a keyframe to its label: to the label's end beside it, to its middle above and below. */
const AWAY = { end: 15, middle: 17 }
const HALF = 7
/** Turns away from the first choice, nearest first. */
const TURNS = [0, 0.6, -0.6, 1.2, -1.2, 2, -2, Math.PI]
/** Cosine of the turn within which a label lies on a line. */
const ON = 0.6

/**
 * Place the labels: on the side away from the path's middle, but rather beside the wedge and the path than on them.
 * @param {Scene} scene
 * @param {(text: string) => number} widthOf px
 * @returns {{index: number, text: string, x: number, y: number}[]} middles, of those that have room
 */
export function labels(scene, widthOf) {
  const { drawn, narrow, size } = scene
  const stops = drawn.path.keyframes
  const points = stops.map(({ place }) => at(scene, place))
  const middle = points.reduce((sum, [x, y]) => [sum[0] + x / points.length, sum[1] + y / points.length], [0, 0])
  const taken = points.map(([x, y]) => /** @type {Box} */ ([x - HALF, y - HALF, x + HALF, y + HALF]))
  return stops.flatMap(({ frame }, index) => {
    const [px, py] = points[index]
    const text = narrow ? String(index) : `${index} ${DOT} f ${frame}`
    const half = widthOf(text) / 2
    const more = index === 0 && stops.length > 1 ? RING - 10 : 0
    const lines = linesFrom(scene, index)
    const onLines = (/** @type {number} */ turn) => lines.filter((line) => Math.cos(turn - line) > ON).length
    const out = Math.atan2(py - middle[1], px - middle[0])
    for (const turn of TURNS.map((by) => out + by).sort((a, b) => onLines(a) - onLines(b))) {
      const x = px + Math.cos(turn) * (AWAY.end + more + half)
      const y = py + Math.sin(turn) * (AWAY.middle + more)
      const box = /** @type {Box} */ ([x - half - 2, y - HALF, x + half + 2, y + HALF])
      if (box[0] < 2 || box[2] > size.width - 2 || taken.some((other) => overlap(box, other))) continue
      taken.push(box)
      return [{ index, text, x, y }]
    }
    return []
  })
}

/**
 * The directions on the screen in which a keyframe's wedge and path leave it, radians.
 * @param {Scene} scene @param {number} index
 */
function linesFrom(scene, index) {
  const { path, spans } = scene.drawn
  const { out, into } = tangents(path, index, spans)
  const last = path.keyframes.length - 1
  const ways = [...(path.closed || index < last ? [out] : []), ...(path.closed || index > 0 ? [into] : [])]
  return [yawOf(scene, index) - Math.PI / 2, ...ways.map(([x, , z]) => Math.atan2(-z, x))]
}

/** @param {Box} a @param {Box} b */
const overlap = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1]
