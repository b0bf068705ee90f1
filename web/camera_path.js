// @ts-check
/** Registers the Camera Path editor with the host. */
import { app } from "../../scripts/app.js"
import { makeCameraPath } from "./path/widget.mjs"

/** @type {WeakMap<any, ReturnType<typeof makeCameraPath>>} */
const editors = new WeakMap()

app.registerExtension({
  name: "wm.camera_path",
  getCustomWidgets() {
    return {
      WM_PATH_EDITOR(/** @type {any} */ node, /** @type {string} */ name) {
        const made = makeCameraPath(node, name, app)
        editors.set(node, made)
        return made
      },
    }
  },
  getNodeMenuItems(/** @type {any} */ node) {
    const items = editors.get(node)?.menu() ?? []
    return items.map(({ label, disabled, callback }) => ({ content: label, disabled, callback }))
  },
})
