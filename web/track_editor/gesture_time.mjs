// @ts-check
/** Gestures on time: playhead, range, overview. */
import { bounded, scrolled, toFrame } from "../kit/ruler.mjs"
import { spanLength } from "../kit/words.mjs"
import { chunkAt, firstFrame } from "../track/chunks.mjs"
import { moveRange } from "../track/edits.mjs"
import { overviewFrame } from "./draw_overview.mjs"
import { snapFrame } from "./gesture_lanes.mjs"
import { extent, locked, shownTimeline } from "./state.mjs"

/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("./editor.mjs").Editor} Editor */

/** @param {Editor} editor @param {Point} start @returns {Gesture} */
export function movePlayhead(editor, start) {
  const go = (/** @type {Point} */ point) => editor.goTo(Math.floor(toFrame(editor.layout().view, point.x)))
  go(start)
  return { move: go, done: go, click: () => {} }
}

/** Set the range by dragging. @param {Editor} editor @param {Point} start @returns {Gesture} */
export function setRange(editor, start) {
  const begin = toFrame(editor.layout().view, start.x)
  const before = editor.state.range
  const range = (/** @type {Point} */ point) => {
    const ends = [begin, toFrame(editor.layout().view, point.x)].map((frame) =>
      Math.min(shownTimeline(editor.state).frames, snapFrame(editor, frame, point)),
    )
    return ends[0] === ends[1] ? null : /** @type {[number, number]} */ ([Math.min(...ends), Math.max(...ends)])
  }
  return {
    move: (point) => editor.set({ range: range(point) }),
    done(point) {
      editor.set({ range: range(point) })
      if (editor.state.range) editor.say(spanLength(...editor.state.range))
    },
    cancel: () => editor.set({ range: before }),
    click: () => {},
  }
}

/** @param {Editor} editor @param {0 | 1} side @returns {Gesture} */
export function dragHandle(editor, side) {
  const before = /** @type {[number, number]} */ (editor.state.range)
  const range = (/** @type {Point} */ point) => {
    const at = Math.min(
      shownTimeline(editor.state).frames,
      snapFrame(editor, toFrame(editor.layout().view, point.x), point),
    )
    const other = before[1 - side]
    return at === other
      ? editor.state.range
      : /** @type {[number, number]} */ ([Math.min(at, other), Math.max(at, other)])
  }
  return {
    move: (point) => editor.set({ range: range(point) }),
    done: (point) => editor.set({ range: range(point) }),
    cancel: () => editor.set({ range: before }),
    click: () => {},
  }
}

/** Move or copy what is in the range. @param {Editor} editor @param {Point} start @returns {Gesture} */
export function dragBar(editor, start) {
  const { timeline } = editor.state
  const range = /** @type {[number, number]} */ (editor.state.range)
  const moved = (/** @type {Point} */ point) => {
    const at = snapFrame(editor, range[0] + (point.x - start.x) / editor.layout().view.scale, point)
    return moveRange(timeline, editor.variant, range, at - range[0], { copy: start.alt })
  }
  if (locked(editor.state)) return {}
  return {
    move(point) {
      const next = moved(point)
      const by = next.range[0] - range[0]
      editor.preview(next.timeline, {
        range: next.range,
        pill: { text: `${by < 0 ? "\u2212" : "+"}${Math.abs(by)} f`, x: point.x, y: 24 },
      })
    },
    done(point) {
      const next = moved(point)
      editor.edit(next.timeline, { range: next.range }, spanLength(...next.range))
    },
    cancel: () => editor.set({ range }),
    click: (point) => movePlayhead(editor, point),
  }
}

/** Take a chunk as the range. @param {Editor} editor @param {number} chunk */
export function selectChunk(editor, chunk) {
  const { frames } = shownTimeline(editor.state)
  const range = /** @type {[number, number]} */ ([
    firstFrame(editor.variant, chunk),
    Math.min(frames, firstFrame(editor.variant, chunk + 1)),
  ])
  if (range[1] > range[0]) editor.set({ range })
}

/** @param {Editor} editor @param {"from" | "to" | "inside" | "outside"} part @param {Point} start @returns {Gesture} */
export function dragOverview(editor, part, start) {
  const frames = extent(editor.state)
  const { view } = editor.layout()
  const at = (/** @type {number} */ x) => overviewFrame(editor.layout(), frames, x)
  if (part === "outside") {
    editor.show(scrolled(view, at(start.x) - view.first - view.width / view.scale / 2, frames))
    return dragOverview(editor, "inside", start)
  }
  const first = editor.layout().view
  const end = first.first + first.width / first.scale
  return {
    move(point) {
      const by = at(point.x) - at(start.x)
      if (part === "inside") return editor.show(bounded({ ...first, first: first.first + by }, frames))
      const [from, to] =
        part === "from"
          ? [Math.min(end - 2, first.first + by), end]
          : [first.first, Math.max(first.first + 2, end + by)]
      editor.show(bounded({ ...first, first: from, scale: first.width / (to - from) }, frames))
    },
    click: () => {},
  }
}

/** The chunk starts around a frame, for PageUp and PageDown. @param {Editor} editor @param {1 | -1} way */
export function nextChunk(editor, way) {
  const { playhead } = editor.state
  const chunk = chunkAt(editor.variant, playhead)
  const start = firstFrame(editor.variant, chunk)
  return way > 0
    ? firstFrame(editor.variant, chunk + 1)
    : start < playhead
      ? start
      : firstFrame(editor.variant, chunk - 1)
}

/**
 * Stretch the range by a step of the playhead, which walks on one of its edges; without a range, one begins here.
 * @param {import("./state.mjs").Range | null} range
 * @param {number} playhead
 * @param {number} by frames
 * @param {number} frames of the track
 * @returns {{range: [number, number] | null, at: number}} `at`: the edge that moved
 */
export function stretched(range, playhead, by, frames) {
  const [from, to] = range ?? [playhead, playhead]
  // where both edges are at the playhead, a step goes outwards
  const onStart = playhead <= from && (by < 0 || to - from > 1)
  const [fixed, edge] = onStart ? [to, from] : [from, to]
  const at = Math.min(frames, Math.max(0, edge + by))
  return { at, range: at === fixed ? null : [Math.min(fixed, at), Math.max(fixed, at)] }
}
