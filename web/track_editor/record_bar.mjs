// @ts-check
/**
 * The recording bar in place of the strip: key pad, mouse pad, elapsed time, progress by chunks, the three keys that
 * matter.
 */
import { make } from "../kit/dom.mjs"
import { fpsOf } from "../kit/state.mjs"
import { signed, time } from "../kit/words.mjs"
import { chunkAt, chunkNumber, wholeChunks } from "../track/chunks.mjs"
import { rangeOf } from "./record.mjs"
import { WORDS } from "./words.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Where letters lie under the fingers: row and column. @type {Record<string, [number, number]>} */
const PLACES = { Q: [1, 1], W: [1, 2], E: [1, 3], A: [2, 1], S: [2, 2], D: [2, 3], Z: [3, 1], X: [3, 2], C: [3, 3] }
const MOST_SEGMENTS = 48
const PAD = { width: 86, height: 62, inset: 13 }
/** Degrees per frame of the pad's box where the model's range is not known. */
const UNKNOWN_RANGE = 8

/**
 * Build the bar.
 * @param {Editor} editor
 * @returns {{element: HTMLElement, show: () => void}}
 */
export function makeRecordBar(editor) {
  const pad = make("div.wm-pad")
  const mouse = mousePad()
  const values = make(
    "div.wm-turns",
    {},
    ...["yaw", "pitch"].flatMap((axis) => [
      make("span", { text: WORDS.axes[/** @type {"yaw"} */ (axis)] }),
      make("b", { "data-axis": axis }),
    ]),
    make("span", { text: WORDS.perFrame }),
  )
  const clock = make("span.wm-clock")
  const where = make("span")
  const segments = make("div.wm-segments")
  const ends = make("div.wm-ends")
  const keys = make(
    "div.wm-legend",
    {},
    ...WORDS.recordKeys.flatMap(([key, text]) => [make("kbd.wm-key", { text: key }), make("span", { text })]),
  )
  const middle = make("div.wm-progress", {}, make("div", {}, clock, where), segments, ends)
  const element = make(
    "div.wm-recordbar",
    { hidden: true, role: "group", "aria-label": WORDS.recording },
    pad,
    mouse.element,
    values,
    middle,
    keys,
  )
  let built = ""

  /** @param {import("../track/chunks.mjs").Variant} variant @param {number} chunks */
  function build(variant, chunks) {
    const now = `${variant.name} ${chunks}`
    if (built === now) return
    built = now
    const { letters, words } = variant.keyboard
    pad.replaceChildren(
      ...letters
        .map((letter, i) => ({ letter, word: words[i] }))
        .filter(({ letter }) => letter)
        .map(({ letter, word }) => {
          const [row, column] = PLACES[letter] ?? [1, 4]
          const key = make("span", { text: letter, "data-word": word })
          key.style.gridArea = `${row} / ${column}`
          return key
        }),
    )
    mouse.element.style.display = values.style.display = variant.mouse ? "" : "none"
    segments.replaceChildren(...Array.from({ length: Math.min(MOST_SEGMENTS, Math.max(1, chunks)) }, () => make("i")))
  }

  function show() {
    const { state } = editor
    const { recording } = state
    element.hidden = !recording
    if (!recording) return
    const { variant } = editor
    const { frames } = recording.timeline
    const chunks = wholeChunks(variant, frames)
    build(variant, chunks)
    for (const key of pad.children) key.classList.toggle("wm-on", recording.held.has(key.dataset.word))
    mouse.show(recording.values, variant.max_yaw ?? Math.min(UNKNOWN_RANGE, rangeOf(variant)))
    for (const number of values.querySelectorAll("b"))
      number.textContent = signed(recording.values[number.dataset.axis])
    clock.replaceChildren(make("b", { text: time(state.playhead / fpsOf(state)) }), " s")
    const chunk = editor.shell.narrow
      ? ""
      : `   chunk ${chunkNumber(variant, chunkAt(variant, state.playhead))} / ${chunkNumber(variant, chunks)}`
    where.textContent = `frame ${state.playhead} / ${frames}${chunk}`
    const now = Math.floor((chunkAt(variant, state.playhead) / Math.max(1, chunks)) * segments.children.length)
    ;[...segments.children].forEach(
      (segment, i) =>
        segment.className !== (i < now ? "wm-done" : i === now ? "wm-now" : "") &&
        (segment.className = i < now ? "wm-done" : i === now ? "wm-now" : ""),
    )
    ends.textContent = recording.waiting
      ? WORDS.waiting
      : recording.grows
        ? WORDS.grows
        : WORDS.endsAt(recording.range[1])
  }
  return { element, show }
}

/** The pad of the mouse: the dashed box is the model's range. */
function mousePad() {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", `0 0 ${PAD.width} ${PAD.height}`)
  svg.setAttribute("class", "wm-mouse")
  svg.setAttribute("aria-hidden", "true")
  const part = (/** @type {string} */ tag, /** @type {Record<string, any>} */ attributes) => {
    const element = svg.appendChild(document.createElementNS(space, tag))
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
    return element
  }
  const [x, y] = [PAD.width / 2, PAD.height / 2]
  part("rect", {
    x: PAD.inset,
    y: PAD.inset / 2,
    width: PAD.width - 2 * PAD.inset,
    height: PAD.height - PAD.inset,
    class: "wm-box",
  })
  part("path", {
    d: `M${PAD.inset} ${y}H${PAD.width - PAD.inset}M${x} ${PAD.inset / 2}V${PAD.height - PAD.inset / 2}`,
    class: "wm-cross",
  })
  const line = part("path", { d: "", class: "wm-turn" })
  const dot = part("circle", { r: 3.5, class: "wm-tip" })
  return {
    element: svg,
    show(/** @type {{yaw: number, pitch: number}} */ { yaw, pitch }, /** @type {number} */ limit) {
      const to = [x + (yaw / limit) * (x - PAD.inset), y - (pitch / limit) * (y - PAD.inset / 2)]
      line.setAttribute("d", `M${x} ${y}L${to[0]} ${to[1]}`)
      dot.setAttribute("cx", String(to[0]))
      dot.setAttribute("cy", String(to[1]))
    },
  }
}
