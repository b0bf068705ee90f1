// @ts-check
/** What a press on the top view begins: moving and copying keyframes, turning cameras, bending tangents, drawing. */
import { DOT, angle, decimal, signed } from "../kit/words.mjs"
import { duplicate, move, setAutomatic, setLook, setTangent, setTarget, turned } from "../path/edits.mjs"
import { addAt, joinEnds, penStroke, snapped } from "./gesture_draw.mjs"
import { END_REACH, hitTop, nearestFrame, wedgeEnd } from "./marks.mjs"
import { degrees, plus } from "../path/poses.mjs"
import { locked } from "./state.mjs"
import { panned, toGround, toPixel } from "./view.mjs"
import { keyframeWords } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */
/** @typedef {import("../path/path.mjs").Vector} Vector */

/** Degrees between the directions of a wedge turned with Shift. */
const STEP = 15

/**
 * Begin what a press starts.
 * @param {Editor} editor @param {Point} start
 * @returns {Gesture | null}
 */
export function beginTop(editor, start) {
  const { state } = editor
  if (locked(state)) return { ...panView(editor, start), click: () => pickFrame(editor, start) }
  if (state.tool === "pen") return penStroke(editor, start)
  const hit = hitTop(editor.scene(), start.x, start.y)
  if (hit.kind === "keyframe") return dragKeyframe(editor, hit.index, start)
  if (hit.kind === "tangent") return dragTangent(editor, hit.index, hit.side, start)
  if (hit.kind === "wedge") return turnCamera(editor, hit.index, start)
  if (hit.kind === "target") return dragTarget(editor, start)
  if (state.tool === "add") return { click: () => addAt(editor, start, hit.kind === "path" ? hit.frame : null) }
  if (hit.kind === "path") return { ...panView(editor, start), click: () => editor.goTo(hit.frame, true) }
  return { ...panView(editor, start), click: () => editor.set({ chosen: [] }) }
}

/** @param {Editor} editor @param {Point} point */
export function openTop(editor, point) {
  const { state } = editor
  if (locked(state) || state.tool === "pen") return
  const hit = hitTop(editor.scene(), point.x, point.y)
  if (hit.kind === "path") addAt(editor, point, hit.frame)
  else if (hit.kind === "tangent") editor.edit(setAutomatic(state.path, [hit.index]), {}, "automatic tangents")
  else if (hit.kind === "keyframe") editor.parts.inspect()
}

/** Show what a press would do. @param {Editor} editor @param {HTMLElement} box @param {Point} point */
export function hoverTop(editor, box, point) {
  const { state, drawn } = editor
  const hit = hitTop(editor.scene(), point.x, point.y)
  const off = locked(state)
  const cursors = {
    keyframe: "grab",
    wedge: "crosshair",
    tangent: "grab",
    target: "grab",
    path: state.tool === "add" ? "copy" : "pointer",
    ground: state.tool === "add" ? "copy" : "default",
  }
  box.style.cursor = off ? "default" : state.tool === "pen" ? "crosshair" : cursors[hit.kind]
  const frame = hit.kind === "path" ? hit.frame : null
  const adds = state.tool === "pen" || (state.tool === "add" && hit.kind === "ground")
  const reach =
    adds && !off && drawn.path.keyframes.length ? toGround(editor.view, editor.size, point.x, point.y) : null
  if (frame === null || reach) return editor.set({ ghost: null, pill: null, reach })
  const { x, z } = drawn.samples
  const place = [`${decimal(x[frame])} right`, `${decimal(z[frame])} ahead`]
  const words = [`f ${frame}`, ...place, `${decimal(drawn.speeds[frame])} m/s`].join(` ${DOT} `)
  if (state.ghost?.frame !== frame)
    editor.set({ reach, ghost: { frame }, pill: { text: words, x: point.x, y: point.y - 34, where: "top" } })
}

/** @param {Editor} editor @param {Point} start */
function pickFrame(editor, start) {
  const frame = nearestFrame(editor.scene(), start.x, start.y, 12)
  if (frame !== null) editor.goTo(frame, true)
}

/** @param {Editor} editor @param {Point} start @returns {Gesture} */
function panView(editor, start) {
  const { view } = editor
  return { move: ({ x, y }) => editor.set({ view: panned(view, start.x - x, start.y - y) }) }
}

