// @ts-check
/** What a Camera Path editor knows, as one frozen object, and what follows from it. */
import { COMMON, fpsOf } from "../kit/state.mjs"
import { chunkStart as startOf } from "../track/chunks.mjs"
import { EMPTY, parse } from "../path/path.mjs"
import { degrees, pathSpans, played, radians, samplePath, sampleSpan, speeds } from "../path/poses.mjs"
import { tooFast } from "../path/timing.mjs"

/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */
/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/** @typedef {import("./view.mjs").TopView} TopView */
/**
 * @typedef {object} Own what only a Camera Path has
 * @property {CameraPath} path the last valid one
 * @property {TopView | null} view of the top view; null = all of it
 * @property {readonly number[]} chosen selected keyframes, the leading one first
 * @property {"pointer" | "pen" | "add"} tool
 * @property {"path" | "target" | "keyed"} look of new keyframes
 * @property {boolean} grid whether places snap to the grid
 * @property {boolean} model whether the model's path is shown
 * @property {{text: string, x: number, y: number, where: "top" | "profile"} | null} pill
 * @property {{frame: number} | null} ghost a hovered frame
 * @property {readonly (readonly [number, number])[] | null} stroke a freehand stroke, right and ahead
 * @property {readonly [number, number] | null} reach where a press would go on from the path's end, right and ahead
 * @property {boolean} sheet whether the inspector's sheet is open in the narrow form
 */
/** @typedef {import("../kit/state.mjs").Common<CameraPath> & Own} PathState */
/**
 * @typedef {object} Drawn a path and what follows from it
 * @property {CameraPath} path
 * @property {import("../path/poses.mjs").Span[]} spans
 * @property {readonly import("../path/path.mjs").Keyframe[]} stops
 * @property {import("../path/poses.mjs").Samples} samples
 * @property {Float64Array} heights metres above the ground, per frame
 * @property {Float64Array} pitches degrees, per frame
 * @property {Float64Array} speeds metres a second over the ground
 * @property {[number, number][]} fast frames, half open
 * @property {number} metres
 */

/** @type {PathState} */
export const START = Object.freeze({
  ...COMMON,
  path: EMPTY,
  view: null,
  chosen: [],
  tool: "pointer",
  look: "path",
  grid: false,
  model: true,
  pill: null,
  ghost: null,
  stroke: null,
  reach: null,
  sheet: false,
})

/** What is kept when the host's undo builds the node anew. */
const KEPT = /** @type {const} */ ([
  "view",
  "first",
  "scale",
  "playhead",
  "chosen",
  "tool",
  "look",
  "grid",
  "model",
  "shown",
])

/** @param {PathState} state @returns {Partial<PathState>} */
export const viewState = (state) => Object.fromEntries(KEPT.map((name) => [name, state[name]]))

/**
 * Take a text as the value: what is wrong with it leaves the last valid path on show.
 * @param {PathState} state @param {string} text @returns {PathState}
 */
export function withText(state, text) {
  const { path, error } = parse(text)
  return settled(
    path ? { ...state, text, draft: null, path, problem: "" } : { ...state, text, draft: null, problem: error ?? "" },
  )
}

/** Keep playhead and selection inside the path. @param {PathState} state @returns {PathState} */
export function settled(state) {
  const { frames, keyframes } = shownPath(state)
  const chosen = state.chosen.filter((index) => index < keyframes.length)
  return Object.freeze({
    ...state,
    playhead: Math.min(state.playhead, frames - 1),
    chosen: chosen.length === state.chosen.length ? state.chosen : chosen,
  })
}

/** The path on show. @param {PathState} state @returns {CameraPath} */
export const shownPath = (state) => state.draft ?? (state.linked && state.shown ? state.shown.value : state.path)

/** Whether edits are off. @param {PathState} state */
export const locked = (state) => state.linked || state.problem !== "" || !state.variant

/** Frames of the path per frame of the model. @param {PathState} state */
export const rateOf = (state) => fpsOf(state) / (state.variant?.fps || 1)

/**
 * What the model walks and turns at most in a frame of the path.
 * @param {PathState} state
 * @returns {import("../path/timing.mjs").Pace}
 */
export function paceOf(state) {
  const { variant } = state
  const most = variant?.max_yaw
  return { step: (variant?.step_metres ?? 1) / rateOf(state), turn: most ? radians(most) / rateOf(state) : null }
}

/** Metres a second that the model walks. @param {PathState} state */
export const limitOf = ({ variant }) => (variant ? variant.step_metres * variant.fps : 1)

/** Frames there is something to see of. @param {PathState} state */
export function extent(state) {
  const { frames, keyframes } = shownPath(state)
  return Math.max(frames, (keyframes[keyframes.length - 1]?.frame ?? 0) + 1)
}

/** Frames of the model that the path becomes. @param {PathState} state @param {number} frames of the path */
export const modelFrames = (state, frames) => Math.floor((frames - 1) / rateOf(state) + 1e-6) + 1

/** Frames of the path for so many of the model. @param {PathState} state @param {number} frames of the model */
export const pathFrames = (state, frames) => Math.ceil((frames - 1) * rateOf(state) - 1e-6) + 1

/** The model's chunks on the path's frames. @param {PathState} state @returns {Variant} */
export function chunksOf(state) {
  const variant = /** @type {Variant} */ (state.variant)
  const rate = rateOf(state)
  return rate === 1 ? variant : { ...variant, first_chunk: variant.first_chunk * rate, chunk: variant.chunk * rate }
}

/** The path's frame at which a chunk starts. @param {PathState} state @param {number} index its number in the world */
export const chunkStart = (state, index) => Math.round(startOf(chunksOf(state), index))

/** The first chosen keyframe. @param {PathState} state */
export const leader = (state) => (state.chosen.length ? shownPath(state).keyframes[state.chosen[0]] : undefined)

/** Play a path once, and remember it while it stays the same; of a changed one, only what changed is played anew. */
export function drawnCache() {
  /** @type {(Drawn & {pace: import("../path/timing.mjs").Pace, fps: number}) | undefined} */
  let last
  /** @type {Map<string, import("../path/poses.mjs").Samples>} */
  let known = new Map()
  return (/** @type {PathState} */ state) => {
    const [path, pace, fps] = [shownPath(state), paceOf(state), fpsOf(state)]
    if (last?.path === path && last.pace.step === pace.step && last.pace.turn === pace.turn && last.fps === fps)
      return last
    const spans = pathSpans(path)
    /** @type {typeof known} */
    const used = new Map()
    const samples = samplePath(path, spans, (span) => {
      const { start, end, curve, resting } = span
      const key = JSON.stringify([
        curve,
        start.look,
        start.pitch,
        end.look,
        end.pitch,
        start.ease,
        end.frame - start.frame,
        resting,
        path.target,
      ])
      const found = known.get(key) ?? sampleSpan(span, path.target)
      used.set(key, found)
      return found
    })
    known = used
    const metres = spans.reduce((sum, { arc }) => sum + arc[arc.length - 1], 0)
    const [heights, pitches] = [samples.y.map((y) => -y), samples.pitch.map(degrees)]
    last = {
      path,
      pace,
      fps,
      spans,
      stops: played(path),
      samples,
      heights,
      pitches,
      speeds: speeds(samples, fps),
      fast: tooFast(path, samples, pace),
      metres,
    }
    return last
  }
}
