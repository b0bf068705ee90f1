// @ts-check
/** Edits: whatever is done to a track, it stays one, and only what was meant changes. */
import assert from "node:assert/strict"
import { test } from "node:test"
import * as edits from "../../web/track/edits.mjs"
import { heldFlags, sampleCurve } from "../../web/track/sample.mjs"
import { EMPTY, canonical, parse, write } from "../../web/track/timeline.mjs"
import { RUNNER, WALKER, anyEdit, anyTimeline, drawer } from "./any.mjs"

/** @import { Timeline } from "../../web/track/timeline.mjs" */

const FRAMES = 240

/** @param {Timeline} t @param {string} word @param {number} from @param {number} to */
function held(t, word, from, to) {
  return [...heldFlags(t.keys[word] ?? [], FRAMES).slice(from, to)]
}

/** @param {Timeline} t @param {"yaw" | "pitch"} axis @param {number} from @param {number} to */
function played(t, axis, from, to) {
  return sampleCurve(t[axis], FRAMES).slice(from, to)
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b @param {number} error */
function assertClose(a, b, error, note = "") {
  assert.equal(a.length, b.length)
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i] - b[i]) <= error, `${note} ${i}: ${a[i]} and ${b[i]}`)
}

/** @param {Timeline} t */
function holding(t) {
  return Object.fromEntries(Object.entries(t.keys).map(([word, spans]) => [word, spans.map((span) => [...span])]))
}

/** What an edit may add to a curve that it cuts through: a smooth piece becomes straight ones, in thousandths. */
const CUT = 0.0211

test("edited tracks are canonical, frozen and read back", () => {
  for (let seed = 0; seed < 300; seed++) {
    const drawn = drawer(seed)
    const variant = seed % 2 ? WALKER : RUNNER
    let t = anyTimeline(seed)
    for (let i = 0; i < 12; i++) {
      const before = JSON.stringify(t)
      const next = anyEdit(t, variant, drawn)
      assert.equal(JSON.stringify(t), before)
      assert.ok(next === t || JSON.stringify(next) !== before, "an edit that changes nothing returns the same object")
      t = next
      assert.deepEqual(canonical(t), t)
      assert.ok(Object.isFrozen(t))
    }
    assert.deepEqual(parse(write(t)), { timeline: t })
  }
})

test("of exclusive keys the new span cuts the old one, and others stay", () => {
  let t = edits.paint(EMPTY, RUNNER, "left", 0, 20)
  t = edits.paint(t, WALKER, "forward", 0, 20)
  t = edits.paint(t, RUNNER, "jump", 5, 4)
  assert.deepEqual(holding(t), {
    forward: [[0, 20]],
    left: [
      [0, 5],
      [9, 11],
    ],
    jump: [[5, 4]],
  })
  assert.deepEqual(holding(edits.paint(t, WALKER, "back", 0, 9)).forward, [[0, 20]])
})

test("spans move by their whole group, to other lanes, or as copies", () => {
  const t = canonical({
    ...EMPTY,
    keys: {
      forward: [
        [4, 6],
        [20, 5],
      ],
      left: [[8, 4]],
    },
  })
  const refs = /** @type {const} */ ([
    ["forward", 4],
    ["left", 8],
  ])
  const early = edits.moveSpans(t, WALKER, refs, { frames: -9 })
  assert.deepEqual(holding(early.timeline), {
    forward: [
      [0, 6],
      [20, 5],
    ],
    left: [[4, 4]],
  })
  assert.deepEqual(early.refs, [
    ["forward", 0],
    ["left", 4],
  ])
  const lower = edits.moveSpans(t, WALKER, refs, { lanes: 9 })
  assert.deepEqual(lower.refs, [
    ["back", 4],
    ["right", 8],
  ])
  const copied = edits.moveSpans(t, WALKER, [["forward", 4]], { frames: 10, copy: true })
  assert.deepEqual(holding(copied.timeline).forward, [
    [4, 6],
    [14, 11],
  ])
  assert.deepEqual(copied.refs, [["forward", 14]])
})

test("a trimmed span merges with those it meets", () => {
  const t = edits.paint(edits.paint(EMPTY, WALKER, "forward", 0, 5), WALKER, "forward", 10, 5)
  const trimmed = edits.trimSpan(t, WALKER, ["forward", 0], [0, 10])
  assert.deepEqual(holding(trimmed.timeline), { forward: [[0, 15]] })
  assert.deepEqual(holding(edits.trimSpan(t, WALKER, ["forward", 10], [12, 3]).timeline).forward, [
    [0, 5],
    [12, 1],
  ])
})

test("Enter presses and releases, and fills and clears", () => {
  const t = edits.toggle(EMPTY, WALKER, "forward", 7)
  assert.deepEqual(holding(t), { forward: [[7, 1]] })
  assert.deepEqual(holding(edits.toggle(t, WALKER, "forward", 7)), {})
  const filled = edits.fillOrClear(t, WALKER, "forward", [5, 12])
  assert.deepEqual(holding(filled), { forward: [[5, 7]] })
  assert.deepEqual(holding(edits.fillOrClear(filled, WALKER, "forward", [5, 12])), {})
})

