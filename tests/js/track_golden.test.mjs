// @ts-check
/** Tracks that Python has read, refused, written and played (scripts/golden_tracks.py): JavaScript does the same. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { firstFrame, leftOver, wholeChunks } from "../../web/track/chunks.mjs"
import { integrate } from "../../web/track/poses.mjs"
import { curveAt, sample } from "../../web/track/sample.mjs"
import { canonicalKeys, parse, write } from "../../web/track/timeline.mjs"

/** @import { Timeline } from "../../web/track/timeline.mjs" */

const EXACT = 1e-9
const golden = JSON.parse(readFileSync(new URL("../golden/tracks/tracks.json", import.meta.url), "utf8"))

/** @param {number} found @param {number} expected @param {string} what */
function assertClose(found, expected, what) {
  assert.ok(Math.abs(found - expected) <= EXACT, `${what}: ${found}, in Python ${expected}`)
}

/** @param {Record<string, Uint8Array>} keys */
function heldSpans(keys) {
  const spans = (/** @type {Uint8Array} */ held) => {
    return [...held].flatMap((on, frame) => (on ? [/** @type {const} */ ([frame, 1])] : []))
  }
  return canonicalKeys(Object.fromEntries(Object.entries(keys).map(([word, held]) => [word, spans(held)])))
}

/** @param {Timeline} timeline @param {any} pair */
function checkPlayed(timeline, pair) {
  const track = sample(timeline)
  assert.equal(track.frames, pair.frames)
  assert.deepEqual(canonicalKeys(pair.keys), heldSpans(track.keys))
  const walks = Object.entries(pair.poses).map(([name, rows]) => {
    const { motion } = golden.variants.find((/** @type {any} */ variant) => variant.name === name)
    return [integrate(timeline, motion), rows]
  })
  pair.at.forEach((/** @type {number} */ frame, /** @type {number} */ i) => {
    assertClose(track.yaw[frame], pair.yaw[i], `yaw of frame ${frame}`)
    assertClose(curveAt(timeline.yaw, frame), pair.yaw[i], `yaw of frame ${frame} alone`)
    assertClose(track.pitch[frame], pair.pitch[i], `pitch of frame ${frame}`)
    for (const [poses, rows] of walks) {
      const pose = [poses.x[frame], poses.z[frame], poses.yaw[frame], poses.pitch[frame]]
      pose.forEach((value, part) => assertClose(value, rows[i][part], `pose ${part} of frame ${frame}`))
    }
  })
}

/** @param {number} frames @param {Record<string, {whole: number, left_over: number, borders: number[]}>} chunks */
function checkChunks(frames, chunks) {
  for (const variant of golden.variants) {
    const { whole, left_over, borders } = chunks[variant.name]
    assert.equal(wholeChunks(variant, frames), whole)
    assert.equal(leftOver(variant, frames), left_over)
    assert.deepEqual(
      borders.map((_, index) => firstFrame(variant, index)),
      borders,
    )
  }
}

for (const [name, pair] of Object.entries(golden.pairs)) {
  test(name, () => {
    const { timeline, error } = parse(pair.text)
    assert.equal(error, pair.error)
    if (!timeline) return
    assert.equal(write(timeline), pair.canonical)
    checkPlayed(timeline, pair)
    checkChunks(timeline.frames, pair.chunks)
  })
}
