// @ts-check
/** Playing: the playhead walks at the node's speed; nothing else is drawn. */
import { lastSeen } from "./ruler.mjs"
import { fpsOf } from "./state.mjs"

/**
 * Make the transport of an editor.
 * @param {import("./editor.mjs").Base} editor
 * @param {() => readonly [from: number, to: number]} span the frames that are played, `to` the first one after them
 * @returns {() => void} plays, or pauses
 */
export function makeTransport(editor, span) {
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
    const [from, end] = span()
    const { playhead } = editor.state
    const first = playhead >= from && playhead < end - 1 ? playhead : from
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
        const view = editor.timeView
        if (frame >= lastSeen(view)) editor.show({ ...view, first: frame })
      }
      request = requestAnimationFrame(step)
    }
    request = requestAnimationFrame(step)
  }
}
