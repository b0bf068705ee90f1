// @ts-check
/** The player on a Play World: a widget that comes with the first walk, and is no part of the workflow. */
import { api } from "../../../scripts/api.js"
import { changeValue, comeAfter } from "../kit/host.mjs"
import { LOST, MARGIN, addElement } from "../kit/mount.mjs"
import { makeGame } from "./game.mjs"

/** @typedef {ReturnType<typeof makeNodeGame>} NodeGame */

/** Px of the tools and the line of facts below the picture, and of a picture's height. */
const BELOW = 74
const LEAST = 170
const MOST = 460
/** A picture's width over its height, until it is known. */
const SHAPE = 1.5
/** Px that a node gets at least. */
const WIDE = 420
/** Widget whose number says which walk this is. */
const TAKE = "take"

/** @type {WeakMap<any, NodeGame>} */
const games = new WeakMap()

/** Return what a node is played with, and make it if there is none. @param {any} node @param {any} app */
export function gameOf(node, app) {
  let found = games.get(node)
  if (!found) games.set(node, (found = makeNodeGame(node, app)))
  return found
}

/** What a node is played with, if there is any: for tests and measurements. @param {any} node */
export const gameOfNode = (node) => games.get(node)?.game

/** @param {any} node @param {any} app */
function makeNodeGame(node, app) {
  const life = new AbortController()
  const { signal } = life
  const game = makeGame({ signal, again })
  const widget = addElement(node, game.root, { life, leastHeight, name: "wm_play", type: "WM_PLAY" })
  comeAfter(node, widget, signal)
  const sized = new ResizeObserver(fit) // Nodes 2.0 lays widgets out by what their elements need
  sized.observe(game.root)
  signal.addEventListener("abort", () => {
    sized.disconnect()
    games.delete(node)
  })
  if (node.size[0] < WIDE) node.setSize([WIDE, node.size[1]])
  fit()

  /** The height that shows the picture without a border, in px, whatever the node's width. */
  function leastHeight() {
    const picture = (node.size[0] - 2 * MARGIN) / SHAPE
    return Math.min(MOST, Math.max(LEAST, picture)) + BELOW + LOST
  }

  function fit() {
    game.root.style.setProperty("--wm-least", `${leastHeight() - LOST}px`)
    const [, least] = node.computeSize()
    if (node.size[1] < least) node.setSize([node.size[0], least])
    node.graph?.setDirtyCanvas(true, true)
  }

  /** Play once more: another number of the walk, and the graph queued. */
  function again() {
    const take = node.widgets.find((/** @type {any} */ one) => one.name === TAKE)
    if (take) changeValue(app, node, take, Number(take.value) + 1)
    app.queuePrompt(0)
  }

  app.canvas?.setDirty(true, true)
  return {
    game,
    /** Come to a walk. @param {string} session */
    open(session) {
      const url = new URL(api.apiURL(`/wm/play/${encodeURIComponent(session)}`), location.href)
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
      game.open(url.href)
    },
  }
}
