// @ts-check
/** Registers the Camera Path editor with the host. */
import { app } from "../../scripts/app.js"
import { register } from "./kit/register.mjs"
import { makeCameraPath } from "./path_editor/widget.mjs"

register(app, "wm.camera_path", "WM_PATH_EDITOR", makeCameraPath)
