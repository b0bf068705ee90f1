// @ts-check
/** A place's ground plan beneath a path, and where the path meets its walls. */
import { isFree, runsOf } from "../track/walls.mjs"
import { stroke, trace } from "./ground.mjs"

/** @typedef {import("../track/walls.mjs").Ground} Ground */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {Readonly<{scale: number, left: number, top: number}>} Fit px per metre, and where the path's origin lies */
/** @typedef {import("./palette.mjs").Palette} Palette */

const FLOOR = 0.22
const WALL = 0.72
/** Share of a cell that it reaches over its neighbours, so that no gap shows between them. */
const OVERLAP = 0.01
const HALO = 9
const CROSS = 4

/**
 * Draw what stands in a place, seen from above.
 * @param {Context} context
 * @param {Ground} ground
 * @param {Fit} fit
 * @param {Palette} palette
 */
export function drawPlan(context, { plan, anchor }, { scale, left: px, top: py }, palette) {
  const { cell, cells, colours } = plan
  const [sin, cos] = [scale * Math.sin(anchor.yaw), scale * Math.cos(anchor.yaw)]
  const x = px - anchor.x * cos + anchor.z * sin
  const y = py + anchor.x * sin + anchor.z * cos
  context.save()
  context.transform(cos, -sin, -sin, -cos, x, y)
  for (const letter of Object.keys(colours)) {
    context.beginPath() // all at once, as cells that overlap would be darker there
    cells.forEach((row, z) => {
      for (let first = row.indexOf(letter), end = first; first >= 0; first = row.indexOf(letter, end)) {
        for (end = first; row[end] === letter;) end += 1
        const [left, right] = [first * cell - cell * OVERLAP, end * cell + cell * OVERLAP]
        context.rect(left, z * cell - cell * OVERLAP, right - left, cell * (1 + 2 * OVERLAP))
      }
    })
    context.globalAlpha = isFree(letter) ? FLOOR : WALL
    context.fillStyle = colours[letter]
    context.fill()
  }
  context.globalAlpha = WALL
  outline(context, cells, cell)
  context.restore()
  stroke(context, palette.border, 1)
}

/** Trace the sides between walls and floors. @param {Context} context @param {readonly string[]} cells @param {number} cell */
function outline(context, cells, cell) {
  const wall = (/** @type {number} */ x, /** @type {number} */ z) => !isFree(cells[z]?.[x] ?? "a")
  context.beginPath()
  for (let z = 0; z <= cells.length; z++)
    for (let x = 0; x <= cells.length; x++) {
      if (wall(x, z) !== wall(x - 1, z)) {
        context.moveTo(x * cell, z * cell)
        context.lineTo(x * cell, (z + 1) * cell)
      }
      if (wall(x, z) !== wall(x, z - 1)) {
        context.moveTo(x * cell, z * cell)
        context.lineTo((x + 1) * cell, z * cell)
      }
    }
}

/**
 * Draw the frames in which a path meets a wall: a halo along them, and a cross where each run of them begins.
 * @param {Context} context
 * @param {Uint8Array} marked frames
 * @param {(frame: number) => readonly [number, number]} place px
 * @param {Palette} palette
 */
export function drawWallMarks(context, marked, place, palette) {
  const runs = runsOf(marked)
  const { globalAlpha } = context
  context.globalAlpha = 0.4
  for (const [from, to] of runs) {
    const points = []
    for (let frame = from; frame < to; frame++) points.push(...place(frame))
    const [x, y] = place(from)
    trace(context, [x, y, x + 0.01, y, ...points])
    stroke(context, palette.alert, HALO)
  }
  context.globalAlpha = globalAlpha
  for (const [from] of runs) wallCross(context, palette, place(from))
}

/** The sign of a wall in the way. @param {Context} context @param {Palette} palette @param {readonly [number, number]} place */
export function wallCross(context, palette, [x, y]) {
  for (const [colour, width] of /** @type {const} */ ([
    [palette.plot, 4],
    [palette.alert, 2],
  ])) {
    context.beginPath()
    for (const sign of [-1, 1]) {
      context.moveTo(x - CROSS, y - sign * CROSS)
      context.lineTo(x + CROSS, y + sign * CROSS)
    }
    stroke(context, colour, width)
  }
}
