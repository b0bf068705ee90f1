// @ts-check
/** Any timeline and any edit at all, from a seed. */
import * as edits from "../../web/track/edits.mjs"
import { walking } from "../../web/track/poses.mjs"
import { EASINGS, WORDS, canonical } from "../../web/track/timeline.mjs"

/** @import { Timeline } from "../../web/track/timeline.mjs" */
/** @import { Variant } from "../../web/track/chunks.mjs" */

/** @type {Variant} */
export const WALKER = {
  name: "tiny_world_2",
  title: "Tiny World",
  keyboard: { words: ["forward", "back", "left", "right"], letters: ["W", "S", "A", "D"], idle: null },
  mouse: { degrees_per_unit: 15, reads_pitch: false },
  first_chunk: 9,
  chunk: 12,
  fps: 16,
  step_metres: 0.1235,
  motion: walking(0.1235),
  max_yaw: 4,
  reads_text: false,
}

/** @type {Variant} */
export const RUNNER = {
  ...WALKER,
  name: "matrix_game_2_templerun",
  title: "Matrix-Game 2.0 Temple Run",
  keyboard: {
    words: ["nomove", "jump", "slide", "turn_left", "turn_right", "left", "right"],
    letters: ["", "W", "S", "Z", "C", "A", "D"],
    idle: 0,
  },
  mouse: null,
}

/** Numbers from 0 to 1 that depend on the seed only (mulberry32). @param {number} seed */
export function drawer(seed) {
  let state = seed * 2654435761
  const draw = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  /** @param {number} least @param {number} most */
  const whole = (least, most) => least + Math.floor(draw() * (most - least + 1))
  /** @template T @param {readonly T[]} list @returns {T} */
  const one = (list) => list[whole(0, list.length - 1)]
  return { draw, whole, one }
}

/** Any timeline, over-long and in any order, made canonical. @param {number} seed @returns {Timeline} */
export function anyTimeline(seed) {
  const { draw, whole, one } = drawer(seed)
  const curve = () => {
    const frames = new Set(Array.from({ length: whole(0, 6) }, () => whole(0, 150)))
    return Array.from(frames, (frame) => /** @type {const} */ ([frame, draw() * 18 - 9, one(EASINGS)])).reverse()
  }
  const lane = () => Array.from({ length: whole(0, 4) }, () => /** @type {const} */ ([whole(0, 99), whole(1, 40)]))
  const words = WORDS.filter(() => draw() < 0.4).reverse()
  const prompts = new Set(Array.from({ length: whole(0, 3) }, () => whole(0, 130)))
  return canonical({
    frames: whole(1, 120),
    keys: Object.fromEntries(words.map((word) => [word, lane()])),
    yaw: curve(),
    pitch: curve(),
    prompts: Array.from(prompts, (frame) => /** @type {const} */ ([frame, `"é ${frame}\n🚪`])),
    extra:
      draw() < 0.5
        ? [
            ["note", '{"b":[1,2.5]}'],
            ["a", "1e-07"],
          ]
        : [],
    mouseExtra: draw() < 0.3 ? [["roll", "[]"]] : [],
  })
}

/**
 * One edit with any arguments, also far out of range.
 * @param {Timeline} t
 * @param {Variant} variant
 * @param {ReturnType<typeof drawer>} drawn
 * @returns {Timeline}
 */
export function anyEdit(t, variant, { draw, whole, one }) {
  const frame = () => (draw() < 0.05 ? one([-5, 99_990, 100_000, 200_000]) : whole(0, 140))
  const word = () => one(edits.laneWords(variant, t))
  const range = () => /** @type {const} */ ([whole(0, 90), whole(91, 140)])
  const value = () => (draw() < 0.05 ? one([-1e9, 1e9, NaN]) : draw() * 20 - 10)
  const spans = Object.entries(t.keys).flatMap(([lane, held]) =>
    held.map((span) => /** @type {const} */ ([lane, span[0]])),
  )
  const refs = spans.filter(() => draw() < 0.4)
  const axis = () => one(/** @type {const} */ (["yaw", "pitch"]))
  const knots = /** @type {const} */ (["yaw", "pitch"]).flatMap((name) =>
    t[name].filter(() => draw() < 0.5).map((keyframe) => /** @type {const} */ ([name, keyframe[0]])),
  )
  const asked = t.prompts.map((prompt) => prompt[0])
  const stroke = () => Array.from({ length: whole(1, 20) }, () => /** @type {const} */ ([draw() * 120 - 5, value()]))
  const copy = draw() < 0.5
  return one([
    () => edits.paint(t, variant, word(), frame(), whole(1, 30)),
    () => edits.erase(t, word(), frame(), whole(1, 30)),
    () => edits.toggle(t, variant, word(), frame(), whole(1, 12)),
    () => edits.fillOrClear(t, variant, word(), range()),
    () => edits.moveSpans(t, variant, refs, { frames: whole(-60, 60), lanes: whole(-2, 2), copy }).timeline,
    () => (spans.length ? edits.trimSpan(t, variant, one(spans), [frame(), frame()]).timeline : t),
    () => edits.deleteSpans(t, refs),
    () => edits.setKeyframe(t, axis(), frame(), copy ? value() : undefined),
    () => edits.moveKeyframes(t, knots, { frames: whole(-60, 60), value: value(), copy }).timeline,
    () => edits.deleteKeyframes(t, knots),
    () => edits.drawStroke(t, axis(), stroke(), 0.1),
    () => edits.scaleRange(t, axis(), range(), draw() * 4 - 2),
    () => edits.setPrompt(t, frame(), one(["rain", "", '"\ud800', "né"])),
    () => (asked.length ? edits.movePrompt(t, one(asked), frame(), { copy }).timeline : t),
    () => edits.deletePrompts(t, asked.slice(0, 1)),
    () => edits.clearRange(t, range()),
    () => edits.pasteClip(t, variant, edits.copyRange(t, range()), frame()).timeline,
    () => edits.repeatRange(t, variant, range(), whole(1, 4)).timeline,
    () => edits.moveRange(t, variant, range(), whole(-90, 90), { copy }).timeline,
    () => edits.setFrames(t, frame()),
    () => edits.trimToChunk(t, variant),
    () => edits.extendToChunk(t, variant),
  ])()
}
