// @ts-check
/** What is narrower than a pixel: nothing is lost, nothing is drawn where nothing is, at a box a pixel at most. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { extremes, sampled } from "../../web/track_editor/curve_data.mjs"
import { curveColumns } from "../../web/track_editor/draw_curves.mjs"
import { columnBoxes } from "../../web/kit/columns.mjs"
import { spanAt } from "../../web/track/sample.mjs"
import { anyTimeline, drawer } from "./any.mjs"

const LEFT = 50

/** @param {number} seed @returns {[number, number][]} */
function anySpans(seed) {
  const { whole } = drawer(seed)
  let frame = 0
  return Array.from({ length: 300 }, () => {
    frame += whole(1, 40)
    const span = /** @type {[number, number]} */ ([frame, whole(1, 30)])
    frame += span[1]
    return span
  })
}

test("every span is in a box, and every box has a span within a pixel", () => {
  for (let seed = 0; seed < 30; seed++) {
    const scale = [0.02, 0.1, 0.6, 2, 9][seed % 5]
    const spans = anySpans(seed)
    const boxes = columnBoxes(spans, (frame) => LEFT + frame * scale, LEFT, LEFT + 500)
    assert.ok(boxes.length <= 500)
    for (const [i, [from, to]] of boxes.entries()) {
      assert.ok(to > from && from >= LEFT && to <= LEFT + 501)
      if (i) assert.ok(from >= boxes[i - 1][1])
      const frames = [from - 1, to + 1].map((x) => (x - LEFT) / scale)
      assert.ok(spans.some(([start, length]) => start <= frames[1] && start + length >= frames[0]))
    }
    for (const [start, length] of spans) {
      const middle = LEFT + (start + length / 2) * scale
      if (middle < LEFT + 500) assert.ok(boxes.some(([from, to]) => from <= middle && middle <= to))
    }
  }
})

test("wide spans keep their edges", () => {
  assert.deepEqual(
    columnBoxes(
      [
        [0, 10],
        [12, 5],
      ],
      (frame) => frame * 3,
      0,
      100,
    ),
    [
      [0, 30],
      [36, 51],
    ],
  )
})

test("least and greatest of any frames are those of the samples", () => {
  const { draw, whole } = drawer(5)
  const curve = Array.from({ length: 200 }, (_, i) => /** @type {const} */ ([i * 7, draw() * 9 - 4, "linear"]))
  const data = sampled(curve, 1400)
  for (let i = 0; i < 500; i++) {
    const from = whole(0, 1398)
    const to = whole(from + 1, 1400)
    const part = data.values.slice(from, to)
    assert.deepEqual(extremes(data, from, to), [Math.min(...part), Math.max(...part)])
  }
})

test("the columns of a curve touch each other and hold every sample", () => {
  const view = { first: 0, scale: 0.4, left: LEFT, width: 500 }
  const layout = /** @type {any} */ ({ view, curve: { top: 0, height: 100 }, range: 10 })
  for (let seed = 0; seed < 30; seed++) {
    const { yaw, frames } = anyTimeline(seed)
    const columns = curveColumns(layout, yaw, 0, frames)
    const { values } = sampled(yaw, frames)
    columns.forEach(([x, top, bottom], i) => {
      assert.ok(top <= bottom)
      if (i) assert.ok(x === columns[i - 1][0] + 1 && top <= columns[i - 1][2] && bottom >= columns[i - 1][1])
    })
    values.forEach((value, frame) => {
      const y = 50 - (value / 10) * 48
      const near = columns.slice(Math.floor(frame * 0.4), Math.floor(frame * 0.4) + 2)
      assert.ok(near.some(([, top, bottom]) => top <= y + 1e-9 && bottom >= y - 1e-9))
    })
  }
})

test("a span is found by its frame", () => {
  const spans = anySpans(3)
  for (const span of spans) {
    assert.equal(spanAt(spans, span[0]), span)
    assert.equal(spanAt(spans, span[0] + span[1] - 1), span)
    assert.notEqual(spanAt(spans, span[0] + span[1]), span)
  }
})
