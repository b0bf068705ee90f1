// @ts-check
/**
 * What a press on the profile begins: the playhead, keyframes in time, height and pitch, the speed between two of them.
 */
import { CHUNK_HEIGHT, RULER_HEIGHT, toFrame, toX } from "../kit/ruler.mjs"
import { DOT, angle, decimal, signed } from "../kit/words.mjs"
import { nearestBorder } from "../track/chunks.mjs"
import { changed, insert, retime, retimeSpan, setPitch } from "../path/edits.mjs"
import { toValue, toY } from "./profile.mjs"
import { chunksOf, locked } from "./state.mjs"
import { keyframeWords } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/**
 * @typedef {{kind: "ruler" | "lane" | "band" | "none"} | {kind: "diamond", index: number, lane: "height" | "pitch",
 *   closing: boolean} | {kind: "speed", span: number}} Hit
 */

const REACH = 9
const EDGE = 7
const CHUNK_PULL = 6
const ROUND = { height: 100, pitch: 2 }

/** Tell what is under the pointer. @param {Editor} editor @param {Point} point @returns {Hit} */
function hitProfile(editor, { x, y }) {
  const { profile, drawn } = editor
  if (y < RULER_HEIGHT + CHUNK_HEIGHT) return { kind: "ruler" }
  if (y >= profile.band.top) return { kind: "band" }
  if (x < profile.view.left - REACH) return { kind: "none" }
  const values = { height: drawn.heights, pitch: drawn.pitches }
  for (const lane of /** @type {const} */ (["height", "pitch"])) {
    let [best, least] = [-1, REACH]
    drawn.stops.forEach(({ frame, place }, i) => {
      const at = Math.min(frame, drawn.path.frames - 1)
      const value = lane === "height" && frame >= drawn.path.frames ? -place[1] : values[lane][at]
      const away = Math.hypot(toX(profile.view, frame) - x, toY(profile[lane], value) - y)
      if (away < least) [best, least] = [i, away]
    })
    if (best >= 0)
      return {
        kind: "diamond",
        index: best % drawn.path.keyframes.length,
        lane,
        closing: best >= drawn.path.keyframes.length,
      }
  }
  const frame = toFrame(profile.view, x)
  const span = drawn.spans.findIndex(({ start, end }) => frame >= start.frame && frame < end.frame)
  const speed = drawn.speeds[Math.min(drawn.speeds.length - 1, Math.max(0, Math.floor(frame)))]
  if (span >= 0 && y >= profile.speed.top && Math.abs(toY(profile.speed, speed) - y) <= EDGE)
    return { kind: "speed", span }
  return { kind: "lane" }
}

/** @param {Editor} editor @param {Point} point */
export function cursorOfProfile(editor, point) {
  const hit = hitProfile(editor, point)
  if (locked(editor.state)) return "default"
  if (hit.kind === "diamond") return hit.closing ? "ns-resize" : "move"
  return hit.kind === "speed" ? "ns-resize" : hit.kind === "ruler" ? "ew-resize" : "default"
}

/** @param {Editor} editor @param {Point} start @returns {Gesture | null} */
export function beginProfile(editor, start) {
  const hit = hitProfile(editor, start)
  const follow = (/** @type {Point} */ { x }) => editor.goTo(Math.floor(toFrame(editor.profile.view, x) + 0.5))
  if (hit.kind === "band")
    return {
      click: ({ x }) => editor.parts.strip.openAt(Math.floor(toFrame(editor.profile.view, x) / editor.scene().rate)),
    }
  if (locked(editor.state) || hit.kind === "ruler" || hit.kind === "lane") {
    follow(start)
    return { move: follow, done: follow }
  }
  if (hit.kind === "diamond") return dragDiamond(editor, hit, start)
  return hit.kind === "speed" ? dragSpeed(editor, hit.span, start) : null
}

