// @ts-check
/** The large view of what moves: an element that fills the screen, and the tool that says so. */

/**
 * Let a tool named `large` lead there and back.
 * @param {HTMLElement} root
 * @param {{bar: ReturnType<typeof import("./toolbar.mjs").makeToolbar>, words: {small: string, large: string}, signal: AbortSignal}} options
 * @returns {() => void} what the tool does
 */
export function makeLarge(root, { bar, words, signal }) {
  const isLarge = () => document.fullscreenElement === root
  root.addEventListener("fullscreenchange", () => bar.set("large", { label: isLarge() ? words.small : words.large }), {
    signal,
  })
  return () => (isLarge() ? document.exitFullscreen() : root.requestFullscreen())
}
