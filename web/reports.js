// @ts-check
/** Room for what a node of ours reports: the classic renderer gives a text two lines, and the others are not seen. */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"
import { reportHeight } from "./kit/report_height.mjs"

/** The host's name of the widget that shows a running node's text. */
const PREVIEW = "$$node-text-preview"

/** Let a node grow until all lines of its report are seen. @param {any} node */
function fit(node) {
  const widget = node.widgets?.find((/** @type {any} */ one) => one.name === PREVIEW)
  if (!widget) return
  widget.options.getMinHeight = () => reportHeight(String(widget.value), node.size[0])
  const [width, height] = node.computeSize()
  if (height > node.size[1]) node.setSize([Math.max(width, node.size[0]), height])
  node.setDirtyCanvas(true, true)
}

app.registerExtension({
  name: "wm.reports",
  setup() {
    api.addEventListener("progress_text", ({ detail }) =>
      requestAnimationFrame(() => {
        const node = app.canvas.graph?.getNodeById(Number(detail.nodeId))
        if (node?.comfyClass?.startsWith("WM") && !(/** @type {any} */ (window).LiteGraph.vueNodesMode)) fit(node)
      }),
    )
  },
})
