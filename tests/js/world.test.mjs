// @ts-check
/** The world before a track: read from the graph, counted in chunks, walked to its end; unknown where nothing says it. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { chunkNumber, chunkStart, extendedFrames, goingOn, leftOver } from "../../web/track/chunks.mjs"
import { canonical, EMPTY, write } from "../../web/track/timeline.mjs"
import { pastOf } from "../../web/track_editor/past.mjs"
import { stepsBefore, worldBefore } from "../../web/kit/world.mjs"
import { WALKER } from "./any.mjs"

const TRUNK = write(canonical({ ...EMPTY, frames: 33, keys: { forward: [[0, 33]] } }))
const AROUND = write(
  canonical({
    ...EMPTY,
    frames: 26,
    yaw: [
      [0, 90, "hold"],
      [1, 0, "linear"],
    ],
  }),
)
const TELLER = {
  told: async (/** @type {string} */ file) => ({ chunks: file === "gone" ? null : 2, track: AROUND }),
  followed: async () => TRUNK,
  canonical: async () => TRUNK,
}

/**
 * Wire nodes up: each is its kind, its widgets, and where its inputs come from.
 * @param {Record<string, [type: string, widgets: Record<string, any>, inputs: Record<string, string>]>} described
 */
function graphOf(described) {
  /** @type {Record<string, any>} */
  const nodes = {}
  /** @type {Record<number, any>} */
  const links = {}
  const graph = { links, getNodeById: (/** @type {string} */ id) => nodes[id] }
  for (const [id, [type, widgets]] of Object.entries(described))
    nodes[id] = {
      id,
      type,
      graph,
      mode: 0,
      inputs: [],
      outputs: [{ links: [] }],
      widgets: Object.entries(widgets).map(([name, value]) => ({ name, value })),
    }
  let next = 1
  for (const [id, [, , inputs]] of Object.entries(described))
    for (const [name, from] of Object.entries(inputs)) {
      links[next] = { origin_id: from, target_id: id, target_slot: nodes[id].inputs.length }
      nodes[id].inputs.push({ name, link: next })
      nodes[from].outputs[0].links.push(next++)
    }
  return nodes
}

const BRANCHES = /** @type {const} */ ({
  start: ["WMStartWorld", {}, {}],
  trunk: ["WMActionTrack", { track: TRUNK }, {}],
  first: ["WMRolloutWorld", {}, { world: "start", track: "trunk" }],
  way: ["Reroute", {}, { "": "first" }],
  left: ["WMActionTrack", { track: "forward*24" }, {}],
  second: ["WMRolloutWorld", {}, { world: "way", track: "left" }],
})

test("the graph says what a world is made of, and how long it is", async () => {
  const nodes = graphOf(/** @type {any} */ (BRANCHES))
  assert.deepEqual([stepsBefore(nodes.trunk), stepsBefore(nodes.left)], [[], [{ track: { text: TRUNK } }]])
  const world = await worldBefore(/** @type {any} */ (stepsBefore(nodes.left)), WALKER, TELLER)
  assert.deepEqual([world?.chunks, world?.frames], [3, 33])
})

test("a world is rewound, loaded and followed along a path", async () => {
  const nodes = graphOf(
    /** @type {any} */ ({
      ...BRANCHES,
      path: ["WMCameraPath", { path: "{}", model: "Tiny World", fps: 0 }, {}],
      loaded: ["WMLoadWorld", { world_file: "walk" }, {}],
      walked: ["WMRolloutWorld", {}, { world: "loaded", track: "path" }],
      back: ["WMRewindWorld", { chunks: -1 }, { world: "walked" }],
      more: ["WMActionTrack", { track: "" }, {}],
      third: ["WMRolloutWorld", {}, { world: "back", track: "more" }],
    }),
  )
  const made = stepsBefore(nodes.more)
  assert.deepEqual(made, [{ file: "walk" }, { track: { path: "{}", model: "Tiny World", fps: 0 } }, { rewind: -1 }])
  const world = await worldBefore(/** @type {any} */ (made), WALKER, TELLER)
  assert.deepEqual([world?.chunks, world?.frames], [3, 33])
  assert.deepEqual(
    world?.walked.map(({ frames }) => frames),
    [21, 12],
  )
  const { x, z, end } = pastOf(/** @type {any} */ (world), WALKER.motion)
  assert.equal(x.length, 34)
  assert.ok(Math.abs(end.yaw - Math.PI / 2) < 1e-9 && Math.abs(end.x - 12 * 0.1235) < 1e-9 && Math.abs(z[33]) < 1e-9)
})

test("nothing is known of a world that the graph does not tell of", async () => {
  const nodes = graphOf(
    /** @type {any} */ ({
      ...BRANCHES,
      loose: ["WMActionTrack", { track: "" }, {}],
      joined: ["WMJoinTracks", {}, {}],
      unsaid: ["WMRolloutWorld", {}, { world: "start", track: "joined" }],
      other: ["WMActionTrack", { track: "" }, {}],
      both: ["WMRolloutWorld", {}, { world: "unsaid", track: "other" }],
      two: ["WMRolloutWorld", {}, { world: "start", track: "left" }],
    }),
  )
  assert.deepEqual([nodes.loose, nodes.other, nodes.left].map(stepsBefore), [null, null, null])
  assert.equal(await worldBefore([{ file: "gone" }], WALKER, TELLER), null)
  assert.equal(await worldBefore([{ file: "walk" }, { rewind: -3 }], WALKER, TELLER), null)
})

test("where a world goes on all chunks are of one length, and have the numbers of the world", () => {
  const placed = goingOn(WALKER, 3)
  assert.equal(goingOn(WALKER, 3), placed)
  assert.equal(goingOn(WALKER, 0), WALKER)
  assert.deepEqual([leftOver(WALKER, 24), leftOver(placed, 24), extendedFrames(placed, 25)], [3, 0, 36])
  assert.deepEqual([chunkNumber(placed, 1), chunkStart(placed, 4), chunkStart(placed, 1)], [4, 12, 0])
  assert.deepEqual([placed.frames_before, chunkStart(WALKER, 1)], [33, 9])
})
