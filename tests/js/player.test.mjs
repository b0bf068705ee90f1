// @ts-check
/** The player's rules: which frame is due, which chunk is played while a walk is made, what is kept, what is held. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { makeCache } from "../../web/player/cache.mjs"
import { makeClock, nextSpeed, standsAt, within } from "../../web/player/clock.mjs"
import { barFrame, barX } from "../../web/player/draw_bar.mjs"
import { makeFollow } from "../../web/player/follow.mjs"
import { keysOfRuns, keysOfTimeline } from "../../web/player/held.mjs"
import { pushSource } from "../../web/player/pushed.mjs"
import { ready, reelSource, stripAt } from "../../web/player/reel.mjs"
import { EMPTY, canonical } from "../../web/track/timeline.mjs"

test("the clock keeps its place through pauses and changes of speed and rate", () => {
  const clock = makeClock(16)
  assert.equal(clock.at(5000), 0)
  clock.play(1000)
  assert.equal(clock.at(1500), 8)
  clock.setSpeed(4, 1500)
  assert.equal(clock.at(2000), 40)
  clock.setRate(8, 2000)
  assert.equal(clock.at(2250), 48)
  clock.pause(2265)
  assert.equal(clock.at(9000), 48, "it rests on a whole frame")
  clock.seek(10, 9000)
  clock.play(9000)
  assert.equal(clock.at(9500), 26)
  assert.deepEqual([nextSpeed(1, 1), nextSpeed(4, 1), nextSpeed(0.25, -1), nextSpeed(0.5, -1)], [2, 4, 0.25, 0.25])
})

test("at the end it rests, begins anew, or is due at once when there is more", () => {
  const span = { from: 9, end: 21 }
  assert.deepEqual(within(12.7, { ...span, then: "stop" }), { frame: 12, place: 12.7, over: false })
  assert.deepEqual(within(2, { ...span, then: "stop" }).frame, 9)
  assert.deepEqual(within(21.2, { ...span, then: "stop" }), { frame: 20, place: 20, over: true })
  assert.deepEqual(within(22.5, { ...span, then: "loop" }), { frame: 10, place: 10.5, over: true })
  assert.deepEqual(within(1000, { ...span, then: "wait" }), { frame: 20, place: 21, over: true })
  const late = [21, 21.5, 22, 21.2].reduce(
    (stood, position) => [...stood, standsAt(position, 21, stood.at(-1) ?? false)],
    /** @type {boolean[]} */ ([]),
  )
  assert.deepEqual(late, [false, false, true, true], "what comes a moment too late is made up for")
  assert.deepEqual(within(3, { from: 0, end: 0, then: "loop" }), { frame: 0, place: 0, over: true })
})

test("while a walk is made, chunks are played whole, the newest next, and over again when there is no other", () => {
  const pieces = [{ first: 0, count: 9 }]
  const follow = makeFollow()
  assert.equal(follow.begin([], 0), 0)
  assert.equal(follow.arrived(pieces, 9), 0, "the first one is played when it comes")
  pieces.push({ first: 9, count: 12 })
  assert.equal(follow.arrived(pieces, 21), null, "what is played is played to its end")
  pieces.push({ first: 21, count: 12 })
  assert.equal(follow.over(pieces, 33), 21, "then the newest, though one was left out")
  assert.deepEqual([follow.over(pieces, 33), follow.over(pieces, 33)], [21, 21])
  pieces.push({ first: 33, count: 12 })
  assert.equal(follow.arrived(pieces, 45), 33, "one that was seen does not keep the next one")
  assert.deepEqual([follow.from, follow.end], [33, 45])
})

test("the cache lets go of what was not looked at for longest, and gives it back", () => {
  /** @type {string[]} */
  const left = []
  const cache = makeCache(30, (/** @type {string} */ thing) => left.push(thing))
  for (const name of ["a", "b", "c"]) cache.put(name, name.toUpperCase(), 10)
  assert.equal(cache.get("a"), "A")
  cache.put("d", "D", 10)
  assert.deepEqual([left, cache.bytes, cache.get("b")], [["B"], 30, undefined])
  cache.put("a", "A2", 5)
  assert.deepEqual([left, cache.bytes], [["B", "A"], 25])
  cache.put("huge", "HUGE", 99)
  assert.deepEqual([left, cache.size, cache.bytes], [["B", "A", "C", "D", "A2"], 1, 99])
  cache.clear()
  assert.deepEqual([left[5], cache.size, cache.bytes], ["HUGE", 0, 0])
})

