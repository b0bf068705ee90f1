// @ts-check
/** One Camera Path editor: its state, and the few ways in which anything changes it. */
import { extended, makeBase } from "../kit/editor.mjs"
import { wallRows } from "../kit/solid.mjs"
import { fpsOf } from "../kit/state.mjs"
import { angle, decimal } from "../kit/words.mjs"
import { askedOf } from "../kit/world.mjs"
import { write } from "../path/path.mjs"
import { degrees } from "../path/poses.mjs"
import { groundedCache, stoppedCache } from "./grounded.mjs"
import { profileOf } from "./profile.mjs"
import { START, drawnCache, extent, locked, rateOf, settled, shownPath, withText } from "./state.mjs"
import { boundsOf, fitTop } from "./view.mjs"

/** @typedef {import("./state.mjs").PathState} PathState */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */
/** @typedef {ReturnType<typeof makeEditor>} Editor */

/** Members of the state that only the overlays show. */
const OVERLAY = new Set(["pill", "ghost", "stroke", "reach", "playing"])

/**
 * Make an editor. What it shows is drawn by the `draw…` modules, what it does is done by gestures, keys and tools.
 * @param {import("../kit/editor.mjs").Place} place
 */
export function makeEditor(place) {
  const { shell } = place
  const idle = { all: () => {}, overlay: () => {}, size: { width: 0, height: 0 } }
  /** @type {{top: typeof idle, profile: typeof idle}} */
  let layers = { top: idle, profile: idle }
  /** @type {{state: PathState, size: any, narrow: boolean, profile: import("./profile.mjs").Profile} | null} */
  let laid = null
  const [drawnOf, groundedOf, stopped, rows] = [drawnCache(), groundedCache(), stoppedCache(), wallRows()]
  /** @type {import("../kit/editor.mjs").BaseOf<CameraPath, PathState>} */
  const base = makeBase(place, {
    start: START,
    settled,
    withText,
    written: (path) => (path === base.state.path ? null : { view: still(), path, text: write(path), problem: "" }),
    shown: shownPath,
    locked,
    extent,
    question,
    timeView: () => profile().view,
    playheadWords,
    draw,
    redraw,
  })
  const { set } = base
  /** @typedef {{inspect: () => void, upload: () => void, picture: () => HTMLImageElement | null}} Own */
  /** @type {typeof base.parts & Own} */
  const parts = /** @type {any} */ (base.parts)

  /** The top view's window that an edit leaves where it is. */
  const still = () => (base.state.path.keyframes.length ? view() : base.state.view)
  const drawn = () => drawnOf(base.state)
  const view = () => base.state.view ?? fitTop(boundsOf(drawn()), layers.top.size)

  /** @param {PathState} state @returns {[text: string, model: string, more: import("../kit/world.mjs").Asked & {fps: number}] | null} */
  function question(state) {
    const { variant, problem, linked, shown } = state
    const path = shownPath(state)
    if (!variant || problem || (linked && !shown) || path.keyframes.length < 2) return null
    return [write(path), variant.name, { fps: fpsOf(state), ...askedOf(state.world) }]
  }

  function playheadWords() {
    const { playhead } = base.state
    const { speeds, samples } = drawn()
    const heading = angle(degrees(samples.yaw[playhead]))
    return `frame ${playhead}, ${decimal(speeds[playhead])} metres a second, looking ${heading}`
  }

  function profile() {
    const [{ state }, { size }, { narrow }] = [base, layers.profile, shell]
    if (laid?.state !== state || laid.size !== size || laid.narrow !== narrow)
      laid = { state, size, narrow, profile: profileOf(state, drawn(), size, narrow) }
    return laid.profile
  }

  /** @param {string[]} names */
  function draw(names) {
    if (names.every((name) => OVERLAY.has(name))) {
      layers.top.overlay()
      layers.profile.overlay()
      if (names.includes("playing")) base.refresh()
    } else if (names.length === 1 && names[0] === "playhead") {
      layers.top.overlay()
      if (base.state.playing) layers.profile.overlay()
      else layers.profile.all() // the flag pushes ruler labels away
      base.refresh()
    } else redraw()
  }

  function redraw() {
    layers.top.all()
    layers.profile.all()
    base.refresh()
  }

  const grounded = () => groundedOf(base.state, drawn())

  /** What the model walks within walls, if it is known. */
  function walked() {
    const followed = base.binding.state.report?.followed
    return followed ? stopped(followed, grounded().ground, drawn(), rateOf(base.state)) : null
  }

  /** What the top view is drawn from. */
  function scene() {
    const { state } = base
    const followed = base.binding.state.report?.followed ?? null
    return {
      ...grounded(),
      walked: walked(),
      state,
      drawn: drawn(),
      view: view(),
      size: layers.top.size,
      palette: shell.palette,
      narrow: shell.narrow,
      followed,
      rate: rateOf(state),
      stale: base.binding.state.stale,
      picture: parts.picture?.() ?? null,
    }
  }

  /** What the profile is drawn from. */
  function profileScene() {
    const rate = rateOf(base.state)
    const band = (base.binding.state.report?.band ?? []).map(
      ([kind, start, length]) => /** @type {[string, number, number]} */ ([kind, start * rate, length * rate]),
    )
    return { ...scene(), size: layers.profile.size, profile: profile(), band }
  }

  return extended(base, {
    parts,
    redraw,
    scene,
    profileScene,
    /** Whether there is something to draw and to press on. */
    get ready() {
      return base.state.variant !== null && layers.top.size.width > 0
    },
    /** @param {typeof layers} made */
    useLayers(made) {
      layers = made
    },
    /** What follows from the path on show. */
    get drawn() {
      return drawn()
    },
    /** The top view's window. */
    get view() {
      return view()
    },
    /** Show the whole path again in a view of another size, unless the artist has zoomed or panned, or draws just now. */
    refit() {
      const { view: now, draft, stroke } = base.state
      if (now && !now.own && !draft && !stroke) set({ view: null })
    },
    /** The size of the top view in px. */
    get size() {
      return layers.top.size
    },
    get profile() {
      return profile()
    },
    /** What the model makes of the path, if it is known. */
    get followed() {
      return base.binding.state.report?.followed ?? null
    },
    /** What it walks of that within walls, and how far from the path, if it is known. */
    get walked() {
      return walked()
    },
    /** The frames of the model in which walls stand in the way, for the report. */
    walls: () => rows(base.state.ground, grounded().within, "path", rateOf(base.state)),
    /** Drop what a gesture left behind. */
    settle() {
      set({ draft: null, pill: null, stroke: null })
      base.askBinding()
    },
    /** Undo one step of intent: drag, keys, playing, sheet, selection, tool, focus. */
    escape() {
      if (base.leave()) return
      const { sheet, chosen, tool } = base.state
      if (sheet) set({ sheet: false })
      else if (chosen.length) set({ chosen: [] })
      else if (tool !== "pointer") set({ tool: "pointer" })
      else shell.plot.blur()
    },
  })
}
