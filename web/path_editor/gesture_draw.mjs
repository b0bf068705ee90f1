// @ts-check
/** What is drawn on the ground of the top view: keyframes, and strokes of the pen. */
import { fpsOf } from "../kit/state.mjs"
import { append, insert, setLook, toggleLoop } from "../path/edits.mjs"
import { drawStroke } from "../path/freehand.mjs"
import { END_REACH } from "./marks.mjs"
import { paceOf } from "./state.mjs"
import { snapStep, toGround } from "./view.mjs"
import { keyframeWords } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */
/** @typedef {import("../path/path.mjs").Vector} Vector */

const STROKE_ERROR = { metres: 0.05, px: 1.5 }

/**
 * Where a pixel is on the ground; snapped to the grid if that is on.
 * @param {Editor} editor
 * @param {{x: number, y: number}} point
 * @returns {[number, number]}
 */
function groundAt(editor, { x, y }) {
  const ground = toGround(editor.view, editor.size, x, y)
  return editor.state.grid ? snapped(editor, ground) : ground
}

/**
 * The nearest place of the grid.
 * @param {Editor} editor
 * @param {[number, number]} ground
 * @returns {[number, number]}
 */
export function snapped(editor, [x, z]) {
  const step = snapStep(editor.view)
  return [Math.round(x / step) * step, Math.round(z / step) * step]
}

/**
 * Add a keyframe where the pointer is.
 * @param {Editor} editor
 * @param {Point} point
 * @param {number | null} frame of the path under it; without one, the keyframe comes to the end
 */
export function addAt(editor, point, frame) {
  const { state } = editor
  if (frame !== null) {
    const { path, index } = insert(state.path, frame)
    if (index >= 0) editor.edit(path, { chosen: [index], playhead: frame }, keyframeWords(index, path.keyframes[index]))
    return
  }
  const [x, z] = groundAt(editor, point)
  addKeyframe(editor, x, z)
}

/**
 * Add a keyframe at the end, at the height of the last one.
 * @param {Editor} editor
 * @param {number} x
 * @param {number} z
 */
function addKeyframe(editor, x, z) {
  const { state } = editor
  const begun = begin(state)
  const last = begun.keyframes[begun.keyframes.length - 1]
  const place = /** @type {Vector} */ ([x, last ? last.place[1] : 0, z])
  const { path, index } = append(begun, place, paceOf(state))
  const seen = withLook(path, [index], state.look)
  editor.edit(seen, { chosen: [index], view: editor.view }, keyframeWords(index, seen.keyframes[index]))
}

/**
 * Where it is known what stands around, a path begins where the world does, and looks ahead: else the ground would turn
 * under it with every keyframe.
 * @param {import("./state.mjs").PathState} state
 * @returns {CameraPath}
 */
function begin(state) {
  const { path, ground } = state
  if (!ground || path.keyframes.length) return path
  const begun = append(path, [0, 0, 0], paceOf(state))
  return setLook(begun.path, [begun.index], [0, 0])
}

/**
 * Let new keyframes look where the tool bar says.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {"path" | "target" | "keyed"} look
 */
const withLook = (path, indices, look) => (look === "path" ? path : setLook(path, indices, look))

/** Let the last keyframe become the first one again. @param {Editor} editor @param {CameraPath} path */
export const joinEnds = (editor, path) => toggleLoop(path, { ...paceOf(editor.state), near: Infinity })

/** A stroke of the pen; a click adds a keyframe. @param {Editor} editor @param {Point} start @returns {Gesture} */
export function penStroke(editor, start) {
  const { state } = editor
  const begun = begin(state)
  const last = begun.keyframes[begun.keyframes.length - 1]
  const height = last ? last.place[1] : 0
  /** @type {import("../path/freehand.mjs").Point[]} */
  const points = []
  const add = (/** @type {Point} */ point) => {
    const [x, z] = toGround(editor.view, editor.size, point.x, point.y)
    points.push({ place: [x, height, z], seconds: point.time })
  }
  add(start)
  return {
    fine: true,
    click: () => addAt(editor, start, null),
    move: (point) => {
      add(point)
      editor.set({ stroke: points.map(({ place }) => /** @type {const} */ ([place[0], place[2]])), view: editor.view })
    },
    done: (point) => {
      add(point)
      const { scale } = editor.view
      const near = END_REACH / scale
      const drawn = drawStroke(begun, points, {
        ...paceOf(state),
        fps: fpsOf(state),
        error: Math.max(STROKE_ERROR.metres, STROKE_ERROR.px / scale),
        near,
      })
      const first = begun.keyframes.length
      const added = drawn.keyframes.map((_, i) => i).filter((i) => i >= first)
      const seen = withLook(drawn, added, state.look)
      const ends =
        seen.keyframes.length > 2 &&
        !seen.closed &&
        Math.hypot(
          ...[0, 2].map((k) => seen.keyframes[seen.keyframes.length - 1].place[k] - seen.keyframes[0].place[k]),
        ) <= near
      const path = ends ? joinEnds(editor, seen) : seen
      editor.edit(
        path,
        { stroke: null, view: editor.view, chosen: [] },
        `${added.length} keyframes drawn${ends ? ", loop closed" : ""}`,
      )
    },
  }
}
