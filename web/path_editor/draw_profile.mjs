// @ts-check
/**
 * The profile: height, pitch and speed over the frames, and what the model makes of them. Pure functions of the scene.
 */
import { pill } from "../kit/canvas.mjs"
import { stroke, write } from "../kit/ground.mjs"
import {
  RULER_HEIGHT,
  drawBand,
  drawChunkRow,
  drawChunks,
  drawPlayhead,
  drawRuler,
  drawTail,
  flagPlace,
  lastSeen,
  toX,
} from "../kit/ruler.mjs"
import { angle, decimal } from "../kit/words.mjs"
import { diamond } from "./draw_marks.mjs"
import { toY } from "./profile.mjs"
import { chunksOf, extent, limitOf } from "./state.mjs"
import { WORDS } from "./words.mjs"

/**
 * @typedef {import("./draw_top.mjs").Scene & {profile: import("./profile.mjs").Profile, band: [string, number,
 *   number][]}} Scene
 */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {import("./profile.mjs").Lane} Lane */

/** Metres of height that count. */
const TOLD = 0.05
const SMALL = 4.5

/** Draw all but playhead and pill. @param {Context} context @param {Scene} scene */
export function drawProfile(context, scene) {
  const { state, drawn, profile, palette, size } = scene
  if (!state.variant) return
  const { view, bottom } = profile
  const { frames } = drawn.path
  const shared = { view, palette, variant: chunksOf(state), frames, top: 0 }
  context.save()
  context.beginPath()
  context.rect(view.left, 0, view.width, bottom)
  context.clip()
  drawChunks(context, { ...shared, top: RULER_HEIGHT, bottom })
  drawSpeed(context, scene)
  drawHeight(context, scene)
  drawPitch(context, scene)
  drawTail(context, { view, palette, frames, content: extent(state), top: RULER_HEIGHT, bottom })
  drawBand(context, { view, palette, band: scene.band, top: profile.band.top, height: profile.band.height })
  context.restore()
  const flag = flagPlace(context, { view, palette, text: String(state.playhead), playhead: state.playhead })
  drawRuler(context, { ...shared, variant: state.variant, avoid: [flag] })
  drawChunkRow(context, { ...shared, top: RULER_HEIGHT })
  drawDiamonds(context, scene)
  drawHeads(context, scene)
  context.fillStyle = palette.grid
  for (const y of [RULER_HEIGHT, profile.height.top, profile.pitch.top, profile.speed.top, profile.band.top])
    context.fillRect(0, y, size.width, 1)
  context.fillStyle = palette.frame
  context.fillRect(view.left - 1, 0, 1, bottom)
}

/** Draw playhead, hovered frame and pill. @param {Context} context @param {Scene} scene */
export function drawProfileOverlay(context, { state, profile, palette, size }) {
  if (!state.variant) return
  const { view, bottom } = profile
  drawPlayhead(context, { view, palette, text: String(state.playhead), playhead: state.playhead, top: 0, bottom })
  if (state.pill?.where === "profile") pill(context, palette, size, state.pill.text, state.pill.x, state.pill.y)
}

/** @param {Context} context @param {Scene} scene */
function drawHeads(context, { profile, palette, narrow, state }) {
  const words = narrow ? WORDS.shortRows : WORDS.rows
  const x = narrow ? 8 : 12
  const row = (/** @type {string} */ text, /** @type {number} */ y, size = "11px") => {
    write(context, palette, size, "left", palette.second)
    context.fillText(text, x, y)
  }
  row(words.frame, 11, "10.5px")
  row(words.chunk, RULER_HEIGHT + 8, "10.5px")
  const lane = (
    /** @type {string} */ text,
    /** @type {Lane} */ { top, height },
    /** @type {string} */ colour,
    /** @type {number[]} */ dash,
  ) => {
    const y = top + height / 2
    context.beginPath()
    context.moveTo(x, y)
    context.lineTo(x + 14, y)
    context.setLineDash(dash)
    stroke(context, colour, 2)
    context.setLineDash([])
    write(context, palette, "11px", "left", palette.text)
    context.fillText(text, x + (narrow ? 19 : 21), y)
  }
  lane(words.height, profile.height, palette.foreground, [])
  lane(words.pitch, profile.pitch, palette.pitch, [4, 3])
  const { top, height } = profile.speed
  write(context, palette, "11px", "left", palette.text)
  context.fillText(words.speed, x, top + height - 12)
  write(context, palette, "10.5px", narrow ? "left" : "right", palette.second)
  const y = Math.max(top + 7, toY(profile.speed, limitOf(state)))
  context.fillText(
    decimal(limitOf(state), narrow ? 1 : 2),
    narrow ? x : profile.head - 6,
    Math.min(y, top + height - 25),
  )
  row(words.binding, profile.band.top + profile.band.height / 2 + 0.5, "10.5px")
}

