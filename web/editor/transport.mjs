// @ts-check
/** Playing: the playhead walks at the track's speed; nothing else is drawn. */
import { lastSeen } from "../kit/ruler.mjs"
import { fpsOf, shownTimeline } from "./state.mjs"

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
    if (!editor.ready || editor.state.recording) return
    const { range } = editor.state
    const end = range ? range[1] : shownTimeline(editor.state).frames
    const inside = editor.state.playhead >= (range?.[0] ?? 0) && editor.state.playhead < end - 1
    const first = inside ? editor.state.playhead : (range?.[0] ?? 0)
    const began = performance.now()
    editor.set({ playing: true, playhead: first })
    let last = first
    const step = (/** @type {number} */ now) => {
      if (!editor.state.playing || editor.state.playhead !== last) return stop() // somebody took the playhead
      const frame = first + Math.floor(((now - began) / 1000) * fpsOf(editor.state))
      if (frame >= end) {
        editor.set({ playhead: end - 1 })
        return stop()
      }
      if (frame > last) {
        last = frame
        editor.set({ playhead: frame })
        const { view } = editor.layout()
        if (frame >= lastSeen(view)) editor.show({ ...view, first: frame })
      }
      request = requestAnimationFrame(step)
    }
    request = requestAnimationFrame(step)
  }
}
