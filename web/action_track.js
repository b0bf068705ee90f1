// @ts-check
/** Registers the Action Track editor with the host. */
import { app } from "../../scripts/app.js"
import { migrateWorkflow } from "./editor/migrate.mjs"
import { makeActionTrack } from "./editor/widget.mjs"
import { getVariants } from "./kit/server.mjs"

/** @type {WeakMap<any, ReturnType<typeof makeActionTrack>>} */
const editors = new WeakMap()

app.registerExtension({
  name: "wm.action_track",
  getCustomWidgets() {
    return {
      WM_TRACK_EDITOR(/** @type {any} */ node, /** @type {string} */ name) {
        const made = makeActionTrack(node, name, app)
        editors.set(node, made)
        return made
      },
    }
  },
  getNodeMenuItems(/** @type {any} */ node) {
    const items = editors.get(node)?.menu() ?? []
    return items.map(({ label, disabled, callback }) => ({ content: label, disabled, callback }))
  },
  async beforeConfigureGraph(/** @type {any} */ workflow) {
    const used = JSON.stringify(workflow ?? {}).includes('"WMActionTrack"')
    if (!used) return
    try {
      await migrateWorkflow(workflow, await getVariants())
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      app.extensionManager.toast.add({
        severity: "error",
        summary: "Action Track: a preset of this workflow could not be read",
        detail,
      })
    }
  },
})
