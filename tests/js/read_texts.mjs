// @ts-check
/** Read the texts of tracks from standard input, a JSON list, and print what the editors make of each. */
import { readFileSync } from "node:fs"
import { integrate, walking } from "../../web/track/poses.mjs"
import { sample } from "../../web/track/sample.mjs"
import { parse, write } from "../../web/track/timeline.mjs"

const STEP = 0.1235
/** Frames up to which a track is also played. */
const PLAYED = 300

/** @param {string} text */
function answer(text) {
  const { timeline, error, short } = parse(text)
  if (!timeline) return { error, short }
  if (timeline.frames > PLAYED) return { text: write(timeline) }
  const { x, z, yaw, pitch } = integrate(timeline, walking(STEP))
  const { keys, ...curves } = sample(timeline)
  return {
    text: write(timeline),
    mouse: [[...curves.yaw], [...curves.pitch]],
    words: Object.keys(keys),
    keys: Object.values(keys).map((held) => [...held]),
    poses: [x, z, yaw, pitch].map((values) => [...values.subarray(0, timeline.frames)]),
  }
}

/** @type {string[]} */
const texts = JSON.parse(readFileSync(0, "utf8"))
process.stdout.write(JSON.stringify(texts.map(answer)))
