// @ts-check
/**
 * The action track's text and its editable form, as in worldmodel/track/timeline.py and worldmodel/track/track_json.py.
 *
 *     Span      [first frame, frames]
 *     Keyframe  [frame, degrees per frame, easing]
 *     Prompt    [frame, text]
 *
 * A timeline is frozen and always canonical: everything sorted, spans merged, values in thousandths.
 */
import { byName, checkVersion, joined, member, strip, unknownMembers } from "./document.mjs"
import {
  MAX_FRAMES,
  Refusal,
  checkText,
  checkedList,
  checkedObject,
  checkedWhole,
  isWhole,
  load,
  shown,
} from "./json.mjs"
import { WORDS, byCodePoint, unknownWord } from "./key_words.mjs"

export { MAX_FRAMES, WORDS }

/** @typedef {readonly [number, number]} Span */
/** @typedef {"linear" | "smooth" | "hold"} Easing */
/** @typedef {readonly [number, number, Easing]} Keyframe */
/** @typedef {readonly [number, string]} Prompt */
/** @typedef {"yaw" | "pitch"} Axis */
/** @import { Json } from "./json.mjs" */
/**
 * @typedef {object} Timeline
 * @property {number} frames length in frames, 1 to `MAX_FRAMES`; content beyond it is kept but not played
 * @property {Readonly<Record<string, readonly Span[]>>} keys held spans by word, in writing order
 * @property {readonly Keyframe[]} yaw degrees per frame, right positive
 * @property {readonly Keyframe[]} pitch degrees per frame, up positive
 * @property {readonly Prompt[]} prompts
 * @property {readonly (readonly [string, string])[]} extra members this version does not know, as JSON text
 * @property {readonly (readonly [string, string])[]} mouseExtra the same for unknown members of `mouse`
 */

export const VERSION = 1
export const DEFAULT_FRAMES = 57
export const MAX_DEGREES = 180
export const EASINGS = /** @type {readonly Easing[]} */ (Object.freeze(["linear", "smooth", "hold"]))
export const AXES = /** @type {readonly Axis[]} */ (Object.freeze(["yaw", "pitch"]))
/** Other kinds of JSON, and where they belong. */
const CAMERAS = new Map([
  ["path", "give it to Camera Path"],
  ["poses", "read it from a file with Load Track"],
])
const MEMBERS = ["type", "version", "frames", "keys", "mouse", "prompts"]

/** @type {Timeline} */
export const EMPTY = Object.freeze({
  frames: DEFAULT_FRAMES,
  keys: Object.freeze({}),
  yaw: Object.freeze([]),
  pitch: Object.freeze([]),
  prompts: Object.freeze([]),
  extra: Object.freeze([]),
  mouseExtra: Object.freeze([]),
})

/**
 * Read a track's text. The short form (`forward*24 right*12`) is left to the server: `short` is that text.
 * @param {string | null | undefined} text
 * @returns {{timeline: Timeline, error?: undefined, short?: undefined}
 *   | {error: string, timeline?: undefined, short?: undefined}
 *   | {short: string, timeline?: undefined, error?: undefined}}
 */
export function parse(text) {
  const stripped = strip(strip(text ?? "").replace(/^\ufeff/, ""))
  if (!stripped) return { timeline: EMPTY }
  if (!'{["'.includes(stripped[0]) && stripped !== "null") return { short: stripped }
  try {
    return { timeline: read(stripped) }
  } catch (error) {
    if (error instanceof Refusal) return { error: `Track JSON: ${error.message}` }
    throw error
  }
}

/**
 * Write the canonical JSON text of a timeline.
 * @param {Timeline} timeline
 */
export function write(timeline) {
  const t = timeline
  const keys = Object.entries(t.keys).map(([word, spans]) => member(word, spans))
  const curves = AXES.filter((axis) => t[axis].length).map((axis) => member(axis, t[axis].map(entry)))
  return joined([
    ["type", '"track"'],
    ["version", String(VERSION)],
    ["frames", String(t.frames)],
    ["keys", joined(keys)],
    ["mouse", joined([...curves, ...t.mouseExtra])],
    member("prompts", t.prompts),
    ...t.extra,
  ])
}

/**
 * Return the one form all equal timelines share, frozen.
 * @param {Timeline} timeline
 * @returns {Timeline}
 */
