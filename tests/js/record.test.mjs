// @ts-check
/** Recording: what was pressed is in the frames it was pressed in, and a take changes nothing else. */
import assert from "node:assert/strict"
import { test } from "node:test"
import * as record from "../../web/track_editor/record.mjs"
import { setFrames } from "../../web/track/edits.mjs"
import { heldAt, sampleCurve } from "../../web/track/sample.mjs"
import { EMPTY, MAX_FRAMES, canonical, parse, write } from "../../web/track/timeline.mjs"
import { RUNNER, WALKER, anyTimeline, drawer } from "./any.mjs"

const FRAME = 100
const SEER = { ...WALKER, mouse: { degrees_per_unit: 15, reads_pitch: true }, max_yaw: null }

/** @param {Partial<record.Settings>} changes @param {number} [countIn] */
function begun(changes = {}, countIn = 0) {
  const range = /** @type {const} */ ([0, 57])
  const settings = { timeline: EMPTY, variant: WALKER, fps: 10, range, sensitivity: 0.1, mouse: true, ...changes }
  return record.begin(settings, 0, countIn)
}

/** @param {record.Take} take @param {number} frame */
function heldIn(take, frame) {
  return heldAt(record.recorded(take), frame)
}

test("a key counts for every frame it was down in, a tap between two frames included", () => {
  let take = record.press(begun(), "KeyW", 30)
  take = record.pass(take, 1 * FRAME)
  take = record.release(take, "KeyW")
  take = record.release(record.press(take, "KeyD", 1.4 * FRAME), "KeyD")
  take = record.pass(record.pass(take, 2 * FRAME), 3 * FRAME)
  assert.deepEqual(
    take.rows.map((row) => row.held),
    [["forward"], ["forward", "right"], []],
  )
})

test("keys lie where they lie on the keyboard, and only the model's are read", () => {
  assert.equal(record.meaning(begun().settings, "KeyA"), "left")
  assert.equal(record.meaning(begun().settings, "KeyQ"), undefined)
  assert.equal(record.meaning(begun().settings, "ArrowLeft"), undefined)
  assert.equal(record.meaning(begun({ mouse: false }).settings, "ArrowLeft"), "ArrowLeft")
  assert.equal(record.meaning(begun({ variant: RUNNER, mouse: false }).settings, "ArrowLeft"), undefined)
  assert.equal(record.meaning(begun({ variant: RUNNER }).settings, "KeyZ"), "turn_left")
  const take = begun()
  assert.equal(record.press(take, "KeyQ", 0), take)
})

test("of exclusive keys the one pressed last counts, and a held one comes back", () => {
  let take = record.press(begun({ variant: RUNNER }), "KeyA", 0)
  take = record.pass(take, FRAME)
  take = record.pass(record.release(record.press(take, "KeyW", 120), "KeyW"), 2 * FRAME)
  take = record.pass(take, 3 * FRAME)
  assert.deepEqual(
    take.rows.map((row) => row.held),
    [["left"], ["jump"], ["left"]],
  )
})

test("counts of the mouse are summed over a frame and clipped at the model's range", () => {
  let take = record.move(record.move(begun(), 12, 0), 8, 5)
  take = record.pass(take, FRAME)
  take = record.pass(record.move(take, -900, 0), 2 * FRAME)
  assert.deepEqual(
    take.rows.map((row) => row.yaw),
    [2, -4],
  )
  const { yaw, pitch } = record.recorded(take)
  assert.deepEqual(
    [yaw.slice(0, 2), pitch],
    [
      [
        [0, 2, "linear"],
        [1, -4, "linear"],
      ],
      [],
    ],
  )
  const free = record.pass(record.move(begun({ variant: SEER }), -900, -30), FRAME)
  assert.deepEqual([free.rows[0].yaw, free.rows[0].pitch], [-90, 3])
})

test("arrow keys turn at half the model's range where no mouse is", () => {
  const take = record.pass(record.press(begun({ mouse: false }), "ArrowLeft", 0), FRAME)
  assert.deepEqual([take.rows[0].yaw, take.rows[0].held], [-2, []])
})

test("frames missed in a standstill repeat the keys, share the turn and are counted", () => {
  let take = record.press(begun({ variant: SEER }), "KeyW", 0)
  take = record.pass(take, FRAME)
  take = record.pass(record.move(take, 80, 0), 5.5 * FRAME)
  assert.equal(take.missed, 3)
  assert.deepEqual(
    take.rows.map((row) => row.yaw),
    [0, 2, 2, 2, 2],
  )
  assert.ok(take.rows.every((row) => row.held[0] === "forward"))
  assert.equal(record.pass(take, 5.9 * FRAME), take)
  assert.equal(record.pass(take, 6 * FRAME).rows.length, 6)
})

test("a count-in goes before, and keys that are down at its end count", () => {
  let take = record.press(begun({}, 1000), "KeyW", 400)
  take = record.pass(take, 999)
  assert.deepEqual([take.phase, take.rows.length], ["counting", 0])
  take = record.pass(take, 1000 + FRAME)
  assert.deepEqual([take.phase, heldIn(take, 0)], ["running", ["forward"]])
})

