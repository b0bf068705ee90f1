// @ts-check
/**
 * The top view's window on the ground: right is to the right, ahead is up.
 *
 *     place in px   [width / 2 + scale * (x - view.x), height / 2 - scale * (z - view.z)]
 */
import { gridMetres } from "../kit/ground.mjs"

/** @typedef {{x: number, z: number, scale: number, own?: boolean}} TopView metres in the middle, px per metre; `own`: chosen by hand */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{left: number, right: number, near: number, far: number}} Bounds metres */

const MARGIN = { side: 46, top: 40, bottom: 46 }
const LEAST_METRES = 4
const SCALES = [1, 400]
const FITTED_SCALE = 90
const GRID_GAP = 9

/** @param {TopView} view @param {Size} size @param {number} x @param {number} z @returns {[number, number]} px */
export const toPixel = (view, { width, height }, x, z) => [
  width / 2 + view.scale * (x - view.x),
  height / 2 - view.scale * (z - view.z),
]

/**
 * @param {TopView} view
 * @param {Size} size
 * @param {number} px
 * @param {number} py
 * @returns {[x: number, z: number]} metres
 */
export const toGround = (view, { width, height }, px, py) => [
  view.x + (px - width / 2) / view.scale,
  view.z - (py - height / 2) / view.scale,
]

/**
 * Show all of some ground.
 * @param {Bounds | null} bounds without any, a few metres ahead of the origin
 * @param {Size} size
 * @returns {TopView}
 */
export function fitTop(bounds, { width, height }) {
  const { left, right, near, far } = bounds ?? { left: -3, right: 3, near: -1, far: 5 }
  const [wide, high] = [Math.max(right - left, LEAST_METRES / 2), Math.max(far - near, LEAST_METRES / 2)]
  const room = [Math.max(40, width - 2 * MARGIN.side), Math.max(40, height - MARGIN.top - MARGIN.bottom)]
  const scale = Math.max(1e-3, Math.min(room[0] / wide, room[1] / high, FITTED_SCALE))
  return { x: (left + right) / 2, z: (near + far) / 2 - (MARGIN.bottom - MARGIN.top) / 2 / scale, scale }
}

/** The ground that a path takes. @param {import("./state.mjs").Drawn} drawn @returns {Bounds | null} */
export function boundsOf({ path, samples, spans }) {
  if (!path.keyframes.length) return null
  const bounds = { left: Infinity, right: -Infinity, near: Infinity, far: -Infinity }
  const add = (/** @type {number} */ x, /** @type {number} */ z) => {
    bounds.left = Math.min(bounds.left, x)
    bounds.right = Math.max(bounds.right, x)
    bounds.near = Math.min(bounds.near, z)
    bounds.far = Math.max(bounds.far, z)
  }
  if (spans.length) samples.x.forEach((x, i) => add(x, samples.z[i]))
  for (const { place } of path.keyframes) add(place[0], place[2])
  if (path.target) add(path.target[0], path.target[2])
  return bounds
}

/**
 * Zoom and keep the ground under a pixel still.
 * @param {TopView} view
 * @param {Size} size
 * @param {number} px
 * @param {number} py
 * @param {number} factor
 * @returns {TopView}
 */
export function zoomTop(view, size, px, py, factor) {
  const scale = Math.min(
    Math.max(SCALES[1], view.scale),
    Math.max(Math.min(SCALES[0], view.scale), view.scale * factor),
  )
  const [x, z] = toGround(view, size, px, py)
  return { x: x - (px - size.width / 2) / scale, z: z + (py - size.height / 2) / scale, scale, own: true }
}

/** @param {TopView} view @param {number} px @param {number} py @returns {TopView} */
export const panned = (view, px, py) => ({
  x: view.x + px / view.scale,
  z: view.z - py / view.scale,
  scale: view.scale,
  own: true,
})

/** Metres between the lines of the grid. @param {TopView} view */
export const gridStep = ({ scale }) => gridMetres(scale, GRID_GAP)

/** Metres that places snap to. @param {TopView} view */
export const snapStep = ({ scale }) => (scale >= 60 ? 0.1 : scale >= 24 ? 0.25 : gridMetres(scale, GRID_GAP))
