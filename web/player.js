// @ts-check
/** Tells the server that this page plays walks, and gives nodes a player when there is something to play. */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"
import { late, sayFailedOn } from "./kit/mount.mjs"
import { nodeAt } from "./kit/node_at.mjs"

/** The host's socket and a node's `ui` have a reel under this name. */
const REEL = "wm_reel"
/** Nodes that show walks. */
const PLAYING = new Set(["WMRolloutWorld", "WMWorldInfo", "WMTakeWorld"])
/** Looks within which the host brings back the outputs of a workflow that it has opened, and milliseconds between. */
const SOON = 40
const PAUSE = 50

/** The player's files are fetched when the first one is shown; then nodes get their reels in the order in which they came. */
const players = late(() => import("./player/widget.mjs"))
/** Whether there was a player in this page. */
let shown = false

/**
 * Do something with a node's player.
 * @param {any} node
 * @param {(player: import("./player/widget.mjs").NodePlayer) => void} act
 */
function withPlayer(node, act) {
  shown = true
  players.come().then(
    ({ playerOf }) => node.graph && act(playerOf(node, app)),
    (error) => node.graph && sayFailedOn(node, "The player", error),
  )
}

/** Show what a run left. @param {any} node @param {any} output */
function show(node, output) {
  const reels = output?.[REEL]
  if (PLAYING.has(node?.comfyClass) && reels?.length) withPlayer(node, (player) => player.show(reels.map(read)))
}

/** @param {string} text */
const read = (text) => JSON.parse(text)

/** Show again what the host still knows of a node. @param {any} node */
function recall(node) {
  const { graph, id } = node
  show(node, app.nodeOutputs?.[graph.isRootGraph ? String(id) : `${graph.id}:${id}`])
}

/** @param {any} graph @param {(node: any) => void} act */
function eachNode(graph, act) {
  for (const node of graph?.nodes ?? []) {
    act(node)
    if (node.subgraph) eachNode(node.subgraph, act)
  }
}

/** What the server knows this page by; it forgets pages when it starts. */
let told = ""
async function tell() {
  const client = api.clientId
  if (!client || client === told) return
  told = client
  const answer = await api.fetchApi("/wm/follow", {
    method: "POST",
    body: JSON.stringify({ client }),
    headers: { "Content-Type": "application/json" },
  })
  if (!answer.ok) told = "" // the next status tries again
}

app.registerExtension({
  name: "wm.player",
  setup() {
    tell()
    api.addEventListener("status", tell)
    api.addEventListener("reconnected", () => {
      told = ""
      tell()
    })
    api.addEventListener(REEL, ({ detail }) => {
      const node = nodeAt(app, detail.node)
      if (node) withPlayer(node, (player) => player.hear(detail))
    })
    for (const end of ["execution_success", "execution_error", "execution_interrupted"])
      api.addEventListener(end, () => shown && players.come().then(({ allCame }) => allCame(), console.error))
  },
  nodeCreated(/** @type {any} */ node) {
    if (!PLAYING.has(node.comfyClass)) return
    const before = node.onExecuted
    node.onExecuted = function (/** @type {any} */ output) {
      before?.call(this, output)
      show(this, output)
    }
  },
  loadedGraphNode: recall,
  onNodeOutputsUpdated: () => eachNode(app.rootGraph, recall),
  /** The host brings outputs back a moment after the graph, and tells nobody. */
  afterConfigureGraph() {
    let any = false
    eachNode(app.rootGraph, (node) => (any ||= PLAYING.has(node.comfyClass)))
    if (!any) return
    const before = app.nodeOutputs
    let left = SOON
    const look = () => {
      if (app.nodeOutputs !== before) return eachNode(app.rootGraph, recall)
      left -= 1
      if (left > 0) setTimeout(look, PAUSE)
    }
    look()
  },
})
