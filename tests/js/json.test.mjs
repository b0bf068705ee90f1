// @ts-check
/** Reading JSON costs one pass, whatever the text holds. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "../../web/track/json.mjs"
import { shortened, unknownWord } from "../../web/track/key_words.mjs"

const MEMBERS = 500_000
/** Seconds of processor time. */
const SECONDS = 2

/** @param {() => void} work @returns {number} seconds */
function cost(work) {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

for (const at of [0, MEMBERS / 2, MEMBERS - 1]) {
  test(`a member that stands twice among very many is found in one pass: ${at}`, () => {
    const members = Array.from({ length: MEMBERS }, (_, i) => `"m${i}":${i}`)
    const text = `{${members.join(",")},"m${at}":0}`
    const refused = { message: `'m${at}' stands twice in one object; keep one` }
    assert.ok(cost(() => assert.throws(() => load(text), refused)) < SECONDS)
  })
}

test("the column of a mistake far out on a long line is told in one pass", () => {
  const text = `"${"🚪".repeat(2_000_000)}" x`
  const refused = { message: "not valid JSON at line 1, column 2000004: Extra data" }
  assert.ok(cost(() => assert.throws(() => load(text), refused)) < SECONDS)
})

test("what a message quotes is cut before it is looked at", () => {
  const name = "🚪".repeat(5_000_000)
  assert.ok(cost(() => assert.equal(shortened(name), `${"🚪".repeat(37)}...`)) < 0.1)
  assert.equal(shortened("🚪".repeat(40)), "🚪".repeat(40))
  assert.equal(unknownWord(`for\nward\ud83d`), "unknown key 'for\ufffdward\ufffd': did you mean 'forward'?")
})
