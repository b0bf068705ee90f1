// @ts-check
/** The path map: the walk seen from above. What is asked, not what stands in the way: no model is needed to draw it. */
import { roundBox } from "../kit/canvas.mjs"
import { drawPlan, drawWallMarks, wallCross } from "../kit/draw_plan.mjs"
import { cameraArrow, chevron, fitting, gridMetres, scaleBar, speedBar, stroke, trace, write } from "../kit/ground.mjs"
import { drawPicture } from "../kit/picture.mjs"
import { angle, counted, decimal, DOT } from "../kit/words.mjs"
import { placeOf } from "./map_scene.mjs"
import { WORDS } from "./words.mjs"

export { makeScene, nearestFrame } from "./map_scene.mjs"

/** @import { Palette } from "../kit/palette.mjs" */
/** @import { Size } from "../kit/canvas.mjs" */
/** @import { Background } from "../kit/picture.mjs" */
/** @import { Area, Scene } from "./map_scene.mjs" */
/** @typedef {CanvasRenderingContext2D} Context */

const HEADER = 26
const LEGEND = 50
const LEGEND_COLUMN = 132
/** Width from which the legend of a low map stands beside the path. */
const BESIDE_FROM = 300
const HALO = 15
const GRID_GAP = 12
const BAR_LONGEST = 52

/**
 * Part a map's box into the path's area and the legend.
 * @param {Size} size
 * @returns {{area: Area, legend: Area, beside: boolean}}
 */
export function mapLayout({ width, height }) {
  const beside = height < 200 && width >= BESIDE_FROM
  const area = beside
    ? { left: 0, top: 16, width: width - LEGEND_COLUMN, height: height - 16 }
    : { left: 0, top: HEADER, width, height: height - HEADER - LEGEND }
  const legend = beside
    ? { left: width - LEGEND_COLUMN, top: 8, width: LEGEND_COLUMN, height: height - 16 }
    : { left: 0, top: height - LEGEND, width, height: LEGEND }
  return { area, legend, beside }
}

/**
 * Draw the map without the playhead.
 * @param {Context} context
 * @param {object} what
 * @param {Scene} what.scene
 * @param {Palette} what.palette
 * @param {Size} what.size
 * @param {boolean} [what.recording] whether the walk is still growing
 * @param {{background: Background, image: HTMLImageElement} | null} [what.picture] below it
 */
export function drawMap(context, { scene, palette, size, recording = false, picture = null }) {
  const { legend, beside } = mapLayout(size)
  const quiet = !scene.moves && !scene.turns
  const room = beside && !quiet ? { ...size, width: legend.left } : size
  const clear = beside || quiet ? room : { ...size, height: legend.top }
  if (scene.ground || picture) drawBelow(context, scene, picture, palette, clear)
  drawGrid(context, scene, palette, room)
  drawHalo(context, scene, palette)
  if (scene.past) drawPast(context, scene.past, scene, palette)
  if (scene.bumped) drawWalls(context, scene, scene.bumped, palette)
  drawPath(context, scene, palette)
  for (const frame of scene.chunkStarts) chevron(context, palette, placeOf(scene, frame), scene.poses.yaw[frame])
  drawEnds(context, scene, palette)
  drawTitle(context, scene, palette, recording, room.width)
  if (!quiet) drawLegend(context, scene, palette, legend, beside)
}

/**
 * Draw where the camera is at the playhead, and at a frame that the pointer is over.
 * @param {Context} context
 * @param {object} what
 * @param {Scene} what.scene
 * @param {Palette} what.palette
 * @param {number} what.playhead frame
 * @param {number | null} [what.ghost] frame
 * @param {boolean} [what.recording]
 */
export function drawMapOverlay(context, { scene, palette, playhead, ghost = null, recording = false }) {
  if (!scene.moves && !scene.turns) return
  if (ghost !== null && ghost < scene.frames) {
    context.globalAlpha = 0.5
    cameraArrow(context, palette, placeOf(scene, ghost), scene.poses.yaw[ghost], { wedge: false })
    context.globalAlpha = 1
  }
  const frame = Math.min(playhead, scene.poses.frames)
  const colour = recording ? palette.record : palette.foreground
  cameraArrow(context, palette, placeOf(scene, frame), scene.poses.yaw[frame], { colour })
}

/**
 * Say where the camera is at a frame: `frame 57 · 2.10 m right · 3.40 m ahead · −9.0°`.
 * @param {Scene} scene
 * @param {number} frame
 */
