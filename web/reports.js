// @ts-check
/**
 * What nodes of ours report, in a widget of our own that has the host's name for it, so that the host writes into it too.
 * The host's own breaks words anywhere, takes a share of the free height, and goes when the workflow's tab is changed.
 */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"
import { comeAfter } from "./kit/host.mjs"
import { MARGIN, addElement } from "./kit/mount.mjs"
import { nodeAt } from "./kit/node_at.mjs"

/** The host's name of the widget that shows a running node's text. */
const PREVIEW = "$$node-text-preview"
/** Widgets with pictures, which reports stand above, whichever came first: our player, the host's film and pictures. */
const PICTURES = new Set(["wm_player", "video-preview", "$$canvas-image-preview"])
/** Px above which a report scrolls. */
const MOST = 216

/** What nodes of this page's workflows reported last. @type {Map<string, string>} */
const told = new Map()
/** @type {WeakMap<any, ReturnType<typeof makeReport>>} */
const reports = new WeakMap()

const style = document.createElement("style")
style.textContent = `.wm-reported { box-sizing: border-box; max-height: ${MOST}px; padding: 4px 6px; overflow: hidden auto;
  font: 12px/16px Inter, Arial, sans-serif; color: var(--input-text, #ddd); text-align: left; white-space: pre-wrap;
  overflow-wrap: anywhere; user-select: text; -webkit-user-select: text; }
.wm-reported[data-before] { opacity: 0.45; }
.wm-reported-ruler { position: fixed; left: 0; top: 0; visibility: hidden; pointer-events: none; }`

/** An element that lays a text out as a report does, wherever the report's own is. @type {HTMLElement | null} */
let ruler = null

/** @param {string} text @param {number} width px of the node @returns {number} px */
function heightOf(text, width) {
  if (!ruler) {
    ruler = document.createElement("div")
    ruler.className = "wm-reported wm-reported-ruler"
    ruler.setAttribute("aria-hidden", "true")
    document.body.append(ruler)
  }
  ruler.style.width = `${width - 2 * MARGIN}px`
  ruler.textContent = text
  const height = ruler.offsetHeight
  ruler.textContent = ""
  return height
}

/** @param {any} node */
const keyOf = (node) => `${app.rootGraph.id} ${node.graph?.isRootGraph ? "" : node.graph?.id} ${node.id}`

/** Make a node's report. @param {any} node */
function makeReport(node) {
  const life = new AbortController()
  const root = document.createElement("div")
  root.className = "wm-reported"
  root.setAttribute("role", "status")
  let text = ""
  /** Height of the node without a report, and with it. */
  let without = node.size[1]
  let grown = without
  /** @type {{text: string, width: number, height: number}} */
  let measured = { text: "", width: 0, height: 0 }
  const others = node.widgets?.filter((/** @type {any} */ one) => one.name === PREVIEW) ?? []
  for (const other of others) {
    other.onRemove?.()
    node.widgets.splice(node.widgets.indexOf(other), 1)
  }
  const value = { get: () => text, set: show }
  const widget = addElement(node, root, { name: PREVIEW, type: "WM_REPORT", life, leastHeight: height, value })
  widget.serialize = false
  widget.options.serialize = false
  widget.computeLayoutSize = undefined // it takes the height of its text, and no share of what is free
  widget.computeSize = (/** @type {number} */ width) => [width ?? node.size[0], height()]
  comeAfter(node, widget, life.signal)
  place()
  life.signal.addEventListener("abort", () => reports.delete(node))

  /** Stand above the pictures. */
  function place() {
    const { widgets } = node
    const at = widgets.findIndex((/** @type {any} */ one) => PICTURES.has(one.name))
    const from = widgets.indexOf(widget)
    if (at >= 0 && from < at) return
    widgets.splice(from, 1)
    widgets.splice(at < 0 ? widgets.length : at, 0, widget)
  }

  /** Px that the text and what is around it take. */
  function height() {
    const width = node.size[0]
    if (measured.text !== text || measured.width !== width)
      measured = { text, width, height: heightOf(text, width) + 2 * MARGIN }
    return measured.height
  }

  /** Let the node be as high as it needs to be, and no higher than it was without a report. */
  function fit() {
    if (/** @type {any} */ (window).LiteGraph.vueNodesMode) return // its nodes grow by themselves
    if (node.size[1] !== grown) without = node.size[1]
    grown = Math.max(without, node.computeSize()[1])
    if (grown !== node.size[1]) node.setSize([node.size[0], grown])
    node.setDirtyCanvas(true, true)
  }

  /** @param {any} given */
  function show(given) {
    if (typeof given === "string") root.removeAttribute("data-before")
    if (typeof given !== "string" || given === text) return
    text = given
    root.textContent = text
    told.set(keyOf(node), text)
    fit()
  }

  return {
    show,
    /** Say that the text is of the run before: the node is at work again. */
    begin: () => root.setAttribute("data-before", ""),
    /** The height that a workflow is saved with: without the report, which is not saved either. */
    saved: () => Math.min(node.size[1], Math.max(without, node.size[1] - height())),
  }
}

/** Show a report on a node of ours. @param {any} node @param {string | undefined} text */
function say(node, text) {
  if (!text || !node?.comfyClass?.startsWith("WM")) return
  let report = reports.get(node)
  if (!report) reports.set(node, (report = makeReport(node)))
  report.show(text)
}

/** Show again what a node reported before its workflow's tab was changed. @param {any} node */
function recall(node) {
  if (!node?.comfyClass?.startsWith("WM")) return
  const { graph, id } = node
  const output = app.nodeOutputs?.[graph?.isRootGraph ? String(id) : `${graph?.id}:${id}`]
  say(node, told.get(keyOf(node)) ?? output?.text?.[0])
}

/** @param {any} graph */
function recallAll(graph) {
  for (const node of graph?.nodes ?? []) {
    recall(node)
    if (node.subgraph) recallAll(node.subgraph)
  }
}

app.registerExtension({
  name: "wm.reports",
  setup() {
    document.head.append(style)
    api.addEventListener("progress_text", ({ detail }) => say(nodeAt(app, detail.nodeId), detail.text))
    api.addEventListener("executing", ({ detail }) => detail && reports.get(nodeAt(app, detail))?.begin())
  },
  nodeCreated(/** @type {any} */ node) {
    if (!node.comfyClass?.startsWith("WM")) return
    const { onSerialize, onExecuted } = node
    node.onSerialize = function (/** @type {any} */ written) {
      onSerialize?.call(this, written)
      const report = reports.get(this)
      if (report) written.size = [written.size[0], report.saved()]
    }
    /** What was made before is not reported again while the graph runs. */
    node.onExecuted = function (/** @type {any} */ output) {
      onExecuted?.call(this, output)
      say(this, output?.text?.[0])
    }
  },
  /** What was told in this page comes back with the graph; the host brings its own outputs later, and tells nobody. */
  afterConfigureGraph() {
    recallAll(app.rootGraph)
  },
})
