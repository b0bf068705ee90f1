// @ts-check
/** How an editor becomes a widget of the host. */
import { tellOfGraph } from "./graph.mjs"
import { forgetLeft } from "./host.mjs"
import { late, makeMount } from "./mount.mjs"

/** @typedef {import("./mount.mjs").Mount} Mount */
/**
 * @typedef {object} Kind of widget
 * @property {string} extension its name
 * @property {string} type of the widget
 * @property {string} title of the node
 * @property {{width: number, height: number}} usual size of a new node in px
 * @property {number} least height of the editor in px
 * @property {() => Promise<(mount: Mount) => import("./mount.mjs").Filled>} load fetches what puts an editor into its place
 * @property {(workflow: any) => Promise<void>} [opening] what is done with a workflow before it is opened
 */

/**
 * Register a kind of widget.
 * @param {any} app
 * @param {Kind} kind
 */
export function register(app, { extension, type, title, usual, least, load, opening }) {
  /** @type {WeakMap<any, Mount>} */
  const mounts = new WeakMap()
  const maker = late(load)
  app.registerExtension({
    name: extension,
    getCustomWidgets: () => ({
      [type](/** @type {any} */ node, /** @type {string} */ name) {
        const mount = makeMount({ node, name, app, type, least })
        mounts.set(node, mount)
        maker.use(mount.fill, (error) => mount.fail(title, error))
        return { widget: mount.widget, minWidth: usual.width, minHeight: usual.height }
      },
    }),
    getNodeMenuItems: (/** @type {any} */ node) => mounts.get(node)?.menu() ?? [],
    /** The host removes the nodes of another workflow before this, and those that its undo builds anew after it. */
    async beforeConfigureGraph(/** @type {any} */ workflow) {
      forgetLeft()
      await opening?.(workflow)
    },
    afterConfigureGraph: () => tellOfGraph(false),
  })
}
