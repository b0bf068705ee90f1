// @ts-check
/** A player's tool bar. */
import { makeLarge } from "../kit/large.mjs"
import { openMenu } from "../kit/menu.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { SPEEDS, speedWords } from "./clock.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./player.mjs").Player} Player */

/**
 * Make the tool bar.
 * @param {Player} player
 * @param {{signal: AbortSignal, root: HTMLElement}} options
 */
export function makeTools(player, { signal, root }) {
  const speeds = () =>
    SPEEDS.map((speed) => ({
      label: speedWords(speed),
      checked: speed === player.state.speed,
      press: () => player.setSpeed(speed),
    }))
  /** @type {import("../kit/toolbar.mjs").Tool[]} */
  const tools = [
    { id: "start", icon: "start", label: WORDS.start, key: "Home", narrow: "menu", press: () => player.seek(0) },
    { id: "back", icon: "back", label: WORDS.back, key: "\u2190", press: () => player.step(-1) },
    { id: "play", icon: "play", label: WORDS.play, key: "Space", press: () => player.toggle() },
    { id: "forward", icon: "forward", label: WORDS.forward, key: "\u2192", press: () => player.step(1) },
    { kind: "line", id: "line" },
    {
      id: "loop",
      kind: "toggle",
      icon: "loop",
      label: WORDS.loop,
      key: "L",
      press: () => player.setLoop(!player.state.loop),
    },
    {
      id: "speed",
      text: speedWords(1),
      opens: true,
      label: WORDS.speed,
      press: () => openMenu(bar.get("speed"), speeds(), { label: WORDS.speed, signal, root }),
      entries: speeds,
    },
    {
      id: "keys",
      kind: "toggle",
      icon: "keyboard",
      label: WORDS.keys,
      press: () => player.setKeysShown(!player.state.keys),
    },
    { id: "live", icon: "target", text: "newest", label: WORDS.live, press: () => player.follow() },
    { kind: "space", id: "space" },
    { id: "large", icon: "large", label: WORDS.large, press: () => large() },
  ]
  const bar = makeToolbar({ label: WORDS.tools, tools, signal, root })
  bar.get("large").hidden = !document.fullscreenEnabled

  const large = makeLarge(root, { bar, words: WORDS, signal })
  let last = ""
  return {
    element: bar.element,
    /** @param {import("./player.mjs").State} state */
    show({ playing, speed, loop, keys, rolling, following, frames }) {
      const now = JSON.stringify([playing, speed, loop, keys, rolling, following, frames > 0])
      if (now === last) return
      last = now
      bar.set("play", { icon: playing ? "pause" : "play", label: playing ? WORDS.pause : WORDS.play })
      for (const id of ["start", "back", "play", "forward"]) bar.set(id, { disabled: !frames })
      bar.set("loop", { pressed: loop })
      bar.set("speed", { text: speedWords(speed), label: `${WORDS.speed}: ${speedWords(speed)}` })
      bar.set("keys", { pressed: keys })
      bar.set("live", { hidden: !rolling || following })
    },
  }
}
