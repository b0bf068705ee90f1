// @ts-check
/** The place that a track is walked in: read from the graph, and the ground laid where the track or the path begins. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { placeBefore } from "../../web/kit/place.mjs"
import { stepsBefore } from "../../web/kit/world.mjs"
import { COMMON } from "../../web/kit/state.mjs"
import { append, setLook } from "../../web/path/edits.mjs"
import { EMPTY as EMPTY_PATH } from "../../web/path/path.mjs"
import { groundedCache } from "../../web/path_editor/grounded.mjs"
import { START, drawnCache } from "../../web/path_editor/state.mjs"
import { backgroundOf } from "../../web/track_editor/state.mjs"
import { pastBefore, pastOf } from "../../web/track/past.mjs"
import { canonical, EMPTY, write } from "../../web/track/timeline.mjs"
import { inPlan, laid, withinWalls } from "../../web/track/walls.mjs"
import { WALKER } from "./any.mjs"
import { graphOf } from "./graph.mjs"

const { walks } = JSON.parse(readFileSync(new URL("../golden/tracks/walls.json", import.meta.url), "utf8"))
const [{ plan }] = walks
const VIEW = { world_seed: 7, place: 2, level: "Neon Corner" }
const GRAPH = {
  view: ["WMTinyWorldView", VIEW, {}],
  start: ["WMStartWorld", {}, { image: "view" }],
  trunk: ["WMActionTrack", {}, {}],
  first: ["WMRolloutWorld", {}, { world: "start", track: "trunk" }],
  saved: ["WMSaveWorld", {}, { world: "first" }],
  more: ["WMActionTrack", {}, {}],
  second: ["WMRolloutWorld", {}, { world: "saved", track: "more" }],
}
const ahead = canonical({ ...EMPTY, frames: 200, keys: { forward: [[0, 200]] } })

test("the graph says in which place a track is walked", () => {
  const nodes = graphOf(/** @type {any} */ (GRAPH))
  assert.deepEqual([nodes.trunk, nodes.more].map(placeBefore), [VIEW, VIEW])
  const filmed = graphOf(
    /** @type {any} */ ({
      track: ["WMActionTrack", {}, {}],
      view: ["WMTinyWorldView", { world_seed: 3, place: 0 }, { track: "track" }],
    }),
  )
  assert.deepEqual(placeBefore(filmed.track), { level: null, world_seed: 3, place: 0 })
})

test("a world that is connected to the track's own node is the one it goes on in", async () => {
  const nodes = graphOf(
    /** @type {any} */ ({
      ...GRAPH,
      trunk: ["WMActionTrack", { track: write(ahead) }, {}],
      own: ["WMActionTrack", {}, { world: "saved" }],
      join: ["WMJoinTracks", {}, { tracks: "own" }],
    }),
  )
  assert.deepEqual(placeBefore(nodes.own), VIEW)
  assert.deepEqual(stepsBefore(nodes.own), [
    { begun: { form: "corrected", image: true } },
    { track: { text: write(ahead) } },
  ])
})

test("no place is known where the graph names none, or two", () => {
  const nodes = graphOf(
    /** @type {any} */ ({
      ...GRAPH,
      other: ["WMTinyWorldView", { world_seed: 8, place: 0 }, { track: "trunk" }],
      loose: ["WMActionTrack", {}, {}],
      photo: ["WMStartWorld", {}, { image: "picture" }],
      picture: ["LoadImage", {}, {}],
      walk: ["WMActionTrack", {}, {}],
      third: ["WMRolloutWorld", {}, { world: "photo", track: "walk" }],
    }),
  )
  assert.deepEqual([nodes.trunk, nodes.loose, nodes.walk].map(placeBefore), [null, null, null])
  nodes.view.mode = 4
  assert.equal(placeBefore(nodes.more), null)
})

test("a world's past ends before the wall that stops it, and a path that goes on begins there", () => {
  const ground = laid(plan)
  const world = { begun: null, chunks: 16, frames: 189, walked: [{ timeline: ahead, frames: 189 }] }
  const past = pastOf(world, WALKER.motion, ground)
  assert.ok(past.end.z < pastOf(world, WALKER.motion).end.z - 3, "it goes through the wall")
  assert.equal(withinWalls(past, past.x.length, ground).indexOf(1), -1)
  const begin = { x: 2, z: 3, yaw: 0.7 }
  const before = pastBefore(past, begin)
  assert.ok(Math.hypot(before.x[189] - 2, before.z[189] - 3) < 1e-9)
  assert.ok(Math.abs(Math.hypot(before.x[0] - 2, before.z[0] - 3) - Math.hypot(past.end.x, past.end.z)) < 1e-6)
})

test("a camera path is laid into the place by its first pose, and its frames within walls are found", () => {
  const pace = { step: 0.1235, turn: null }
  const first = append(EMPTY_PATH, [5, 0, -2], pace)
  const turned = setLook(first.path, [0], [90, 0])
  const { path } = append(turned, [25, 0, -2], pace)
  const known = { place: VIEW, plan }
  const state = /** @type {any} */ ({ ...START, ...COMMON, path, variant: WALKER, ground: known })
  const drawn = drawnCache()(state)
  const { ground, within, past } = groundedCache()(state, drawn)
  const begin = inPlan(/** @type {any} */ (ground), { x: 5, z: -2, yaw: Math.PI / 2 })
  plan.start.forEach((/** @type {number} */ value, /** @type {number} */ i) =>
    assert.ok(Math.abs([begin.x, begin.z, begin.yaw][i] - value) < 1e-6),
  )
  assert.equal(past, null)
  assert.ok(within && within[0] === 0 && within.includes(1), "twenty metres ahead there is a wall")
})

test("what a node keeps of a picture is read, and nothing else", () => {
  const kept = { image: "plan.png", centre: [1, -2], width: 12, opacity: 0.5 }
  assert.deepEqual(backgroundOf(kept), kept)
  assert.deepEqual(backgroundOf({ ...kept, width: -3, opacity: 4 }), { ...kept, width: 0.001, opacity: 1 })
  for (const wrong of [null, {}, { ...kept, centre: [1] }, { ...kept, width: "12" }, { ...kept, image: "" }])
    assert.equal(backgroundOf(wrong), null)
})