/**
 * Trace a curve of one value per frame; of many frames in a pixel, the least and the most.
 * @param {Context} context @param {Scene} scene @param {ArrayLike<number>} values @param {Lane} lane
 */
function traceCurve(context, { profile }, values, lane) {
  const { view } = profile
  const [first, last] = [Math.max(0, Math.floor(view.first)), Math.min(values.length - 1, Math.ceil(lastSeen(view)))]
  const step = Math.max(1, Math.floor(1 / view.scale))
  context.beginPath()
  for (let frame = first; frame <= last; frame += step) {
    let [low, high] = [values[frame], values[frame]]
    for (let i = frame + 1; i < Math.min(frame + step, last + 1); i++)
      [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])]
    context.lineTo(toX(view, frame), toY(lane, low))
    if (high !== low) context.lineTo(toX(view, frame), toY(lane, high))
  }
}

/**
 * Hatch what lies between a curve and what remains of it.
 * @param {Context} context
 * @param {Scene} scene
 * @param {ArrayLike<number>} values
 * @param {Lane} lane
 * @param {number} rest
 */
function hatchLost(context, scene, values, lane, rest) {
  const { profile, palette } = scene
  const { view } = profile
  traceCurve(context, scene, values, lane)
  const last = Math.min(values.length - 1, Math.ceil(lastSeen(view)))
  context.lineTo(toX(view, last), toY(lane, rest))
  context.lineTo(toX(view, Math.max(0, view.first)), toY(lane, rest))
  context.closePath()
  context.fillStyle = palette.hatch(context, palette.alert, 4)
  context.globalAlpha = 0.75
  context.fill()
  context.globalAlpha = 1
  context.beginPath()
  context.moveTo(toX(view, 0), toY(lane, rest))
  context.lineTo(toX(view, last), toY(lane, rest))
  context.setLineDash([5, 4])
  stroke(context, palette.foreground, 1.25)
  context.setLineDash([])
}

/** @param {Context} context @param {Scene} scene */
function drawHeight(context, scene) {
  const { drawn, profile, palette } = scene
  const heights = drawn.heights
  if (heights.some((height) => Math.abs(height - heights[0]) > TOLD))
    hatchLost(context, scene, heights, profile.height, heights[0])
  traceCurve(context, scene, heights, profile.height)
  stroke(context, palette.foreground, 1.75)
}

/** @param {Context} context @param {Scene} scene */
function drawPitch(context, scene) {
  const { drawn, profile, palette, state } = scene
  const pitches = drawn.pitches
  if (!state.variant?.mouse?.reads_pitch && pitches.some((pitch) => Math.abs(pitch) > 0.05))
    hatchLost(context, scene, pitches, profile.pitch, 0)
  traceCurve(context, scene, pitches, profile.pitch)
  context.setLineDash([4, 3])
  stroke(context, palette.pitch, 1.75)
  context.setLineDash([])
}

