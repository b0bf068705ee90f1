// @ts-check
/** The way of a walk from above, small, with the camera where it is seen now. */
import { makeLayers } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { cameraArrow, scaleBar, stroke, trace } from "../kit/ground.mjs"
import { readPalette, watchPalette } from "../kit/palette.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {[right: number, ahead: number, degrees: number]} Point */

const MARGIN = 14
/** Metres that are seen at least. */
const LEAST = 4
const LONGEST_BAR = 40

/**
 * Fit a way into a box, its first heading upwards.
 * @param {readonly Point[]} way @param {{width: number, height: number}} size px
 */
export function fitted(way, { width, height }) {
  let [left, right, low, high] = [0, 0, 0, 0]
  for (const [x, z] of way) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    low = Math.min(low, z)
    high = Math.max(high, z)
  }
  const room = Math.min(width, height) - 2 * MARGIN
  const scale = room / Math.max(LEAST, right - left, high - low)
  const [middleX, middleZ] = [(left + right) / 2, (low + high) / 2]
  return {
    scale,
    /** @param {Point} point @returns {[number, number]} */
    at: ([x, z]) => [width / 2 + (x - middleX) * scale, height / 2 - (z - middleZ) * scale],
  }
}

/**
 * Make the top view.
 * @param {HTMLElement} root with class wm-editor, in whose colours it is drawn
 * @param {AbortSignal} signal
 * @param {() => {way: readonly Point[], frame: number}} scene
 */
export function makeTop(root, signal, scene) {
  const element = make("div.wm-top", { hidden: true, role: "img", "aria-label": WORDS.top })
  /** @type {import("../kit/palette.mjs").Palette | null} */
  let palette = null
  const layers = makeLayers(element, {
    signal,
    content() {},
    overlay(context, size) {
      const { way, frame } = scene()
      if (!way.length) return
      palette ??= readPalette(root)
      const { at, scale } = fitted(way, size)
      const now = Math.max(0, Math.min(frame, way.length - 1))
      trace(context, way.slice(now).flatMap(at))
      stroke(context, palette.second, 1)
      trace(context, way.slice(0, now + 1).flatMap(at))
      stroke(context, palette.key, 2)
      cameraArrow(context, palette, at(way[now]), (way[now][2] * Math.PI) / 180)
      scaleBar(context, palette, [8, size.height - 8], scale, LONGEST_BAR)
    },
  })
  watchPalette(document, signal, () => {
    palette = null
    layers.overlay()
  })
  return { element, draw: layers.overlay }
}
