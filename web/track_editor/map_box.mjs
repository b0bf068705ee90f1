// @ts-check
/**
 * The box of the path map: drawn when the track changes, its arrow when the playhead does; hover and click find a
 * frame.
 */
import { pill, place } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { fpsOf } from "../kit/state.mjs"
import { drawMap, drawMapOverlay, makeScene, mapLayout, nearestFrame, poseWords } from "./map.mjs"
import { shownTimeline } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Metres that a map shows which is not there. */
const USUAL_METRES = 10

/**
 * Build the map.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, redraw: () => void, show: () => void, seen: () => {centre: readonly [number, number],
 *   width: number}}} `seen`: the ground that it shows, metres
 */
export function makeMapBox(editor) {
  const { shell, signal } = editor
  const element = make("div.wm-map", { role: "img", "aria-label": WORDS.map })
  /** @type {any} */
  let drawn = null
  /** @type {{text: string, x: number, y: number} | null} */
  let hover = null
  const ready = () => editor.ready && !element.hidden
  const moving = () => Boolean(editor.state.draft || editor.state.recording)

  /**
   * The scene of what is on show, made anew when the track, the model, the speed or the size changed.
   * @param {import("../kit/canvas.mjs").Size} size
   */
  function scene(size) {
    const [poses, past, ground] = [editor.poses(), editor.past(), editor.ground()]
    const { variant } = editor
    const fps = fpsOf(editor.state)
    const frames = editor.state.recording ? Math.max(1, editor.state.playhead) : shownTimeline(editor.state).frames
    const same =
      drawn &&
      drawn.poses === poses &&
      drawn.scene.past === past &&
      drawn.scene.ground === ground &&
      drawn.variant === variant &&
      drawn.fps === fps &&
      drawn.frames === frames &&
      drawn.size === size
    if (!same) {
      const made = makeScene({
        poses,
        past,
        ground,
        asked: editor.asked(),
        frames,
        variant,
        fps,
        area: mapLayout(size).area,
        keep: moving() ? drawn?.scene.fit : undefined,
      })
      drawn = { poses, variant, fps, frames, size, scene: made }
    }
    return drawn.scene
  }

  const layers = shell.layers(
    element,
    (context, size) =>
      ready() &&
      drawMap(context, {
        scene: scene(size),
        palette: shell.palette,
        size,
        recording: Boolean(editor.state.recording),
        picture: editor.parts.picture?.() ?? null,
      }),
    (context, size) => {
      if (!ready()) return
      drawMapOverlay(context, {
        scene: scene(size),
        palette: shell.palette,
        playhead: editor.state.playhead,
        ghost: editor.state.ghost,
        recording: Boolean(editor.state.recording),
      })
      if (hover) pill(context, shell.palette, size, hover.text, hover.x, hover.y)
    },
  )

  const find = (/** @type {MouseEvent} */ event) => {
    if (!ready()) return null
    const { x, y } = place(element, event)
    return { x, y, frame: nearestFrame(scene(layers.size), x, y) }
  }
  element.addEventListener(
    "pointermove",
    (/** @type {MouseEvent} */ event) => {
      const found = find(event)
      hover =
        found && found.frame !== null
          ? { text: poseWords(scene(layers.size), found.frame), x: found.x, y: found.y - 28 }
          : null
      element.style.cursor = hover ? "pointer" : "default"
      if ((found?.frame ?? null) !== editor.state.ghost) editor.set({ ghost: found?.frame ?? null })
      layers.overlay()
    },
    { signal },
  )
  element.addEventListener(
    "pointerleave",
    () => {
      hover = null
      if (editor.state.ghost !== null) editor.set({ ghost: null })
      layers.overlay()
    },
    { signal },
  )
  element.addEventListener(
    "click",
    (/** @type {MouseEvent} */ event) => {
      const found = find(event)
      if (found?.frame !== null && found) editor.goTo(found.frame, true)
    },
    { signal },
  )

  /** @type {any} */
  let last = null
  return {
    element,
    /** Draw what the change asks for: the arrow only, if only the playhead moved. */
    redraw() {
      const { state } = editor
      const now = [
        shownTimeline(state),
        state.recording?.timeline,
        state.variant,
        state.world,
        state.ground,
        state.background,
        editor.parts.picture?.()?.image, // comes when it has loaded, and that may be last
        state.askedFps,
        shell.narrow,
        state.map,
        shell.palette,
      ]
      const same = last && now.every((value, i) => value === last[i])
      last = now
      if (same) layers.overlay()
      else layers.all()
    },
    seen() {
      const { size } = layers
      if (!ready() || !size.width) return { centre: [0, 0], width: USUAL_METRES }
      const { scale, left, top } = scene(size).fit
      return { centre: [(size.width / 2 - left) / scale, (top - size.height / 2) / scale], width: size.width / scale }
    },
    show() {
      const off = !editor.state.map || (editor.state.variant !== null && editor.state.variant.mouse === null)
      if (element.hidden !== off) element.hidden = off
    },
  }
}
