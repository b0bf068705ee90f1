// @ts-check
/** What lies under a pixel of the plot. A pure function of state, layout and place. */
import { toFrame, toX } from "../kit/ruler.mjs"
import { chunkAt } from "../track/chunks.mjs"
import { after, curveAt } from "../track/sample.mjs"
import { seenKeyframes } from "./draw_curves.mjs"
import { overviewWindow } from "./draw_overview.mjs"
import { valueToY } from "./layout.mjs"
import { GRIP, gripPlace } from "./scene.mjs"
import { extent, shownTimeline } from "./state.mjs"

/** @typedef {import("./layout.mjs").Layout} Layout */
/** @typedef {import("./layout.mjs").Lane} Lane */
/** @typedef {import("./state.mjs").EditorState} EditorState */
/** @typedef {"yaw" | "pitch"} Axis */
/**
 * @typedef {{kind: "cap", lane: Lane} | {kind: "lane", lane: Lane} | {kind: "span", lane: Lane, span: readonly [number,
 *   number], edge: "start" | "end" | null}
 *   | {kind: "derived"} | {kind: "ruler"} | {kind: "chunks", chunk: number} | {kind: "handle", side: 0 | 1} | {kind:
 *   "bar"}
 *   | {kind: "prompts"} | {kind: "flag", frame: number} | {kind: "keyframe", axis: Axis, frame: number} | {kind:
 *   "curve", axis: Axis}
 *   | {kind: "curves"} | {kind: "grip"} | {kind: "band", what: string, start: number, length: number}
 *   | {kind: "overview", part: "from" | "to" | "inside" | "outside"} | {kind: "axis", axis: Axis} | {kind: "header"}}
 *   Hit
 */

const EDGE = { inside: 5, outside: 3, share: 0.44 }
const HANDLE = { half: 5, height: 22 }
const NEAR = 6
/** Px of a letter of a prompt, about. */
const LETTER = 5

/**
 * Name what is under a place.
 * @param {EditorState} state
 * @param {Layout} layout
 * @param {[string, number, number][]} band
 * @param {number} x
 * @param {number} y
 * @returns {Hit}
 */
export function hitAt(state, layout, band, x, y) {
  const inside = (/** @type {import("./layout.mjs").Row | null} */ row) =>
    row !== null && y >= row.top && y < row.top + row.height
  if (layout.overview && inside(layout.overview))
    return x < layout.header ? { kind: "header" } : overviewHit(state, layout, x)
  const lane = layout.lanes.find(inside)
  if (x < layout.header) return headerHit(layout, lane, y)
  if (inside(layout.ruler)) return rulerHit(state, layout, x)
  if (inside(layout.chunks))
    return {
      kind: "chunks",
      chunk: chunkAt(/** @type {any} */ (state.variant), Math.max(0, Math.floor(toFrame(layout.view, x)))),
    }
  if (lane) return laneHit(state, layout, lane, x)
  if (inside(layout.prompt)) return promptHit(state, layout, x)
  if (inside(layout.curve)) return curveHit(state, layout, x, y)
  const frame = toFrame(layout.view, x)
  const block = band.find(
    ([kind, start, length]) =>
      kind !== "kept" && frame >= start - 2 / layout.view.scale && frame < start + length + 2 / layout.view.scale,
  )
  return block && inside(layout.band)
    ? { kind: "band", what: block[0], start: block[1], length: block[2] }
    : { kind: "header" }
}

/** @param {Layout} layout @param {Lane | undefined} lane @param {number} y @returns {Hit} */
function headerHit(layout, lane, y) {
  if (lane) return lane.derived ? { kind: "header" } : { kind: "cap", lane }
  const { curve } = layout
  if (!curve || y < curve.top || y >= curve.top + curve.height) return { kind: "header" }
  return { kind: "axis", axis: y < curve.top + curve.height / 2 ? "yaw" : "pitch" }
}

/** @param {EditorState} state @param {Layout} layout @param {number} x @returns {Hit} */
function rulerHit(state, layout, x) {
  if (!state.range) return { kind: "ruler" }
  const [from, to] = state.range.map((frame) => toX(layout.view, frame))
  const near = [from, to].map((edge) => Math.abs(x - edge))
  if (Math.min(...near) <= HANDLE.half) return { kind: "handle", side: near[0] < near[1] ? 0 : 1 }
  return x > from && x < to ? { kind: "bar" } : { kind: "ruler" }
}

