// @ts-check
/** The path map's geometry: the whole walk is inside, nothing that is seen is thinned away, visits are counted. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { makeScene, nearestFrame, placeOf, revisits, waysOf } from "../../web/track_editor/map_scene.mjs"
import { integrate } from "../../web/track/poses.mjs"
import { EMPTY, canonical } from "../../web/track/timeline.mjs"
import { WALKER, anyTimeline } from "./any.mjs"

/** @import { Timeline } from "../../web/track/timeline.mjs" */

const AREA = { left: 10, top: 20, width: 200, height: 150 }
const STEP = WALKER.step_metres

/** @param {Timeline} timeline @param {Partial<Parameters<typeof makeScene>[0]>} [more] */
function sceneOf(timeline, more) {
  return makeScene({ poses: integrate(timeline, WALKER.motion), variant: WALKER, fps: 16, area: AREA, ...more })
}

/** @param {Timeline} timeline */
function revisitsOf(timeline) {
  const poses = integrate(timeline, WALKER.motion)
  return revisits(poses, waysOf(poses, poses.frames), 3 * STEP)
}

/** @param {[number, number]} point @param {number[]} line its two ends */
function distance([x, y], [ax, ay, bx, by]) {
  const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1
  const along = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
  return Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y)
}

/** Walk ahead and turn evenly. @param {number} frames @param {number} turn degrees per frame */
function circle(frames, turn) {
  return canonical({ ...EMPTY, frames, keys: { forward: [[0, frames]] }, yaw: [[0, turn, "linear"]] })
}

test("every frame lies inside the map", () => {
  for (let seed = 0; seed < 100; seed++) {
    const scene = sceneOf(anyTimeline(seed))
    for (let frame = 0; frame < scene.frames; frame++) {
      const [x, y] = placeOf(scene, frame)
      assert.ok(x >= AREA.left && x <= AREA.left + AREA.width && y >= AREA.top && y <= AREA.top + AREA.height)
    }
  }
})

test("a thinned path passes every place within 0.7 px", () => {
  for (const timeline of [circle(400, 0.9), circle(1000, 3.1), anyTimeline(3), anyTimeline(8)]) {
    const scene = sceneOf(timeline)
    const lines = scene.runs.flatMap(({ points }) => points.slice(3).map((_, i) => points.slice(i, i + 4)))
    for (let frame = 0; frame < scene.frames && lines.length; frame++) {
      const apart = lines.map((line, i) => (i % 2 ? Infinity : distance(placeOf(scene, frame), line)))
      assert.ok(Math.min(...apart) <= 0.7)
    }
  }
})

test("a long track in a small map is a short path", () => {
  const scene = sceneOf(circle(10_000, 0.02))
  assert.ok(scene.runs.reduce((sum, run) => sum + run.points.length / 2, 0) < 1500)
  assert.ok(Math.abs(scene.metres - 9_999 * STEP) < 1e-6 && scene.fastest === STEP * 16)
})

test("a fit is kept while the walk stays inside, and not longer", () => {
  const scene = sceneOf(circle(57, 1))
  assert.equal(sceneOf(circle(50, 1), { keep: scene.fit }).fit, scene.fit)
  assert.notEqual(sceneOf(circle(900, 0.1), { keep: scene.fit }).fit, scene.fit)
})

test("the nearest frame is found by its place", () => {
  const scene = sceneOf(circle(57, 3))
  for (const frame of [0, 20, 56]) {
    const [x, y] = placeOf(scene, frame)
    assert.equal(nearestFrame(scene, x + 0.1, y), frame)
  }
  assert.equal(nearestFrame(scene, -500, 0), null)
  assert.equal(nearestFrame(sceneOf(EMPTY), ...placeOf(sceneOf(EMPTY), 0)), 0)
})

test("ground that is walked again is found, for the how manieth time", () => {
  assert.deepEqual(revisitsOf(circle(100, 0)), [])
  const found = revisitsOf(circle(360, 3))
  assert.equal(found.length, 1)
  assert.equal(found[0].times, 3)
  assert.ok(found[0].from > 115 && found[0].from <= 121 && found[0].to === 360)
  const still = canonical({ ...EMPTY, frames: 200, keys: { forward: [[0, 20]] } })
  assert.deepEqual(revisitsOf(still), [])
})

test("a walk there and back is one revisit of the way back", () => {
  const there = canonical({ ...EMPTY, frames: 121, keys: { forward: [[0, 60]], back: [[60, 60]] } })
  const scene = sceneOf(there)
  assert.deepEqual([scene.revisits.length, scene.revisits[0].times, scene.revisits[0].to], [1, 2, 121])
  assert.ok(scene.revisits[0].from > 60 && scene.revisits[0].from < 80)
})

test("chunk starts have chevrons unless they would lie on each other", () => {
  assert.deepEqual(sceneOf(circle(57, 0)).chunkStarts, [9, 21, 33, 45])
  assert.ok(sceneOf(circle(10_000, 0.02)).chunkStarts.length < 100)
  assert.equal(sceneOf(EMPTY).chunkStarts.length, 1)
})
