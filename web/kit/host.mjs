// @ts-check
/** A widget's dealings with the host: its value, links, siblings, undo and removal. */

/**
 * Deal with the host for an editor.
 * @param {import("./mount.mjs").Mount} mount @param {() => void} linkChanged
 */
export function dealings({ node, name, app, root, widget, life: { signal } }, linkChanged) {
  follow(node, "onConnectionsChange", signal, () => queueMicrotask(() => signal.aborted || linkChanged()))
  return {
    /** Whether a link gives this input its value. */
    get linked() {
      return inputOf(node, name)?.link != null
    },
    /** Unplug the link. */
    unlink() {
      const slot = node.inputs.indexOf(inputOf(node, name))
      if (slot >= 0) node.disconnectInput(slot)
    },
    /** The value of another widget of the node. @param {string} other */
    sibling: (other) => node.widgets?.find((/** @type {any} */ found) => found.name === other)?.value,
    /** Call back when another widget of the node changes. @param {string} other @param {() => void} changed */
    onSibling(other, changed) {
      const found = node.widgets?.find((/** @type {any} */ one) => one.name === other)
      if (found) follow(found, "callback", signal, () => queueMicrotask(() => signal.aborted || changed()))
    },
    /**
     * Make one finished change: one step of the host's undo.
     * @param {() => void} change sets what `getText` returns
     */
    commit(change) {
      const { canvas } = app
      canvas?.emitBeforeChange?.()
      try {
        change()
        widget.callback?.(widget.value)
        node.graph?.setDirtyCanvas(true, true)
      } finally {
        canvas?.emitAfterChange?.() // the host's undo takes its picture here
      }
      root.dispatchEvent(new Event("change")) // lets go of the listeners that the host's undo left on a focused element
    },
  }
}

/** The host's name of the widget that shows what a node reported of its run. */
const REPORT = "$$node-text-preview"

/**
 * Say over a node's report of its run that it is out of date, or no longer.
 * @param {any} node @param {string} words @param {boolean} on
 */
export function outdateReport(node, words, on) {
  const widget = node.widgets?.find((/** @type {any} */ one) => one.name === REPORT)
  const text = String(widget?.value ?? "")
  if (text && text.startsWith(words) !== on) widget.value = on ? words + text : text.slice(words.length)
}

/**
 * Change a widget of the host's own: one step of its undo.
 * @param {any} app @param {any} node @param {any} widget @param {any} value
 */
export function changeValue({ canvas }, node, widget, value) {
  canvas?.emitBeforeChange?.()
  try {
    widget.value = value
    widget.callback?.(value)
    node.graph?.setDirtyCanvas(true, true)
  } finally {
    canvas?.emitAfterChange?.()
  }
}

/** @param {any} node @param {string} name */
const inputOf = (node, name) =>
  node.inputs?.find((/** @type {any} */ input) => input.widget?.name === name || input.name === name)

/**
 * Call a function after a method of one object, until a signal.
 * @param {any} object @param {string} method @param {AbortSignal} signal @param {(...values: any[]) => void} after
 */
export function follow(object, method, signal, after) {
  const before = object[method]
  function both(/** @type {any[]} */ ...values) {
    const result = before?.apply(object, values)
    if (!signal.aborted) after(...values)
    return result
  }
  object[method] = both
  signal.addEventListener("abort", () => {
    if (object[method] === both) object[method] = before
  })
}

/** @type {Map<string, {at: number, state: any}>} */
const left = new Map()
const SOON = 4000

/** A node's name among all nodes: inside subgraphs, numbers come again. @param {any} node */
const nameOf = (node) => `${node.type} ${node.graph?.isRootGraph === false ? node.graph.id : ""} ${node.id}`

/**
 * Leave an editor's view and place behind for the one that comes next: the host's undo builds every node anew.
 * @param {any} node @param {any} state
 */
export function handOver(node, state) {
  for (const [key, { at }] of left) if (performance.now() - at > SOON) left.delete(key)
  left.set(nameOf(node), { at: performance.now(), state })
}

/** Forget what editors left: their nodes are gone. */
export const forgetLeft = () => left.clear()

/** Take over what the editor of the same node left a moment ago. @param {any} node @returns {any} */
export function takeOver(node) {
  const key = nameOf(node)
  const found = left.get(key)
  left.delete(key)
  return found && performance.now() - found.at < SOON ? found.state : null
}

/** Widgets in subgraphs by the names of their node and their own. @type {Map<string, any>} */
const within = new Map()

/**
 * Remove the widget that one in a subgraph comes after: there, the host's undo builds nodes anew and removes none.
 * @param {any} node @param {any} widget @param {AbortSignal} signal of the new widget
 */
export function comeAfter(node, widget, signal) {
  if (node.graph?.isRootGraph !== false) return
  const key = `${nameOf(node)} ${widget.name}`
  within.get(key)?.onRemove()
  within.set(key, widget)
  signal.addEventListener("abort", () => within.get(key) === widget && within.delete(key))
}

/**
 * Stand where the editor before this one stood, if the page still shows that: with Nodes 2.0 the host keeps the place
 * of a node that its undo builds anew, and puts no other element into it.
 * @param {HTMLElement} root @param {HTMLElement} before
 */
export function standIn(root, before) {
  if (before.isConnected && !root.isConnected) before.replaceWith(root)
}

/**
 * Know whether the focus is in an element, or was until the page took the element away.
 * @param {HTMLElement} root @param {AbortSignal} signal
 */
export function watchFocus(root, signal) {
  let lost = -Infinity
  root.addEventListener(
    "focusout",
    (event) => {
      if (event.relatedTarget === null) lost = performance.now()
    },
    { signal },
  )
  return { isOurs: () => root.contains(document.activeElement) || performance.now() - lost < JUST_NOW }
}

const JUST_NOW = 400
