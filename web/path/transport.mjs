// @ts-check
/** Playing: the playhead walks at the path's speed; nothing else is drawn. */
import { lastSeen } from "../kit/ruler.mjs"
import { fpsOf, shownPath } from "./state.mjs"

/** @param {import("./editor.mjs").Editor} editor @returns {() => void} plays, or pauses */
export function makeTransport(editor) {
  let request = 0
  editor.signal.addEventListener("abort", () => cancelAnimationFrame(request))

  function stop() {
    cancelAnimationFrame(request)
    request = 0
    editor.set({ playing: false })
  }

  return () => {
    if (editor.state.playing) return stop()
    if (!editor.ready) return
    const end = shownPath(editor.state).frames
    const first = editor.state.playhead < end - 1 ? editor.state.playhead : 0
    const began = performance.now()
    editor.set({ playing: true })
    editor.set({ playhead: first })
    let last = first
    const step = (/** @type {number} */ now) => {
      if (!editor.state.playing || editor.state.playhead !== last) return stop() // somebody took the playhead
      const frame = Math.min(end - 1, first + Math.max(0, Math.floor(((now - began) / 1000) * fpsOf(editor.state))))
      if (frame > last) {
        last = frame
        editor.set({ playhead: frame })
        const { view } = editor.profile
        if (frame >= lastSeen(view)) editor.show({ ...view, first: frame })
      }
      if (frame >= end - 1) return stop()
      request = requestAnimationFrame(step)
    }
    request = requestAnimationFrame(step)
  }
}
