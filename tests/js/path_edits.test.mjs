// @ts-check
/** Edits of a camera path: what they promise, and that the server would read what comes out. */
import assert from "node:assert/strict"
import test from "node:test"

import * as edits from "../../web/path/edits.mjs"
import { drawStroke, fit } from "../../web/path/freehand.mjs"
import { EMPTY, keyframe, parse, write } from "../../web/path/path.mjs"
import { length, minus, pathSpans, samplePath } from "../../web/path/poses.mjs"
import { PRESETS } from "../../web/path/presets.mjs"

/** @import { CameraPath, Vector } from "../../web/path/path.mjs" */
/** @import { Samples } from "../../web/path/poses.mjs" */

const STEP = 0.1235
const PACE = { step: STEP, turn: null }
const TURNING = { ...PACE, turn: (4 * Math.PI) / 180 }
const CORNER = read(
  '{"type":"path","version":1,"frames":61,"target":[1,0,9],"keyframes":[{"f":0,"p":[0,0,0]},{"f":30,"p":[0,-0.5,3]},{"f":60,"p":[2.5,0,3.5]}]}',
)

/** @param {string} text */
function read(text) {
  const { path, error } = parse(text)
  if (!path) throw new Error(error)
  return path
}

/**
 * Two paths play alike.
 * @param {CameraPath} a @param {CameraPath} b @param {number} close @param {(keyof Samples)[]} parts
 */
function alike(a, b, close, parts = ["x", "y", "z", "yaw", "pitch"]) {
  const [one, other] = [samplePath(a), samplePath(b)]
  for (const part of parts) {
    assert.equal(one[part].length, other[part].length)
    one[part].forEach((value, i) =>
      assert.ok(Math.abs(value - other[part][i]) <= close, `${part} ${i}: ${value}, ${other[part][i]}`),
    )
  }
}

/** What an edit made is what reading its text makes. @param {CameraPath} path */
function sound(path) {
  assert.deepEqual(read(write(path)), path)
  return path
}

/** A hand that draws: where it is at each moment. @param {number} count @param {(i: number) => Vector} at @param {number} every s */
const strokeOf = (count, at, every) => Array.from({ length: count }, (_, i) => ({ place: at(i), seconds: i * every }))

/** @param {CameraPath} path */
const metres = (path) => pathSpans(path).reduce((sum, { arc }) => sum + arc[arc.length - 1], 0)

/** @param {Vector[]} places */
const places = (...places) => places

test("paths are made keyframe by keyframe, never faster than the model", () => {
  let path = EMPTY
  for (const place of places([0, 0, 0], [0, 0, 3], [2, 0, 4], [5, 0, 4]))
    path = sound(edits.append(path, place, PACE).path)
  assert.equal(path.frames, path.keyframes[3].frame + 1)
  assert.deepEqual(edits.tooFast(path, samplePath(path), PACE), [])
})

test("a closed path that is drawn on is walked back at the model's speed", () => {
  const loop = edits.toggleLoop(CORNER, { ...PACE, near: 0.1 })
  assert.deepEqual(edits.tooFast(loop, samplePath(loop), PACE), [])
  const stroke = strokeOf(30, (i) => [2.5 + i * 0.1, 0, 3.5 + i * 0.2], 0.05)
  for (const place of places([3, 0, 4], [9, 0, 12], [0, 0, 0.2])) {
    const { path, index } = edits.append(loop, place, PACE)
    assert.deepEqual([sound(path).keyframes[index].place, path.closed], [place, true])
    assert.deepEqual(edits.tooFast(path, samplePath(path), PACE), [])
  }
  const drawn = sound(drawStroke(loop, stroke, { ...PACE, fps: 16 }))
  assert.deepEqual(edits.tooFast(drawn, samplePath(drawn), PACE), [])
})