test("keyframes snap to 0.05, keep their easing and replace what they land on", () => {
  let t = edits.setKeyframe(EMPTY, "yaw", 4, 1.23, "smooth")
  t = edits.setKeyframe(t, "yaw", 9, 2)
  const moved = edits.moveKeyframes(t, [["yaw", 4]], { frames: 5, value: 0.5 })
  assert.deepEqual(moved.timeline.yaw, [[9, 1.75, "smooth"]])
  assert.deepEqual(moved.refs, [["yaw", 9]])
  assert.deepEqual(edits.moveKeyframes(t, [["yaw", 4]], { frames: 5 }).timeline.yaw, [[9, 1.23, "smooth"]])
  assert.deepEqual(edits.setKeyframe(t, "yaw", 4, 3).yaw[0], [4, 3, "smooth"])
})

test("a keyframe put on a straight curve does not change it", () => {
  const t = edits.setKeyframe(edits.setKeyframe(EMPTY, "yaw", 0, 0), "yaw", 10, 5)
  assertClose(played(edits.setKeyframe(t, "yaw", 4), "yaw", 0, FRAMES), played(t, "yaw", 0, FRAMES), 1e-9)
})

test("a stroke is thinned within its error and changes nothing else", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { draw, whole } = drawer(seed)
    const t = edits.setFrames(anyTimeline(seed), FRAMES)
    const start = whole(0, 60)
    const wave = (/** @type {number} */ i) => /** @type {const} */ ([start + i * 1.7, Math.sin(i / 5) * 4 * draw()])
    const points = Array.from({ length: whole(2, 60) }, (_, i) => wave(i))
    const stroke = edits.strokeValues(points)
    const end = stroke.start + stroke.values.length
    const drawn = edits.drawStroke(t, "yaw", points, 0.1)
    assertClose(played(drawn, "yaw", stroke.start, end), stroke.values, 0.1011, `seed ${seed}`)
    assertClose(played(drawn, "yaw", 0, stroke.start), played(t, "yaw", 0, stroke.start), CUT)
    assertClose(played(drawn, "yaw", end, FRAMES), played(t, "yaw", end, FRAMES), CUT)
  }
})

test("a straight stroke is two keyframes beside the rest", () => {
  const points = Array.from({ length: 30 }, (_, i) => /** @type {const} */ ([10 + i, i / 10]))
  assert.deepEqual(edits.drawStroke(EMPTY, "pitch", points, 0.02).pitch, [
    [10, 0, "linear"],
    [39, 2.9, "linear"],
    [40, 0, "linear"],
  ])
})

test("ranges are cleared, copied, repeated, moved and scaled, and nothing outside changes", () => {
  for (let seed = 0; seed < 150; seed++) {
    const { whole } = drawer(seed)
    const t = anyTimeline(seed)
    const [from, to] = [whole(0, 60), whole(61, 100)]
    const length = to - from
    const end = to === t.frames ? to : FRAMES // behind the end of the track nothing is played
    const cleared = edits.clearRange(t, [from, to])
    const copied = edits.pasteClip(t, WALKER, edits.copyRange(t, [from, to]), 110)
    const scaled = edits.scaleRange(t, "yaw", [from, to], -1.5)
    for (const word of Object.keys(t.keys)) {
      assert.ok(!held(cleared, word, from, to).includes(1))
      assert.deepEqual(held(cleared, word, 0, from), held(t, word, 0, from))
      assert.deepEqual(held(cleared, word, to, FRAMES), held(t, word, to, FRAMES))
      assert.deepEqual(held(copied.timeline, word, 110, 110 + length), held(t, word, from, to))
      assert.deepEqual(held(copied.timeline, word, 0, 110), held(t, word, 0, 110))
    }
    for (const axis of /** @type {const} */ (["yaw", "pitch"])) {
      assertClose(played(cleared, axis, from, to), new Float64Array(length), 0, `seed ${seed}`)
      assertClose(played(cleared, axis, 0, from), played(t, axis, 0, from), CUT, `seed ${seed}`)
      assertClose(played(cleared, axis, to, end), played(t, axis, to, end), CUT, `seed ${seed}`)
      assertClose(played(copied.timeline, axis, 110, 110 + length), played(t, axis, from, to), CUT, `seed ${seed}`)
      assertClose(played(copied.timeline, axis, 0, 110), played(t, axis, 0, 110), CUT, `seed ${seed}`)
    }
    assertClose(
      played(scaled, "yaw", from, to),
      played(t, "yaw", from, to).map((value) => -1.5 * value),
      2 * CUT,
    )
    assertClose(played(scaled, "yaw", 0, from), played(t, "yaw", 0, from), CUT)
    assertClose(played(scaled, "yaw", to, end), played(t, "yaw", to, end), CUT)
  }
})

