// @ts-check
/** What an Action Track's editor knows: the range stays in the track, and Shift with an arrow key stretches it. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { stretched } from "../../web/track_editor/gesture_time.mjs"
import { START, settled } from "../../web/track_editor/state.mjs"
import { WORDS } from "../../web/track_editor/words.mjs"
import { paint, setFrames } from "../../web/track/edits.mjs"
import { EMPTY } from "../../web/track/timeline.mjs"
import { WALKER } from "./any.mjs"

test("a range ends with what there is to see", () => {
  const shortened = setFrames(EMPTY, 45)
  const ranged = (/** @type {typeof EMPTY} */ timeline, /** @type {[number, number]} */ range) =>
    settled({ ...START, timeline, range }).range
  assert.deepEqual(ranged(shortened, [33, 57]), [33, 45])
  assert.equal(ranged(shortened, [45, 57]), null)
  assert.deepEqual(ranged(paint(shortened, WALKER, "forward", 40, 12), [33, 57]), [33, 52], "the tail can be chosen")
  assert.deepEqual(ranged(shortened, [3, 12]), [3, 12])
})

test("Shift with the arrows stretches the range on the playhead's side", () => {
  /** @type {(range: [number, number] | null, playhead: number, ...steps: number[]) => [number, number] | null} */
  const after = (range, playhead, ...steps) => {
    for (const by of steps) {
      const next = stretched(range, playhead, by, 57)
      range = next.range
      playhead = Math.min(56, next.at)
    }
    return range
  }
  assert.deepEqual(after(null, 10, 1, 1, 1), [10, 13])
  assert.deepEqual(after(null, 10, -1, -1), [8, 10])
  assert.equal(after(null, 10, 1, -1), null)
  assert.deepEqual(after(null, 10, 1, -1, -1), [9, 10])
  assert.deepEqual(after([10, 11], 10, 1, 1), [10, 13], "one frame at the playhead")
  assert.deepEqual(after(null, 56, 1, 1), [56, 57], "nothing lies behind the end")
  assert.deepEqual(after(null, 0, -1, -1, 1, 1), [0, 2])
})

test("one frame after the end is spoken of as one", () => {
  assert.match(WORDS.afterText(1, "57"), /^is kept/)
  assert.match(WORDS.afterText(2, "57\u201358"), /^are kept/)
})
