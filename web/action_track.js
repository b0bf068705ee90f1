// @ts-check
/** Action Track's widget: the track's text. */
import { app } from "../../scripts/app.js"

app.registerExtension({
  name: "wm.action_track",
  getCustomWidgets() {
    return {
      WM_TRACK_EDITOR(node, name, [, spec]) {
        const text = document.createElement("textarea")
        text.style.minHeight = "80px"
        text.value = spec.default ?? ""
        const widget = node.addDOMWidget(name, "WM_TRACK_EDITOR", text, {
          getValue: () => text.value,
          setValue: (/** @type {string} */ value) => {
            text.value = value
          },
          getMinHeight: () => 80,
        })
        return { widget, minWidth: 330, minHeight: 150 }
      },
    }
  },
})
