// @ts-check
/** Ready-made values as cards over an empty plot. */
import { make } from "./dom.mjs"

/**
 * Build a card.
 * @param {{shell: {plot: HTMLElement}, signal: AbortSignal}} editor whose plot takes the focus when the card is pressed
 * @param {{name: string, note: string, drawing: string, look?: string, press: () => void}} what `drawing`: lines seen
 *   from above in a box of 48 x 36; `look`: class of the lines
 */
export function makeCard({ shell: { plot }, signal }, { name, note, drawing, look, press }) {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", "0 0 48 36")
  svg.setAttribute("aria-hidden", "true")
  const line = svg.appendChild(document.createElementNS(space, "path"))
  line.setAttribute("d", drawing)
  if (look) line.setAttribute("class", look)
  const button = make("button.wm-card.wm-over", { title: note }, svg, make("span", { text: name }))
  const pressed = () => {
    plot.focus({ preventScroll: true })
    press()
  }
  button.addEventListener("click", pressed, { signal })
  button.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => (event.key === "Enter" || event.key === " ") && event.stopPropagation(),
    { signal },
  )
  return button
}
