// @ts-check
/** Edits of held keys: paint, erase, toggle, move, copy, trim. Exclusive keys cut each other. */
import { spanAt } from "./sample.mjs"
import { MAX_FRAMES, WORDS, mergeSpans, orderedLanes, settled } from "./timeline.mjs"

/** @import { Span, Timeline } from "./timeline.mjs" */
/** @import { Variant } from "./chunks.mjs" */
/** @import { Range } from "./edits.mjs" */
/** @typedef {readonly [string, number]} SpanRef a span, named by its word and first frame */

/**
 * List the lanes: the model's keys as it orders them, then keys of other models that the track holds.
 * @param {Variant} variant
 * @param {Timeline} timeline
 * @returns {string[]}
 */
export function laneWords(variant, timeline) {
  const own = ownWords(variant)
  return [...own, ...Object.keys(timeline.keys).filter((word) => !own.includes(word))]
}

/**
 * List the model's keys without the derived one for standing still.
 * @param {Variant} variant
 * @returns {string[]}
 */
export function ownWords({ keyboard }) {
  return keyboard.words.filter((_, i) => i !== keyboard.idle)
}

/**
 * Hold a key from a frame on; where keys are exclusive, the others let go.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {string} word
 * @param {number} start
 * @param {number} length
 * @returns {Timeline}
 */
export function paint(timeline, variant, word, start, length) {
  return holdSpans(timeline, variant, [[word, start, length]])
}

/**
 * Let a key go in [start, start + length).
 * @param {Timeline} timeline
 * @param {string} word
 * @param {number} start
 * @param {number} length
 * @returns {Timeline}
 */
export function erase(timeline, word, start, length) {
  return withKeys(timeline, { [word]: cut(timeline.keys[word] ?? [], start, start + length) })
}

/**
 * Press or release a key at a frame.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {string} word
 * @param {number} frame
 * @param {number} [length] frames to press or release
 * @returns {Timeline}
 */
export function toggle(timeline, variant, word, frame, length = 1) {
  const held = spanAt(timeline.keys[word] ?? [], frame)
  return held ? erase(timeline, word, frame, length) : paint(timeline, variant, word, frame, length)
}

/**
 * Hold a key all through a range, or let it go there if it is held all through already.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {string} word
 * @param {Range} range
 * @returns {Timeline}
 */
export function fillOrClear(timeline, variant, word, [from, to]) {
  const held = spanAt(timeline.keys[word] ?? [], from)
  if (held && held[0] + held[1] >= to) return erase(timeline, word, from, to - from)
  return paint(timeline, variant, word, from, to - from)
}

/**
 * Move spans in time and to other lanes, all by the same way; the first frame and the outer lanes stop them together.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {readonly SpanRef[]} refs
 * @param {{frames?: number, lanes?: number, copy?: boolean}} by
 * @returns {{timeline: Timeline, refs: SpanRef[]}} `refs` name the spans where they are now
 */
export function moveSpans(timeline, variant, refs, { frames = 0, lanes = 0, copy = false }) {
  const spans = found(timeline, refs)
  if (!spans.length) return { timeline, refs: [] }
  const words = ownWords(variant)
  const places = spans.map(([word]) => words.indexOf(word))
  const movable = places.every((place) => place >= 0)
  const lane = movable ? clamp(lanes, -Math.min(...places), words.length - 1 - Math.max(...places)) : 0
  const step = clamp(frames, -Math.min(...spans.map(([, start]) => start)), latest(spans))
  const moved = spans.map(([word, start, length], i) => {
    return /** @type {HeldSpan} */ ([movable ? words[places[i] + lane] : word, start + step, length])
  })
  if (!step && !lane) return { timeline, refs: [...refs] }
  const rest = copy ? timeline : deleteSpans(timeline, refs)
  const placed = holdSpans(rest, variant, moved)
  return { timeline: settled(timeline, placed), refs: moved.map(([word, start]) => refAt(placed, word, start)) }
}

