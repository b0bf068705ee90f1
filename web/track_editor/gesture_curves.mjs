// @ts-check
/** Gestures on curves and prompts: move keyframes, draw freehand, scale a range, move a prompt. */
import { toFrame } from "../kit/ruler.mjs"
import { decimal, signed } from "../kit/words.mjs"
import { drawStroke, freeAxis, moveKeyframes, movePrompt, scaleRange, setKeyframe } from "../track/edits.mjs"
import { curveAt } from "../track/sample.mjs"
import { snapFrame } from "./gesture_lanes.mjs"
import { yToValue } from "./layout.mjs"

/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {"yaw" | "pitch"} Axis */

const LEAST_ERROR = 0.02
/** Px of drag that double the values. */
const PER_FACTOR = 80

/** @param {Editor} editor @param {{axis: Axis, frame: number}} hit @param {Point} start @returns {Gesture} */
export function dragKeyframe(editor, { axis, frame }, start) {
  const { timeline, points } = editor.state
  const ref = /** @type {const} */ ([axis, frame])
  const chosen = points.some(([of, at]) => of === axis && at === frame)
  const refs = chosen ? points : [ref]
  const value = curveAt(timeline[axis], frame)
  const way = (/** @type {Point} */ point) => {
    const layout = editor.layout()
    const locked = point.shift ? freeAxis(point.x - start.x, point.y - start.y) : null
    const frames =
      locked === "value" ? 0 : snapFrame(editor, frame + (point.x - start.x) / layout.view.scale, point) - frame
    const by = locked === "time" ? 0 : yToValue(layout, point.y) - yToValue(layout, start.y)
    return { frames, value: by, copy: start.alt }
  }
  return {
    move(point) {
      const moved = moveKeyframes(timeline, refs, way(point))
      const at = moved.refs[refs.findIndex(([of, one]) => of === axis && one === frame)] ?? ref
      const text = `${at[1]} \u00b7 ${signed(curveAt(moved.timeline[axis], at[1]))}`
      editor.preview(moved.timeline, { points: moved.refs, axis, pill: { text, x: point.x, y: point.y - 26 } })
    },
    done(point) {
      const moved = moveKeyframes(timeline, refs, way(point))
      editor.edit(
        moved.timeline,
        { points: moved.refs, spans: [], prompts: [], axis },
        editor.spoken.keyframe(axis, moved.refs[0]?.[1] ?? frame, moved.timeline),
      )
    },
    click(point) {
      const others = points.filter(([of, at]) => of !== axis || at !== frame)
      editor.set({
        points: point.shift ? (chosen ? others : [...others, ref]) : [ref],
        axis,
        ...(point.shift ? {} : { spans: [], prompts: [] }),
      })
      editor.say(`${editor.spoken.axis(axis)}, ${frame}, ${signed(value)}`)
    },
  }
}

/**
 * Draw a curve by hand; on the other curve's line a click only chooses it.
 * @param {Editor} editor
 * @param {Axis} axis
 * @param {Point} start
 * @returns {Gesture}
 */
export function freehand(editor, axis, start) {
  const { timeline } = editor.state
  /** @type {[number, number][]} */
  const px = [[start.x, start.y]]
  const drawn = () => {
    const layout = editor.layout()
    const points = px.map(([x, y]) => /** @type {[number, number]} */ ([toFrame(layout.view, x), yToValue(layout, y)]))
    const error = Math.max(LEAST_ERROR, (yToValue(layout, 0) - yToValue(layout, 1)) * 1.2)
    return drawStroke(timeline, axis, points, error)
  }
  return {
    move(point) {
      px.push([Math.max(editor.layout().view.left, point.x), point.shift ? start.y : point.y])
      const value = yToValue(editor.layout(), px[px.length - 1][1])
      editor.set({ stroke: { axis, points: [...px] }, pill: { text: signed(value), x: point.x, y: point.y - 26 } })
    },
    done() {
      editor.edit(drawn(), { stroke: null, axis, points: [], spans: [], prompts: [] }, editor.spoken.drawn(axis))
    },
    click() {
      editor.set({ axis, points: [], spans: [], prompts: [] })
    },
  }
}

/** Put a keyframe on a curve with the value there. @param {Editor} editor @param {Axis} axis @param {number} frame */
export function addKeyframe(editor, axis, frame) {
  const next = setKeyframe(editor.state.timeline, axis, frame)
  editor.edit(
    next,
    { points: [[axis, frame]], spans: [], prompts: [], axis },
    editor.spoken.keyframe(axis, frame, next),
  )
}

/** @param {Editor} editor @param {Point} start @returns {Gesture} */
export function scaleCurves(editor, start) {
  const { timeline, range } = editor.state
  if (!range) return {}
  const factor = (/** @type {Point} */ point) => Math.round(2 ** ((start.y - point.y) / PER_FACTOR) * 100) / 100
  const scaled = (/** @type {Point} */ point) =>
    scaleRange(scaleRange(timeline, "yaw", range, factor(point)), "pitch", range, factor(point))
  return {
    move: (point) =>
      editor.preview(scaled(point), {
        pill: { text: `\u00d7 ${decimal(factor(point))}`, x: point.x, y: point.y - 26 },
      }),
    done: (point) => editor.edit(scaled(point), {}, `\u00d7 ${decimal(factor(point))}`),
  }
}

/** @param {Editor} editor @param {number} frame @param {Point} start @returns {Gesture} */
export function dragPrompt(editor, frame, start) {
  const { timeline } = editor.state
  const moved = (/** @type {Point} */ point) => {
    const at = snapFrame(editor, frame + (point.x - start.x) / editor.layout().view.scale, point)
    return movePrompt(timeline, frame, at, { copy: start.alt })
  }
  return {
    move(point) {
      const next = moved(point)
      const by = next.frame - frame
      editor.preview(next.timeline, {
        prompts: [next.frame],
        pill: {
          text: `${next.frame} \u00b7 ${by < 0 ? "\u2212" : "+"}${Math.abs(by)} f`,
          x: point.x,
          y: editor.layout().prompt.top - 20,
        },
      })
    },
    done(point) {
      const next = moved(point)
      editor.edit(next.timeline, { prompts: [next.frame], spans: [], points: [] }, editor.spoken.prompt(next.frame))
    },
    click: () => editor.set({ prompts: [frame], spans: [], points: [] }),
  }
}
