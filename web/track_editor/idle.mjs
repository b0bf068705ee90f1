// @ts-check
/** The derived lane: frames in which an exclusive keyboard stands still, because none of its keys is held. */
import { after, spansIn } from "../track/sample.mjs"

/**
 * List the spans without any key that reach into [from, to), whole.
 * @param {{word: string, derived: boolean, foreign: boolean}[]} lanes
 * @param {import("../track/timeline.mjs").Timeline} timeline
 * @param {number} from
 * @param {number} to
 * @returns {[number, number][]}
 */
export function idleSpans(lanes, timeline, from, to) {
  const keys = lanes.filter((lane) => !lane.derived && !lane.foreign).map((lane) => timeline.keys[lane.word] ?? [])
  const before = keys.map((spans) => spans[after(spans, from) - 1]).map((span) => (span ? span[0] + span[1] : 0))
  const behind = keys.map((spans) => spans[after(spans, to)]?.[0] ?? timeline.frames)
  const [first, end] = [Math.min(Math.max(0, ...before), timeline.frames), Math.min(timeline.frames, ...behind)]
  const held = keys.flatMap((spans) => spansIn(spans, first, end)).sort((a, b) => a[0] - b[0])
  /** @type {[number, number][]} */
  const idle = []
  let free = first
  for (const [start, length] of held) {
    if (start > free) idle.push([free, start - free])
    free = Math.max(free, start + length)
  }
  if (free < end) idle.push([free, end - free])
  return idle
}
