// @ts-check
/** Gestures on key lanes: paint, move, copy, trim. Each begins with a hit and answers moves until it ends. */
import { toFrame } from "../kit/ruler.mjs"
import { spanLength } from "../kit/words.mjs"
import { chunkAt, firstFrame } from "../track/chunks.mjs"
import { moveSpans, paint, snap, snapEdges, trimSpan } from "../track/edits.mjs"
import { spanAt } from "../track/sample.mjs"

/** @typedef {import("../kit/pointer.mjs").Gesture} Gesture */
/** @typedef {import("../kit/pointer.mjs").Point} Point */
/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("./layout.mjs").Lane} Lane */

/**
 * Snap a fractional frame as the editor is set; Alt pressed on the way frees it.
 * @param {Editor} editor @param {number} frame @param {Point} point @param {(word: string, start: number) => boolean}
 *   [left]
 */
export function snapFrame(editor, frame, point, left) {
  const { state } = editor
  const edges = snapEdges(state.timeline, state.playhead, left)
  const mode = point.free ? "off" : state.snap
  return snap(Math.max(0, frame), { mode, pixels: editor.layout().view.scale, variant: editor.variant, edges }).frame
}

/**
 * The piece a click paints: one chunk's worth with chunk snap, else one frame.
 * @param {Editor} editor
 * @param {number} frame
 * @returns {[number, number]}
 */
function clickSpan(editor, frame) {
  const whole = Math.max(0, Math.floor(frame))
  if (editor.state.snap !== "chunk") return [whole, whole + 1]
  const chunk = chunkAt(editor.variant, whole)
  return [firstFrame(editor.variant, chunk), firstFrame(editor.variant, chunk + 1)]
}

/** @param {Editor} editor @param {Lane} lane @param {Point} start @returns {Gesture} */
export function paintSpan(editor, lane, start) {
  const { timeline } = editor.state
  const begin = toFrame(editor.layout().view, start.x)
  const painted = (/** @type {Point} */ point) => {
    if (!point.moved) return clickSpan(editor, begin)
    const [a, b] = [begin, toFrame(editor.layout().view, point.x)].map((frame) => snapFrame(editor, frame, point))
    return a === b
      ? /** @type {[number, number]} */ ([Math.floor(begin), Math.floor(begin) + 1])
      : /** @type {[number, number]} */ ([Math.min(a, b), Math.max(a, b)])
  }
  const edit = (/** @type {[number, number]} */ [from, to]) =>
    paint(timeline, editor.variant, lane.word, from, to - from)
  return {
    move(point) {
      const span = painted(point)
      editor.preview(edit(span), { pill: { text: spanLength(...span), x: point.x, y: lane.top - 20 } })
    },
    done(point) {
      const [from, to] = painted(point)
      const next = edit([from, to])
      const held = spanAt(next.keys[lane.word] ?? [], from)
      editor.edit(
        next,
        { spans: held ? [[lane.word, held[0]]] : [], points: [], prompts: [] },
        editor.spoken.span(lane.title, [from, to]),
      )
    },
  }
}

/**
 * @param {Editor} editor
 * @param {{lane: Lane, span: readonly [number, number]}} hit
 * @param {Point} start
 * @returns {Gesture}
 */
export function dragSpan(editor, { lane, span }, start) {
  const { timeline, spans } = editor.state
  const ref = /** @type {const} */ ([lane.word, span[0]])
  const chosen = spans.some(([word, first]) => word === ref[0] && first === ref[1])
  const refs = chosen ? spans : [ref]
  const copy = start.alt
  const olds = refs.flatMap(([word, first]) => {
    const found = spanAt(timeline.keys[word] ?? [], first)
    return found ? [/** @type {const} */ ([word, found[0], found[1]])] : []
  })
  const moving = (/** @type {string} */ word, /** @type {number} */ first) =>
    refs.some((one) => one[0] === word && one[1] === first)
  const way = (/** @type {Point} */ point) => {
    const { view, lanes } = editor.layout()
    const at = span[0] + (point.x - start.x) / view.scale
    const end = at + span[1]
    const [first, last] = [snapFrame(editor, at, point, moving), snapFrame(editor, end, point, moving) - span[1]]
    const frames = point.shift ? 0 : (Math.abs(last - at) < Math.abs(first - at) ? last : first) - span[0]
    return { frames, lanes: point.shift ? Math.round((point.y - start.y) / lanes[0].height) : 0, copy }
  }
  return {
    move(point) {
      const by = way(point)
      const text = by.lanes
        ? editor.laneTitle(lane, by.lanes)
        : `${by.frames < 0 ? "\u2212" : "+"}${Math.abs(by.frames)} f`
      editor.preview(moveSpans(timeline, editor.variant, refs, by).timeline, {
        olds,
        pill: { text, x: point.x, y: lane.top - 20 },
      })
    },
    done(point) {
      const moved = moveSpans(timeline, editor.variant, refs, way(point))
      editor.edit(
        moved.timeline,
        { spans: moved.refs, points: [], prompts: [] },
        editor.spoken.moved(lane.title, moved.refs),
      )
    },
    click(point) {
      const others = spans.filter(([word, first]) => word !== ref[0] || first !== ref[1])
      editor.set({
        spans: point.shift ? (chosen ? others : [...others, ref]) : [ref],
        ...(point.shift ? {} : { points: [], prompts: [] }),
      })
      editor.say(editor.spoken.selected(lane.title, [span[0], span[0] + span[1]]))
    },
  }
}

/**
 * @param {Editor} editor
 * @param {{lane: Lane, span: readonly [number, number], edge: any}} hit
 * @param {Point} start
 * @returns {Gesture}
 */
export function trimEdge(editor, { lane, span, edge }, start) {
  const { timeline } = editor.state
  const ends = [span[0], span[0] + span[1]]
  const own = (/** @type {string} */ word, /** @type {number} */ first) => word === lane.word && first === span[0]
  const range = (/** @type {Point} */ point) => {
    const { view } = editor.layout()
    const way = (point.x - start.x) / view.scale
    if (edge === "start")
      return /** @type {[number, number]} */ ([
        Math.min(ends[1] - 1, snapFrame(editor, ends[0] + way, point, own)),
        ends[1],
      ])
    return /** @type {[number, number]} */ ([
      ends[0],
      Math.max(ends[0] + 1, snapFrame(editor, ends[1] + way, point, own)),
    ])
  }
  return {
    move(point) {
      const [from, to] = range(point)
      const olds = [/** @type {const} */ ([lane.word, span[0], span[1]])]
      editor.preview(trimSpan(timeline, editor.variant, [lane.word, span[0]], [from, to]).timeline, {
        olds,
        pill: { text: spanLength(from, to), x: point.x, y: lane.top - 20 },
      })
    },
    done(point) {
      const trimmed = trimSpan(timeline, editor.variant, [lane.word, span[0]], range(point))
      editor.edit(trimmed.timeline, { spans: trimmed.refs }, editor.spoken.span(lane.title, range(point)))
    },
    click(point) {
      return dragSpan(editor, { lane, span }, start).click?.(point)
    },
  }
}

/** Select all spans of a lane. @param {Editor} editor @param {Lane} lane @returns {Gesture} */
export function selectLane(editor, lane) {
  return {
    click(point) {
      const all = (editor.state.timeline.keys[lane.word] ?? []).map(
        ([first]) => /** @type {const} */ ([lane.word, first]),
      )
      editor.set({
        spans: point.shift ? [...editor.state.spans, ...all] : all,
        points: [],
        prompts: [],
        lane: editor.layout().lanes.indexOf(lane),
      })
    },
  }
}
