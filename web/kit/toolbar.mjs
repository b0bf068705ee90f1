// @ts-check
/** A tool bar: one tab stop, arrows move inside, tooltips name action and key, a menu takes what does not fit. */
import { forTheHost, make, take } from "./dom.mjs"
import { icon } from "./icons.mjs"
import { openMenu } from "./menu.mjs"
import { WORDS } from "./words.mjs"

/**
 * @typedef {object} Tool
 * @property {string} id
 * @property {"button" | "toggle" | "part" | "line" | "space"} [kind] `part`: an element of the caller's own
 * @property {import("./icons.mjs").IconName} [icon]
 * @property {string} [text] beside the icon
 * @property {boolean} [opens] opens a menu
 * @property {string} [label] what it does; its accessible name and tooltip
 * @property {string} [key] the key that does the same
 * @property {HTMLElement} [element] of a part
 * @property {string} [look] more classes, separated by dots
 * @property {"bar" | "menu" | "gone"} [narrow] where it is in the narrow form; without one, in the bar
 * @property {boolean} [narrowText] keeps its word in the narrow form
 * @property {(event: MouseEvent) => void} [press]
 * @property {() => import("./menu.mjs").Entry[]} [entries] what it shows in the overflow menu instead of itself
 */

/**
 * Build a tool bar.
 * @param {{label: string, tools: Tool[], signal: AbortSignal, root: HTMLElement}} options
 */
export function makeToolbar({ label, tools, signal, root }) {
  const element = make("div.wm-tools", { role: "toolbar", "aria-label": label })
  /** @type {Map<string, {tool: Tool, element: any}>} */
  const built = new Map()
  let narrow = false
  /** Width of the bar, and of what is in it, when it was last fitted. */
  let fitted = [0, 0]
  /** Tools for which the bar is too narrow in its form. @type {Set<string>} */
  const crowded = new Set()
  for (const tool of tools) {
    const part = build(tool, signal)
    built.set(tool.id, { tool, element: part })
    element.append(part)
  }
  const more = build(
    {
      id: "more",
      icon: "more",
      label: WORDS.more,
      press: () => openMenu(more, overflow(), { label: WORDS.more, signal, root }),
    },
    signal,
  )
  more.setAttribute("aria-haspopup", "menu")
  more.hidden = true
  element.append(more)

  function overflow() {
    return [...built.values()].flatMap(({ tool, element: part }) => {
      if (tool.narrow !== "menu" && !crowded.has(tool.id)) return []
      if (tool.entries) return tool.entries()
      if (tool.kind === "part") return [{ element: part }]
      const checked = tool.kind === "toggle" ? part.getAttribute("aria-pressed") === "true" : undefined
      return [
        {
          label: tool.label ?? tool.text,
          key: tool.key,
          icon: tool.icon,
          disabled: part.disabled,
          checked,
          press: () => part.click(),
        },
      ]
    })
  }

  const stops = () =>
    /** @type {HTMLElement[]} */ (
      [...element.querySelectorAll("button:not(:disabled), input:not(:disabled)")].filter(
        (stop) => /** @type {HTMLElement} */ (stop).offsetParent,
      )
    )
  /** Keep one stop for the Tab key. @param {EventTarget | null} [current] */
  function settle(current = null) {
    const list = stops()
    const chosen = list.find((stop) => stop === current) ?? list.find((stop) => stop.tabIndex === 0) ?? list[0]
    for (const stop of element.querySelectorAll("button, input"))
      /** @type {HTMLElement} */ (stop).tabIndex = stop === chosen ? 0 : -1
  }
  element.addEventListener("focusin", (/** @type {FocusEvent} */ { target }) => settle(target), { signal })
  const walk = (/** @type {KeyboardEvent} */ event) => {
    if (forTheHost(event)) return
    const target = /** @type {HTMLInputElement} */ (event.target)
    const list = stops()
    const at = list.indexOf(target)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key]
    if (to === undefined || (target.tagName === "INPUT" && !leaves(target, event.key))) return
    take(event)
    list[(to + list.length) % list.length]?.focus()
  }
  element.addEventListener("keydown", walk, { signal, capture: true }) // a field keeps its keys to itself
  element.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (!forTheHost(event) && (event.key === "Enter" || event.key === " ")) event.stopPropagation()
    },
    { signal },
  )
  queueMicrotask(() => settle())

  /** Show what belongs into the bar's form. */
  function form() {
    for (const { tool, element: part } of built.values()) {
      const between = tool.kind === "line" && crowded.size > 0
      const gone = between || crowded.has(tool.id) || (narrow && tool.narrow && tool.narrow !== "bar")
      part.toggleAttribute("data-gone", Boolean(gone))
      const said = part.querySelector?.(".wm-said")
      if (said && tool.icon && tool.kind !== "part") said.style.display = narrow && !tool.narrowText ? "none" : ""
    }
    more.hidden = !narrow && !crowded.size
    element.toggleAttribute("data-narrow", narrow)
  }

  /** Move tools into the menu, the last first, until the others have room. */
  function fit() {
    const movable = [...built.values()].filter(({ tool }) =>
      narrow ? !tool.narrow && tool.press : tool.narrow === "menu",
    )
    for (const { tool } of movable.reverse()) {
      if (element.scrollWidth <= element.clientWidth) break
      crowded.add(tool.id)
      form()
    }
    fitted = [element.clientWidth, element.scrollWidth]
  }

  return {
    element,
    /** @param {string} id */
    get: (id) => built.get(id)?.element,
    /**
     * Change a tool.
     * @param {string} id
     * @param {{disabled?: boolean, pressed?: boolean, text?: string, hidden?: boolean, label?: string, icon?:
     *   import("./icons.mjs").IconName}} patch
     */
    set(id, patch) {
      const { element: part, tool } = /** @type {any} */ (built.get(id))
      if (patch.disabled !== undefined && part.disabled !== patch.disabled) {
        part.disabled = patch.disabled
        settle()
      }
      if (patch.pressed !== undefined) part.setAttribute("aria-pressed", String(patch.pressed))
      if (patch.text !== undefined) part.querySelector(".wm-said").textContent = patch.text
      if (patch.hidden !== undefined) part.hidden = patch.hidden
      if (patch.label !== undefined) name(part, patch.label, tool.key)
      if (patch.icon !== undefined) part.querySelector(".wm-icon").replaceWith(icon(patch.icon))
    },
    /**
     * Take the narrow form, or the wide one; to be called when the bar's width, or that of a tool, may have changed.
     * @param {boolean} on
     */
    setNarrow(on) {
      if (on === narrow && element.clientWidth === fitted[0] && element.scrollWidth === fitted[1]) return
      narrow = on
      crowded.clear()
      form()
      fit()
      settle()
    },
  }
}

