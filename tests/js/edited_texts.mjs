// @ts-check
/** Print the texts of many tracks after many edits, as a JSON list. */
import { write } from "../../web/track/timeline.mjs"
import { RUNNER, WALKER, anyEdit, anyTimeline, drawer } from "./any.mjs"

const TRACKS = 400
const EDITS = 15

const texts = Array.from({ length: TRACKS }, (_, seed) => {
  const drawn = drawer(1000 + seed)
  let timeline = anyTimeline(seed)
  for (let i = 0; i < EDITS; i++) timeline = anyEdit(timeline, seed % 2 ? WALKER : RUNNER, drawn)
  return write(timeline)
})
process.stdout.write(JSON.stringify(texts))
