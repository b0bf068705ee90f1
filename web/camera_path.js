// @ts-check
/** Registers the Camera Path editor with the host; its module is fetched with the first such node. */
import { app } from "../../scripts/app.js"
import { register } from "./kit/register.mjs"

register(app, {
  extension: "wm.camera_path",
  type: "WM_PATH_EDITOR",
  title: "Camera Path",
  usual: { width: 820, height: 680 },
  least: 534,
  load: async () => (await import("./path_editor/widget.mjs")).makeCameraPath,
})
