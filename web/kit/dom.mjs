// @ts-check
/** Small builders of elements; texts are set as text, never as HTML, so a shared workflow cannot inject any. */

/**
 * Make an element.
 * @param {string} tag with classes: `button.wm-tool.wm-filled`
 * @param {Record<string, any>} [attributes] `text` is the text; `false`, `null` and `undefined` are left out
 * @param {...(Node | string | null | undefined)} children
 * @returns {any} the element
 */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".")
  const element = document.createElement(name)
  if (classes.length) element.className = classes.join(" ")
  if (name === "button") element.setAttribute("type", "button")
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (key === "text") element.textContent = value
    else element.setAttribute(key, value === true ? "" : String(value))
  }
  element.append(...children.filter((child) => child !== null && child !== undefined))
  return element
}

/**
 * Tell whether a key is left to the host: every combination with Ctrl, Meta or Alt.
 * @param {KeyboardEvent | MouseEvent} event
 */
export function forTheHost(event) {
  return event.ctrlKey || event.metaKey || event.altKey
}

/**
 * Tell whether an event is on a canvas and not on a card, a field or a sheet over it.
 * @param {Event} event
 */
export function onCanvas(event) {
  return /** @type {HTMLElement} */ (event.target).closest(".wm-over") === null
}

/**
 * Take an event: neither the browser nor the host handles it any more.
 * @param {Event} event
 */
export function take(event) {
  event.preventDefault()
  event.stopPropagation()
}
