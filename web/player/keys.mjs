// @ts-check
/** The keyboard of a focused player. Every handled key is taken; all others pass. */
import { forTheHost, take } from "../kit/dom.mjs"
import { nextSpeed } from "./clock.mjs"

/** Elements that have keys of their own. */
const OTHERS = "button, input, select, textarea, [role=toolbar] *"

/** Name of a key -> what it does. @type {Record<string, (player: import("./player.mjs").Player) => void>} */
const KEYS = {
  " ": (player) => player.toggle(),
  k: (player) => player.toggle(),
  ArrowLeft: (player) => player.step(-1),
  ArrowRight: (player) => player.step(1),
  PageUp: (player) => player.seek(player.nextMark(-1), true),
  PageDown: (player) => player.seek(player.nextMark(1), true),
  Home: (player) => player.seek(0, true),
  End: (player) => player.seek(Infinity, true),
  ArrowUp: (player) => player.setSpeed(nextSpeed(player.state.speed, 1)),
  ArrowDown: (player) => player.setSpeed(nextSpeed(player.state.speed, -1)),
  l: (player) => player.setLoop(!player.state.loop),
}

/**
 * Listen to the keyboard.
 * @param {import("./player.mjs").Player} player
 * @param {HTMLElement} element
 */
export function listenToKeys(player, element) {
  element.addEventListener(
    "keydown",
    (event) => {
      if (forTheHost(event) || event.shiftKey) return
      const target = /** @type {HTMLElement} */ (event.target)
      const press = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]
      if (!press || target.matches(OTHERS)) return
      take(event)
      press(player)
    },
    { signal: player.signal },
  )
}