test("a range plays n times in all", () => {
  const t = edits.setPrompt(edits.paint(EMPTY, WALKER, "forward", 3, 4), 3, "rain")
  const { timeline, range } = edits.repeatRange(t, WALKER, [2, 8], 3)
  assert.deepEqual(range, [2, 20])
  assert.deepEqual(holding(timeline), {
    forward: [
      [3, 4],
      [9, 4],
      [15, 4],
    ],
  })
  assert.deepEqual(
    timeline.prompts.map((prompt) => prompt[0]),
    [3, 9, 15],
  )
})

test("a range moves over itself", () => {
  const t = edits.paint(EMPTY, WALKER, "forward", 3, 4)
  assert.deepEqual(holding(edits.moveRange(t, WALKER, [2, 10], 3).timeline), { forward: [[6, 4]] })
  const copied = edits.moveRange(t, WALKER, [2, 10], 8, { copy: true })
  assert.deepEqual(holding(copied.timeline), {
    forward: [
      [3, 4],
      [11, 4],
    ],
  })
})

test("a prompt that meets another one stops before it", () => {
  const t = edits.setPrompt(edits.setPrompt(EMPTY, 5, "rain"), 9, "fog")
  assert.equal(edits.movePrompt(t, 5, 9).frame, 8)
  assert.deepEqual(edits.movePrompt(t, 5, 20).timeline.prompts, [
    [9, "fog"],
    [20, "rain"],
  ])
  assert.deepEqual(edits.movePrompt(t, 5, 20, { copy: true }).timeline.prompts.length, 3)
})

test("a track is trimmed and extended to whole chunks", () => {
  const t = edits.paint(edits.setFrames(EMPTY, 60), WALKER, "forward", 50, 20)
  const trimmed = edits.trimToChunk(t, WALKER)
  assert.deepEqual(
    [trimmed.frames, holding(trimmed)],
    [
      57,
      {
        forward: [
          [50, 7],
          [60, 10],
        ],
      },
    ],
  )
  assert.equal(edits.extendToChunk(t, WALKER).frames, 69)
  assert.equal(edits.extendToChunk(edits.setFrames(t, 3), WALKER).frames, 9)
  assert.equal(edits.trimToChunk(edits.setFrames(t, 3), WALKER).frames, 3)
  assert.equal(edits.framesForContent(t, WALKER), 81)
})

test("a curve that is edited up to the end of the track leaves nothing behind the end", () => {
  const drawn = edits.drawStroke(
    EMPTY,
    "yaw",
    [
      [20, 0],
      [63, 4],
    ],
    0.02,
  )
  assert.ok(
    played(drawn, "yaw", 40, 57).every((value) => value > 1.8),
    "up to the last frame it is what was drawn",
  )
  const turning = edits.setKeyframe(EMPTY, "yaw", 0, 2)
  const cleared = edits.clearRange(turning, [45, 57])
  for (const t of [drawn, cleared, edits.repeatRange(drawn, WALKER, [45, 51], 2).timeline]) {
    assert.equal(edits.contentEnd(t), 56)
    assert.ok(t.yaw.every(([frame]) => frame < 57))
    assert.equal(edits.framesForContent(t, WALKER), 57)
  }
  assert.equal(edits.contentEnd(edits.setKeyframe(EMPTY, "yaw", 60, 2)), 60)
  const behind = edits.drawStroke(
    EMPTY,
    "yaw",
    [
      [60, 1],
      [64, 1],
    ],
    0.02,
  )
  assert.deepEqual([...played(behind, "yaw", 59, 66)], [0, 1, 1, 1, 1, 1, 0], "behind the end, it is drawn there")
})

test("trimming to whole chunks drops keyframes in what is left over and turns nothing before it", () => {
  let t = edits.setFrames(EMPTY, 60)
  for (const [frame, value] of [
    [0, 1],
    [50, 0],
    [58, 4],
    [59, 2],
  ])
    t = edits.setKeyframe(t, "yaw", frame, value)
  const trimmed = edits.trimToChunk(t, WALKER)
  assert.equal(trimmed.frames, 57)
  assertClose(played(trimmed, "yaw", 0, 57), played(t, "yaw", 0, 57), 0.0005)
  assert.equal(edits.contentEnd(trimmed), 56)
  const still = edits.setKeyframe(edits.setFrames(EMPTY, 60), "yaw", 0, 2.5)
  assert.deepEqual(edits.trimToChunk(still, WALKER).yaw, still.yaw)
})

test("chunk borders pull from 8 pixels, ends and playhead from 5, then frames", () => {
  const how = /** @type {const} */ ({ mode: "chunk", pixels: 4, variant: WALKER, edges: [14, 30] })
  assert.deepEqual(edits.snap(10.9, how), { frame: 9, to: "chunk" })
  assert.deepEqual(edits.snap(13.1, how), { frame: 14, to: "edge" })
  assert.deepEqual(edits.snap(11.6, how), { frame: 12, to: "frame" })
  assert.deepEqual(edits.snap(10.9, { ...how, mode: "frame" }), { frame: 11, to: "frame" })
  assert.deepEqual(edits.snap(13.1, { ...how, mode: "off" }), { frame: 13, to: "frame" })
  assert.deepEqual(edits.snap(-3, { ...how, mode: "off" }), { frame: 0, to: "frame" })
})
