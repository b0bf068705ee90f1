// @ts-check
/** A field for a frame, a time or a number: typed into, dragged sideways, stepped with the arrow keys. */
import { forTheHost, make, take } from "./dom.mjs"
import { DRAG } from "./pointer.mjs"

/**
 * Make a field.
 * @param {{label: string, hint?: string, name?: string, unit?: string, columns?: number, signal: AbortSignal,
 *   format: (value: number) => string, parse: (text: string, value: number) => number | null, step?: number,
 *   pixels?: number, low?: () => number, high?: () => number,
 *   preview?: (value: number) => void, dropped?: () => void, commit: (value: number) => void}} options `pixels`: of
 *   sideways drag per step; `preview` while dragging; `dropped` after a drag that changes nothing; `commit` once at the
 *   end of a drag, on Enter, on leaving, on an arrow key
 */
export function makeField(options) {
  const { label, hint, name, unit, signal, format, parse, step = 1, pixels = 4 } = options
  const input = make("input", {
    type: "text",
    role: "spinbutton",
    inputmode: "decimal",
    "aria-label": label,
    title: hint ?? label,
    autocomplete: "off",
    spellcheck: "false",
  })
  if (options.columns) input.style.width = `${options.columns}ch`
  const parts = [name ? make("span", { text: name }) : null, input, unit ? make("span", { text: unit }) : null]
  const element = make(name ? "span.wm-field.wm-named" : "span.wm-field", {}, ...parts)
  let value = 0
  /** @type {null | {x: number, value: number, moved: boolean, scale: number}} */
  let drag = null

  const inside = (/** @type {number} */ next) =>
    Math.min(options.high?.() ?? Infinity, Math.max(options.low?.() ?? -Infinity, next))
  const show = (/** @type {number} */ next) => {
    value = next
    input.value = format(next)
    input.setAttribute("aria-valuenow", String(next))
    input.removeAttribute("aria-invalid")
  }
  const typed = () => {
    if (input.value === format(value)) return true
    const next = parse(input.value, value)
    if (next === null || Number.isNaN(next)) return false
    if (inside(next) === value) show(value)
    else {
      show(inside(next))
      options.commit(value)
    }
    return true
  }

  input.addEventListener(
    "pointerdown",
    (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0 || input.disabled) return
      event.stopPropagation()
      if (document.activeElement === input) return
      const zoom = input.getBoundingClientRect().width / input.offsetWidth || 1
      drag = { x: event.clientX, value, moved: false, scale: 1 / (zoom * pixels) }
      input.setPointerCapture(event.pointerId)
      document.addEventListener("keydown", keyInDrag, { signal, capture: true })
    },
    { signal },
  )
  input.addEventListener(
    "mousedown",
    (/** @type {MouseEvent} */ event) => {
      if (drag) event.preventDefault() // a drag must not select the text; a click focuses below
    },
    { signal },
  )
  input.addEventListener(
    "pointermove",
    (/** @type {PointerEvent} */ event) => {
      if (!drag) return
      const way = event.clientX - drag.x
      if (!drag.moved && Math.abs(way) < DRAG) return
      drag.moved = true
      const next = inside(drag.value + Math.round(way * drag.scale) * step)
      if (next === value) return
      show(next)
      options.preview?.(next)
    },
    { signal },
  )
  const release = (/** @type {boolean} */ keep) => {
    if (!drag) return
    const { moved, value: before } = drag
    drag = null
    document.removeEventListener("keydown", keyInDrag, { capture: true })
    if (!moved && keep) {
      input.focus()
      input.select()
    } else if (keep && value !== before) options.commit(value)
    else {
      show(before)
      options.preview?.(before)
      options.dropped?.()
    }
  }
  /** The focus is elsewhere while a field is dragged: Esc drops the drag, and no other key edits under it. */
  const keyInDrag = (/** @type {KeyboardEvent} */ event) => {
    if (forTheHost(event)) return
    take(event)
    if (event.key === "Escape") release(false)
  }
  input.addEventListener("focus", () => input.select(), { signal })
  input.addEventListener("pointerup", () => release(true), { signal })
  input.addEventListener("pointercancel", () => release(false), { signal })
  input.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (forTheHost(event)) return
      event.stopPropagation()
      if (event.key === "Enter") {
        event.preventDefault()
        if (!typed()) input.setAttribute("aria-invalid", "true")
        else input.select()
      } else if (event.key === "Escape") {
        take(event)
        show(value)
        input.blur()
      } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        take(event)
        const next = inside(value + (event.key === "ArrowUp" ? step : -step) * (event.shiftKey ? 10 : 1))
        if (next !== value) {
          show(next)
          options.commit(next)
        }
      }
    },
    { signal },
  )
  input.addEventListener("blur", () => typed() || show(value), { signal })
  return {
    element,
    input,
    get value() {
      return value
    },
    /** Show a value, unless somebody is typing. @param {number} next */
    show: (next) => {
      if (document.activeElement !== input || input.value === format(value)) show(next)
      else value = next
    },
    /** @param {boolean} off */
    disable: (off) => {
      input.disabled = off
    },
  }
}

/**
 * Read a frame from `57`, `57f`, `3.5s`, `1:23.4`, `c5` (start of chunk 5), `+12`, `-12`, `*2`.
 * @param {string} text
 * @param {{now: number, fps: number, chunkStart: (index: number) => number, plain?: "frames" | "seconds"}} axis
 * @returns {number | null} a whole frame; `null` if the text means none
 */
export function parseFrames(text, { now, fps, chunkStart, plain = "frames" }) {
  const word = text.trim().toLowerCase().replace("\u2212", "-").replaceAll(" ", "")
  const match = /^([+\-*]?)(c?)(?:(\d+):)?(\d+(?:\.\d*)?|\.\d+)([fs]?)$/.exec(word)
  if (!match) return null
  const [, sign, chunk, minutes, digits, unit] = match
  const number = Number(digits) + 60 * Number(minutes ?? 0)
  if (sign === "*") return chunk || unit || minutes ? null : Math.round(now * number)
  if (chunk) return sign || unit || minutes || !Number.isInteger(number) ? null : chunkStart(number)
  const seconds = unit === "s" || minutes !== undefined || (unit === "" && plain === "seconds")
  const frames = Math.round(seconds ? number * fps : number)
  return sign ? now + (sign === "-" ? -frames : frames) : frames
}

/**
 * Read a number from `1.5`, `+0.2`, `*2`; a leading minus is a negative number, not a difference.
 * @param {string} text @param {number} now
 * @returns {number | null}
 */
export function parseNumber(text, now) {
  const match = /^([+*]?)(-?(?:\d+(?:\.\d*)?|\.\d+))[^\d.]*$/.exec(text.trim().replace("\u2212", "-").replace(",", "."))
  if (!match) return null
  const number = Number(match[2])
  return match[1] === "*" ? now * number : match[1] === "+" ? now + number : number
}
