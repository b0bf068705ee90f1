// @ts-check
/** Two stacked canvases in a sized box: content and overlay, drawn on change only, once per animation frame. */

/** @typedef {import("./palette.mjs").Palette} Palette */
/** @typedef {{width: number, height: number}} Size in px of the page's own scale */
/** @typedef {(context: CanvasRenderingContext2D, size: Size) => void} Draw */

const MOST_DENSITY = 2
const ZOOM_STEPS = [1, 1.5, 2]
/** Milliseconds without a wheel event after which the graph's zoom is read again. */
const SETTLED = 180

/**
 * Stack two canvases in a box.
 * @param {HTMLElement} box with class wm-plot
 * @param {{signal: AbortSignal, content: Draw, overlay: Draw, resized?: (size: Size) => void}} parts
 */
export function makeLayers(box, { signal, content, overlay, resized }) {
  const layers = [content, overlay].map((draw) => ({
    draw,
    canvas: box.appendChild(box.ownerDocument.createElement("canvas")),
    stale: true,
  }))
  let size = { width: 0, height: 0 }
  let density = 1
  let request = 0
  let drawn = 0

  function paint() {
    request = 0
    if (!size.width || !size.height) return
    for (const layer of layers) {
      if (!layer.stale) continue
      layer.stale = false
      const { canvas } = layer
      const [width, height] = [Math.round(size.width * density), Math.round(size.height * density)]
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"))
      context.setTransform(density, 0, 0, density, 0, 0)
      context.clearRect(0, 0, size.width, size.height)
      layer.draw(context, size)
      drawn += 1
    }
  }

  /** @param {...number} which */
  function redraw(...which) {
    for (const i of which) layers[i].stale = true
    if (!request && !signal.aborted) request = requestAnimationFrame(paint)
  }

  function measure() {
    const next = sharpness(box)
    const [width, height] = [box.clientWidth, box.clientHeight]
    if (next === density && width === size.width && height === size.height) return
    density = next
    const changed = width !== size.width || height !== size.height
    size = { width, height }
    if (changed) resized?.(size)
    redraw(0, 1)
  }

  const observer = new ResizeObserver(measure)
  observer.observe(box)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const later = () => {
    clearTimeout(timer)
    timer = setTimeout(measure, SETTLED)
  }
  window.addEventListener("wheel", later, { passive: true, capture: true, signal })
  box.addEventListener("pointerenter", measure, { signal })
  signal.addEventListener("abort", () => {
    observer.disconnect()
    clearTimeout(timer)
    cancelAnimationFrame(request)
    request = 0
  })
  return {
    canvas: layers[0].canvas,
    get size() {
      return size
    },
    /** How often a layer was drawn, and whether a frame is asked for: for tests of rest. */
    get work() {
      return { drawn, waiting: request !== 0 }
    },
    all: () => redraw(0, 1),
    overlay: () => redraw(1),
    /** Draw at once what is asked for, as within a picture of the page that others draw for. */
    now() {
      cancelAnimationFrame(request)
      paint()
    },
    measure,
  }
}

/**
 * Work out the pixels of a canvas per pixel of its box: the screen's density times the graph's zoom, in steps.
 * @param {HTMLElement} box
 */
function sharpness(box) {
  const zoom = box.offsetWidth ? box.getBoundingClientRect().width / box.offsetWidth : 1
  const step = ZOOM_STEPS.find((value) => value >= zoom - 0.05) ?? ZOOM_STEPS[ZOOM_STEPS.length - 1]
  return Math.min(MOST_DENSITY, window.devicePixelRatio || 1) * step
}

/**
 * Measure where a box lies on the page, at every zoom of the graph; during a drag once is enough.
 * @param {HTMLElement} box
 */
export function standOf(box) {
  const { left, top, width, height } = box.getBoundingClientRect()
  return {
    left,
    top,
    wide: width / box.offsetWidth || 1,
    high: height / box.offsetHeight || 1,
    inset: [box.clientLeft, box.clientTop],
  }
}

/**
 * Tell where a pointer is, in px of a box.
 * @param {ReturnType<typeof standOf>} stand of the box
 * @param {{clientX: number, clientY: number}} event
 */
export function placeIn({ left, top, wide, high, inset }, { clientX, clientY }) {
  return { x: (clientX - left) / wide - inset[0], y: (clientY - top) / high - inset[1] }
}

/**
 * Tell where a pointer is, in px of the box, at every zoom of the graph.
 * @param {HTMLElement} box
 * @param {{clientX: number, clientY: number}} event
 */
export const place = (box, event) => placeIn(standOf(box), event)

/**
 * Draw a little word pill, kept inside the box.
 * @param {CanvasRenderingContext2D} context
 * @param {Palette} palette
 * @param {Size} size
 * @param {string} text
 * @param {number} x centre
 * @param {number} y top
 */
export function pill(context, palette, size, text, x, y) {
  const font = `500 11px ${palette.font}`
  const width = palette.measure(context, text, font) + 12
  const left = Math.min(size.width - width - 2, Math.max(2, x - width / 2))
  const top = Math.min(size.height - 20, Math.max(2, y))
  roundBox(context, left, top, width, 18, 4)
  context.fillStyle = palette.field
  context.fill()
  context.strokeStyle = palette.frame
  context.lineWidth = 1
  context.stroke()
  context.font = font
  context.textAlign = "left"
  context.textBaseline = "middle"
  context.fillStyle = palette.text
  context.fillText(text, left + 6, top + 9.5)
}

/**
 * Begin the path of a rounded box.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x @param {number} y @param {number} width @param {number} height @param {number} radius
 */
export function roundBox(context, x, y, width, height, radius) {
  context.beginPath()
  context.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2))
}
