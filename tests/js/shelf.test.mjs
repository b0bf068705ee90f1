// @ts-check
/** The world shelf: how facts are written, a way on a card, and pictures asked for once and two at a time. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { makePictures } from "../../web/shelf/pictures.mjs"
import { wayPath } from "../../web/shelf/way.mjs"
import { dateWords, factWords, lengthWords } from "../../web/shelf/words.mjs"

const BOX = { width: 96, height: 64, margin: 10 }
const NOW = new Date(2026, 10, 30, 22, 40)
const WORLD = {
  world_file: "a.world.safetensors [output]",
  title: "a",
  date: NOW.getTime(),
  bytes: 210_000,
  readable: true,
  model: "Tiny World",
  chunks: 12,
  frames: 141,
  seconds: 8.8125,
  prompt: "",
  picture: true,
}

test("length and date are short", () => {
  assert.equal(lengthWords(WORLD), "8.8 s")
  assert.equal(lengthWords({ ...WORLD, seconds: 125.4 }), "2:05 min")
  assert.equal(lengthWords({ ...WORLD, frames: 0 }), "no frames yet")
  assert.equal(lengthWords({ ...WORLD, readable: false }), "cannot be read")
  assert.equal(dateWords(WORLD, NOW, "en-GB"), "22:40")
  const before = { ...WORLD, date: new Date(2025, 2, 1).getTime() }
  assert.equal(dateWords(before, NOW, "en-GB"), "1 Mar 2025")
  assert.match(
    factWords({ ...WORLD, prompt: "a street" }),
    /Tiny World · 12 chunks · 141 frames · 210 kB\n.*\na street$/,
  )
})

test("a way fits its card, the first heading up", () => {
  assert.equal(wayPath([], BOX), "")
  const path = wayPath([[0, 0], [0, 4], [8, 4]], BOX) // prettier-ignore
  const points = path.match(/-?[\d.]+ -?[\d.]+/g)?.map((point) => point.split(" ").map(Number)) ?? []
  assert.deepEqual(points, [[10, 51], [10, 13], [86, 13]]) // prettier-ignore
})

test("a picture is asked for once, and two at a time", async () => {
  /** @type {Map<string, (value: {picture: string, way: []}) => void>} */
  const open = new Map()
  const asked = /** @type {string[]} */ ([])
  const pictureOf = makePictures((file) => {
    asked.push(file)
    return new Promise((done) => open.set(file, done))
  })
  const four = ["a", "b", "c", "d"].map((world_file) => pictureOf({ ...WORLD, world_file }))
  pictureOf({ ...WORLD, world_file: "a" })
  await Promise.resolve()
  assert.deepEqual(asked, ["a", "b"])
  for (const file of ["a", "b", "c", "d"]) {
    while (!open.has(file)) await Promise.resolve()
    open.get(file)?.({ picture: file, way: [] })
  }
  assert.deepEqual((await Promise.all(four)).map(({ picture }) => picture), ["a", "b", "c", "d"]) // prettier-ignore
  assert.equal(asked.length, 4)
})

test("a picture that failed is asked for again", async () => {
  let tries = 0
  const pictureOf = makePictures(async () => {
    tries += 1
    if (tries === 1) throw new Error("no")
    return { picture: "x", way: [] }
  })
  await assert.rejects(pictureOf(WORLD))
  assert.equal((await pictureOf(WORLD)).picture, "x")
})
