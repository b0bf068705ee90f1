// @ts-check
/** Places in a world as an artist writes them: `33`, `2.5s`, `c3`, `-2s`; as worldmodel/world/moments.py reads them. */
import { firstFrame } from "./chunks.mjs"

const WRITTEN = /^([-−])?\s*(c)?\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([fsc])?$/i

/**
 * Round a place to where a chunk begins.
 * @param {string} text
 * @param {import("./chunks.mjs").Variant} variant for a fresh world
 * @param {number} chunks of the world
 * @param {number} most chunks that may lie before it
 * @returns {number | null} the chunks before it; `null` if it is no place, or none of this world
 */
export function chunkNear(text, variant, chunks, most) {
  const found = WRITTEN.exec(text.trim())
  if (!found) return null
  const [, end, before, digits, after] = found
  const unit = (after ?? before ?? "f").toLowerCase()
  if ((before && after) || (unit !== "s" && digits.includes("."))) return null
  const [number, frames] = [Number(digits), firstFrame(variant, chunks)]
  let frame = unit === "s" ? Math.floor(number * variant.fps + 0.5) : number
  if (unit === "c") {
    const chunk = end ? chunks - number : number
    if (chunk < 0 || chunk > chunks) return null
    frame = firstFrame(variant, chunk)
  } else if (end) frame = frames - frame
  if (frame < 0 || frame > frames) return null
  let best = 0
  for (let chunk = 1; chunk <= most; chunk++) {
    if (Math.abs(firstFrame(variant, chunk) - frame) < Math.abs(firstFrame(variant, best) - frame)) best = chunk
  }
  return best
}
