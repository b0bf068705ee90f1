// @ts-check
/**
 * A take: walking with keyboard and mouse while frames go by, as a pure state machine. Every function returns a new
 * frozen take; times are milliseconds of one clock.
 *
 *     counting -> running -> over        waiting: after a chunk was taken back, until the next key
 *
 * A frame closes every 1000 / fps milliseconds. A key counts for it if it was down in any part of it; the counts of the
 * mouse are summed up over it.
 */
import { chunkAt, extendedFrames, firstFrame } from "../track/chunks.mjs"
import { clamp, cut, holdSpans, ownWords, setFrames, withKeys, withPiece } from "../track/edits.mjs"
import { thinned } from "../track/thin.mjs"
import { AXES, MAX_DEGREES, MAX_FRAMES } from "../track/timeline.mjs"

/** @import { Variant } from "../track/chunks.mjs" */
/** @import { Range } from "../track/edits.mjs" */
/** @import { Axis, Timeline } from "../track/timeline.mjs" */

/** @typedef {Readonly<{held: readonly string[], yaw: number, pitch: number}>} Row what one frame asks for */
/**
 * @typedef {object} Settings
 * @property {Timeline} timeline the track before the take
 * @property {Variant} variant
 * @property {number} fps
 * @property {Range} range frames to record; the take ends by itself at their end. Beyond the track's own end it grows, by
 *   whole chunks
 * @property {number} sensitivity degrees per count of the mouse
 * @property {boolean} mouse whether the mouse is captured; without it the arrow keys turn the view
 */
/**
 * @typedef {object} Take
 * @property {Settings} settings
 * @property {"counting" | "running" | "waiting" | "over"} phase
 * @property {readonly Row[]} rows closed frames
 * @property {readonly string[]} down codes of the keys that are down, the last pressed last
 * @property {readonly string[]} touched codes that were down in the open frame, the last pressed last
 * @property {readonly [number, number]} moved degrees of the mouse in the open frame, right and up
 * @property {number} due when the open frame closes, or the count-in ends
 * @property {number} missed frames that repeat their neighbour, because the page stood still
 * @property {boolean} half whether it runs at half speed
 */

export const COUNT_IN = 1000
/** Degrees per count: half a hand's width of an ordinary mouse is a quarter turn in a second. */
export const SENSITIVITY = 0.1
/** Largest error of the thinned curves, degrees per frame. */
const CURVE_ERROR = 0.02
/** Turn of an arrow key, as a share of the model's range; and that range where none is known. */
const ARROW_SHARE = 0.5
const USUAL_RANGE = 4
const ARROWS = new Map([
  ["ArrowRight", [1, 0]],
  ["ArrowLeft", [-1, 0]],
  ["ArrowUp", [0, 1]],
  ["ArrowDown", [0, -1]],
])

/**
 * Begin a take.
 * @param {Settings} settings
 * @param {number} now
 * @param {number} [countIn] milliseconds before the first frame opens
 * @returns {Take}
 */
export function begin(settings, now, countIn = COUNT_IN) {
  const take = { settings, rows: [], down: [], touched: [], moved: still, missed: 0, half: false }
  const due = now + countIn
  if (countIn > 0) return frozen({ ...take, phase: "counting", due })
  return frozen({ ...take, phase: "running", due: due + frameTime({ settings, half: false }) })
}

/**
 * Name the key of the model, or the turn, that a physical key stands for: the same under the fingers on every layout.
 * @param {Settings} settings
 * @param {string} code as in `KeyboardEvent.code`
 * @returns {string | undefined} a key's word, or the code of an arrow key
 */
export function meaning({ variant, mouse }, code) {
  if (ARROWS.has(code)) return variant.mouse && !mouse ? code : undefined
  const { words, letters } = variant.keyboard
  return words[letters.findIndex((letter) => letter !== "" && code === `Key${letter}`)]
}

/**
 * Press a key; one that the model does not know changes nothing. Repetitions of a key that is held are not presses.
 * @param {Take} take
 * @param {string} code
 * @param {number} now
 * @returns {Take}
 */
export function press(take, code, now) {
  if (take.phase === "over" || !meaning(take.settings, code) || take.down.includes(code)) return take
  const pressed = { ...take, down: [...take.down, code], touched: [...without(take.touched, code), code] }
  if (take.phase === "waiting") return frozen({ ...pressed, phase: "running", due: now + frameTime(take) })
  return frozen(pressed)
}

/**
 * Release a key.
 * @param {Take} take
 * @param {string} code
 * @returns {Take}
 */
export function release(take, code) {
  return take.down.includes(code) ? frozen({ ...take, down: without(take.down, code) }) : take
}

/**
 * Move the mouse.
 * @param {Take} take
 * @param {number} right counts
 * @param {number} down counts
 * @returns {Take}
 */
export function move(take, right, down) {
  const { variant, sensitivity, mouse } = take.settings
  if (take.phase !== "running" || !mouse || !variant.mouse) return take
  return frozen({ ...take, moved: [take.moved[0] + right * sensitivity, take.moved[1] - down * sensitivity] })
}

/**
 * Run at half speed, or at full speed again.
 * @param {Take} take
 * @param {boolean} half
 * @param {number} now
 * @returns {Take}
 */
export function setHalf(take, half, now) {
  if (take.half === half) return take
  const left = Math.max(0, take.due - now)
  const due = take.phase === "running" ? now + (half ? left * 2 : left / 2) : take.due
  return frozen({ ...take, half, due })
}

/**
 * Let time pass: close the frames that are due. Of several, as after a standstill, all hold the same keys and share the
 * way of the mouse, and all but one count as missed.
 * @param {Take} take
 * @param {number} now
 * @returns {Take}
 */
