// @ts-check
/** The table: every thing in a track has a row, and what is typed there is what the plot's commands do. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { tableRows, withFrame, withValue, withoutRow } from "../../web/track_editor/table.mjs"
import { EMPTY, canonical } from "../../web/track/timeline.mjs"
import { WALKER, anyTimeline } from "./any.mjs"

const TRACK = canonical({
  ...EMPTY,
  keys: {
    forward: [
      [4, 6],
      [20, 5],
    ],
  },
  yaw: [[3, 1.5, "smooth"]],
  prompts: [[9, "rain"]],
})
const [SPAN, , KEYFRAME, PROMPT] = tableRows(TRACK)

test("rows name spans, keyframes and prompts", () => {
  assert.deepEqual(
    tableRows(TRACK).map(({ of, frame, value }) => [of, frame, value]),
    [
      ["forward", 4, 6],
      ["forward", 20, 5],
      ["yaw", 3, 1.5],
      ["prompt", 9, "rain"],
    ],
  )
})

test("frames, lengths, values and texts are typed", () => {
  assert.deepEqual(withFrame(TRACK, WALKER, SPAN, "1").keys.forward, [
    [1, 6],
    [20, 5],
  ])
  assert.deepEqual(withValue(TRACK, WALKER, SPAN, "16").keys.forward, [[4, 21]])
  assert.deepEqual(withFrame(TRACK, WALKER, KEYFRAME, "7").yaw, [[7, 1.5, "smooth"]])
  assert.deepEqual(withValue(TRACK, WALKER, KEYFRAME, "-2.25").yaw, [[3, -2.25, "smooth"]])
  assert.deepEqual(withFrame(TRACK, WALKER, PROMPT, "30").prompts, [[30, "rain"]])
  assert.deepEqual(withValue(TRACK, WALKER, PROMPT, "fog").prompts, [[9, "fog"]])
})

test("what is no number changes nothing", () => {
  for (const typed of ["", " ", "x", "1.5", "NaN"]) assert.equal(withFrame(TRACK, WALKER, SPAN, typed), TRACK)
  for (const typed of ["", "x", "0", "-3"]) assert.equal(withValue(TRACK, WALKER, SPAN, typed), TRACK)
  assert.equal(withValue(TRACK, WALKER, KEYFRAME, "fast"), TRACK)
})

test("deleting every row leaves nothing", () => {
  for (let seed = 0; seed < 50; seed++) {
    const timeline = anyTimeline(seed)
    const left = tableRows(timeline).reduce(withoutRow, timeline)
    assert.deepEqual(tableRows(left), [])
    assert.equal(left.frames, timeline.frames)
  }
})
