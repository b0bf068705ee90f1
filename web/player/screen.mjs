// @ts-check
/** One of the pictures that a player shows side by side. */
import { make } from "../kit/dom.mjs"
import { WORDS } from "./words.mjs"

/**
 * Make a screen.
 * @param {import("./player.mjs").Screen} screen
 * @param {{signal: AbortSignal, pick?: () => void}} options
 */
export function makeScreen({ source, label = "", note = "" }, { signal, pick }) {
  const canvas = make("canvas", { role: "img", "aria-label": label || WORDS.player })
  const caption = make(
    "div.wm-caption",
    { hidden: !label && !note },
    make("span", { text: label }),
    make("span.wm-second", { text: note }),
  )
  const button = pick ? make("button.wm-tool.wm-worded.wm-pick", { text: WORDS.keep, title: WORDS.pick(label) }) : null
  const element = make("div.wm-screen", {}, canvas, caption, button)
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }))
  /** The picture that is shown. */
  let shown = -1
  if (pick && button) {
    button.setAttribute("aria-label", WORDS.pick(label))
    button.setAttribute("aria-pressed", "false")
    button.addEventListener("click", pick, { signal })
  }
  return {
    element,
    source,
    get shown() {
      return shown
    },
    /** Show a frame, or the last one there is; whether what is seen changed. @param {number} frame */
    show(frame) {
      const last = Math.min(frame, source.frames - 1)
      if (last < 0 || last === shown) return false
      const picture = source.look(last)
      if (!picture) return false
      const { image, x, y, width, height } = picture
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
      context.drawImage(image, x, y, width, height, 0, 0, width, height)
      shown = last
      return true
    },
    /** Forget what is shown, as when other frames have come in its place. */
    forget() {
      shown = -1
    },
    /** Say whether it is the one that is kept, and whether the last run kept it. @param {boolean} on @param {boolean} ran */
    setPicked(on, ran) {
      element.toggleAttribute("data-picked", on)
      if (!button) return
      button.setAttribute("aria-pressed", String(on))
      button.textContent = on ? (ran ? WORDS.kept : WORDS.next) : WORDS.keep
      button.title = on ? (ran ? WORDS.picked(label) : WORDS.pending(label)) : WORDS.pick(label)
    },
  }
}