/** @param {Context} context @param {Scene} scene */
function drawSpeed(context, { drawn, profile, palette, state }) {
  const { view, speed } = profile
  const limit = limitOf(state)
  const floor = speed.top + speed.height
  const until = Math.min(drawn.path.frames - 1, Math.ceil(lastSeen(view)))
  const step = Math.max(1, Math.floor(1 / view.scale))
  let next = 0
  /** @typedef {{colour: string, fast: boolean, from: number, to: number, y: number}} Bar */
  let bar = /** @type {Bar | null} */ (null)
  const fill = (/** @type {Bar | null} */ bar) => {
    if (!bar) return
    context.fillStyle = bar.colour
    context.globalAlpha = bar.fast ? 0.95 : 0.7
    context.fillRect(bar.from, bar.y, bar.to - bar.from, floor - bar.y)
  }
  for (let frame = Math.max(0, Math.floor(view.first)); frame < until && drawn.spans.length; frame += step) {
    while (next < drawn.fast.length && drawn.fast[next][1] <= frame) next++
    const fast = next < drawn.fast.length && drawn.fast[next][0] < frame + step
    const value = drawn.speeds[frame]
    const colour = fast ? palette.alert : palette.speed(value / limit)
    const y = Math.round(Math.max(speed.top + 1, toY(speed, value)))
    const [from, to] = [toX(view, frame), toX(view, Math.min(frame + step, until))].map(Math.round)
    if (bar?.colour === colour && bar.y === y) bar.to = to
    else {
      fill(bar)
      bar = { colour, fast, from, to, y }
    }
  }
  fill(bar)
  context.globalAlpha = 1
  context.beginPath()
  context.moveTo(view.left, toY(speed, limit))
  context.lineTo(view.left + view.width, toY(speed, limit))
  context.setLineDash([2, 3])
  stroke(context, palette.foreground, 1)
  context.setLineDash([])
}

/** @param {Context} context @param {Scene} scene */
function drawDiamonds(context, scene) {
  const { drawn, profile, palette, state } = scene
  const { view } = profile
  const [heights, pitches] = [drawn.heights, drawn.pitches]
  context.save()
  context.beginPath()
  context.rect(view.left - SMALL - 1, 0, view.width + SMALL + 1, profile.bottom)
  context.clip()
  if (state.chosen.length) {
    context.globalAlpha = 0.6
    context.fillStyle = palette.selection
    for (const index of state.chosen)
      context.fillRect(
        Math.round(toX(view, drawn.path.keyframes[index].frame)),
        profile.height.top,
        1,
        profile.band.top - profile.height.top,
      )
    context.globalAlpha = 1
  }
  for (const [i, stop] of drawn.stops.entries()) {
    const x = toX(view, stop.frame)
    if (x < view.left - 6 || x > view.left + view.width + 6) continue
    const at = Math.min(stop.frame, drawn.path.frames - 1)
    const chosen = state.chosen.includes(i)
    const beyond = stop.frame >= drawn.path.frames
    diamond(context, palette, [x, toY(profile.height, beyond ? -stop.place[1] : heights[at])], chosen, beyond, SMALL)
    diamond(
      context,
      chosen ? palette : { ...palette, foreground: palette.pitch },
      [x, toY(profile.pitch, pitches[at])],
      chosen,
      beyond,
      SMALL,
    )
  }
  context.restore()
  drawValues(context, scene, heights, pitches)
}

/**
 * The values at the chosen keyframe.
 * @param {Context} context
 * @param {Scene} scene
 * @param {ArrayLike<number>} heights
 * @param {ArrayLike<number>} pitches
 */
function drawValues(context, scene, heights, pitches) {
  const { drawn, profile, palette, state } = scene
  const stop = drawn.path.keyframes[state.chosen[0] ?? -1]
  if (!stop || stop.frame >= drawn.path.frames) return
  const x = toX(profile.view, stop.frame)
  if (x < profile.view.left || x > profile.view.left + profile.view.width) return
  const label = (/** @type {string} */ text, /** @type {Lane} */ lane, /** @type {number} */ value) => {
    const width = palette.measure(context, text, `11px ${palette.font}`)
    const left = x - width - 12 > profile.view.left ? x - width - 12 : x + 10
    context.fillStyle = palette.plot
    context.globalAlpha = 0.8
    context.fillRect(left - 2, toY(lane, value) - 7, width + 4, 14)
    context.globalAlpha = 1
    write(context, palette, "11px", "left", palette.text)
    context.fillText(text, left, toY(lane, value))
  }
  label(`${decimal(heights[stop.frame])} m`, profile.height, heights[stop.frame])
  label(angle(pitches[stop.frame]), profile.pitch, pitches[stop.frame])
}
