// @ts-check
/** Which of a node's takes is kept: the number on it, which a press on a picture sets too. */
import { changeValue, follow } from "../kit/host.mjs"

/** Name of the number's input. */
const KEEP = "keep"

/**
 * Return what sets and tells the number; `null` if the node has none.
 * @param {any} node @param {any} app @param {AbortSignal} signal
 * @param {() => void} changed called when it was changed on the node
 */
export function keeperOf(node, app, signal, changed) {
  const named = (/** @type {any} */ one) => one.name === KEEP
  const widget = node.widgets?.find(named)
  if (!widget) return null
  follow(widget, "callback", signal, () => queueMicrotask(() => signal.aborted || changed()))
  const own = {
    /** Of the picture, from 0. */
    get index() {
      return Number(widget.value) - 1
    },
    /** Whether a link says the number. */
    get linked() {
      return node.inputs?.find(named)?.link != null
    },
    /** Keep another one: one step of the host's undo. @param {number} index */
    pick(index) {
      if (!own.linked && index !== own.index) changeValue(app, node, widget, index + 1)
    },
  }
  return own
}
