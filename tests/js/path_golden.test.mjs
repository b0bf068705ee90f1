// @ts-check
/** Camera paths are read, written, refused and played as in Python. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import test from "node:test"

import { parse, write } from "../../web/path/path.mjs"
import { samplePath, speeds } from "../../web/path/poses.mjs"

const GOLDEN = JSON.parse(readFileSync(new URL("../golden/paths/paths.json", import.meta.url), "utf8"))
const CLOSE = 1e-9
const FPS = 16
const PARTS = /** @type {const} */ (["x", "y", "z", "yaw", "pitch"])

for (const [name, pair] of Object.entries(GOLDEN)) {
  test(name, () => {
    const { path, error } = parse(pair.text)
    assert.equal(error, pair.error)
    if (!path) return
    assert.equal(write(path), pair.canonical)
    const again = parse(pair.canonical).path
    assert.equal(again && write(again), pair.canonical)
    const samples = samplePath(path)
    assert.equal(samples.x.length, pair.rows.length)
    for (const [i, row] of pair.rows.entries()) {
      const found = PARTS.map((part) => samples[part][i])
      found.forEach((value, k) =>
        assert.ok(Math.abs(value - row[k]) <= CLOSE, `frame ${i}: ${value}, expected ${row[k]}`),
      )
    }
    speeds(samples, FPS).forEach((value, i) => assert.ok(Math.abs(value - pair.speeds[i]) <= 1e-7))
  })
}