export function canonical(timeline) {
  return Object.freeze({
    frames: timeline.frames,
    keys: canonicalKeys(timeline.keys),
    yaw: canonicalCurve(timeline.yaw),
    pitch: canonicalCurve(timeline.pitch),
    prompts: frozen([...timeline.prompts].sort((a, b) => a[0] - b[0] || byCodePoint(a[1], b[1]))),
    extra: frozen([...timeline.extra].sort(byName)),
    mouseExtra: frozen([...timeline.mouseExtra].sort(byName)),
  })
}

/**
 * Order lanes, merge their spans and drop empty ones.
 * @param {Readonly<Record<string, readonly Span[]>>} keys
 * @returns {Readonly<Record<string, readonly Span[]>>}
 */
export function canonicalKeys(keys) {
  return orderedLanes(Object.fromEntries(Object.entries(keys).map(([word, spans]) => [word, mergeSpans(spans)])))
}

/**
 * Order lanes whose spans are merged, and drop empty ones.
 * @param {Readonly<Record<string, readonly Span[]>>} keys
 * @returns {Readonly<Record<string, readonly Span[]>>}
 */
export function orderedLanes(keys) {
  const lanes = Object.entries(keys).filter(([, spans]) => spans.length)
  return Object.freeze(Object.fromEntries(lanes.sort(([a], [b]) => place(a) - place(b) || byCodePoint(a, b))))
}

/**
 * Sort keyframes and round their values.
 * @param {readonly Keyframe[]} keyframes
 * @returns {readonly Keyframe[]}
 */
export function canonicalCurve(keyframes) {
  const rounded = keyframes.map(([frame, value, easing]) => {
    return /** @type {Keyframe} */ ([frame, thousandths(value), easing])
  })
  return frozen(rounded.sort((a, b) => a[0] - b[0]))
}

/**
 * Sort spans, join those that overlap or touch, and drop empty ones.
 * @param {readonly Span[]} spans
 * @returns {readonly Span[]}
 */
export function mergeSpans(spans) {
  /** @type {[number, number][]} first frame and the frame after the last */
  const merged = []
  for (const [start, length] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged[merged.length - 1]
    if (length <= 0) continue
    if (last && start <= last[1]) last[1] = Math.max(last[1], start + length)
    else merged.push([start, start + length])
  }
  return frozen(merged.map(([start, end]) => /** @type {Span} */ ([start, end - start])))
}

/**
 * Round half up to three decimals, as the server does; never negative zero.
 * @param {number} value
 */
export function thousandths(value) {
  return Math.floor(value * 1000 + 0.5) / 1000 + 0
}

/**
 * Freeze a list and its entries.
 * @template T
 * @param {T[]} list
 * @returns {readonly T[]}
 */
export function frozen(list) {
  return Object.freeze(list.map((item) => Object.freeze(item)))
}

/**
 * Return the former timeline if an edit changed nothing in it.
 * @param {Timeline} before
 * @param {Timeline} after
 * @returns {Timeline}
 */
export function settled(before, after) {
  const words = Object.keys(before.keys)
  const same =
    before.frames === after.frames &&
    words.length === Object.keys(after.keys).length &&
    words.every((word) => after.keys[word] && sameEntries(before.keys[word], after.keys[word])) &&
    sameEntries(before.yaw, after.yaw) &&
    sameEntries(before.pitch, after.pitch) &&
    sameEntries(before.prompts, after.prompts)
  return same ? before : Object.freeze(after)
}

/**
 * Tell whether two lists of spans, keyframes or prompts are the same.
 * @param {readonly (readonly any[])[]} a
 * @param {readonly (readonly any[])[]} b
 */
function sameEntries(a, b) {
  if (a === b) return true
  return a.length === b.length && a.every((entry, i) => entry.every((part, j) => part === b[i][j]))
}

/** @param {string} text @returns {Timeline} */
function read(text) {
  const data = load(text)
  if (data === null || (data instanceof Map && data.size === 0)) return EMPTY
  if (!(data instanceof Map)) {
    throw new Refusal(`a track is an object such as {"type":"track",...}, not ${shown(data)}`)
  }
  checkKind(data)
  const mouse = checkedObject(data.get("mouse"), "mouse")
  const timeline = {
    frames: readFrames(data),
    keys: readKeys(checkedObject(data.get("keys"), "keys")),
    yaw: readCurve(mouse.get("yaw"), "mouse.yaw"),
    pitch: readCurve(mouse.get("pitch"), "mouse.pitch"),
    prompts: readPrompts(data.get("prompts")),
    extra: unknownMembers(data, MEMBERS),
    mouseExtra: unknownMembers(mouse, AXES),
  }
  return canonical(timeline)
}

