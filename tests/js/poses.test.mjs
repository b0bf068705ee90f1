// @ts-check
/** Poses: where a walk leads, and that integrating only what changed changes nothing. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { firstChange, integrate, walking } from "../../web/track/poses.mjs"
import { sample } from "../../web/track/sample.mjs"
import { EMPTY, parse } from "../../web/track/timeline.mjs"
import { WALKER, anyEdit, anyTimeline, drawer } from "./any.mjs"

test("four straights and four quarter turns come back", () => {
  const keys = { forward: [0, 20, 40, 60].map((frame) => [frame, 10]) }
  const yaw = [0, 10, 20, 30, 40, 50, 60].map((frame, i) => [frame, 9 * (i % 2), "hold"])
  const { timeline } = parse(JSON.stringify({ type: "track", version: 1, frames: 70, keys, mouse: { yaw } }))
  const poses = integrate(timeline ?? EMPTY, walking(0.1))
  assert.ok(Math.hypot(poses.x[70], poses.z[70]) < 1e-6)
  assert.ok(Math.abs(poses.z[10] - 1) < 1e-9 && Math.abs(poses.x[30] - 1) < 1e-6)
})

test("poses from the first changed frame on are the same as from the start", () => {
  let reused = 0
  for (let seed = 0; seed < 300; seed++) {
    const [t, drawn] = [anyTimeline(seed), drawer(seed)]
    const edited = anyEdit(t, WALKER, drawn)
    const fresh = integrate(edited, walking(0.1))
    const again = integrate(edited, walking(0.1), integrate(t, walking(0.1)))
    reused += again.kept
    for (const name of /** @type {const} */ (["x", "z", "yaw", "pitch"])) assert.deepEqual(again[name], fresh[name])
  }
  assert.ok(reused > 3000)
  assert.equal(integrate(EMPTY, walking(0.2), integrate(EMPTY, walking(0.1))).kept, 0)
})

test("no row before the first change differs", () => {
  for (let seed = 0; seed < 300; seed++) {
    const t = anyTimeline(seed)
    const edited = anyEdit(t, WALKER, drawer(seed))
    const end = Math.min(firstChange(t, edited), t.frames, edited.frames)
    const [a, b] = [sample(t), sample(edited)]
    assert.deepEqual(a.yaw.slice(0, end), b.yaw.slice(0, end))
    for (const word of new Set([...Object.keys(t.keys), ...Object.keys(edited.keys)])) {
      const [one, other] = [a, b].map(({ keys, frames }) => (keys[word] ?? new Uint8Array(frames)).slice(0, end))
      assert.deepEqual(one, other)
    }
  }
})