test("Shift runs at half speed", () => {
  let take = record.setHalf(begun(), true, 50)
  assert.equal(record.pass(take, 149).rows.length, 0)
  take = record.pass(take, 150)
  assert.equal(record.pass(take, 349).rows.length, 1)
  take = record.setHalf(take, false, 250)
  assert.equal(record.pass(take, 300).rows.length, 2)
})

test("the take ends with its range", () => {
  const take = record.pass(record.press(begun({ range: [50, 57] }), "KeyW", 0), 100 * FRAME)
  assert.deepEqual([take.phase, take.rows.length], ["over", 7])
  assert.equal(record.press(take, "KeyS", 0), take)
})

test("a take begins at the playhead, and anew where the track has no frame left", () => {
  const from = (/** @type {number} */ playhead, grows = false) => record.framesToRecord(EMPTY, playhead, null, grows)
  assert.deepEqual(
    [from(20), from(55), from(56), from(80)],
    [
      [20, 57],
      [55, 57],
      [0, 57],
      [0, 57],
    ],
  )
  assert.deepEqual(
    [from(20, true), from(56, true)],
    [
      [20, MAX_FRAMES],
      [0, MAX_FRAMES],
    ],
  )
  assert.deepEqual(record.framesToRecord(EMPTY, 80, [9, 21], true), [9, 21])
})

test("a take that goes on behind the end lengthens the track to whole chunks, in which nothing is held", () => {
  let take = record.press(begun({ range: [50, MAX_FRAMES] }), "KeyW", 0)
  take = record.move(take, 20, 0)
  for (let frame = 1; frame <= 20; frame++) take = record.move(record.pass(take, frame * FRAME), 20, 0)
  assert.equal(record.recorded(take).frames, 81)
  const { keys, yaw } = record.recorded(record.end(take))
  assert.deepEqual(keys.forward, [[50, 20]])
  assert.deepEqual([...sampleCurve(yaw, 81)].slice(69, 71), [2, 0])
  assert.equal(record.recorded(record.pass(begun(), 100 * FRAME)).frames, 57)
})

test("a take that turns to the end of the track leaves no keyframe outside it, and nothing turns if it is lengthened", () => {
  let take = record.move(begun(), 20, 0)
  for (let frame = 1; frame <= 57; frame++) take = record.move(record.pass(take, frame * FRAME), 20, 0)
  const taken = record.recorded(take)
  assert.deepEqual([take.phase, taken.yaw[taken.yaw.length - 1]], ["over", [56, 2, "linear"]])
  assert.deepEqual([...sampleCurve(setFrames(taken, 69).yaw, 69)].slice(56, 59), [2, 0, 0])
})

test("a chunk that is taken back waits for the next key", () => {
  let take = record.press(begun(), "KeyW", 0)
  for (let frame = 1; frame <= 15; frame++) take = record.pass(take, frame * FRAME)
  take = record.takeBack(take)
  assert.deepEqual([take.phase, take.rows.length, take.down], ["waiting", 9, []])
  assert.equal(record.pass(take, 99 * FRAME), take)
  assert.equal(record.takeBack(take).rows.length, 0)
  take = record.pass(record.press(take, "KeyS", 99 * FRAME), 100 * FRAME)
  assert.deepEqual([heldIn(take, 8), heldIn(take, 9)], [["forward"], ["back"]])
})

test("a take replaces its frames and nothing else, and stays a track", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { draw, whole, one } = drawer(seed)
    const timeline = anyTimeline(seed)
    const from = whole(0, timeline.frames - 1)
    const variant = one([WALKER, RUNNER, SEER])
    let take = begun({ timeline, variant, range: [from, timeline.frames] })
    const codes = ["KeyW", "KeyA", "KeyS", "KeyD", "KeyZ"]
    for (let now = 0; take.phase !== "over"; now += 7 + whole(0, 200)) {
      take = draw() < 0.5 ? record.press(take, one(codes), now) : record.release(take, one(codes))
      take = record.pass(record.move(take, whole(-40, 40), whole(-9, 9)), now)
    }
    const after = record.recorded(take)
    assert.deepEqual(canonical(after), after)
    assert.equal(parse(write(after)).error, undefined)
    assert.deepEqual([after.prompts, after.frames, after.extra], [timeline.prompts, timeline.frames, timeline.extra])
    const turned = sampleCurve(after.yaw, timeline.frames)
    take.rows.forEach((row, i) => {
      const own = heldAt(after, from + i).filter((word) => variant.keyboard.words.includes(word))
      assert.deepEqual(own.sort(), [...row.held].sort())
      if (variant.mouse) assert.ok(Math.abs(turned[from + i] - row.yaw) < 0.0211)
    })
    for (let frame = 0; frame < from; frame++) assert.deepEqual(heldAt(after, frame), heldAt(timeline, frame))
    if (!variant.mouse) assert.deepEqual([after.yaw, after.pitch], [timeline.yaw, timeline.pitch])
  }
})

test("an ended take keeps the frames that were closed", () => {
  const take = record.end(record.press(record.pass(record.press(begun(), "KeyW", 0), FRAME), "KeyD", 150))
  assert.deepEqual([take.phase, take.rows.length, take.down], ["over", 1, []])
  assert.equal(record.recorded(record.end(begun())), EMPTY)
})
