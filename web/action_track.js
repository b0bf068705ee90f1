// @ts-check
/** Registers the Action Track editor with the host. */
import { app } from "../../scripts/app.js"
import { migrateWorkflow } from "./track_editor/migrate.mjs"
import { makeActionTrack } from "./track_editor/widget.mjs"
import { register } from "./kit/register.mjs"
import { getVariants } from "./kit/server.mjs"

register(app, "wm.action_track", "WM_TRACK_EDITOR", makeActionTrack, async (workflow) => {
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
})
