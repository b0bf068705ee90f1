// @ts-check
/** How numbers, ranges and times are written, and the words both editors share. */

const MINUS = "\u2212"
export const DOT = "\u00b7"
const DASH = "\u2013"

/** Texts both editors show; each editor's own are in its words.mjs. */
export const WORDS = {
  stale: "The report is being worked out.",
  outdated: "Of the last run, before this was changed: ",
  noReport: "What the model gets is shown after the first run.",
  unreadable: "What the model gets is shown once the text is mended.",
  clean: "The model gets exactly this.",
  kept: "kept",
  quantised: "rounded",
  dropped: "dropped",
  wall: "at walls",
  keptHint: "Frames the model gets exactly. Press to list only these.",
  quantisedHint: "Frames of which the model gets the nearest thing it knows. Press to list only these.",
  droppedHint: "Frames with something the model never gets. Press to list only these.",
  wallHint: "Frames in which a wall of the place stands in the way. Press to list only these.",
  wallRow: {
    walls: "walls",
    track: "a step",
    path: "a way through a wall",
    stopped: "stops or slides",
    why: (/** @type {string} */ title) => `${title} is solid there, and the true film and the recording stop too`,
  },
  openReport: "Open the report",
  closeReport: "Close the report",
  copyReport: "Copy report",
  report: "What the model gets",
  spoken: "What each chunk is told",
  columns: ["kind", "frames", "what", "asked", "model gets", "why"],
  nothing: "Nothing to list.",
  more: "More tools",
  linked: "Driven by a link.",
  readOnly: "Read only here.",
  copyIn: "Copy in",
  copyInHint: "Take the text that the last run showed into this node and unplug the link",
  editText: "Edit text",
  keep: "Keep",
  cancel: "Cancel",
  lastValid: "Shown: the last valid one.",
  offline: "The models are not known:",
  again: "Try again",
  failed: "That did not work:",
  close: "Close",
  onLink: "Shown: what the last run was given.",
  noRun: "What the link gives is shown after a run.",
  ofModel: (/** @type {number} */ frames) => `${frames} of the model`,
  left: "left over",
  leftIfNew: (/** @type {number} */ now, /** @type {number} */ later) =>
    `${now} left over in a new world, ${later} in one that goes on`,
  goesOn: (/** @type {number} */ frames, /** @type {string} */ seconds) => `goes on at frame ${frames}, ${seconds} s`,
  trim: (/** @type {number} */ n) => `trim to ${n}`,
  cut: (/** @type {number} */ n) => `trim to ${n}, without its end`,
  use: (/** @type {number} */ frames) => `Use ${frames}`,
  play: "Play",
  pause: "Pause",
  playhead: "Playhead, frame",
  seconds: "Playhead, seconds",
  selectAll: "Select all",
  allSelected: "all selected",
  clearAll: "Clear all",
  allCleared: "all cleared",
  presets: "Presets",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  help: "Keys and gestures",
  typed: "Type 57, 57f, 3.5s, 2:00 (minutes), c5 (start of chunk 5), +12 or *2; drag sideways to change",
}

/** @param {number} value @param {number} [places] */
export function decimal(value, places = 2) {
  const text = Math.abs(value).toFixed(places)
  return value < 0 && Number(text) !== 0 ? MINUS + text : text
}

/** Write a number with its sign: `+3.55`, `−0.30`. @param {number} value @param {number} [places] */
export function signed(value, places = 2) {
  const text = decimal(value, places)
  return text.startsWith(MINUS) ? text : `+${text}`
}

/** Write a time: `11.06`, above a minute `1:23.4`. @param {number} value in seconds */
export function time(value) {
  const sign = value < 0 ? MINUS : ""
  const text = Math.abs(value).toFixed(2)
  if (Number(text) < 60) return sign + text
  const tenths = Math.round(Math.abs(value) * 10) // rounded as a whole, or 59.99 seconds would become 60.0
  const minutes = Math.floor(tenths / 600)
  return `${sign}${minutes}:${(tenths / 10 - 60 * minutes).toFixed(1).padStart(4, "0")}`
}

/**
 * Write a count with its noun: `1 frame`, `24 frames`.
 * @param {number} count
 * @param {string} noun
 * @param {string} [plural]
 */
export function counted(count, noun, plural = `${noun}s`) {
  return `${grouped(count)} ${count === 1 ? noun : plural}`
}

/** Write a whole number, from 10,000 on in groups. @param {number} value */
function grouped(value) {
  return Math.abs(value) < 10000 ? String(value) : value.toLocaleString("en-US")
}

/** Write frames inclusive: `57–80`, `57`. @param {number} from @param {number} to first frame after it */
export function span(from, to) {
  return to - from <= 1 ? String(from) : `${from}${DASH}${to - 1}`
}

/** Write frames and how many: `57–80 · 24 f`. @param {number} from @param {number} to first frame after it */
export function spanLength(from, to) {
  return `${span(from, to)} ${DOT} ${to - from} f`
}

/** Write an angle: `−9.0°`. @param {number} value in degrees */
export const angle = (value) => `${decimal(value, 1)}\u00b0`

/**
 * Write the chunks of a track: `15 chunks, 9 + 14 × 12`.
 * @param {number} chunks @param {number} first frames of the first @param {number} next frames of the others
 */
export function chunkSum(chunks, first, next) {
  const words = counted(chunks, "chunk")
  if (chunks < 1) return words
  if (first === next || chunks === 1) return `${words} of ${chunks === 1 ? first : next}`
  return `${words}, ${first} + ${chunks > 2 ? `${chunks - 1} \u00d7 ` : ""}${next}`
}