/**
 * Set where a span begins and ends; it merges with those it meets.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {SpanRef} ref
 * @param {Range} range
 * @returns {{timeline: Timeline, refs: SpanRef[]}}
 */
export function trimSpan(timeline, variant, ref, [from, to]) {
  const [word] = ref
  const placed = holdSpans(deleteSpans(timeline, [ref]), variant, [[word, from, Math.max(1, to - from)]])
  return { timeline: settled(timeline, placed), refs: [refAt(placed, word, clamp(from, 0, MAX_FRAMES - 1))] }
}

/**
 * Delete spans.
 * @param {Timeline} timeline
 * @param {readonly SpanRef[]} refs
 * @returns {Timeline}
 */
export function deleteSpans(timeline, refs) {
  /** @type {Record<string, readonly Span[]>} */
  const keys = {}
  for (const [word, start] of refs) {
    keys[word] = (keys[word] ?? timeline.keys[word] ?? []).filter((span) => span[0] !== start)
  }
  return withKeys(timeline, keys)
}

/** @typedef {readonly [string, number, number]} HeldSpan word, first frame, length */

/**
 * Hold several keys at once; of exclusive keys the later one in the list wins.
 * @param {Timeline} timeline
 * @param {Variant} variant
 * @param {readonly HeldSpan[]} spans
 * @returns {Timeline}
 */
export function holdSpans(timeline, variant, spans) {
  /** @type {Record<string, readonly Span[]>} */
  const keys = { ...timeline.keys }
  const exclusive = variant.keyboard.idle === null ? [] : ownWords(variant)
  for (const [word, start, length] of spans) {
    const [from, to] = [clamp(start, 0, MAX_FRAMES), clamp(start + length, 0, MAX_FRAMES)]
    if (to <= from || !WORDS.includes(word)) continue
    if (exclusive.includes(word)) {
      for (const other of exclusive) if (keys[other]) keys[other] = cut(keys[other], from, to)
    }
    keys[word] = [...(keys[word] ?? []), [from, to - from]]
  }
  return withKeys(timeline, keys)
}

/**
 * Return the spans without [from, to).
 * @param {readonly Span[]} spans
 * @param {number} from
 * @param {number} to
 * @returns {Span[]}
 */
export function cut(spans, from, to) {
  if (to <= from) return [...spans]
  return spans.flatMap(([start, length]) => {
    const end = start + length
    if (end <= from || start >= to) return [/** @type {Span} */ ([start, length])]
    const pieces = /** @type {Span[]} */ ([
      [start, from - start],
      [to, end - to],
    ])
    return pieces.filter((piece) => piece[1] > 0)
  })
}

/**
 * Replace lanes; the same object if they are as they were.
 * @param {Timeline} timeline
 * @param {Readonly<Record<string, readonly Span[]>>} lanes
 * @returns {Timeline}
 */
export function withKeys(timeline, lanes) {
  const changed = Object.entries(lanes).filter(([word, spans]) => spans !== timeline.keys[word])
  if (!changed.length) return timeline
  const merged = changed.map(([word, spans]) => [word, mergeSpans(spans)])
  return settled(timeline, { ...timeline, keys: orderedLanes({ ...timeline.keys, ...Object.fromEntries(merged) }) })
}

/**
 * Limit a number.
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
export function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value))
}

/** @param {Timeline} timeline @param {readonly SpanRef[]} refs @returns {HeldSpan[]} */
function found(timeline, refs) {
  return refs.flatMap(([word, start]) => {
    const span = spanAt(timeline.keys[word] ?? [], start)
    return span && span[0] === start ? [/** @type {HeldSpan} */ ([word, ...span])] : []
  })
}

/** @param {readonly HeldSpan[]} spans */
function latest(spans) {
  return MAX_FRAMES - Math.max(...spans.map(([, start, length]) => start + length))
}

/** @param {Timeline} timeline @param {string} word @param {number} frame @returns {SpanRef} */
function refAt(timeline, word, frame) {
  return [word, spanAt(timeline.keys[word] ?? [], frame)?.[0] ?? frame]
}