/** @param {EditorState} state @param {Layout} layout @param {Lane} lane @param {number} x @returns {Hit} */
function laneHit(state, layout, lane, x) {
  if (lane.derived) return { kind: "derived" }
  const { view } = layout
  const spans = shownTimeline(state).keys[lane.word] ?? []
  const frame = toFrame(view, x)
  const at = after(spans, frame) - 1
  for (const span of [spans[at], spans[at + 1]]) {
    if (!span) continue
    const [from, to] = [toX(view, span[0]), toX(view, span[0] + span[1])]
    const inner = Math.min(EDGE.inside, (to - from) * EDGE.share)
    if (x >= from - EDGE.outside && x <= from + inner) return { kind: "span", lane, span, edge: "start" }
    if (x <= to + EDGE.outside && x >= to - inner) return { kind: "span", lane, span, edge: "end" }
    if (x > from && x < to) return { kind: "span", lane, span, edge: null }
  }
  return { kind: "lane", lane }
}

/** @param {EditorState} state @param {Layout} layout @param {number} x @returns {Hit} */
function promptHit(state, layout, x) {
  const { prompts } = shownTimeline(state)
  const { view } = layout
  const near = prompts.find(([frame]) => Math.abs(toX(view, frame) - x) <= NEAR)
  if (near) return { kind: "flag", frame: near[0] }
  const asked = prompts[after(prompts, toFrame(view, x)) - 1]
  const onText = asked && x < toX(view, asked[0]) + 12 + LETTER * asked[1].length
  return asked && onText ? { kind: "flag", frame: asked[0] } : { kind: "prompts" }
}

/** @param {EditorState} state @param {Layout} layout @param {number} x @param {number} y @returns {Hit} */
function curveHit(state, layout, x, y) {
  const timeline = shownTimeline(state)
  if (state.range) {
    const grip = gripPlace(layout, state.range)
    if (Math.abs(x - grip.x) <= GRIP.width / 2 + 4 && Math.abs(y - grip.y) <= 8) return { kind: "grip" }
  }
  for (const axis of /** @type {const} */ (["yaw", "pitch"])) {
    const found = seenKeyframes(layout, timeline, axis, state.range, state.points)
      .map(([frame, value]) => ({ frame, far: Math.hypot(toX(layout.view, frame) - x, valueToY(layout, value) - y) }))
      .filter(({ far }) => far <= NEAR + 1)
      .sort((a, b) => a.far - b.far)[0]
    if (found) return { kind: "keyframe", axis, frame: found.frame }
  }
  const frame = Math.round(toFrame(layout.view, x))
  for (const axis of /** @type {const} */ (["yaw", "pitch"]))
    if (timeline[axis].length && Math.abs(valueToY(layout, curveAt(timeline[axis], frame)) - y) <= NEAR - 1)
      return { kind: "curve", axis }
  return { kind: "curves" }
}

/** @param {EditorState} state @param {Layout} layout @param {number} x @returns {Hit} */
function overviewHit(state, layout, x) {
  const [from, to] = overviewWindow(layout, extent(state))
  const reach = Math.min(NEAR, (to - from) / 4)
  if (Math.abs(x - from) <= reach) return { kind: "overview", part: "from" }
  if (Math.abs(x - to) <= reach) return { kind: "overview", part: "to" }
  return { kind: "overview", part: x > from && x < to ? "inside" : "outside" }
}

/** The cursor over a hit. @param {Hit} hit @param {boolean} off whether edits are off */
export function cursorOf(hit, off) {
  if (hit.kind === "overview")
    return { from: "ew-resize", to: "ew-resize", inside: "grab", outside: "pointer" }[hit.part]
  if (hit.kind === "ruler") return "ew-resize"
  if (hit.kind === "handle") return "col-resize"
  if (off) return "default"
  if (hit.kind === "span") return hit.edge ? "col-resize" : "grab"
  return {
    axis: "pointer",
    lane: "cell",
    cap: "pointer",
    bar: "grab",
    flag: "grab",
    keyframe: "move",
    curve: "pointer",
    curves: "crosshair",
    grip: "ns-resize",
    band: "pointer",
    prompts: "text",
    chunks: "default",
    derived: "default",
    header: "default",
  }[hit.kind]
}