export function poseWords({ poses }, frame) {
  const degrees = (poses.yaw[frame] * 180) / Math.PI
  const heading = angle(degrees - 360 * Math.round(degrees / 360))
  const { frameAt, right, ahead } = WORDS.pathMap
  return [frameAt(frame), right(decimal(poses.x[frame])), ahead(decimal(poses.z[frame])), heading].join(` ${DOT} `)
}

/** @param {Context} context @param {Scene} scene @param {Palette} palette @param {Size} size */
function drawGrid(context, { fit }, palette, { width, height }) {
  const gap = gridMetres(fit.scale, GRID_GAP) * fit.scale
  context.fillStyle = palette.grid
  for (let x = ((fit.left % gap) + gap) % gap; x < width; x += gap) context.fillRect(Math.round(x), 0, 1, height)
  for (let y = ((fit.top % gap) + gap) % gap; y < height; y += gap) context.fillRect(0, Math.round(y), width, 1)
}

/**
 * Draw ground that is walked again, beneath the path.
 * @param {Context} context @param {Scene} scene @param {Palette} palette
 */
function drawHalo(context, scene, palette) {
  context.beginPath()
  for (const { from, to } of scene.revisits) {
    let [px, py] = placeOf(scene, from)
    context.moveTo(px, py)
    context.lineTo(px + 0.01, py)
    for (let frame = from + 1; frame < to; frame++) {
      const [x, y] = placeOf(scene, frame)
      if (Math.hypot(x - px, y - py) < 3 && frame < to - 1) continue
      context.lineTo(x, y)
      px = x
      py = y
    }
  }
  stroke(context, palette.border, HALO)
  drawVisits(context, scene, palette)
}

/** @param {Context} context @param {Scene} scene @param {Palette} palette */
function drawVisits(context, scene, palette) {
  /** @type {[number, number][]} */
  const taken = []
  write(context, palette, "600 11px", "right")
  for (const { from, to, times } of [...scene.revisits].sort((a, b) => b.times - a.times)) {
    const [x, y] = placeOf(scene, (from + to) >> 1)
    const place = /** @type {[number, number]} */ ([Math.max(scene.area.left + 20, x - HALO / 2 - 6), y])
    if (taken.some(([tx, ty]) => Math.abs(tx - place[0]) < 24 && Math.abs(ty - place[1]) < 14)) continue
    taken.push(place)
    context.fillText(WORDS.pathMap.times(times), ...place)
  }
}

/**
 * Draw the place's plan and the picture, beside the legend.
 * @param {Context} context @param {Scene} scene @param {{background: Background, image: HTMLImageElement} | null} picture
 * @param {Palette} palette @param {Size} room
 */
function drawBelow(context, { ground, fit }, picture, palette, { width, height }) {
  context.save()
  context.beginPath()
  context.rect(0, 0, width, height)
  context.clip()
  if (ground) drawPlan(context, ground, fit, palette)
  if (picture) {
    const [right, ahead] = picture.background.centre
    const centre = /** @type {const} */ ([fit.left + fit.scale * right, fit.top - fit.scale * ahead])
    drawPicture(context, picture.image, picture.background, centre, fit.scale)
  }
  context.restore()
}

/**
 * Draw where walls stand in the way, and where one would be without them.
 * @param {Context} context @param {Scene} scene @param {Uint8Array} bumped @param {Palette} palette
 */
function drawWalls(context, scene, bumped, palette) {
  const first = bumped.indexOf(1)
  if (first < 0) return
  const points = []
  for (let frame = first; frame < scene.frames; frame++)
    points.push(...placeOf({ ...scene, poses: scene.asked }, frame))
  trace(context, points)
  context.setLineDash([2, 4])
  stroke(context, palette.second, 1)
  context.setLineDash([])
  drawWallMarks(context, bumped, (frame) => placeOf(scene, frame), palette)
}

/** @param {Context} context @param {Scene} scene @param {Palette} palette */
function drawPath(context, { runs }, palette) {
  for (const { amount, points } of runs) {
    trace(context, points)
    stroke(context, palette.speed(amount), 2.5)
  }
}

/**
 * Draw where the world was walked before, thin, as it is no more to be changed.
 * @param {Context} context @param {import("../track/past.mjs").Past} past @param {Scene} scene @param {Palette} palette
 */
function drawPast(context, { x, z }, { fit }, palette) {
  const points = []
  for (let i = 0; i < x.length; i++) {
    const [px, py] = [fit.left + fit.scale * x[i], fit.top - fit.scale * z[i]]
    const last = points.length - 2
    if (last < 0 || Math.hypot(px - points[last], py - points[last + 1]) >= 1 || i === x.length - 1) points.push(px, py)
  }
  trace(context, points)
  stroke(context, palette.second, 1.2)
}