/** @param {Editor} editor @param {number} index @param {Point} start @returns {Gesture} */
function dragKeyframe(editor, index, start) {
  const { state } = editor
  const copied = start.alt ? duplicate(state.path, index) : { path: state.path, index }
  const before = copied.path
  const at = copied.index
  const together = !start.alt && state.chosen.includes(index) ? state.chosen : [at]
  const [fromX, , fromZ] = before.keyframes[at].place
  const began = toGround(editor.view, editor.size, start.x, start.y)
  const moved = (/** @type {Point} */ point) => {
    const [x, z] = toGround(editor.view, editor.size, point.x, point.y)
    let way = [x - began[0], z - began[1]]
    if (editor.state.grid) {
      const [sx, sz] = snapped(editor, [fromX + way[0], fromZ + way[1]])
      way = [sx - fromX, sz - fromZ]
    }
    if (point.shift) way = Math.abs(way[0]) > Math.abs(way[1]) ? [way[0], 0] : [0, way[1]]
    return { way, path: move(before, together, [way[0], 0, way[1]]) }
  }
  const closes = (/** @type {CameraPath} */ path) => {
    const last = path.keyframes.length - 1
    if (path.closed || together.length !== 1 || at !== last || last < 2) return false
    const [a, b] = [path.keyframes[0], path.keyframes[last]].map(({ place }) =>
      toPixel(editor.view, editor.size, place[0], place[2]),
    )
    return Math.hypot(a[0] - b[0], a[1] - b[1]) <= END_REACH
  }
  return {
    click: ({ shift }) => {
      const others = state.chosen.filter((one) => one !== index)
      editor.set({
        chosen: shift ? (state.chosen.includes(index) ? others : [...state.chosen, index]) : [index],
        playhead: Math.min(before.keyframes[at].frame, before.frames - 1),
      })
      editor.say(keyframeWords(index, before.keyframes[index]))
    },
    move: (point) => {
      const { way, path } = moved(point)
      const shown = closes(path) ? joinEnds(editor, path) : path
      const text = closes(path) ? "close the loop" : `${signed(way[0])} right ${DOT} ${signed(way[1])} ahead`
      editor.preview(shown, {
        chosen: together.filter((one) => one < shown.keyframes.length),
        pill: { text, x: point.x, y: point.y - 40, where: "top" },
      })
    },
    done: (point) => {
      const { path } = moved(point)
      const joined = closes(path)
      const final = joined ? joinEnds(editor, path) : path
      editor.edit(
        final,
        { chosen: joined ? [0] : together, pill: null },
        joined ? "loop closed" : keyframeWords(at, final.keyframes[at]),
      )
    },
  }
}

/** @param {Editor} editor @param {number} index @param {"out" | "into"} side @param {Point} start @returns {Gesture} */
function dragTangent(editor, index, side, start) {
  const { path } = editor.state
  const stop = path.keyframes[index]
  const height = stop[side]?.[1] ?? 0
  const bent = (/** @type {Point} */ point) => {
    const [x, z] = toGround(editor.view, editor.size, point.x, point.y)
    return setTangent(path, index, side, [x - stop.place[0], height, z - stop.place[2]], start.alt)
  }
  return {
    click: () => {},
    move: (point) => editor.preview(bent(point)),
    done: (point) => editor.edit(bent(point), {}, start.alt ? "tangent broken" : "tangent"),
  }
}

/** @param {Editor} editor @param {number} index @param {Point} start @returns {Gesture} */
function turnCamera(editor, index, start) {
  const { path } = editor.state
  const stop = path.keyframes[index]
  const scene = editor.scene()
  const [px, py] = toPixel(scene.view, scene.size, stop.place[0], stop.place[2])
  const end = wedgeEnd(scene, index)
  const offset = Math.atan2(start.x - px, py - start.y) - Math.atan2(end[0] - px, py - end[1])
  const pitch = degrees(scene.drawn.samples.pitch[Math.min(stop.frame, scene.drawn.path.frames - 1)])
  const looks = (/** @type {Point} */ point) => {
    const yaw = degrees(Math.atan2(point.x - px, py - point.y) - offset)
    const chosen = turned(point.shift ? Math.round(yaw / STEP) * STEP : Math.round(yaw * 10) / 10)
    return { yaw: chosen, path: setLook(path, [index], [chosen, pitch]) }
  }
  return {
    click: () => editor.set({ chosen: [index] }),
    move: (point) => {
      const { yaw, path: seen } = looks(point)
      editor.preview(seen, {
        chosen: [index],
        pill: { text: `looks ${angle(yaw)}`, x: point.x, y: point.y - 36, where: "top" },
      })
    },
    done: (point) =>
      editor.edit(
        looks(point).path,
        { chosen: [index], pill: null },
        `keyframe ${index} looks ${angle(looks(point).yaw)}`,
      ),
  }
}

/** @param {Editor} editor @param {Point} start @returns {Gesture} */
function dragTarget(editor, start) {
  const { path } = editor.state
  const began = toGround(editor.view, editor.size, start.x, start.y)
  const target = /** @type {Vector} */ (path.target)
  const put = (/** @type {Point} */ point) => {
    const hit = hitTop({ ...editor.scene(), state: { ...editor.state, chosen: [] } }, point.x, point.y)
    if (hit.kind === "keyframe") return setTarget(path, path.keyframes[hit.index].place) // attached
    const [x, z] = toGround(editor.view, editor.size, point.x, point.y)
    const moved = plus(target, [x - began[0], 0, z - began[1]])
    const [gx, gz] = editor.state.grid ? snapped(editor, [moved[0], moved[2]]) : [moved[0], moved[2]]
    return setTarget(path, [gx, moved[1], gz])
  }
  return {
    click: () => {},
    move: (point) => editor.preview(put(point)),
    done: (point) => {
      const moved = put(point)
      editor.edit(moved, {}, "target moved")
    },
  }
}

/** Nudge the chosen keyframes. @param {Editor} editor @param {Vector} way */
export function nudge(editor, way) {
  const { state } = editor
  if (!state.chosen.length) return
  const path = move(state.path, state.chosen, way)
  editor.edit(path, {}, keyframeWords(state.chosen[0], path.keyframes[state.chosen[0]]))
}