/** @param {Tool} tool @param {AbortSignal} signal */
function build(tool, signal) {
  if (tool.kind === "line") return make("span.wm-line", { "aria-hidden": "true" })
  if (tool.kind === "space") return make("span.wm-space", { "aria-hidden": "true" })
  if (tool.kind === "part") return tool.element
  const button = make(`button.wm-tool${tool.text ? ".wm-worded" : ""}${tool.look ? `.${tool.look}` : ""}`)
  if (tool.icon) button.append(icon(tool.icon))
  if (tool.text) button.append(make("span.wm-said", { text: tool.text }))
  if (tool.opens) {
    button.append(icon("down"))
    button.setAttribute("aria-haspopup", "menu")
  }
  if (tool.kind === "toggle") button.setAttribute("aria-pressed", "false")
  name(button, tool.label ?? tool.text ?? tool.id, tool.key)
  button.addEventListener("click", (/** @type {MouseEvent} */ event) => tool.press?.(event), { signal })
  return button
}

/**
 * Tell whether an arrow key goes on from a field: at that end of its text, or while all of it is selected.
 * @param {HTMLInputElement} field @param {string} key
 */
function leaves({ value, selectionStart, selectionEnd }, key) {
  const [from, to] = [selectionStart === 0, selectionEnd === value.length]
  const still = selectionStart === selectionEnd
  return (key === "ArrowRight" && to && (from || still)) || (key === "ArrowLeft" && from && (to || still))
}

/** @param {HTMLElement} element @param {string} label @param {string} [key] */
function name(element, label, key) {
  element.setAttribute("aria-label", label)
  element.title = key ? `${label} (${key})` : label
}
