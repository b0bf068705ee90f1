// @ts-check
/** What an Action Track editor knows, as one frozen object, and what follows from it. */
import { COMMON } from "../kit/state.mjs"
import { ORIGIN, integrate } from "../track/poses.mjs"
import { contentEnd, laneWords } from "../track/edits.mjs"
import { EMPTY, parse } from "../track/timeline.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("../track/timeline.mjs").Timeline} Timeline */
/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/** @typedef {import("../track/edits.mjs").Range} Range */
/**
 * @typedef {object} Own what only an Action Track has
 * @property {Timeline} timeline the last valid one
 * @property {boolean} short the text is the short form, which the first edit turns into JSON
 * @property {boolean} unread the server has not yet said what the short form means
 * @property {Range | null} range
 * @property {readonly (readonly [string, number])[]} spans selected, by word and first frame
 * @property {readonly (readonly ["yaw" | "pitch", number])[]} points selected keyframes
 * @property {readonly number[]} prompts selected, by frame
 * @property {number} lane the keyboard's lane
 * @property {boolean} cursor whether the keyboard's lane is shown
 * @property {"off" | "frame" | "chunk"} snap
 * @property {number} times of a repetition
 * @property {boolean} grows whether a recording goes on behind the track's end
 * @property {boolean} overview
 * @property {boolean} map
 * @property {{text: string, x: number, y: number} | null} pill
 * @property {number | null} ghost a hovered frame
 * @property {{axis: "yaw" | "pitch", points: [number, number][]} | null} stroke a freehand stroke, in px
 * @property {"yaw" | "pitch"} axis the curve that freehand draws
 * @property {readonly (readonly [string, number, number])[]} olds where dragged spans were: word, first frame, length
 * @property {import("../kit/picture.mjs").Background | null} background the picture below the map's path
 * @property {any} recording what `recording.mjs` shows
 */
/** @typedef {import("../kit/state.mjs").Common<Timeline> & Own} EditorState */

/** @type {EditorState} */
export const START = Object.freeze({
  ...COMMON,
  timeline: EMPTY,
  short: false,
  unread: false,
  range: null,
  spans: [],
  points: [],
  prompts: [],
  lane: 0,
  cursor: false,
  snap: "chunk",
  times: 2,
  grows: true,
  overview: true,
  map: true,
  pill: null,
  ghost: null,
  stroke: null,
  axis: "yaw",
  olds: [],
  background: null,
  recording: null,
})

/** What is kept when the host's undo builds the node anew. */
const KEPT = /** @type {const} */ ([
  "first",
  "scale",
  "playhead",
  "range",
  "lane",
  "cursor",
  "snap",
  "times",
  "grows",
  "axis",
  "overview",
  "map",
  "shown",
])

/** @param {EditorState} state @returns {Partial<EditorState>} */
export const viewState = (state) => Object.fromEntries(KEPT.map((name) => [name, state[name]]))

/**
 * Take a text as the value: what is wrong with it leaves the last valid track on show.
 * @param {EditorState} state
 * @param {string} text
 * @returns {EditorState}
 */
export function withText(state, text) {
  const read = parse(text)
  const fresh = { ...state, text, draft: null, spans: [], points: [], prompts: [] }
  if (read.timeline) return settled({ ...fresh, timeline: read.timeline, problem: "", short: false, unread: false })
  if (read.short !== undefined) return settled({ ...fresh, problem: "", short: true, unread: true })
  return settled({ ...fresh, problem: read.error, short: false, unread: false })
}

/** Keep playhead and range inside the track. @param {EditorState} state @returns {EditorState} */
export function settled(state) {
  const { frames } = shownTimeline(state)
  const playhead = Math.min(state.playhead, frames - 1)
  const end = extent(state)
  const range =
    state.range && state.range[0] < end ? /** @type {Range} */ ([state.range[0], Math.min(end, state.range[1])]) : null
  return Object.freeze({ ...state, playhead, range })
}

/** The track on show. @param {EditorState} state @returns {Timeline} */
export const shownTimeline = (state) =>
  state.draft ?? (state.linked && state.shown ? state.shown.value : state.timeline)

/** Whether edits are off. @param {EditorState} state */
export const locked = (state) => state.linked || state.problem !== "" || state.unread || !state.variant

/** Frames there is something to see of: the track and what is kept behind its end. @param {EditorState} state */
export const extent = (state) =>
  Math.max(shownTimeline(state).frames, contentEnd(shownTimeline(state)), state.recording?.timeline.frames ?? 0)

/** Whether nothing is asked for yet. @param {Timeline} timeline */
export const isEmpty = (timeline) =>
  !Object.keys(timeline.keys).length &&
  !timeline.prompts.length &&
  [...timeline.yaw, ...timeline.pitch].every(([, value]) => value === 0)

/**
 * The lanes of keys from top to bottom: the model's, the derived one for standing still first, then keys of other
 * models.
 * @param {Variant} variant
 * @param {Timeline} timeline
 * @returns {{word: string, title: string, letter: string, derived: boolean, foreign: boolean}[]}
 */
export function lanesOf(variant, timeline) {
  const { words, letters, idle } = variant.keyboard
  const own = laneWords(variant, timeline).map((word) => {
    const place = words.indexOf(word)
    return {
      word,
      title: keyTitle(variant, word),
      letter: place < 0 ? word.slice(0, 1).toUpperCase() : letters[place],
      derived: false,
      foreign: place < 0,
    }
  })
  return idle === null
    ? own
    : [
        { word: words[idle], title: keyTitle(variant, words[idle]), letter: "\u00b7", derived: true, foreign: false },
        ...own,
      ]
}

/** Which curves the model reads. @param {Variant} variant */
export const readsOf = ({ mouse }) => ({ yaw: mouse !== null, pitch: Boolean(mouse?.reads_pitch) })

/** What a key is called on screen. @param {Variant} variant @param {string} word @returns {string} */
export function keyTitle(variant, word) {
  const own = variant.keyboard.idle === null ? {} : WORDS.leans
  return { ...WORDS.keys, ...own }[word] ?? word
}

/** Poses along a track, worked out from the first changed frame on. */
export function poseCache() {
  /** @type {import("../track/poses.mjs").Poses | undefined} */
  let last
  return (
    /** @type {Timeline} */ timeline,
    /** @type {import("../track/poses.mjs").Motion} */ motion,
    /** @type {import("../track/poses.mjs").Place | undefined} */ start,
  ) => {
    if (last?.timeline !== timeline || last.motion !== motion || last.start !== (start ?? ORIGIN))
      last = integrate(timeline, motion, last, start)
    return last
  }
}

export const MOST_METRES = 1e6

/**
 * Read what a node keeps of the picture below the map's path.
 * @param {any} kept
 * @returns {import("../kit/picture.mjs").Background | null}
 */
export function backgroundOf(kept) {
  const { image, centre, width, opacity } = kept ?? {}
  const numbers = [...(Array.isArray(centre) ? centre : []), width, opacity]
  if (typeof image !== "string" || !image || numbers.length !== 4 || !numbers.every(Number.isFinite)) return null
  const [right, ahead] = centre
  return Object.freeze({
    image,
    centre: /** @type {const} */ ([right, ahead]),
    width: Math.min(MOST_METRES, Math.max(0.001, width)),
    opacity: Math.min(1, Math.max(0, opacity)),
  })
}