test("a path that stands at its end goes on doing so when keyframes are copied in it", () => {
  const long = edits.setFrames(CORNER, 153)
  assert.equal(sound(edits.duplicate(long, 1).path).frames, 153)
  assert.equal(sound(edits.duplicate(long, 2).path).frames, 153)
  assert.equal(sound(edits.paste(long, [CORNER.keyframes[1]], 45).path).frames, 154)
  assert.equal(sound(edits.paste(long, [CORNER.keyframes[1]], 100).path).frames, 153)
  assert.equal(sound(edits.paste(long, CORNER.keyframes, 152).path).frames, 213)
})

for (const ease of /** @type {const} */ (["even", "in", "out", "hold"])) {
  test(`inserting keeps the shape and the timing: ${ease}`, () => {
    const bent = edits.changed(CORNER, [0, 1, 2], () => ({ ease }))
    for (const frame of [7, 30, 44]) {
      const { path, index } = edits.insert(bent, frame)
      sound(path)
      assert.equal(path.keyframes[index].frame, frame)
      assert.ok(Math.abs(metres(path) - metres(bent)) < 0.005)
      if (ease === "even" || ease === "hold") alike(path, bent, 0.004, ["x", "y", "z", "yaw"])
    }
  })
}

test("inserting outside the curve does nothing", () => {
  assert.deepEqual(edits.insert({ ...CORNER, frames: 90 }, 80), { path: { ...CORNER, frames: 90 }, index: -1 })
})

test("an edit that changes nothing gives the same path", () => {
  assert.equal(edits.move(CORNER, [1], [0, 0, 0]), CORNER)
  assert.equal(edits.retime(CORNER, 1, 30), CORNER)
  assert.equal(edits.remove(CORNER, []), CORNER)
  assert.equal(edits.setAutomatic(CORNER, [0, 1]), CORNER)
  assert.equal(edits.slowDown(CORNER, { step: 1, turn: null }), CORNER)
})

test("keyframes keep their order in time", () => {
  assert.equal(edits.retime(CORNER, 1, 99).keyframes[1].frame, 59)
  assert.equal(edits.retime(CORNER, 1, -4).keyframes[1].frame, 1)
  const longer = sound(edits.retime(CORNER, 2, 80))
  assert.deepEqual([longer.frames, longer.keyframes[2].frame], [81, 80])
})

test("tangents are mirrored until they are broken", () => {
  const drawn = sound(edits.setTangent(CORNER, 1, "out", [1, 0, 0], false))
  assert.deepEqual([drawn.keyframes[1].out, drawn.keyframes[1].into], [[1, 0, 0], null])
  assert.deepEqual(edits.tangents(drawn, 1).into, [-1, 0, 0])
  const broken = sound(edits.setTangent(drawn, 1, "into", [0, 0, -1], true))
  assert.deepEqual(
    [broken.keyframes[1].out, broken.keyframes[1].into],
    [
      [1, 0, 0],
      [0, 0, -1],
    ],
  )
  const turned = edits.setTangent(broken, 1, "out", [0, 0, 1], false)
  assert.deepEqual(turned.keyframes[1].into, null, "the sides have met again")
  assert.deepEqual(edits.setAutomatic(broken, [1]), CORNER)
})

test("looking elsewhere keeps the keyframe where it is", () => {
  const keyed = sound(edits.setLook(CORNER, [1], "keyed"))
  alike(keyed, CORNER, 0.01, ["x", "z"])
  assert.equal(typeof keyed.keyframes[1].look, "object")
  const seen = sound(edits.setLook({ ...CORNER, target: null }, [0], "target"))
  assert.ok(seen.target && Math.abs(length(seen.target) - 3) < 1e-3 && seen.target[2] > 2)
  assert.equal(sound(edits.setTarget(seen, null)).keyframes[0].look, "path")
  const tilted = edits.setPitch(keyed, [1], 20)
  assert.equal(tilted.keyframes[1].look[1], 20)
  assert.equal(edits.setLook(tilted, [1], "path").keyframes[1].pitch, 20)
})

