// @ts-check
/** Registers the Action Track editor with the host; its module is fetched with the first such node. */
import { app } from "../../scripts/app.js"
import { register } from "./kit/register.mjs"

register(app, {
  extension: "wm.action_track",
  type: "WM_TRACK_EDITOR",
  title: "Action Track",
  usual: { width: 860, height: 590 },
  least: 341,
  load: async () => (await import("./track_editor/widget.mjs")).makeActionTrack,
  async opening(workflow) {
    const used = JSON.stringify(workflow ?? {}).includes('"WMActionTrack"')
    if (!used) return
    try {
      const { migrateTracks } = await import("./track_editor/migrate.mjs")
      await migrateTracks(workflow)
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
