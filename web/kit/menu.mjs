// @ts-check
/** Menus and small dialogs that open over the page, so that neither the node nor the graph's zoom cuts them. */
import { forTheHost, make, take } from "./dom.mjs"
import { icon } from "./icons.mjs"

/**
 * @typedef {object} Entry
 * @property {string} [label]
 * @property {string} [note] said more softly behind or below the label
 * @property {string} [key] the key that does the same
 * @property {import("./icons.mjs").IconName} [icon]
 * @property {boolean} [checked]
 * @property {boolean} [disabled]
 * @property {() => void} [press]
 * @property {string} [heading] instead of all others: a heading
 * @property {boolean} [line] instead of all others: a line
 * @property {HTMLElement} [element] instead of all others: a part that is shown while the menu is open
 */

/** @type {WeakMap<HTMLElement, () => void>} what closes the menu that is open under an element */
const OPEN = new WeakMap()

/**
 * Open a menu under an element, or close the one that is open there. It closes on a choice, Esc, Tab, a press elsewhere
 * and with its editor, too.
 * @param {HTMLElement} anchor
 * @param {Entry[]} entries
 * @param {{label: string, signal: AbortSignal, root: HTMLElement}} options `root`: the editor, whose theme it takes
 * @returns {() => void} closes it
 */
export function openMenu(anchor, entries, { label, signal, root }) {
  const open = OPEN.get(anchor)
  if (open) {
    open()
    return open
  }
  const popup = openPopup(anchor, { role: "menu", label, signal, root })
  const homes = entries
    .filter((entry) => entry.element)
    .map((entry) => {
      const element = /** @type {HTMLElement} */ (entry.element)
      return { element, parent: element.parentElement, next: element.nextSibling }
    })
  popup.closed.addEventListener("abort", () =>
    homes.forEach(({ element, parent, next }) => parent?.insertBefore(element, next)),
  )
  for (const entry of entries) popup.element.append(row(entry, popup.close))
  popup.place()
  const choices = () =>
    /** @type {HTMLElement[]} */ ([...popup.element.querySelectorAll(".wm-entry:not(:disabled), input")])
  popup.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (forTheHost(event) || /** @type {HTMLElement} */ (event.target).tagName === "INPUT") return
    event.stopPropagation()
    const list = choices()
    const at = list.indexOf(/** @type {HTMLElement} */ (document.activeElement))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key]
    if (to !== undefined) {
      event.preventDefault()
      list[(to + list.length) % list.length]?.focus()
    } else if (event.key === "Tab") popup.close()
  })
  choices()[0]?.focus({ preventScroll: true })
  anchor.setAttribute("aria-expanded", "true")
  OPEN.set(anchor, popup.close)
  popup.closed.addEventListener("abort", () => {
    anchor.setAttribute("aria-expanded", "false")
    OPEN.delete(anchor)
  })
  return popup.close
}

/** @param {Entry} entry @param {() => void} close */
function row(entry, close) {
  if (entry.line) return make("hr")
  if (entry.heading) return make("div.wm-heading", { text: entry.heading })
  if (entry.element) return make("div.wm-holder", {}, entry.element)
  const role = entry.checked === undefined ? "menuitem" : "menuitemradio"
  const button = make("button.wm-entry", {
    role,
    disabled: entry.disabled,
    tabindex: "-1",
    "aria-checked": entry.checked,
  })
  if (entry.checked !== undefined) button.append(make("span.wm-mark", {}, entry.checked ? icon("check") : null))
  if (entry.icon) button.append(icon(entry.icon))
  const words = make("span.wm-label", {}, make("div", { text: entry.label }))
  if (entry.note) words.append(make("div.wm-note", { text: entry.note }))
  button.append(words)
  if (entry.key) button.append(make("kbd.wm-key", { text: entry.key }))
  button.addEventListener("click", () => {
    close()
    entry.press?.()
  })
  return button
}

/**
 * Open an empty popup beside an element.
 * @param {HTMLElement} anchor
 * @param {{role: string, label: string, signal: AbortSignal, root: HTMLElement, anchored?: boolean}} options
 *   `anchored`:
 *   a press on the anchor leaves it open, as its own press closes it
 */
export function openPopup(anchor, { role, label, signal, root, anchored = true }) {
  const element = make("div.wm-popup", {
    role,
    "aria-label": label,
    "data-wm-theme": root.dataset.wmTheme,
    tabindex: "-1",
  })
  const life = new AbortController()
  const before = /** @type {HTMLElement | null} */ (document.activeElement)
  const close = () => {
    if (life.signal.aborted) return
    const inside = element.contains(document.activeElement)
    life.abort()
    element.remove()
    if (inside) (before?.isConnected ? before : anchor).focus({ preventScroll: true })
  }
  const bound = { signal: life.signal }
  signal.addEventListener("abort", close, bound)
  const outside = (/** @type {Event} */ event) => {
    const target = /** @type {Node} */ (event.target)
    if (!element.contains(target) && !(anchored && anchor.contains(target))) close()
  }
  window.addEventListener("pointerdown", outside, { ...bound, capture: true })
  window.addEventListener("wheel", outside, { ...bound, capture: true, passive: true })
  window.addEventListener("blur", close, bound)
  document.addEventListener("fullscreenchange", close, bound)
  element.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") {
        take(event)
        close()
      } else if (!forTheHost(event)) event.stopPropagation()
    },
    bound,
  )
  // a field that lets go of the focus leaves it here, or Esc would not close this
  const kept = (/** @type {FocusEvent} */ event) => event.relatedTarget ?? element.focus({ preventScroll: true })
  element.addEventListener("focusout", kept, bound)
  ;(document.fullscreenElement ?? document.body).append(element) // what fills the screen lies over all else
  return { element, close, closed: life.signal, place: () => placeBeside(element, anchor) }
}

/** @param {HTMLElement} element @param {HTMLElement} anchor */
function placeBeside(element, anchor) {
  const [rect, size] = [anchor.getBoundingClientRect(), element.getBoundingClientRect()]
  const below = rect.bottom + 4 + size.height <= innerHeight || rect.top < size.height
  const top = below ? Math.min(rect.bottom + 4, innerHeight - size.height - 4) : rect.top - 4 - size.height
  element.style.top = `${Math.max(4, top)}px`
  element.style.left = `${Math.max(4, Math.min(rect.left, innerWidth - size.width - 4))}px`
}

/**
 * Open a dialog with a text to edit.
 * @param {HTMLElement} anchor
 * @param {{title: string, text: string, keep: string, cancel: string, note?: string, signal: AbortSignal, root:
 *   HTMLElement,
 *   done: (text: string) => void}} options
 */
export function openText(anchor, options) {
  const popup = openPopup(anchor, { role: "dialog", label: options.title, signal: options.signal, root: options.root })
  popup.element.classList.add("wm-dialog")
  const area = make("textarea", { "aria-label": options.title, spellcheck: "false" })
  area.value = options.text
  const [cancel, keep] = [options.cancel, options.keep].map((text) =>
    make("button.wm-tool.wm-worded.wm-push", { text }),
  )
  popup.element.append(
    make("h3", { text: options.title }),
    options.note ? make("p", { text: options.note }) : "",
    area,
    make("div.wm-buttons", {}, cancel, keep),
  )
  cancel.addEventListener("click", popup.close)
  keep.addEventListener("click", () => {
    popup.close()
    options.done(area.value)
  })
  popup.place()
  area.focus()
}
