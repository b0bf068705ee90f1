// @ts-check
/** The colours of the canvases by role, read from the host's palette once per palette. */

/**
 * @typedef {object} Palette
 * @property {boolean} dark
 * @property {boolean} forced whether the system forces its own colours
 * @property {string} font family of the page
 * @property {string} plot @property {string} field @property {string} text @property {string} second
 * @property {string} foreground @property {string} grid @property {string} border @property {string} frame @property
 *   {string} shade
 * @property {string} selection @property {string} key @property {string} keyText @property {string} yaw @property
 *   {string} pitch
 * @property {string} alert @property {string} record @property {string} recordText
 * @property {string} slow @property {string} even @property {string} fast
 * @property {(amount: number) => string} speed colour of a share of the limit, 0 to 1
 * @property {(context: CanvasRenderingContext2D, colour: string, gap?: number) => CanvasPattern} hatch
 * @property {(context: CanvasRenderingContext2D, text: string, font: string) => number} measure width in px, cached
 */

const ROLES = {
  plot: "plot",
  field: "field",
  text: "text",
  second: "second",
  foreground: "foreground",
  grid: "grid",
  border: "border",
  frame: "frame",
  shade: "shade",
  selection: "selection",
  key: "key",
  keyText: "key-text",
  yaw: "yaw",
  pitch: "pitch",
  alert: "alert",
  record: "record",
  recordText: "record-text",
  slow: "slow",
  even: "even",
  fast: "fast",
}
/** Relative luminance of the host's widget ground that parts dark palettes from light ones. */
const DARK_BELOW = 0.4

/**
 * Decide between dark and light, mark the root, and read all colours.
 * @param {HTMLElement} root with class wm-editor, in the page
 * @returns {Palette}
 */
export function readPalette(root) {
  const probe = root.ownerDocument.createElement("span")
  probe.style.cssText = "position:absolute;visibility:hidden;forced-color-adjust:none"
  root.append(probe)
  const read = (/** @type {string} */ value) => {
    probe.style.color = value
    return getComputedStyle(probe).color
  }
  const dark = luminance(rgb(root.ownerDocument, read("var(--wm-host)"))) < DARK_BELOW
  root.dataset.wmTheme = dark ? "dark" : "light"
  const colours = Object.fromEntries(Object.entries(ROLES).map(([role, name]) => [role, read(`var(--wm-${name})`)]))
  const stops = [colours.slow, colours.even, colours.fast].map((colour) => rgb(root.ownerDocument, colour))
  const font = getComputedStyle(root).fontFamily
  probe.remove()
  const forced = matchMedia("(forced-colors: active)").matches
  return Object.freeze({
    .../** @type {any} */ (colours),
    dark,
    forced,
    font,
    speed: ramp(stops),
    hatch: hatches(),
    measure: widths(),
  })
}

/**
 * Call back when the palette may have changed.
 * @param {Document} document
 * @param {AbortSignal} signal
 * @param {() => void} changed
 */
export function watchPalette(document, signal, changed) {
  const observer = new MutationObserver(changed)
  for (const element of [document.documentElement, document.body])
    observer.observe(element, { attributes: true, attributeFilter: ["style", "class"] })
  signal.addEventListener("abort", () => observer.disconnect())
  matchMedia("(forced-colors: active)").addEventListener("change", changed, { signal })
}

/**
 * Read a CSS colour of any notation as red, green, blue in 0 to 255.
 * @param {Document} document
 * @param {string} colour
 */
export function rgb(document, colour) {
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 1
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }))
  context.fillStyle = colour
  context.fillRect(0, 0, 1, 1)
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)]
}

/** @param {number[]} colour 0 to 255 */
function luminance(colour) {
  const [red, green, blue] = colour
    .map((value) => value / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** @param {number[][]} stops evenly spaced colours */
function ramp(stops) {
  const cache = new Map()
  return (/** @type {number} */ amount) => {
    const step = Math.round(Math.min(1, Math.max(0, amount)) * 64)
    if (!cache.has(step)) {
      const place = (step / 64) * (stops.length - 1)
      const low = Math.min(stops.length - 2, Math.floor(place))
      const mix = stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (place - low)))
      cache.set(step, `rgb(${mix.join(" ")})`)
    }
    return cache.get(step)
  }
}

function hatches() {
  const cache = new Map()
  return (/** @type {CanvasRenderingContext2D} */ context, /** @type {string} */ colour, gap = 5) => {
    const name = `${colour} ${gap}`
    if (!cache.has(name)) cache.set(name, hatch(context, colour, gap))
    const pattern = cache.get(name)
    const { a } = context.getTransform() // lines keep their thickness at every density
    pattern.setTransform(new DOMMatrix().scale(1 / a))
    return pattern
  }
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {number} gap in px */
function hatch(context, colour, gap) {
  const tile = context.canvas.ownerDocument.createElement("canvas")
  const size = gap * Math.max(1, Math.round(context.getTransform().a))
  tile.width = tile.height = size
  const pen = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"))
  pen.strokeStyle = colour
  pen.lineWidth = Math.max(1, size / 5)
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size)
    pen.lineTo(shift + size, 0)
  }
  pen.stroke()
  return /** @type {CanvasPattern} */ (context.createPattern(tile, "repeat"))
}

function widths() {
  const cache = new Map()
  return (/** @type {CanvasRenderingContext2D} */ context, /** @type {string} */ text, /** @type {string} */ font) => {
    const name = `${font}|${text}`
    if (!cache.has(name)) {
      if (cache.size > 2000) cache.clear()
      context.font = font
      cache.set(name, context.measureText(text).width)
    }
    return cache.get(name)
  }
}