/** @param {Map<string, Json>} data */
function checkKind(data) {
  const kind = data.get("type")
  const camera = typeof kind === "string" ? CAMERAS.get(kind) : undefined
  if (camera) throw new Refusal(`type '${kind}' is a camera, not a track; ${camera}`)
  if (kind !== "track") {
    throw new Refusal(`type must be "track", ${data.has("type") ? `not ${shown(kind)}` : "and it is missing"}`)
  }
  checkVersion(data, VERSION)
}

/** @param {Map<string, Json>} data */
function readFrames(data) {
  if (!data.has("frames")) {
    throw new Refusal(`frames is missing; write the length of the track, such as "frames":${DEFAULT_FRAMES}`)
  }
  return checkedWhole(data.get("frames"), "frames", 1)
}

/** @param {Map<string, Json>} lanes */
function readKeys(lanes) {
  /** @type {Record<string, readonly Span[]>} */
  const keys = {}
  for (const [word, spans] of lanes) {
    if (!WORDS.includes(word)) throw new Refusal(`${firstFrame(spans)}${unknownWord(word)}`)
    keys[word] = checkedList(spans, `keys.${word}`).map((span, i) => readSpan(span, `keys.${word}[${i}]`))
  }
  return keys
}

/** @param {Json} span @param {string} field @returns {Span} */
function readSpan(span, field) {
  if (!Array.isArray(span) || span.length !== 2) {
    throw new Refusal(`${field} must be [first frame, length], not ${shown(span)}`)
  }
  const start = checkedWhole(span[0], `${field} first frame`)
  const length = checkedWhole(span[1], `${field} length`, 1)
  if (start + length > MAX_FRAMES) {
    throw new Refusal(`${field} ends at frame ${start + length - 1}; tracks end before frame ${MAX_FRAMES}`)
  }
  return [start, length]
}

/** @param {Json | undefined} keyframes @param {string} field @returns {readonly Keyframe[]} */
function readCurve(keyframes, field) {
  /** @type {Map<number, Keyframe>} */
  const curve = new Map()
  for (const [i, entry] of checkedList(keyframes, field).entries()) {
    if (!Array.isArray(entry) || (entry.length !== 2 && entry.length !== 3)) {
      throw new Refusal(`${field}[${i}] must be [frame, degrees per frame, easing], not ${shown(entry)}`)
    }
    const frame = checkedWhole(entry[0], `${field}[${i}] frame`)
    const [, value, easing = "linear"] = entry
    if (typeof value !== "number" || !(Math.abs(value) <= MAX_DEGREES)) {
      const range = `between -${MAX_DEGREES} and ${MAX_DEGREES}`
      throw new Refusal(`frame ${frame}: ${field}[${i}] must be degrees per frame ${range}, not ${shown(value)}`)
    }
    if (!EASINGS.includes(/** @type {Easing} */ (easing))) {
      const known = EASINGS.join(", ")
      throw new Refusal(`frame ${frame}: ${field}[${i}] easing must be one of ${known}, not ${shown(easing)}`)
    }
    if (curve.has(frame)) throw new Refusal(`frame ${frame}: ${field} has two keyframes here; keep one`)
    curve.set(frame, [frame, value, /** @type {Easing} */ (easing)])
  }
  return [...curve.values()]
}

/** @param {Json | undefined} entries @returns {readonly Prompt[]} */
function readPrompts(entries) {
  /** @type {Map<number, string>} */
  const prompts = new Map()
  for (const [i, entry] of checkedList(entries, "prompts").entries()) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[1] !== "string") {
      throw new Refusal(`prompts[${i}] must be [frame, text], not ${shown(entry)}`)
    }
    const frame = checkedWhole(entry[0], `prompts[${i}] frame`)
    if (prompts.has(frame)) throw new Refusal(`frame ${frame}: two prompts start here; keep one`)
    checkText(entry[1], `prompts[${i}]`)
    prompts.set(frame, entry[1])
  }
  return [...prompts]
}

/** @param {Json} spans */
function firstFrame(spans) {
  const lists = Array.isArray(spans) ? spans.filter(Array.isArray) : []
  const starts = lists.map((span) => span[0]).filter(isWhole)
  return starts.length ? `frame ${starts.reduce((a, b) => Math.min(a, b))}: ` : ""
}

/** @param {Keyframe} keyframe */
function entry([frame, value, easing]) {
  return easing === "linear" ? [frame, value] : [frame, value, easing]
}

/** @param {string} word */
function place(word) {
  return WORDS.includes(word) ? WORDS.indexOf(word) : WORDS.length
}
