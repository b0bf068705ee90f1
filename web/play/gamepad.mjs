// @ts-check
/** A gamepad, as the browser hands it over. */
import { press, turn } from "./hands.mjs"

/** How far a stick is pushed before it counts. */
const DEAD = 0.35
/** Turn of a stick that is pushed as far as it goes, as a share of the model's range; and that range where none is known. */
const SHARE = 0.6
const USUAL_RANGE = 4
/** @type {[word: string, axis: number, sign: number, button: number][]} */
const STICK = [
  ["left", 0, -1, 14],
  ["right", 0, 1, 15],
  ["forward", 1, -1, 12],
  ["back", 1, 1, 13],
]

let padRead = 0

/**
 * Read the first gamepad: its left stick, or cross, walks, its right stick looks around.
 * @param {import("./hands.mjs").Hands} hands @param {import("../track/chunks.mjs").Variant} variant
 * @param {number} now @param {number} rate frames per second
 * @returns {import("./hands.mjs").Hands}
 */
export function padOf(hands, variant, now, rate) {
  const pad = navigator.getGamepads?.().find((one) => one?.connected)
  const since = Math.min(100, now - padRead)
  padRead = now
  if (!pad) return hands
  const at = performance.now()
  let next = hands
  for (const [word, axis, sign, button] of STICK)
    next = press(next, `Pad:${word}`, sign * (pad.axes[axis] ?? 0) > DEAD || Boolean(pad.buttons[button]?.pressed), at)
  const most = SHARE * (variant.max_yaw ?? USUAL_RANGE) * rate * (since / 1000)
  const [right, down] = [2, 3].map((axis) => beyond(pad.axes[axis] ?? 0))
  return turn(next, right * most, -down * most, at)
}

/** @param {number} push -1 to 1 */
const beyond = (push) => (Math.abs(push) < DEAD / 2 ? 0 : push)