/** Ring at the start, square at the end. @param {Context} context @param {Scene} scene @param {Palette} palette */
function drawEnds(context, scene, palette) {
  const [x, y] = placeOf(scene, 0)
  if (scene.moves) square(context, palette, placeOf(scene, scene.frames - 1))
  ring(context, palette, [x, y])
  if (scene.moves) return
  if (!scene.turns) chevron(context, palette, [x, y - 12], 0)
  write(context, palette, "11px", "center", palette.second)
  context.fillText(WORDS.pathMap.start, x, y + 18)
}

/** @param {Context} context @param {Scene} scene @param {Palette} palette @param {boolean} recording @param {number} width */
function drawTitle(context, scene, palette, recording, width) {
  const { title, soFar, revisit } = WORDS.pathMap
  write(context, palette, "500 11.5px", "left")
  context.fillText(title, 10, 14)
  const left = 16 + palette.measure(context, title, `500 11.5px ${palette.font}`)
  if (!scene.moves) return
  const metres = `${decimal(scene.metres, 1)} m`
  const place = scene.ground ? ` ${DOT} ${scene.ground.plan.title}` : ""
  const again = scene.revisits.length ? ` ${DOT} ${counted(scene.revisits.length, revisit)}` : ""
  write(context, palette, "11.5px", "left", palette.second)
  const words = (recording ? `${metres} ${soFar}` : metres + again) + place
  context.fillText(fitting(context, words, width - left - 8), left, 14)
}

/** @param {Context} context @param {Scene} scene @param {Palette} palette @param {Area} area @param {boolean} beside */
function drawLegend(context, scene, palette, { left, top, width, height }, beside) {
  const { start, end, chunk, again, wall } = WORDS.pathMap
  const { scale } = scene.fit
  context.fillStyle = palette.grid
  if (!beside) context.fillRect(left, top, width, 1)
  const met = Boolean(scene.bumped?.includes(1))
  /** @type {[string, (place: readonly [number, number]) => void][]} */
  const column = [
    [start, (place) => ring(context, palette, place)],
    [end, (place) => square(context, palette, place)],
    [chunk, (place) => chevron(context, palette, place, Math.PI / 2)],
    met
      ? [wall, (place) => wallCross(context, palette, place)]
      : [again, (place) => haloSample(context, palette, place)],
  ]
  if (beside) {
    speedBar(context, palette, [left + 8, top + 12], `${decimal(scene.fastest, 1)} m/s`)
    column.forEach(([word, draw], i) => entry(context, palette, word, draw, left + 14, top + 34 + 19 * i))
    scaleBar(context, palette, [left + 8, Math.min(top + height - 8, top + 34 + 19 * 4 + 6)], scale, BAR_LONGEST)
    return
  }
  let x = left + 14
  for (const [word, draw] of column.filter(([word]) => word !== end)) {
    x = entry(context, palette, word, draw, x, top + 15) + 13
  }
  scaleBar(context, palette, [left + 10, top + 36], scale, BAR_LONGEST)
  speedBar(context, palette, [left + width - 112, top + 36], `${decimal(scene.fastest, 1)} m/s`)
}

/**
 * @param {Context} context @param {Palette} palette @param {string} word
 * @param {(place: readonly [number, number]) => void} draw @param {number} x @param {number} y
 */
function entry(context, palette, word, draw, x, y) {
  draw([x, y])
  write(context, palette, "11px", "left", palette.second)
  const left = x + (word === WORDS.pathMap.again ? 12 : 9)
  context.fillText(word, left, y)
  return left + palette.measure(context, word, `11px ${palette.font}`)
}

/** @param {Context} context @param {Palette} palette @param {readonly [number, number]} place */
function haloSample(context, palette, [x, y]) {
  context.fillStyle = palette.border
  roundBox(context, x - 7, y - 5, 16, 10, 5)
  context.fill()
}

/** @param {Context} context @param {Palette} palette @param {readonly [number, number]} place */
function ring(context, palette, [x, y]) {
  context.beginPath()
  context.arc(x, y, 4, 0, 2 * Math.PI)
  context.fillStyle = palette.plot
  context.fill()
  stroke(context, palette.foreground, 1.8)
}

/** @param {Context} context @param {Palette} palette @param {readonly [number, number]} place */
function square(context, palette, [x, y]) {
  context.fillStyle = palette.plot
  context.fillRect(x - 4.5, y - 4.5, 9, 9)
  context.fillStyle = palette.foreground
  context.fillRect(x - 3.5, y - 3.5, 7, 7)
}
