// @ts-check
/** Where the numbers of keyframes are written: beside the path, and clear of each other and of the ring. */
import assert from "node:assert/strict"
import test from "node:test"

import { START, drawnCache } from "../../web/path_editor/state.mjs"
import { RING, labels } from "../../web/path_editor/labels.mjs"
import { PRESETS } from "../../web/path/presets.mjs"
import { EMPTY, parse } from "../../web/path/path.mjs"
import { boundsOf, fitTop, toPixel } from "../../web/path_editor/view.mjs"

const SIZE = { width: 640, height: 360 }
const WIDTH = 44
const WALK =
  '{"type":"path","version":1,"frames":105,"target":[-2,0,7.5],"keyframes":[{"f":0,"p":[0,0,0],"out":[0,0,1.2]},{"f":34,"p":[1,0,2.8]},{"f":70,"p":[0.5,0,5.6],"look":"target"},{"f":104,"p":[1.2,0,7.8],"look":"target"}]}'
const PACE = { step: 0.1235, turn: (4 * Math.PI) / 180 }

const WALKS = PRESETS.slice(0, 2).map(({ id, make }) => ({ name: id, path: make(PACE) }))

for (const { name, path } of [{ name: "a walk", path: parse(WALK).path ?? EMPTY }, ...WALKS]) {
  test(`labels lie beside the path: ${name}`, () => {
    const drawn = drawnCache()({ ...START, path })
    const view = fitTop(boundsOf(drawn), SIZE)
    const made = labels({ drawn, view, size: SIZE, narrow: false, state: START }, () => WIDTH)
    assert.ok(path.keyframes.length > 1)
    assert.deepEqual(
      made.map(({ text }) => text),
      path.keyframes.map(({ frame }, i) => `${i} \u00b7 f ${frame}`),
    )
    const { x: right, z: ahead } = drawn.samples
    for (const { index, x, y } of made) {
      const near = (/** @type {number} */ px, /** @type {number} */ py, /** @type {number} */ by) =>
        Math.abs(px - x) < WIDTH / 2 + by && Math.abs(py - y) < 5 + by
      right.forEach((_, i) => assert.ok(!near(...toPixel(view, SIZE, right[i], ahead[i]), 0), `${index} on frame ${i}`))
      const [x0, y0] = toPixel(view, SIZE, path.keyframes[0].place[0], path.keyframes[0].place[2])
      for (let turn = 0; turn < 6.3; turn += 0.1)
        assert.ok(!near(x0 + RING * Math.cos(turn), y0 + RING * Math.sin(turn), 0), `${index} on the ring`)
    }
  })
}