test("slowing down gives every way the frames it needs, and no more than that", () => {
  const fast = edits.stretch(CORNER, 21)
  assert.ok(edits.tooFast(fast, samplePath(fast), PACE).length)
  for (const path of [
    fast,
    edits.changed(fast, [0, 1], () => ({ ease: "smooth" })),
    edits.toggleLoop(fast, { ...PACE, near: 0.1 }),
  ]) {
    const slow = sound(edits.slowDown(path, PACE))
    assert.deepEqual(edits.tooFast(slow, samplePath(slow), PACE), [])
    const steps = slow.frames
    assert.ok(
      edits.tooFast(
        edits.stretch(slow, Math.floor(steps * 0.95)),
        samplePath(edits.stretch(slow, Math.floor(steps * 0.95))),
        PACE,
      ).length,
    )
  }
})

test("turns are slowed down too, but a cusp is left as it is", () => {
  const bend = edits.setLook(CORNER, [1], [120, 0])
  assert.ok(edits.tooFast(edits.stretch(bend, 31), samplePath(edits.stretch(bend, 31)), TURNING).length)
  const slow = sound(edits.slowDown(edits.stretch(bend, 31), TURNING))
  assert.deepEqual(edits.tooFast(slow, samplePath(slow), TURNING), [])
  const back = read(
    `{"type":"path","version":1,"frames":61,"keyframes":[{"f":0,"p":[0,0,0]},{"f":30,"p":[0,0,3]},{"f":60,"p":[0,0,0]}]}`,
  )
  const turned = edits.slowDown(back, TURNING)
  assert.ok(turned.frames < 200)
  assert.deepEqual(
    edits.tooFast(turned, samplePath(turned), TURNING).map(([from, to]) => to - from),
    [1],
  )
})

test("nobody stands still for the sake of a cusp", () => {
  const drawn = read(
    `{"type":"path","version":1,"frames":105,"target":[-2,0,7.5],"keyframes":[{"f":0,"p":[0,0,0],"out":[0,0,1.2]},` +
      `{"f":34,"p":[1,0,2.8]},{"f":70,"p":[0.5,0,5.6],"look":"target"},{"f":104,"p":[1.2,0,7.8],"look":"target"}]}`,
  )
  const loop = edits.toggleLoop(drawn, { ...TURNING, near: 0.1 })
  const slow = sound(edits.slowDown(loop, TURNING))
  assert.ok(slow.frames < 4 * loop.frames, `${slow.frames} of ${loop.frames}`)
  assert.equal(edits.slowDown(slow, TURNING), slow)
})

test("a loop closes, plays, and opens again", () => {
  const closed = sound(edits.toggleLoop(CORNER, { ...PACE, near: 0.1 }))
  const { x, z } = samplePath(closed)
  assert.deepEqual([x.at(-1), z.at(-1)], [x[0], z[0]])
  assert.deepEqual(edits.toggleLoop(closed, { ...PACE, near: 0.1 }), CORNER)
  const met = edits.append(CORNER, [0.05, 0, 0], PACE).path
  const joined = sound(edits.toggleLoop(met, { ...PACE, near: 0.1 }))
  assert.equal(joined.keyframes.length, 3)
  assert.equal(edits.toggleLoop(EMPTY, { ...PACE, near: 0.1 }), EMPTY)
})

