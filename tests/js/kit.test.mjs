// @ts-check
/** What both editors share: how numbers are written and typed, and how the time axis zooms. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { parseFrames, parseNumber } from "../../web/kit/fields.mjs"
import { comeAfter, forgetLeft, handOver, takeOver } from "../../web/kit/host.mjs"
import { fitting } from "../../web/kit/ground.mjs"
import { migrateViews } from "../../web/kit/first_views.mjs"
import { bounded, fit, fitRange, lastSeen, revealing, toFrame, toX, zoomAround } from "../../web/kit/ruler.mjs"
import { VALUE_WORDS as TRACK } from "../../web/track_editor/words.mjs"
import { noticeOf, reportless } from "../../web/kit/status.mjs"
import { angle, chunkSum, counted, decimal, signed, span, spanLength, time } from "../../web/kit/words.mjs"
import { firstFrame } from "../../web/track/chunks.mjs"
import { WALKER, drawer } from "./any.mjs"

const COLUMN = { first: 0, scale: 1, left: 104, width: 560 }

test("numbers are written as the artist reads them", () => {
  assert.deepEqual([signed(3.55), signed(-0.3), signed(0), signed(-0.001)], ["+3.55", "\u22120.30", "+0.00", "+0.00"])
  assert.deepEqual([time(11.0625), time(83.4), time(-2)], ["11.06", "1:23.4", "\u22122.00"])
  assert.deepEqual([time(59.99), time(59.999), time(60)], ["59.99", "1:00.0", "1:00.0"])
  assert.deepEqual([time(119.94), time(119.96), time(-3599.99)], ["1:59.9", "2:00.0", "\u221260:00.0"])
  assert.deepEqual([angle(-9), decimal(2.1)], ["\u22129.0\u00b0", "2.10"])
  assert.deepEqual([span(57, 81), span(57, 58), spanLength(36, 47)], ["57\u201380", "57", "36\u201346 \u00b7 11 f"])
  assert.equal(chunkSum(15, 9, 12), "15 chunks, 9 + 14 \u00d7 12")
  assert.deepEqual([counted(1, "frame"), counted(10_000, "frame")], ["1 frame", "10,000 frames"])
})

test("words wider than their room end with an ellipsis", () => {
  const context = /** @type {any} */ ({ measureText: (/** @type {string} */ text) => ({ width: 6 * text.length }) })
  assert.equal(fitting(context, "45.1 m", 36), "45.1 m")
  assert.equal(fitting(context, "45.1 m \u00b7 Square", 54), "45.1 m \u00b7\u2026")
  assert.equal(fitting(context, "Square", 0), "\u2026")
})

test("frames are typed as frames, seconds, chunks and changes", () => {
  const axis = { now: 40, fps: 16, chunkStart: (/** @type {number} */ chunk) => firstFrame(WALKER, chunk) }
  const typed = /** @type {[string, number | null][]} */ ([
    ["57", 57],
    [" 57f ", 57],
    ["3.5s", 56],
    ["1:01", 976],
    ["c5", 57],
    ["C0", 0],
    ["+12", 52],
    ["-12", 28],
    ["\u22121s", 24],
    ["*2", 80],
    ["", null],
    ["x", null],
    ["c", null],
    ["c1.5", null],
    ["*2s", null],
    ["5 7", 57],
    ["1e3", null],
  ])
  for (const [text, frame] of typed) assert.equal(parseFrames(text, axis), frame, text)
  assert.equal(parseFrames("2", { ...axis, plain: "seconds" }), 32)
  assert.deepEqual(
    ["1.5", "-2", "+0.5", "*3", "2,5", "4\u00b0", "a"].map((text) => parseNumber(text, 2)),
    [1.5, -2, 2.5, 6, 2.5, 4, null],
  )
})

test("zooming keeps the frame under the pointer still, within the track", () => {
  const { whole, draw } = drawer(2)
  for (let i = 0; i < 200; i++) {
    const frames = whole(20, 9000)
    let view = fit(COLUMN, frames)
    assert.ok(lastSeen(view) >= frames)
    for (let step = 0; step < 6; step++) {
      const x = COLUMN.left + draw() * COLUMN.width
      const before = view
      view = zoomAround(view, x, 0.5 + draw() * 2, frames)
      const free = bounded({ ...view, first: view.first }, frames)
      assert.deepEqual(view, free)
      const inside = view.first > 0 && lastSeen(view) < frames
      if (inside) assert.ok(Math.abs(toFrame(view, x) - toFrame(before, x)) < 1e-6)
    }
  }
})

