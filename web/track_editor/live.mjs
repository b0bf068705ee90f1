// @ts-check
/**
 * What one sees while recording in a place that is known: the engine's own view of where the take stands, over the lanes.
 *
 * The page walks (walls and all, as the true film does), the server only renders. Two questions are under way at most;
 * of poses that come in the meantime only the newest is asked for, and a picture that is overtaken is not shown.
 */
import { make } from "../kit/dom.mjs"
import { viewOf } from "../kit/server.mjs"
import { fpsOf } from "../kit/state.mjs"
import { makePlayer } from "../player/player.mjs"
import { pushSource } from "../player/pushed.mjs"
import { inPlan } from "../track/walls.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../kit/place.mjs").Known} Known */
/** @typedef {{frame: number, pose: readonly number[]}} Wanted a frame of the track, and where it is in the plan */

const AT_ONCE = 2
/** Bytes of pictures that are kept: none is looked at again. */
const MOST = 2 ** 20

/**
 * Make the picture of an editor.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function makeLive(editor) {
  const element = make("div.wm-live", { hidden: true })
  /** @type {{known: Known, life: AbortController, ask: (wanted: Wanted) => void} | null} */
  let on = null
  let last = -1
  editor.signal.addEventListener("abort", stop)

  function stop() {
    on?.life.abort()
    on = null
    element.hidden = true
    element.replaceChildren()
    delete element.dataset.wmFrame
  }

  /** @param {Known} known */
  function start(known) {
    const life = new AbortController()
    const source = pushSource({ most: MOST })
    const player = makePlayer({
      label: WORDS.live,
      signal: life.signal,
      rate: fpsOf(editor.state),
      screens: [{ source }],
      arrive: "now",
      tools: false,
    })
    player.setNote(WORDS.liveComes)
    element.replaceChildren(player.element)
    element.hidden = false
    last = -1
    const ask = asker(known, life.signal, {
      seen({ frame }, image) {
        element.dataset.wmFrame = String(frame)
        source.push(image)
      },
      failed: (error) => player.setNote(error instanceof Error ? error.message : String(error)),
    })
    on = { known, life, ask }
  }

  return {
    element,
    /** Follow a take: called whenever anything changed. */
    show() {
      const { recording, ground } = editor.state
      if (!recording || !ground) return on && stop()
      if (on?.known !== ground) start(ground)
      const frame = recording.range[0] + recording.take.rows.length
      const solid = editor.ground()
      if (frame === last || !solid) return
      last = frame
      const { x, z, yaw } = editor.poses()
      const there = inPlan(solid, { x: x[frame], z: z[frame], yaw: yaw[frame] })
      on?.ask({ frame, pose: [there.x, there.z, there.yaw] })
    },
  }
}

/**
 * Ask for pictures, the newest first, few at once.
 * @param {Known} known
 * @param {AbortSignal} signal
 * @param {{seen: (wanted: Wanted, image: ImageBitmap) => void, failed: (error: unknown) => void}} told
 */
function asker({ place }, signal, { seen, failed }) {
  /** @type {{wanted: Wanted, number: number} | null} */
  let next = null
  let [asked, shown, flying] = [0, 0, 0]

  async function go() {
    if (!next || flying >= AT_ONCE || signal.aborted) return
    const { wanted, number } = next
    next = null
    flying += 1
    try {
      const image = await viewOf(place, wanted.pose, signal)
      if (signal.aborted || number < shown) return image.close()
      shown = number
      seen(wanted, image)
    } catch (error) {
      if (!signal.aborted) failed(error)
    } finally {
      flying -= 1
      go()
    }
  }
  return (/** @type {Wanted} */ wanted) => {
    next = { wanted, number: ++asked }
    go()
  }
}
