// @ts-check
/** Room for what a node of ours reports: the classic renderer gives a text two lines, and the others are not seen. */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"

/** The host's name of the widget that shows a running node's text. */
const PREVIEW = "$$node-text-preview"
/** Px of a line and of a letter of the host's text, and what is around it: its own space and the widget's. */
const TEXT = { line: 16, letter: 6.2, beside: 52, around: 40 }
/** Px above which the host lets the text scroll. */
const MOST = 224

/**
 * Return the height in px that shows all lines of a text, as far as the host shows them.
 * @param {string} text
 * @param {number} width px of the node
 */
function reportHeight(text, width) {
  const letters = Math.max(8, Math.floor((width - TEXT.beside) / TEXT.letter))
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / letters)), 0)
  return Math.min(MOST, lines * TEXT.line + TEXT.around)
}

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