test("a frame is found in its strip", () => {
  const strips = [
    { first: 0, count: 9 },
    { first: 9, count: 12 },
    { first: 21, count: 16 },
  ]
  assert.deepEqual(
    [0, 8, 9, 20, 21, 36, 37, -1].map((frame) => stripAt(strips, frame)),
    [0, 0, 1, 1, 2, 2, -1, -1],
  )
  assert.equal(stripAt([], 0), -1)
})

test("strips are fetched when they are wanted, a few ahead, once, and all are given back", async () => {
  /** @type {string[]} */
  const asked = []
  let closed = 0
  const load = async (/** @type {string} */ url) => {
    asked.push(url)
    if (url === "gone") throw new Error("404")
    return /** @type {any} */ ({ width: 40, height: 30, close: () => (closed += 1) })
  }
  const strip = (/** @type {number} */ index) => ({
    first: 12 * index,
    count: 12,
    url: index === 6 ? "gone" : `${index}`,
  })
  const source = reelSource({ width: 10, height: 10, columns: 4, strips: [0, 1, 2, 3, 4, 5].map(strip) }, load)
  let news = 0
  source.onChange(() => (news += 1))
  assert.deepEqual([source.frames, source.look(30)], [72, null])
  source.want(30, 2)
  source.want(30, 2)
  await new Promise((done) => setTimeout(done))
  assert.deepEqual([asked, news], [["2", "3", "4"], 3])
  const { x, y } = /** @type {any} */ (source.look(24 + 6))
  assert.deepEqual([x, y], [20, 10])
  source.add(strip(6))
  assert.equal(source.frames, 84)
  source.want(80, 2)
  await new Promise((done) => setTimeout(done))
  source.want(80, 2)
  assert.deepEqual([asked.filter((url) => url === "gone").length, source.lost, source.look(80)], [1, true, null])
  source.want(18, 2)
  await new Promise((done) => setTimeout(done))
  assert.deepEqual(asked.slice(4), ["1", "0"], "going back, it fetches what lies before")
  source.close()
  assert.deepEqual([closed, ready.size], [5, 0])
  source.want(60, 5)
  assert.equal(asked.length, 6)
})

test("frames that are pushed are kept as long as there is room, and can be taken back", () => {
  let closed = 0
  const frame = () => /** @type {any} */ ({ width: 10, height: 10, close: () => (closed += 1) })
  const source = pushSource({ most: 400 * 10 })
  source.push(frame(), frame())
  source.push(frame())
  assert.deepEqual([source.frames, source.width, source.pieces.length], [3, 10, 2])
  for (let i = 0; i < 12; i++) source.push(frame())
  assert.deepEqual([source.frames, closed, source.look(4), source.look(5) !== null], [15, 5, null, true])
  source.cut(12)
  assert.deepEqual([source.frames, closed, source.look(12)], [12, 8, null])
  source.push(frame())
  assert.equal(source.frames, 13)
  source.clear()
  assert.deepEqual([source.frames, closed, source.pieces.length], [0, 16, 0])
})

test("what was held is known at every frame, from runs and from a track", () => {
  const runs = keysOfRuns({
    words: ["forward", "left"],
    keys: { forward: [[0, 9]], left: [[4, 2]] },
    turns: [
      [0, 0, 0],
      [5, -3, 1],
      [8, 0, 0],
    ],
  })
  assert.deepEqual(runs.at(5), { held: ["forward", "left"], yaw: -3, pitch: 1 })
  assert.deepEqual([runs.at(8), runs.at(9).held, runs.reach], [{ held: ["forward"], yaw: 0, pitch: 0 }, [], 3])
  const track = canonical({ ...EMPTY, keys: { left: [[4, 2]] }, yaw: [[2, 1.5, "hold"]] })
  const keys = keysOfTimeline(track, ["forward", "left"])
  assert.deepEqual([keys.at(4), keys.at(6).held, keys.reach], [{ held: ["left"], yaw: 1.5, pitch: 0 }, [], 1.5])
})

test("a place on the bar is a frame, and a frame a place", () => {
  for (const frames of [2, 57, 500]) {
    for (const frame of [0, 1, frames - 1]) assert.equal(barFrame(barX(frame, frames, 400), frames, 400), frame)
    assert.deepEqual([barFrame(-50, frames, 400), barFrame(900, frames, 400)], [0, frames - 1])
  }
})
