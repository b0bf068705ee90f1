// @ts-check
/** The bar under a player's picture: press and drag to go to a frame. */
import { makeLayers, place } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { barFrame, drawBar, drawPlayhead } from "./draw_bar.mjs"
import { WORDS } from "./words.mjs"

/**
 * Make the bar.
 * @param {{signal: AbortSignal, scene: () => import("./stage.mjs").Scene, seek: (frame: number) => void, resume: (on:
 *   boolean) => void}} options `resume`: false while a drag goes on, true after it if it played before
 */
export function makeBar({ signal, scene, seek, resume }) {
  const element = make("div.wm-scrub", {
    role: "slider",
    tabindex: "0",
    "aria-label": WORDS.scrub,
    "aria-valuemin": "0",
  })
  const layers = makeLayers(element, {
    signal,
    content: (context, size) => drawBar(context, size, scene().palette, scene()),
    overlay: (context, size) => drawPlayhead(context, size, scene().palette, scene()),
  })
  let dragging = false
  let playing = false
  const go = (/** @type {PointerEvent} */ event) =>
    seek(barFrame(place(element, event).x, scene().frames, layers.size.width))
  element.addEventListener(
    "pointerdown",
    (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0 || !scene().frames) return
      event.stopPropagation()
      element.focus({ preventScroll: true })
      element.setPointerCapture(event.pointerId)
      dragging = true
      resume(false)
      go(event)
    },
    { signal },
  )
  element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => dragging && go(event), { signal })
  const end = () => {
    if (!dragging) return
    dragging = false
    if (playing) resume(true)
  }
  element.addEventListener("lostpointercapture", end, { signal })
  return {
    element,
    /** Draw the playhead at once. */
    overlay() {
      layers.overlay()
      layers.now()
    },
    all: layers.all,
    /** Tell those who cannot see it. @param {import("./player.mjs").State} state @param {string} words */
    tell(state, words) {
      if (!dragging) playing = state.playing
      element.setAttribute("aria-valuemax", String(Math.max(0, state.frames - 1)))
      element.setAttribute("aria-valuenow", String(state.frame))
      element.setAttribute("aria-valuetext", words)
    },
  }
}