export function pass(take, now) {
  if (take.phase === "counting" && now >= take.due) {
    return pass(frozen({ ...take, phase: "running", due: take.due + frameTime(take), touched: take.down }), now)
  }
  if (take.phase !== "running" || now < take.due) return take
  const due = 1 + Math.floor((now - take.due) / frameTime(take))
  const room = take.settings.range[1] - frameOf(take)
  const count = Math.min(due, room)
  const row = closedRow(take, count)
  return frozen({
    ...take,
    rows: [...take.rows, ...Array.from({ length: count }, () => row)],
    touched: take.down,
    moved: still,
    due: take.due + due * frameTime(take),
    missed: take.missed + count - 1,
    phase: count === room ? "over" : "running",
  })
}

/**
 * Take back the chunk that is being recorded, or the one before if none of its frames is closed yet; then wait.
 * @param {Take} take
 * @returns {Take}
 */
export function takeBack(take) {
  const { range, variant } = take.settings
  if (take.phase === "counting" || take.phase === "over") return take
  const border = firstFrame(variant, chunkAt(variant, Math.max(0, frameOf(take) - 1)))
  const rows = take.rows.slice(0, Math.max(0, border - range[0]))
  return frozen({ ...take, rows, phase: "waiting", down: [], touched: [], moved: still })
}

/**
 * End the take; the frame that is open is not kept, and all keys are released.
 * @param {Take} take
 * @returns {Take}
 */
export function end(take) {
  return frozen({ ...take, phase: "over", down: [], touched: [], moved: still })
}

/**
 * Return the track with the take in it, which is the one change that a recording makes. Keys of other models, prompts
 * and a curve that the model does not read stay as they are; a take that goes on behind the end lengthens the track.
 * @param {Take} take
 * @returns {Timeline}
 */
export function recorded({ settings, rows }) {
  const { variant, range } = settings
  const [from, to] = [range[0], range[0] + rows.length]
  if (!rows.length) return settings.timeline
  const timeline = to > settings.timeline.frames ? lengthened(settings, to) : settings.timeline
  const lanes = ownWords(variant).map((word) => [word, cut(timeline.keys[word] ?? [], from, to)])
  const spans = rows.flatMap(({ held }, i) => held.map((word) => /** @type {const} */ ([word, from + i, 1])))
  const played = holdSpans(withKeys(timeline, Object.fromEntries(lanes)), variant, spans)
  return readAxes(variant).reduce((result, axis) => {
    const piece = thinned(
      rows.map((row) => row[axis]),
      CURVE_ERROR,
      from,
    )
    return withPiece(result, axis, from, rows.length, piece)
  }, played)
}

/** Return the frame that is open. @param {Take} take */
export function frameOf({ settings, rows }) {
  return settings.range[0] + rows.length
}

/**
 * Return what to show now: the words held in the open frame, and the turns of the last closed one.
 * @param {Take} take
 * @returns {Row}
 */
export function shownNow(take) {
  const { yaw, pitch } = take.rows[take.rows.length - 1] ?? { yaw: 0, pitch: 0 }
  return Object.freeze({ held: wordsOf(take), yaw, pitch })
}

/** Return the largest turn that is recorded, degrees per frame. @param {Variant} variant */
export function rangeOf(variant) {
  return variant.max_yaw ?? MAX_DEGREES
}

/**
 * Return the frames to record: the range, or from the playhead on; from the last frame, where nothing is left to be
 * recorded, the track is recorded anew.
 * @param {Timeline} timeline
 * @param {number} playhead
 * @param {Range | null} range
 * @param {boolean} grows whether the take goes on behind the track's end
 * @returns {Range}
 */
export function framesToRecord(timeline, playhead, range, grows) {
  if (range) return [range[0], Math.min(range[1], MAX_FRAMES)]
  return [playhead >= timeline.frames - 1 ? 0 : Math.max(0, playhead), grows ? MAX_FRAMES : timeline.frames]
}

/** @param {Settings} settings @param {number} to first frame after the take @returns {Timeline} */
function lengthened({ timeline, variant }, to) {
  return setFrames(timeline, extendedFrames(variant, to))
}

const still = Object.freeze(/** @type {const} */ ([0, 0]))

/** @param {Take} take @param {number} count frames that share the way of the mouse @returns {Row} */
function closedRow(take, count) {
  const { variant } = take.settings
  const most = rangeOf(variant)
  const step = ARROW_SHARE * (variant.max_yaw ?? USUAL_RANGE)
  const turns = take.touched.map((code) => ARROWS.get(code) ?? still)
  const [yaw, pitch] = [0, 1].map((axis) => {
    const arrows = turns.reduce((sum, turn) => sum + step * turn[axis], 0)
    return clamp(take.moved[axis] / count + arrows, -most, most)
  })
  return Object.freeze({ held: Object.freeze(wordsOf(take)), yaw, pitch })
}

/** @param {Take} take @returns {string[]} */
function wordsOf({ settings, touched }) {
  const words = touched.filter((code) => !ARROWS.has(code)).map((code) => meaning(settings, code) ?? "")
  return settings.variant.keyboard.idle === null ? words : words.slice(-1)
}

/** @param {Variant} variant @returns {readonly Axis[]} */
function readAxes({ mouse }) {
  return mouse ? AXES.filter((axis) => axis === "yaw" || mouse.reads_pitch) : []
}

/** @param {Pick<Take, "settings" | "half">} take */
function frameTime({ settings, half }) {
  return (half ? 2000 : 1000) / settings.fps
}

/** @param {readonly string[]} list @param {string} item */
function without(list, item) {
  return list.filter((other) => other !== item)
}

/** @param {any} take @returns {Take} */
function frozen(take) {
  for (const name of ["rows", "down", "touched", "moved"]) Object.freeze(take[name])
  return Object.freeze(take)
}