/** A double click inserts a keyframe there. @param {Editor} editor @param {Point} point */
export function openProfile(editor, point) {
  const { state } = editor
  if (locked(state)) return
  const hit = hitProfile(editor, point)
  if (hit.kind === "diamond") return editor.parts.inspect()
  if (hit.kind !== "lane") return
  const { path, index } = insert(state.path, Math.round(toFrame(editor.profile.view, point.x)))
  if (index >= 0) editor.edit(path, { chosen: [index] }, keyframeWords(index, path.keyframes[index]))
}

/**
 * @param {Editor} editor
 * @param {{index: number, lane: "height" | "pitch", closing: boolean}} hit
 * @param {Point} start
 * @returns {Gesture}
 */
function dragDiamond(editor, { index, lane, closing }, start) {
  const { state, profile } = editor
  const before = state.path
  const stop = before.keyframes[index]
  const frameAt = Math.min(stop.frame, before.frames - 1)
  const value = lane === "height" ? -stop.place[1] : editor.drawn.pitches[frameAt]
  const dragged = (/** @type {Point} */ point) => {
    const [dx, dy] = [point.x - start.x, point.y - start.y]
    const across = !closing && (!point.shift || Math.abs(dx) >= Math.abs(dy))
    const up = !point.shift || Math.abs(dy) > Math.abs(dx)
    const level = toValue(profile[lane], toY(profile[lane], value) + dy)
    const next = up && Math.abs(dy) > 2 ? Math.round(level * ROUND[lane]) / ROUND[lane] : value
    const valued =
      next === value
        ? before
        : lane === "height"
          ? changed(before, [index], ({ place }) => ({ place: [place[0], -next, place[2]] }))
          : setPitch(before, [index], next)
    const wanted = stop.frame + dx / profile.view.scale
    const border = nearestBorder(chunksOf(state), wanted)
    const frame = Math.abs(border - wanted) * profile.view.scale <= CHUNK_PULL && !point.alt ? border : wanted
    const path = across && Math.abs(dx) > 2 ? retime(valued, index, frame) : valued
    return { path, next }
  }
  const words = (/** @type {ReturnType<typeof dragged>} */ { path, next }) =>
    `f ${path.keyframes[index].frame} ${DOT} ${lane === "height" ? `${decimal(next)} m` : angle(next)}`
  return {
    click: () => editor.set({ chosen: [index], playhead: frameAt }),
    move: (point) => {
      const made = dragged(point)
      editor.preview(made.path, {
        chosen: [index],
        pill: { text: words(made), x: point.x, y: point.y - 30, where: "profile" },
      })
    },
    done: (point) => editor.edit(dragged(point).path, { chosen: [index], pill: null }, words(dragged(point))),
  }
}

/** @param {Editor} editor @param {number} index @param {Point} start @returns {Gesture} */
function dragSpeed(editor, index, start) {
  const { state, profile, drawn } = editor
  const before = state.path
  const { start: from, end: to } = drawn.spans[index]
  const frames = to.frame - from.frame
  const mean = drawn.speeds[Math.max(0, Math.min(drawn.speeds.length - 1, Math.floor(toFrame(profile.view, start.x))))]
  const dragged = (/** @type {Point} */ point) => {
    const speed = Math.max(mean / 40, 0.01, toValue(profile.speed, toY(profile.speed, mean) + point.y - start.y))
    return retimeSpan(before, index, Math.max(1, Math.round((frames * mean) / speed)))
  }
  const words = (/** @type {import("../path/path.mjs").CameraPath} */ path) =>
    `${signed(path.frames - before.frames, 0)} f ${DOT} ${path.frames} frames`
  return {
    click: (point) => editor.goTo(toFrame(profile.view, point.x)),
    move: (point) => {
      const path = dragged(point)
      editor.preview(path, { pill: { text: words(path), x: point.x, y: point.y - 30, where: "profile" } })
    },
    done: (point) => {
      const path = dragged(point)
      editor.edit(path, { pill: null }, words(path))
    },
  }
}