test("a range fills the view, and the playhead is kept in sight", () => {
  const view = fitRange(COLUMN, [300, 420], 5000)
  assert.ok(toX(view, 300) >= COLUMN.left && toX(view, 420) <= COLUMN.left + COLUMN.width)
  assert.ok(toX(view, 420) - toX(view, 300) > COLUMN.width / 2)
  for (const frame of [0, 250, 360, 900, 4999]) {
    const seen = revealing(view, frame, 5000)
    assert.ok(frame >= seen.first && frame < lastSeen(seen))
  }
  assert.deepEqual(revealing(view, 360, 5000), view)
})

test("an editor takes over the view of the one on the same node, and of no other", () => {
  const node = { type: "WMCameraPath", id: "3", graph: { isRootGraph: true, id: "a" } }
  const within = { ...node, graph: { isRootGraph: false, id: "b" } }
  handOver(node, "outside")
  handOver(within, "within")
  assert.equal(takeOver({ ...node, type: "WMActionTrack" }), null)
  assert.deepEqual(
    [takeOver({ ...within }), takeOver({ ...node, graph: { isRootGraph: true, id: "c" } })],
    ["within", "outside"],
  )
  assert.equal(takeOver(node), null)
  handOver(node, "of another workflow")
  forgetLeft()
  assert.equal(takeOver(node), null)
})

test("in a subgraph the widget that comes after one on the same node removes it", () => {
  /** @type {string[]} */
  const removed = []
  const node = { type: "WMActionTrack", id: "3", graph: { isRootGraph: false, id: "b" } }
  const come = (/** @type {string} */ name, /** @type {any} */ on) => {
    const life = new AbortController()
    const widget = { onRemove: () => (removed.push(name), life.abort()) }
    comeAfter(on, widget, life.signal)
    return widget
  }
  come("first", node)
  come("of another node", { ...node, id: "4" })
  come("of another subgraph", { ...node, graph: { isRootGraph: false, id: "c" } })
  assert.deepEqual(removed, [])
  come("second", { ...node }).onRemove()
  assert.deepEqual(removed, ["first", "second"])
  come("third", node)
  assert.deepEqual(removed, ["first", "second"])
  const outside = { ...node, graph: { isRootGraph: true, id: "b" } }
  come("outside", outside)
  come("outside, too", outside)
  assert.deepEqual(removed, ["first", "second"], "elsewhere the host removes them")
})

test("what keeps a report away is said: a text that cannot be read, a model or a link that is not known yet", () => {
  const state = { problem: "", offline: "", linked: false, shown: null }
  assert.equal(reportless(/** @type {any} */ (state)), "")
  assert.match(reportless(/** @type {any} */ ({ ...state, problem: "no JSON" })), /text is mended/)
  assert.match(reportless(/** @type {any} */ ({ ...state, offline: "refused" })), /after the first run/)
  assert.match(reportless(/** @type {any} */ ({ ...state, linked: true })), /after the first run/)
})

test("a notice says once what the text is not", () => {
  const state = { failure: "", offline: "", linked: false, shown: null }
  const ways = /** @type {any} */ ({ copyIn() {}, learn() {} })
  for (const problem of ["Track text: no key 'fly'", "Track JSON: no key 'fly'"]) {
    const editor = /** @type {any} */ ({ state: { ...state, problem } })
    assert.match(/** @type {any} */ (noticeOf(editor, ways, TRACK)).text, /^no key 'fly'\./)
  }
})

test("nodes of the first Tiny World are given a level, also in subgraphs, and no others", () => {
  const view = { type: "WMTinyWorldView", widgets_values: [112, 0] }
  const recorded = { type: "WMRecordTinyWorld", widgets_values: [7, 2, "held", 9, 0, "fixed", 96, 64, false, "a"] }
  const present = { type: "WMTinyWorldView", widgets_values: [0, 40, "Lighthouse Square"] }
  const other = { type: "WMLoadWorldVAE", widgets_values: ["Tiny World", 0] }
  const workflow = { nodes: [view, present, other], definitions: { subgraphs: [{ nodes: [recorded] }] } }
  assert.deepEqual(migrateViews(workflow), [112, 7])
  assert.deepEqual(
    [view, recorded, present, other].map(({ widgets_values: values }) => values.at(-1)),
    ["random layout", "random layout", "Lighthouse Square", 0],
  )
  assert.deepEqual([...migrateViews(workflow), ...migrateViews(undefined)], [])
})
