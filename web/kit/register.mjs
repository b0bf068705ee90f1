// @ts-check
/** How an editor becomes a widget of the host. */
import { forgetLeft } from "./host.mjs"
import { tellOfGraph } from "./server.mjs"

/**
 * @typedef {object} Made what a widget is to the host
 * @property {any} widget
 * @property {number} minWidth px of a new node
 * @property {number} minHeight
 * @property {() => {content: string, disabled: boolean, callback: () => void}[]} menu entries of the node's menu
 */

/**
 * Register a kind of widget.
 * @param {any} app
 * @param {string} extension its name
 * @param {string} type of the widget
 * @param {(node: any, name: string, app: any) => Made} make
 * @param {(workflow: any) => Promise<void>} [opening] what is done with a workflow before it is opened
 */
export function register(app, extension, type, make, opening) {
  /** @type {WeakMap<any, Made>} */
  const editors = new WeakMap()
  app.registerExtension({
    name: extension,
    getCustomWidgets: () => ({
      [type](/** @type {any} */ node, /** @type {string} */ name) {
        const made = make(node, name, app)
        editors.set(node, made)
        return made
      },
    }),
    getNodeMenuItems: (/** @type {any} */ node) => editors.get(node)?.menu() ?? [],
    /** The host removes the nodes of another workflow before this, and those that its undo builds anew after it. */
    async beforeConfigureGraph(/** @type {any} */ workflow) {
      forgetLeft()
      await opening?.(workflow)
    },
    afterConfigureGraph: () => tellOfGraph(false),
  })
}
