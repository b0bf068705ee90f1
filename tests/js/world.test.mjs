// @ts-check
/** The world before a track: read from the graph, counted in chunks, walked to its end; unknown where nothing says it. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { chunkNumber, chunkStart, cutFor, extendedFrames, goingOn, leftOver } from "../../web/track/chunks.mjs"
import { chunkNear } from "../../web/track/moments.mjs"
import { canonical, EMPTY, write } from "../../web/track/timeline.mjs"
import { pastOf } from "../../web/track/past.mjs"
import { stepsBefore, worldBefore } from "../../web/kit/world.mjs"
import { WALKER } from "./any.mjs"
import { graphOf } from "./graph.mjs"

const MOMENTS = JSON.parse(readFileSync(new URL("../golden/moments/moments.json", import.meta.url), "utf8"))
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
const BEGUN = { form: "corrected", image: false }
const TELLER = {
  told: async (/** @type {string} */ file) => ({
    chunks: file === "gone" ? null : 2,
    track: AROUND,
    begun: BEGUN,
  }),
  followed: async () => TRUNK,
  canonical: async () => TRUNK,
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
  assert.deepEqual(
    [stepsBefore(nodes.trunk), stepsBefore(nodes.left)],
    [[{ begun: BEGUN }], [{ begun: BEGUN }, { track: { text: TRUNK } }]],
  )
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

test("a place to go back to is rounded to a chunk as the nodes round it", () => {
  for (const { text, chunks, most, chunk } of MOMENTS) assert.equal(chunkNear(text, WALKER, chunks, most), chunk, text)
})

test("takes that do the same again leave a world as long as it was; others begin where they are told", async () => {
  const nodes = graphOf(
    /** @type {any} */ ({
      ...BRANCHES,
      same: ["WMTakeWorld", { back_to: "-1s" }, { world: "second" }],
      after: ["WMActionTrack", { track: "" }, {}],
      third: ["WMRolloutWorld", {}, { world: "same", track: "after" }],
      again: ["WMActionTrack", { track: "forward*33" }, {}],
      other: ["WMTakeWorld", { back_to: "c2" }, { world: "second", track: "again" }],
      then: ["WMActionTrack", { track: "" }, {}],
      fourth: ["WMRolloutWorld", {}, { world: "other", track: "then" }],
      back: ["WMRewindWorld", { chunks: -1, back_to: "1s" }, { world: "second" }],
      last: ["WMActionTrack", { track: "" }, {}],
      fifth: ["WMRolloutWorld", {}, { world: "back", track: "last" }],
    }),
  )
  const known = async (/** @type {string} */ name) => {
    const world = await worldBefore(/** @type {any} */ (stepsBefore(nodes[name])), WALKER, TELLER)
    return [world?.chunks, world?.frames]
  }
  assert.deepEqual(await known("after"), [5, 57])
  assert.deepEqual(await known("again"), [2, 21])
  assert.deepEqual(await known("then"), [4, 45])
  assert.deepEqual(await known("last"), [2, 21])
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

test("a world that began otherwise is cut otherwise, by its Start World or by its file", async () => {
  /** @type {import("../../web/track/chunks.mjs").Variant} */
  const variant = {
    ...WALKER,
    first_chunk: 32,
    chunk: 32,
    cuts: [
      { form: "corrected", image: false, first_chunk: 29, chunk: 32 },
      { form: "as released", image: true, first_chunk: 29, chunk: 29 },
    ],
  }
  const seen = {
    ...BRANCHES,
    photo: ["LoadImage", {}, {}],
    second: ["WMRolloutWorld", {}, { world: "start", track: "left" }],
  }
  const [worded, pictured] = [{}, { image: "photo" }].map((inputs) =>
    graphOf(/** @type {any} */ ({ ...seen, start: ["WMStartWorld", { form: "as released" }, inputs] })),
  )
  assert.deepEqual(stepsBefore(worded.left), [{ begun: { form: "as released", image: false } }])
  const begun = { form: "as released", image: true }
  assert.deepEqual(stepsBefore(pictured.left), [{ begun }])
  pictured.photo.mode = 2 // muted: the host sends no picture
  assert.deepEqual(stepsBefore(pictured.left), stepsBefore(worded.left))
  const walked = { track: { text: TRUNK } }
  const frames = async (/** @type {any} */ step) => (await worldBefore([step, walked], variant, TELLER))?.frames
  assert.deepEqual(await Promise.all([frames({ begun }), frames({ begun: BEGUN })]), [29, 29])
  const [loaded, released] = await Promise.all(
    [[{ file: "walk" }], [{ begun }]].map((made) => worldBefore(made, variant, TELLER)),
  )
  assert.deepEqual([loaded?.begun, loaded?.frames, released?.frames], [BEGUN, 61, 0])
  const cut = cutFor(variant, BEGUN)
  assert.equal(cutFor(variant, { ...BEGUN }), cut)
  assert.deepEqual([cut.first_chunk, cut.chunk, cutFor(variant, null)], [29, 32, variant])
  assert.deepEqual([leftOver(cut, 61), leftOver(goingOn(cut, 1), 61), leftOver(cutFor(variant, begun), 58)], [0, 29, 0])
})
