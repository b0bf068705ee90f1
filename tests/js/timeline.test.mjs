// @ts-check
/** Tracks as text: reading undoes writing, and what a newer version adds comes back as it was. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { EMPTY, canonical, parse, write } from "../../web/track/timeline.mjs"
import { anyTimeline } from "./any.mjs"

/** @param {object} members */
function document(members) {
  return JSON.stringify({ type: "track", version: 1, frames: 57, ...members })
}

test("reading undoes writing", () => {
  for (let seed = 0; seed < 200; seed++) {
    const timeline = anyTimeline(seed)
    assert.deepEqual(parse(write(timeline)).timeline, timeline)
    assert.deepEqual(canonical(timeline), timeline)
  }
})

test("a timeline is frozen to its leaves", () => {
  const walk = (/** @type {any} */ value) => {
    if (typeof value !== "object") return
    assert.ok(Object.isFrozen(value))
    Object.values(value).forEach(walk)
  }
  for (let seed = 0; seed < 20; seed++) walk(anyTimeline(seed))
  const read = { keys: { forward: [[0, 1]] }, mouse: { yaw: [[0, 1]] }, prompts: [[0, "a"]], note: [1] }
  walk(parse(document(read)).timeline)
})

test("nothing is an empty track of the default length", () => {
  for (const text of [undefined, null, "", " \ufeff\n", "null", "{}"]) assert.equal(parse(text).timeline, EMPTY)
})

test("the short form is left to the server", () => {
  assert.deepEqual(parse("\n forward*24 right*3 "), { short: "forward*24 right*3" })
})

test("members of a newer version come back in their order, with their numbers", () => {
  const known = '{"type":"track","version":1,"frames":3,"keys":{},"mouse":{"roll":[0.1,-2]},"prompts":[]'
  const [one, two] = ['"1":"é\\n"', '"2":{"b":1e-07,"a":0.30000000000000004}']
  const { timeline } = parse(`${known},${two},${one}}`)
  assert.ok(timeline)
  assert.equal(write(timeline), `${known},${one},${two}}`)
})

test("a prompt of three parts is none", () => {
  const { error } = parse(document({ prompts: [[0, "a", "b"]] }))
  assert.equal(error, 'Track JSON: prompts[0] must be [frame, text], not [0, "a", "b"]')
})

test("a mistake is named by line and column, counted in characters", () => {
  assert.equal(parse('{\n"🚪": x}').error, "Track JSON: not valid JSON at line 2, column 6: Expecting value")
})
