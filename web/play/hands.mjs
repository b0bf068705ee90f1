// @ts-check
/**
 * What a player's hands do, by time, and how a chunk of frames is told of it: pure functions, every state frozen; times
 * are milliseconds of one clock.
 *
 * A chunk is told what was held since the one before it was asked for: that time is cut into as many equal parts as the
 * chunk has frames. So nothing is lost and nothing changes places, however long the machine takes: where it is slower than
 * the film, a frame stands for more time. A key counts for a frame if it was down in any part of it; of keys that exclude
 * each other the last pressed counts; the counts of the mouse are summed up over it.
 */
import { meaning, rangeOf } from "../track_editor/record.mjs"

/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/** @typedef {Readonly<{held: readonly string[], yaw: number, pitch: number}>} Row what one frame asks for */
/** @typedef {Readonly<{at: number, code: string, down: boolean}>} Press a key that goes down or up */
/** @typedef {Readonly<{at: number, yaw: number, pitch: number}>} Turn degrees of the mouse */
/** @typedef {Readonly<{at: number, frame: number, code: string}>} Told a press, and the frame of the chunk that is told of it */
/**
 * @typedef {object} Hands
 * @property {Variant} variant
 * @property {number} since when the chunk that is being held began
 * @property {readonly string[]} down codes that were down then, the last pressed last
 * @property {readonly Press[]} presses since then
 * @property {readonly Turn[]} turns since then
 */

/** Turn of an arrow key in a frame, as a share of the model's range; and that range where none is known. */
const ARROW_SHARE = 0.5
const USUAL_RANGE = 4
/** @type {Record<string, readonly [number, number]>} */
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }

/** Begin with nothing held. @param {Variant} variant @param {number} now @returns {Hands} */
export const rest = (variant, now) => frozen({ variant, since: now, down: [], presses: [], turns: [] })

/** Whether a physical key says something to a model. @param {Variant} variant @param {string} code */
export const says = (variant, code) => wordOf(variant, code) !== undefined || arrowOf(variant, code) !== undefined

/** Codes that are down now, the last pressed last. @param {Hands} hands */
export function downNow({ down, presses }) {
  return presses.reduce((codes, press) => after(codes, press), down)
}

/**
 * Press or release a key; one that says nothing, or that is as it was, changes nothing.
 * @param {Hands} hands @param {string} code @param {boolean} down @param {number} now
 * @returns {Hands}
 */
export function press(hands, code, down, now) {
  if (!says(hands.variant, code) || downNow(hands).includes(code) === down) return hands
  return frozen({ ...hands, presses: [...hands.presses, { at: now, code, down }] })
}

/**
 * Turn the view.
 * @param {Hands} hands @param {number} yaw degrees to the right @param {number} pitch degrees up @param {number} now
 * @returns {Hands}
 */
export function turn(hands, yaw, pitch, now) {
  if (!hands.variant.mouse || (!yaw && !pitch)) return hands
  return frozen({ ...hands, turns: [...hands.turns, { at: now, yaw, pitch }] })
}

/** Let everything go. @param {Hands} hands @param {number} now @returns {Hands} */
export function letGo(hands, now) {
  return downNow(hands).reduce((left, code) => press(left, code, false, now), hands)
}

/**
 * Tell a chunk what was held, and begin the next.
 * @param {Hands} hands @param {number} count frames of the chunk @param {number} now
 * @returns {{hands: Hands, rows: Row[], told: Told[]}} `told`: the keys that went down, in order
 */
export function close(hands, count, now) {
  const { variant, since } = hands
  const span = Math.max(0, now - since)
  const frameOf = (/** @type {number} */ at) =>
    span ? Math.min(count - 1, Math.max(0, Math.floor(((at - since) / span) * count))) : count - 1
  let { down } = hands
  let [presses, turns] = [0, 0]
  const told = []
  const rows = []
  for (let frame = 0; frame < count; frame += 1) {
    let touched = down
    while (presses < hands.presses.length && frameOf(hands.presses[presses].at) <= frame) {
      const one = hands.presses[presses++]
      down = after(down, one)
      if (one.down) {
        touched = after(touched, one)
        told.push({ at: one.at, frame, code: one.code })
      }
    }
    let [yaw, pitch] = [0, 0]
    while (turns < hands.turns.length && frameOf(hands.turns[turns].at) <= frame) {
      yaw += hands.turns[turns].yaw
      pitch += hands.turns[turns++].pitch
    }
    rows.push(rowOf(variant, touched, yaw, pitch))
  }
  return { hands: frozen({ variant, since: now, down, presses: [], turns: [] }), rows, told }
}

/**
 * Write rows as a track's document.
 * @param {readonly Row[]} rows @param {string} [text] that holds from the first frame on; none: as before
 */
export function document(rows, text) {
  /** @type {Record<string, [number, number][]>} */
  const keys = {}
  rows.forEach(({ held }, frame) => {
    for (const word of held) {
      const spans = (keys[word] ??= [])
      const last = spans[spans.length - 1]
      if (last && last[0] + last[1] === frame) last[1] += 1
      else spans.push([frame, 1])
    }
  })
  const curve = (/** @type {"yaw" | "pitch"} */ axis) =>
    rows.some((row) => row[axis]) ? { [axis]: rows.map((row, frame) => [frame, row[axis]]) } : {}
  const prompts = text === undefined ? [] : [[0, text]]
  return {
    type: "track",
    version: 1,
    frames: rows.length,
    keys,
    mouse: { ...curve("yaw"), ...curve("pitch") },
    prompts,
  }
}

/** @param {Variant} variant @param {readonly string[]} touched @param {number} yaw @param {number} pitch @returns {Row} */
function rowOf(variant, touched, yaw, pitch) {
  const most = rangeOf(variant)
  const step = ARROW_SHARE * (variant.max_yaw ?? USUAL_RANGE)
  const arrows = touched.map((code) => arrowOf(variant, code) ?? [0, 0])
  const [right, up] = [0, 1].map((axis) => step * arrows.reduce((sum, arrow) => sum + arrow[axis], 0))
  const words = touched.flatMap((code) => wordOf(variant, code) ?? [])
  return Object.freeze({
    held: Object.freeze(variant.keyboard.idle === null ? words : words.slice(-1)),
    yaw: within(yaw + right, most),
    pitch: variant.mouse?.reads_pitch ? within(pitch + up, most) : 0,
  })
}

/** @param {readonly string[]} codes @param {Press} press @returns {readonly string[]} */
function after(codes, { code, down }) {
  const others = codes.filter((one) => one !== code)
  return down ? [...others, code] : others
}

/** The word of a key, or of a stick that is pushed as far: `Pad:forward`. @param {Variant} variant @param {string} code */
function wordOf(variant, code) {
  if (code.startsWith("Pad:")) return variant.keyboard.words.find((word) => code === `Pad:${word}`)
  const word = meaning(/** @type {any} */ ({ variant, mouse: true }), code)
  return word
}

/** @param {Variant} variant @param {string} code */
const arrowOf = (variant, code) => (variant.mouse ? ARROWS[code] : undefined)

/** Hold a turn inside of a range, in thousandths of a degree. @param {number} value @param {number} most */
const within = (value, most) => Math.round(Math.min(most, Math.max(-most, value)) * 1000) / 1000 + 0

/** @param {any} hands @returns {Hands} */
function frozen(hands) {
  for (const name of ["down", "presses", "turns"]) Object.freeze(hands[name])
  return Object.freeze(hands)
}