test("copies go between, after, and make room", () => {
  const { path, index } = edits.duplicate(CORNER, 1, [0.5, 0, 0])
  assert.deepEqual([index, sound(path).keyframes[2].frame, path.keyframes[2].place[0]], [2, 45, 0.5])
  assert.equal(edits.duplicate(CORNER, 2).path.frames, 73)
  const tight = edits.retime(CORNER, 1, 1)
  assert.deepEqual(
    edits.duplicate(tight, 0).path.keyframes.map(({ frame }) => frame),
    [0, 1, 2, 61],
    "later ones make room",
  )
  const { path: pasted, indices } = edits.paste(CORNER, CORNER.keyframes.slice(0, 2), 10)
  assert.deepEqual(indices, [1, 2])
  sound(pasted)
  assert.deepEqual(
    pasted.keyframes.map(({ frame }) => frame),
    [0, 10, 40, 61, 91],
  )
  assert.deepEqual(sound(edits.remove(pasted, [1, 2])).keyframes.length, 3)
})

test("lengths stretch and shrink with their keyframes", () => {
  const longer = sound(edits.stretch(CORNER, 121))
  assert.deepEqual(
    longer.keyframes.map(({ frame }) => frame),
    [0, 60, 120],
  )
  assert.deepEqual(
    edits.stretch(CORNER, 2).keyframes.map(({ frame }) => frame),
    [0, 1, 2],
  )
  assert.deepEqual(
    edits.retimeSpan(CORNER, 0, 40).keyframes.map(({ frame }) => frame),
    [0, 40, 70],
  )
})

test("a stroke is fitted with few keyframes within 5 cm, no faster than the model", () => {
  const eight = (/** @type {number} */ i) => {
    const a = (i / 239) * 2 * Math.PI
    const noise = 0.006 * Math.sin(i * 7.3)
    return /** @type {Vector} */ ([3 * Math.sin(a) + noise, 0, 2 * Math.sin(2 * a) + noise])
  }
  const hand = strokeOf(240, eight, 4 / 239)
  const path = sound(drawStroke(EMPTY, hand, { ...PACE, fps: 16 }))
  assert.ok(path.keyframes.length <= 18, `${path.keyframes.length} keyframes`)
  assert.deepEqual(edits.tooFast(path, samplePath(path), PACE), [])
  const { x, z } = samplePath(path)
  for (const { place } of hand) {
    const miss = Math.min(...Array.from(x, (at, i) => Math.hypot(at - place[0], z[i] - place[2])))
    assert.ok(miss <= 0.05 + STEP / 2, `${miss} m`)
  }
  assert.deepEqual(
    fit(
      [
        [0, 0, 0],
        [0, 0, 1],
        [0, 0, 2],
      ],
      0.05,
    ),
    [0, 2],
    "a straight line needs its ends",
  )
})

test("a slow hand makes a slow camera", () => {
  const hand = strokeOf(50, (i) => [0, 0, i * 0.02], 0.2)
  const path = drawStroke(EMPTY, hand, { ...PACE, fps: 16 })
  assert.ok(Math.abs(path.frames - 49 * 0.2 * 16) < 3)
})

test("a stroke goes on where the path ends", () => {
  const hand = strokeOf(30, (i) => [2.5 + i * 0.1, 0, 3.52], 0.02)
  const path = sound(drawStroke(CORNER, hand, { ...PACE, fps: 16, near: 0.1 }))
  assert.deepEqual(path.keyframes.slice(0, 3), CORNER.keyframes)
  assert.equal(path.keyframes.length, 4)
  assert.ok(length(minus(path.keyframes[3].place, hand[29].place)) < 1e-9)
})

test("presets are paths that the model can walk", () => {
  for (const pace of [PACE, TURNING])
    for (const { id, make } of PRESETS) {
      const path = sound(make(pace))
      assert.deepEqual(edits.tooFast(path, samplePath(path), pace), [], id)
      assert.ok(path.keyframes.length >= 2 && path.frames < 400, id)
    }
})

test("places that nobody can walk to are refused quietly", () => {
  assert.equal(edits.move(CORNER, [0], [1e9, 0, 0]).keyframes[0].place[0], 1e6)
  assert.equal(edits.append(CORNER, [0, 0, 1e6], PACE).path, CORNER)
  assert.deepEqual(keyframe(1, [0, 0, 0]).look, "path")
})
