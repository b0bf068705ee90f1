// @ts-check
/** What a change of a 10,000-frame track costs: the computations between a move of the pointer and the drawing. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { curveColumns } from "../../web/track_editor/draw_curves.mjs"
import { makeScene } from "../../web/track_editor/map_scene.mjs"
import { columnBoxes } from "../../web/kit/columns.mjs"
import { toX } from "../../web/kit/ruler.mjs"
import * as edits from "../../web/track/edits.mjs"
import { integrate } from "../../web/track/poses.mjs"
import { spansIn } from "../../web/track/sample.mjs"
import { EMPTY, canonical } from "../../web/track/timeline.mjs"
import { WALKER, drawer } from "./any.mjs"

/** @import { Timeline } from "../../web/track/timeline.mjs" */

const FRAMES = 10_000
const BATCHES = 15
const RUNS = 10
/** Milliseconds of processor time in the quickest batch: other work on the machine only makes batches slower. */
const REDRAW = 4
const COLUMN = 560
const VIEW = { first: 0, scale: COLUMN / FRAMES, left: 104, width: COLUMN }
const LAYOUT = /** @type {any} */ ({ view: VIEW, curve: { top: 200, height: 112 }, range: 4.7 })
const AREA = { left: 0, top: 26, width: 214, height: 220 }

/** A long walk: 2,000 spans in four lanes, 2,000 keyframes. @returns {Timeline} */
function longTrack() {
  const { draw, whole, one } = drawer(1)
  const words = WALKER.keyboard.words
  const lane = () => Array.from({ length: 500 }, (_, i) => /** @type {const} */ ([20 * i, whole(1, 19)]))
  const curve = Array.from({ length: 2000 }, (_, i) => {
    return /** @type {const} */ ([5 * i, draw() * 8 - 4, one(/** @type {const} */ (["linear", "smooth"]))])
  })
  const keys = Object.fromEntries(words.map((word) => [word, lane()]))
  return canonical({ ...EMPTY, frames: FRAMES, keys, yaw: curve })
}

/** @param {(run: number) => void} work @returns {number} milliseconds per run */
function quickest(work) {
  let least = Infinity
  for (let batch = 0; batch < BATCHES; batch++) {
    const before = process.cpuUsage()
    for (let run = 0; run < RUNS; run++) work(batch * RUNS + run)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000 / RUNS)
  }
  return least
}

/** @param {Timeline} timeline */
function draw(timeline) {
  for (const word of WALKER.keyboard.words) {
    const spans = spansIn(timeline.keys[word] ?? [], 0, FRAMES)
    columnBoxes(spans, (frame) => toX(VIEW, frame), VIEW.left, VIEW.left + COLUMN)
  }
  curveColumns(LAYOUT, timeline.yaw, 0, FRAMES)
  curveColumns(LAYOUT, timeline.pitch, 0, FRAMES)
}

test("drawing again takes well below 4 ms of computation", () => {
  const timeline = longTrack()
  const least = quickest(() => draw(timeline))
  assert.ok(least < REDRAW / 2, `${least} ms`)
})

test("a drag with the map takes few milliseconds a step", () => {
  const timeline = longTrack()
  const start = timeline.yaw[600][0]
  let poses = integrate(timeline, WALKER.motion)
  const least = quickest((run) => {
    const by = { frames: 0, value: 0.05 * (1 + (run % 40)) }
    const moved = edits.moveKeyframes(timeline, [["yaw", start]], by).timeline
    edits.snap(5000, { mode: "chunk", pixels: VIEW.scale, variant: WALKER, edges: edits.snapEdges(moved, run) })
    draw(moved)
    poses = integrate(moved, WALKER.motion, poses)
    makeScene({ poses, variant: WALKER, fps: 16, area: AREA })
  })
  assert.ok(least < 2 * REDRAW, `${least} ms`)
})

test("a span moves in a fraction of that", () => {
  const timeline = longTrack()
  const refs = /** @type {const} */ ([["forward", 2000]])
  const least = quickest((run) => edits.moveSpans(timeline, WALKER, refs, { frames: 1 + run }))
  assert.ok(least < REDRAW / 2, `${least} ms`)
})
