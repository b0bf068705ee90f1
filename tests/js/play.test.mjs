// @ts-check
/** What hands do is told to chunks by time: nothing is lost, nothing changes places, at any speed of the machine. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { close, document, downNow, letGo, press, rest, turn } from "../../web/play/hands.mjs"
import { UNPACED, lead, paced, tooSlow, usual } from "../../web/play/pace.mjs"
import { makeMeters } from "../../web/play/meters.mjs"
import { fitted } from "../../web/play/top.mjs"

/** @type {any} */
const TINY = {
  name: "tiny_world_2",
  keyboard: { words: ["forward", "back", "left", "right"], letters: ["W", "S", "A", "D"], idle: null },
  mouse: { degrees_per_unit: 15, reads_pitch: false },
  max_yaw: 6,
}
/** @type {any} */
const RUN = { ...TINY, keyboard: { words: ["nomove", "jump", "left"], letters: ["", "W", "A"], idle: 0 }, mouse: null }

/** @param {any[]} rows */
const heldOf = (rows) => rows.map(({ held }) => held.join("+"))

test("a key counts for each frame in any part of which it was down", () => {
  let hands = rest(TINY, 1000)
  hands = press(hands, "KeyW", true, 1130)
  hands = press(hands, "KeyW", false, 1140)
  hands = press(hands, "KeyD", true, 1290)
  const { rows, told, hands: next } = close(hands, 4, 1400)
  assert.deepEqual(heldOf(rows), ["", "forward", "right", "right"])
  assert.deepEqual(told, [
    { at: 1130, frame: 1, code: "KeyW" },
    { at: 1290, frame: 2, code: "KeyD" },
  ])
  assert.deepEqual(downNow(next), ["KeyD"])
  assert.deepEqual(heldOf(close(next, 2, 1500).rows), ["right", "right"])
})

test("however long a chunk took, every press is in it once, and in order", () => {
  for (const span of [0, 1, 750, 3000, 60_000]) {
    let hands = rest(TINY, 0)
    const codes = ["KeyW", "KeyA", "KeyS", "KeyD"]
    for (let number = 0; number < 40; number += 1) {
      const at = (span * number) / 40
      hands = press(hands, codes[number % 4], true, at)
      hands = press(hands, codes[number % 4], false, at + span / 100)
    }
    const { rows, told, hands: next } = close(hands, 12, span)
    assert.equal(told.length, 40)
    assert.deepEqual(
      told.map(({ frame }) => frame),
      told.map(({ frame }) => frame).sort((one, other) => one - other),
    )
    assert.ok(told.every(({ frame }) => rows[frame].held.length > 0))
    assert.deepEqual(downNow(next), [])
  }
})

test("what the mouse turned is turned in all, where the model can, and in the order of the hand", () => {
  let hands = rest(TINY, 0)
  for (let at = 0; at < 3000; at += 10) hands = turn(hands, at < 1500 ? 0.1 : -0.05, 3, at)
  const { rows } = close(hands, 12, 3000)
  const sum = rows.reduce((total, { yaw }) => total + yaw, 0)
  assert.ok(Math.abs(sum - (150 * 0.1 - 150 * 0.05)) < 0.01, String(sum))
  assert.ok(rows.slice(0, 6).every(({ yaw }) => yaw > 0) && rows.slice(6).every(({ yaw }) => yaw < 0))
  assert.ok(
    rows.every(({ pitch }) => pitch === 0),
    "it reads no pitch",
  )
  assert.equal(close(turn(rest(TINY, 0), 90, 0, 10), 1, 20).rows[0].yaw, 6)
  assert.equal(close(turn(rest(RUN, 0), 90, 0, 10), 1, 20).rows[0].yaw, 0)
})

test("arrow keys turn, sticks hold words, and of keys that exclude each other the last one counts", () => {
  let hands = press(rest(TINY, 0), "ArrowLeft", true, 5)
  hands = press(hands, "Pad:back", true, 6)
  assert.deepEqual(close(hands, 2, 10).rows[1], { held: ["back"], yaw: -3, pitch: 0 })
  let run = press(rest(RUN, 0), "KeyW", true, 1)
  run = press(run, "KeyA", true, 2)
  assert.deepEqual(heldOf(close(run, 1, 10).rows), ["left"])
  assert.equal(press(run, "KeyQ", true, 3), run)
  assert.equal(press(run, "KeyW", true, 3), run)
  assert.deepEqual(downNow(letGo(run, 5)), [])
})

test("rows are written as a track's document", () => {
  let hands = press(rest(TINY, 0), "KeyW", true, 0)
  hands = turn(hands, 1.23456, 0, 5)
  const { rows } = close(hands, 2, 10)
  assert.deepEqual(document(rows, "it rains"), {
    type: "track",
    version: 1,
    frames: 2,
    keys: { forward: [[0, 2]] },
    mouse: {
      yaw: [
        [0, 0],
        [1, 1.235],
      ],
    },
    prompts: [[0, "it rains"]],
  })
  assert.deepEqual(document(close(rest(TINY, 0), 3, 10).rows).mouse, {})
})

test("the next chunk is asked for in the time that the slowest of late took; too slow is said of the usual one", () => {
  assert.ok(lead(UNPACED) > 0 && !tooSlow(UNPACED, 750))
  const quick = [100, 120, 400, 110].reduce((pace, took) => paced(pace, took), UNPACED)
  assert.ok(lead(quick) >= 400 && usual(quick) === 110 && !tooSlow(quick, 750))
  const after = Array(6)
    .fill(100)
    .reduce((pace, took) => paced(pace, took), quick)
  assert.ok(lead(after) < 200)
  assert.ok(tooSlow(paced(paced(UNPACED, 3000), 2900), 750))
})

test("a key's picture is the frame after the one that is told of it", () => {
  const meters = makeMeters()
  meters.begin()
  meters.told([{ at: 100, frame: 3, code: "KeyW" }], 9)
  meters.saw(12, 900)
  assert.equal(meters.read(901).reaction, 0)
  meters.saw(13, 960)
  assert.equal(meters.read(961).reaction, 860)
  meters.told([{ at: 1000, frame: 0, code: "KeyW" }], 21)
  meters.forget()
  meters.saw(30, 2000)
  assert.deepEqual(meters.log.waits, [860])
})

test("the top view holds the whole way and keeps its shape", () => {
  const { at, scale } = fitted(
    [
      [0, 0, 0],
      [10, 0, 0],
      [10, 20, 0],
    ],
    { width: 120, height: 120 },
  )
  const [[left, low], [right], [, high]] = [at([0, 0, 0]), at([10, 0, 0]), at([10, 20, 0])]
  assert.ok(Math.abs(right - left - 10 * scale) < 1e-9 && Math.abs(low - high - 20 * scale) < 1e-9)
  for (const value of [left, right, low, high]) assert.ok(value >= 10 && value <= 110)
})
