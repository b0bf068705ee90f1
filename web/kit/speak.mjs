// @ts-check
/** A hidden live region: says what happened to those who cannot see it, at most once in 400 ms. */
import { make } from "./dom.mjs"

const QUIET = 400

/** @param {AbortSignal} signal */
export function makeSpeaker(signal) {
  const element = make("div.wm-hidden", { "aria-live": "polite", role: "status" })
  let last = -QUIET
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  signal.addEventListener("abort", () => clearTimeout(timer))
  return {
    element,
    /** Say a sentence; of several within 400 ms the last is said. @param {string} text */
    say(text) {
      clearTimeout(timer)
      timer = setTimeout(
        () => {
          last = performance.now()
          element.textContent = text
        },
        Math.max(0, last + QUIET - performance.now()),
      )
    },
  }
}
