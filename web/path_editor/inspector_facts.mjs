// @ts-check
/** What the inspector tells of the loop and of what the model makes of the path. */
import { make } from "../kit/dom.mjs"
import { sign } from "../kit/icons.mjs"
import { fpsOf } from "../kit/state.mjs"
import { decimal, span } from "../kit/words.mjs"
import { degrees, length, minus } from "../path/poses.mjs"
import { worstOf } from "./draw_top.mjs"
import { limitOf, paceOf, rateOf } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Rows of a name and a value. */
export function facts() {
  const element = make("dl.wm-numbers")
  let shown = ""
  return {
    element,
    /** @param {[name: string, value: string, alarm?: boolean][]} rows */
    show(rows) {
      if (JSON.stringify(rows) === shown) return
      shown = JSON.stringify(rows)
      element.replaceChildren(
        ...rows.flatMap(([name, value, alarm]) => [
          make("dt", { text: name }),
          make("dd", {}, alarm ? sign() : null, value),
        ]),
      )
    },
  }
}

/** The largest distance of the model's path from the one drawn, in metres. @param {readonly number[]} position */
export const furthest = (position) => position.reduce((most, metres) => Math.max(most, metres), 0)

/** The largest of some distances and its frame. @param {readonly number[]} off metres @param {number} rate */
function mostOf(off, rate) {
  const worst = worstOf(off)
  return WORDS.mostAt(decimal(off[worst]), Math.round(worst * rate))
}

/** What is known of the loop. @param {Editor} editor @returns {[string, string, boolean?][]} */
export function loopFacts(editor) {
  const { path } = editor.drawn
  const stops = path.keyframes
  const open =
    stops.length > 1 ? WORDS.gap(decimal(length(minus(stops[stops.length - 1].place, stops[0].place)))) : WORDS.open
  const poses = editor.walked?.way
  const gap = poses?.length
    ? Math.hypot(poses[poses.length - 1][0] - poses[0][0], poses[poses.length - 1][1] - poses[0][1])
    : null
  /** @type {[string, string][]} */
  const ends = path.closed && gap !== null ? [[WORDS.modelEnds, WORDS.off(decimal(gap))]] : []
  return [[WORDS.drawn, path.closed ? WORDS.closed : open], ...ends]
}

/** What the model makes of the path. @param {Editor} editor @returns {[string, string, boolean?][]} */
export function modelFacts(editor) {
  const { state, followed, drawn, walked } = editor
  /** @type {[string, string, boolean?][]} */
  const rows = []
  if (followed?.position?.length) {
    const { position } = followed
    const squares = position.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value * value, 0)
    rows.push([WORDS.rms, `${decimal(Math.sqrt(squares / position.length))} m`])
    rows.push([WORDS.most, mostOf(position, rateOf(state))])
    if (walked?.apart) rows.push([WORDS.walledMost, mostOf(walked.off, rateOf(state)), true])
  }
  rows.push([WORDS.limit, `${decimal(limitOf(state))} m/s`])
  const { turn } = paceOf(state)
  if (turn !== null) rows.push([WORDS.turnLimit, `${decimal(degrees(turn) * fpsOf(state), 0)} \u00b0/s`])
  const [first, ...more] = drawn.fast
  if (first) rows.push([WORDS.tooFast, `f ${span(first[0], first[1])}${more.length ? ` +${more.length}` : ""}`, true])
  else rows.push([WORDS.tooFast, WORDS.nowhere])
  return rows
}
