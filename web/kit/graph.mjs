// @ts-check
/** Word of the graph: that it is another one, and that one was run. */
import { api } from "../../../scripts/api.js"

/** What asks to be told when the graph, or what a run left behind, may be another. @type {Set<(ran: boolean) => void>} */
const listeners = new Set()

/** Tell of another graph, or of a run. @param {boolean} ran */
export function tellOfGraph(ran) {
  for (const listener of listeners) listener(ran)
}
api.addEventListener("graphChanged", () => tellOfGraph(false))
api.addEventListener("execution_success", () => tellOfGraph(true))

/**
 * Call back when the graph changed, and when one was run.
 * @param {AbortSignal} signal
 * @param {(ran: boolean) => void} listener
 */
export function onGraph(signal, listener) {
  listeners.add(listener)
  signal.addEventListener("abort", () => listeners.delete(listener))
}
