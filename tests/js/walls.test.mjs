// @ts-check
/** Walks between walls that Python has walked (scripts/golden_walls.py): JavaScript does the same. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { integrate, walking } from "../../web/track/poses.mjs"
import { EMPTY, canonical, parse } from "../../web/track/timeline.mjs"
import { fits, inPlan, laid, runsOf, walkWithin, withinWalls } from "../../web/track/walls.mjs"

const { every, walks } = JSON.parse(readFileSync(new URL("../golden/tracks/walls.json", import.meta.url), "utf8"))

for (const { text, canonical: written, plan, poses, bumped } of walks)
  test(`walls stop a walk in ${plan.title} as the engine's do`, () => {
    const timeline = /** @type {import("../../web/track/timeline.mjs").Timeline} */ (parse(written).timeline)
    const ground = laid(plan)
    const walked = walkWithin(integrate(timeline, walking(0.1235)), ground)
    assert.deepEqual(
      [...walked.bumped].flatMap((one, frame) => (one ? [frame] : [])),
      bumped,
      text,
    )
    poses.forEach((/** @type {number[]} */ pose, /** @type {number} */ i) => {
      const { x, z, yaw } = inPlan(ground, {
        x: walked.x[i * every],
        z: walked.z[i * every],
        yaw: walked.yaw[i * every],
      })
      for (const [part, value] of [x, z, yaw].entries()) assert.ok(Math.abs(value - pose[part]) < 1e-6, `${i} ${part}`)
    })
    assert.deepEqual(runsOf(withinWalls(walked, timeline.frames, ground)), [], "no frame of it is within a wall")
  })

test("a path lies where its stance and the plan's are one", () => {
  const [{ plan }] = walks
  const here = { x: 2, z: -1, yaw: 0.4 }
  const { x, z, yaw } = inPlan(laid(plan, here), here)
  plan.start.forEach((/** @type {number} */ value, /** @type {number} */ i) =>
    assert.ok(Math.abs([x, z, yaw][i] - value) < 1e-9),
  )
})

test("a walk that walls do not meet is the walk that was asked for", () => {
  const open = { ...walks[0].plan, cells: walks[0].plan.cells.map((/** @type {string} */ row) => row.toLowerCase()) }
  const asked = integrate(
    canonical({ ...EMPTY, frames: 40, keys: { forward: [[0, 40]], left: [[9, 9]] } }),
    walking(0.1),
  )
  const walked = walkWithin(asked, laid(open))
  assert.deepEqual([walked.x, walked.z], [asked.x, asked.z])
  assert.ok(!fits(walks[0].plan, 1, 1) && fits(walks[0].plan, 4, 4))
})

test("marked frames are told in runs", () => {
  assert.deepEqual(runsOf(Uint8Array.from([1, 1, 0, 1, 0, 0, 1])), [
    [0, 2],
    [3, 4],
    [6, 7],
  ])
})
