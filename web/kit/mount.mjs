// @ts-check
/**
 * Elements on nodes whose modules are fetched when the first node needs them. The host asks for a widget at once: so its
 * element, its size and its value are there at once, and the module fills it when it has come.
 */
import { comeAfter, follow, handOver, standIn, takeOver } from "./host.mjs"

/** @typedef {{content: string, disabled: boolean, callback: () => void}} Entry of a node's menu */
/**
 * @typedef {object} Filled what a module makes of a mount
 * @property {() => string} getText @property {(text: string) => void} setText
 * @property {() => number} leastHeight in px
 * @property {(value: any) => void} executed takes what a run sent as `ui.wm`
 * @property {() => object} leaves what the next editor of the same node takes over
 * @property {() => Entry[]} menu
 */
/** @typedef {ReturnType<typeof makeMount>} Mount */

/** Px that the classic renderer keeps for itself of the height that a node's last widget asks for. */
export const LOST = 8
/** Px around a widget. */
export const MARGIN = 10
const FAILED = "wm_failed"

/**
 * Add an element to a node as a widget.
 * @param {any} node @param {HTMLElement} root
 * @param {object} how
 * @param {string} how.name @param {string} how.type
 * @param {AbortController} how.life aborted when the widget is removed
 * @param {() => number} how.leastHeight in px
 * @param {{get: () => string, set: (text: any) => void}} [how.value] without one, nothing of it stands in a workflow
 */
export function addElement(node, root, { name, type, life, leastHeight, value }) {
  const widget = node.addDOMWidget(name, type, root, {
    ...(value ? {} : { serialize: false }),
    getValue: value?.get ?? (() => ""),
    setValue: value?.set ?? (() => {}),
    getMinHeight: leastHeight,
    hideOnZoom: false,
    margin: MARGIN,
  })
  if (!value) widget.serialize = false
  // The host's properties panel writes its own width there when it draws a widget, and the node would keep it.
  Object.defineProperty(widget, "width", { get: () => undefined, set: () => {}, configurable: true })
  const removed = widget.onRemove
  widget.onRemove = () => {
    removed?.call(widget)
    life.abort()
    root.replaceChildren() // the host keeps the element of a widget it has removed; nothing else stays with it
  }
  for (const kind of ["pointerdown", "mousedown", "dblclick"])
    root.addEventListener(
      kind,
      (event) => /** @type {MouseEvent} */ (event).button === 0 && event.stopPropagation(), // or the graph starts a drag
      { signal: life.signal },
    )
  return widget
}

/**
 * Prepare a module that is fetched when it is needed first.
 * @template M
 * @param {() => Promise<M>} load
 */
export function late(load) {
  /** @type {M | undefined} */
  let here
  /** @type {Promise<M> | null} */
  let coming = null
  /** Fetch it, once: browsers remember a failure, too, until the page is loaded anew. */
  const come = () => (coming ??= load().then((module) => (here = module)))
  return {
    come,
    /**
     * Use it: at once if it is here.
     * @param {(module: M) => void} act @param {(error: unknown) => void} fail
     */
    use(act, fail) {
      if (here === undefined) come().then(act, fail)
      else act(here)
    },
  }
}

/**
 * Say in an element that what belongs there could not be loaded.
 * @param {HTMLElement} root @param {string} what @param {unknown} error @param {string} [more]
 */
export function sayFailed(root, what, error, more = "reload the page to try again.") {
  const said = document.createElement("p")
  said.setAttribute("role", "alert")
  said.style.cssText =
    "margin:0;padding:8px;color:var(--input-text,#ddd);font-size:12px;line-height:17px;overflow-wrap:anywhere;user-select:text"
  said.textContent = `${what} could not be loaded (${error instanceof Error ? error.message : error}): ${more}`
  root.replaceChildren(said)
}

/**
 * Say the same on a node that has no element yet.
 * @param {any} node @param {string} what @param {unknown} error
 */
export function sayFailedOn(node, what, error) {
  if (node.widgets?.some((/** @type {any} */ one) => one.name === FAILED)) return
  const root = document.createElement("div")
  addElement(node, root, { name: FAILED, type: "WM_FAILED", life: new AbortController(), leastHeight: () => 96 })
  sayFailed(root, what, error)
}

/**
 * Make the place of an editor: the widget of an input.
 * @param {{node: any, name: string, app: any, type: string, least: number}} input `least` height in px
 */
export function makeMount({ node, name, app, type, least }) {
  const life = new AbortController()
  const { signal } = life
  const root = document.createElement("div")
  root.style.minHeight = `${least}px` // Nodes 2.0 lays widgets out by what their elements need
  let text = ""
  /** @type {any} */
  let ran
  /** @type {any} */
  let left = null
  /** @type {Filled | null} */
  let filled = null
  const widget = addElement(node, root, {
    name,
    type,
    life,
    leastHeight: () => (filled ? filled.leastHeight() : least) + LOST,
    value: {
      get: () => (filled ? filled.getText() : text),
      set(given) {
        text = typeof given === "string" ? given : ""
        filled?.setText(text)
      },
    },
  })
  widget.tooltip = " " // or Nodes 2.0 shows the input's own beside the editor, whose parts have theirs
  follow(node, "onExecuted", signal, (output) => {
    if (!output?.wm) return
    ran = output.wm[0]
    filled?.executed(ran)
  })
  queueMicrotask(() => {
    if (signal.aborted) return
    comeAfter(node, widget, signal) // now the node has its id
    left = takeOver(node)
    if (left) standIn(root, left.root)
  })
  signal.addEventListener("abort", () => handOver(node, { ...left, ...filled?.leaves(), root }))

  const mount = {
    node,
    name,
    app,
    root,
    widget,
    life,
    least,
    /** What the editor before this one left: known in the second microtask. */
    get left() {
      return left
    },
    /** @returns {Entry[]} */
    menu: () => filled?.menu() ?? [],
    /** Put the editor in. @param {(mount: Mount) => Filled} make */
    fill(make) {
      if (signal.aborted) return
      const made = make(mount)
      root.style.minHeight = "" // the editor's own rules say it
      filled = made
      made.setText(text)
      if (ran !== undefined) made.executed(ran)
    },
    /** Say why there is no editor. @param {string} title of the node @param {unknown} error */
    fail(title, error) {
      if (signal.aborted) return
      sayFailed(root, `The editor of ${title}`, error, "the node keeps its value; reload the page to edit it.")
    },
  }
  return mount
}
