// @ts-check
/**
 * The inspector: the chosen keyframe's numbers, the loop, the target, the picture, and what the model makes of the
 * path.
 */
import { make } from "../kit/dom.mjs"
import { icon } from "../kit/icons.mjs"
import { counted } from "../kit/words.mjs"
import { slowDown, stretch } from "../path/edits.mjs"
import { extendedFrames } from "../track/chunks.mjs"
import { facts, loopFacts, modelFacts } from "./inspector_facts.mjs"
import { button, keyframeParts } from "./inspector_keyframe.mjs"
import { picturePart, targetPart } from "./inspector_places.mjs"
import { insertHere } from "./keys.mjs"
import { leader, locked, modelFrames, paceOf, pathFrames, rateOf, shownPath } from "./state.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */
/** @typedef {import("../path/path.mjs").CameraPath} CameraPath */

/**
 * Build the inspector and, for the narrow form, its one row.
 * @param {Editor} editor
 */
export function makeInspector(editor) {
  const parts = keyframeParts(editor, true)
  const row = keyframeParts(editor, false)
  const title = make("b")
  const many = make("span.wm-note")
  const head = make("div.wm-title", {}, title, many)
  const none = make(
    "div.wm-none",
    {},
    make("p", { text: WORDS.noneHint }),
    button(editor, WORDS.insert, () => insertHere(editor)),
  )
  const keyframe = make(
    "div.wm-fields",
    {},
    ...["frame", "time", "right", "ahead", "height", "pitch"].map((name) => parts.fields[name].element),
    parts.yaw.element,
    parts.look,
    parts.ease,
    parts.automatic,
  )
  const by = make("span.wm-note")
  const [loop, model, target, picture] = [facts(), facts(), targetPart(editor), picturePart(editor)]
  const slowed = slowedCache()
  const slow = button(editor, WORDS.slow, () => slowAll(editor, slowed(editor.state)), WORDS.slowHint)
  slow.classList.add("wm-slow")
  const body = make(
    "div.wm-inspect",
    {},
    head,
    none,
    keyframe,
    section(WORDS.loopTitle, loop.element),
    section(WORDS.modelTitle, model.element, by),
    target.element,
    picture.element,
    make("div.wm-grow"),
    slow,
  )
  const name = make("span.wm-name")
  const more = make("button.wm-tool", { title: WORDS.more, "aria-label": WORDS.more }, icon("more"))
  more.addEventListener("click", () => editor.set({ sheet: !editor.state.sheet }), { signal: editor.signal })
  const bar = make(
    "div.wm-inspect-row",
    {},
    name,
    ...["frame", "height"].map((field) => row.fields[field].element),
    row.look,
    more,
  )
  const element = make(
    "div.wm-inspector",
    { "aria-label": WORDS.keyframe, role: "group", "data-capture-wheel": "true" },
    bar,
    body,
  )
  element.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey && element.contains(document.activeElement)) event.stopPropagation()
    },
    { signal: editor.signal, passive: true },
  )

  function show() {
    const { state, shell } = editor
    const stop = leader(state)
    const off = locked(state)
    const { keyframes } = shownPath(state)
    const count = state.chosen.length
    title.textContent =
      count > 1
        ? WORDS.several(count)
        : stop
          ? `${WORDS.keyframe} ${state.chosen[0]}`
          : keyframes.length
            ? counted(keyframes.length, "keyframe")
            : WORDS.none
    name.textContent = stop ? `${WORDS.key} ${state.chosen[0]}` : WORDS.noKey
    many.textContent = stop ? WORDS.of(keyframes.length) : ""
    none.hidden = Boolean(stop)
    none.querySelector("button").disabled = off || keyframes.length < 2
    keyframe.hidden = !stop
    parts.show(stop, off)
    row.show(stop, off)
    loop.show(loopFacts(editor))
    model.show(modelFacts(editor))
    by.textContent = editor.walked?.apart ? WORDS.withoutWalls : WORDS.modelBy
    target.show(off)
    picture.show(off)
    const offered = !off && editor.drawn.fast.length > 0
    const made = offered && !state.draft ? slowed(state) : null
    const stuck = made === state.path
    slow.disabled = !offered || stuck
    slow.toggleAttribute("data-stuck", stuck)
    slow.textContent = stuck ? WORDS.tooSharp : made ? WORDS.slowTo(counted(made.frames, "frame")) : WORDS.slow
    element.toggleAttribute("data-open", shell.narrow && state.sheet)
    more.setAttribute("aria-expanded", String(state.sheet))
  }
  /** Put the caret into the first field. */
  const inspect = () => {
    if (!leader(editor.state)) return
    const { input } = (editor.shell.narrow ? row : parts).fields.frame
    input.focus()
    input.select()
  }
  return { element, show, inspect }
}

/** The path slowed down to the model's pace, of whole chunks; worked out once while both stay the same. */
function slowedCache() {
  /** @type {{path: CameraPath, variant: unknown, rate: number, made: CameraPath} | null} */
  let last = null
  return (/** @type {import("./state.mjs").PathState} */ state) => {
    const [{ path, variant }, rate] = [state, rateOf(state)]
    if (last?.path !== path || last.variant !== variant || last.rate !== rate)
      last = { path, variant, rate, made: slowedDown(state) }
    return last.made
  }
}

/** @param {import("./state.mjs").PathState} state @returns {CameraPath} the same one where nothing is slowed down */
function slowedDown(state) {
  const made = slowDown(state.path, paceOf(state))
  if (made === state.path || !state.variant) return made
  return stretch(made, pathFrames(state, extendedFrames(state.variant, modelFrames(state, made.frames))))
}

/** @param {Editor} editor @param {CameraPath} path slowed down */
const slowAll = (editor, path) => editor.edit(path, {}, `${path.frames} frames`)

/** @param {string} title @param {HTMLElement} content @param {HTMLElement} [note] */
function section(title, content, note) {
  return make("section", {}, make("div.wm-title", {}, make("b", { text: title }), note), content)
}
