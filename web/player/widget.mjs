// @ts-check
/** A node's player: a widget that is there when there is something to play, and is no part of the workflow. */
import { api } from "../../../scripts/api.js"
import { comeAfter, handOver, takeOver } from "../kit/host.mjs"
import { LOST, MARGIN, addElement } from "../kit/mount.mjs"
import { keysOfRuns } from "./held.mjs"
import { keeperOf } from "./keep.mjs"
import { makePlayer } from "./player.mjs"
import { reelSource } from "./reel.mjs"
import { GAP, columnsOf } from "./stage.mjs"
import { WORDS } from "./words.mjs"

/**
 * @typedef {object} Reel what the server tells of a walk; frames count from its own first one
 * @property {string} folder of the strips, in the host's temporary one
 * @property {number} rate frames per second @property {number} width px of a frame @property {number} height
 * @property {number} columns frames in a row of a strip
 * @property {number} offset absolute number of the first frame
 * @property {number} begins frame at which the node's own part begins
 * @property {number[]} marks frames at which chunks begin
 * @property {number} frames that there are, or will be
 * @property {string[]} words @property {import("./held.mjs").Runs["keys"]} keys
 * @property {import("./held.mjs").Runs["turns"]} turns
 * @property {[file: string, frames: number][]} strips
 * @property {string} off why there are no more
 * @property {string} [label] where several walks are side by side @property {string} [note]
 * @property {boolean} [picked]
 */
/** @typedef {{part: number, begin?: Reel, strip?: [file: string, frames: number]}} News what comes while a walk is made */
/** @typedef {ReturnType<typeof makeNodePlayer>} NodePlayer */

const NAME = "wm_player"
/** Px of the bar and the tools below the picture, and of a picture's height. */
const BELOW = 62
const LEAST = 110
const MOST = 460
/** Px of a node's width up to which it is made wider for a player. */
const WIDE = 340

/** @type {WeakMap<any, NodePlayer>} */
const players = new WeakMap()
/** Those that wait for more frames. @type {Set<NodePlayer>} */
const rolling = new Set()

/** Return the player of a node, and make one if there is none. @param {any} node @param {any} app */
export function playerOf(node, app) {
  let found = players.get(node)
  if (!found) players.set(node, (found = makeNodePlayer(node, app)))
  return found
}

/** A node's player, if it has one: for tests and measurements. @param {any} node */
export const playerOfNode = (node) => players.get(node)?.player

/** The run is over: nothing more will come. */
export function allCame() {
  for (const player of rolling) player.end()
}

/** @param {Reel} reel @param {string} file */
function address({ folder }, file) {
  const asked = new URLSearchParams({ filename: file, subfolder: folder, type: "temp" })
  return api.apiURL(`/view?${asked}`)
}

/** @param {Reel} reel */
function sourceOf(reel) {
  let first = 0
  const strips = reel.strips.map(([file, count]) => {
    const strip = { first, count, url: address(reel, file) }
    first += count
    return strip
  })
  return reelSource({ ...reel, strips })
}

/** Whether a source shows a reel already. @param {ReturnType<typeof reelSource>} source @param {Reel} reel */
function shows({ strips, frames }, reel) {
  const last = reel.strips[reel.strips.length - 1]
  const total = reel.strips.reduce((sum, [, count]) => sum + count, 0)
  const first = reel.strips[0]
  if (!first || strips.length !== reel.strips.length || frames !== total) return false
  return strips[0].url === address(reel, first[0]) && strips[strips.length - 1].url === address(reel, last[0])
}

/** @param {any} node @param {any} app */
function makeNodePlayer(node, app) {
  const life = new AbortController()
  const { signal } = life
  /** @type {{reel: Reel, source: ReturnType<typeof reelSource>}[]} */
  let parts = []
  /** Walks that the node was made wide enough for. */
  let fitted = 0
  /** The node's height without regard to the pictures, and the one that they made it: several need less than one alone. */
  let [before, grown] = [0, 0]
  /** The take that the last run kept, from 0; -1 = none is. */
  let ran = -1
  const keep = keeperOf(node, app, signal, mark)
  const player = makePlayer({ label: WORDS.walk, signal, onPick: keep?.pick })
  const widget = addElement(node, player.element, { life, leastHeight, name: NAME, type: "WM_PLAYER" })
  const left = takeOver(node)
  comeAfter(node, widget, signal)
  const sized = new ResizeObserver(size)
  sized.observe(player.element)
  signal.addEventListener("abort", () => {
    sized.disconnect()
    rolling.delete(own)
    players.delete(node)
    handOver(node, player.view)
  })
  if (left) {
    player.setSpeed(left.speed)
    player.setLoop(left.loop)
    player.setKeysShown(left.keys)
  }

  /** Show the parts anew. */
  function put() {
    const [{ reel }] = parts
    player.setRate(reel.rate)
    player.setKeys(keysOfRuns(reel))
    player.setMarks(reel.marks, reel.begins, reel.offset)
    player.setScreens(
      parts.map(({ reel: { label, note }, source }, index) => ({
        source,
        label: label ?? (keep ? WORDS.take(index + 1) : ""),
        note,
      })),
    )
    const picked = parts.findIndex(({ reel }) => reel.picked)
    if (picked >= 0) ran = picked
    mark()
    player.setNote(reel.off)
    fit()
  }

  /** Show which take is kept, and which will be. */
  function mark() {
    const index = keep && !keep.linked ? keep.index : ran
    player.setPicked(index, index === ran)
  }

  /** Px of the pictures' height that shows them without a border, in rows of cells. @param {number} across px */
  function pictureHeight(across) {
    const reel = parts[0]?.reel
    if (!reel) return LEAST
    const columns = columnsOf(parts.length)
    const rows = Math.ceil(parts.length / columns)
    const width = (across - 2 - (columns - 1) * GAP) / columns
    return (rows * width * reel.height) / reel.width + (rows - 1) * GAP + 2
  }

  /** The least height that is asked for, in px. */
  function leastHeight() {
    return Math.min(MOST, Math.max(LEAST, pictureHeight(node.size[0] - 2 * MARGIN))) + BELOW + LOST
  }

  /** Say it to Nodes 2.0, which lays widgets out by what their elements need; higher pictures had black around them. */
  function size() {
    const { style, clientWidth } = player.element
    style.setProperty("--wm-least", `${leastHeight() - LOST}px`)
    style.setProperty("--wm-most", `${Math.max(LEAST, pictureHeight(clientWidth))}px`)
  }

  /** Give the node room for the picture. */
  function fit() {
    const more = parts.length > fitted
    const wide = more ? Math.max(node.size[0], WIDE * Math.min(3, parts.length)) : node.size[0]
    fitted = Math.max(fitted, parts.length)
    size()
    if (wide !== node.size[0]) node.setSize([wide, node.size[1]])
    if (node.size[1] !== grown) before = node.size[1] // somebody else made it so high
    const [, least] = node.computeSize()
    grown = Math.max(before, least)
    if (node.size[1] !== grown) node.setSize([wide, grown])
    node.graph?.setDirtyCanvas(true, true)
  }

  const own = {
    player,
    /** Show finished walks. @param {Reel[]} reels */
    show(reels) {
      const same = reels.length === parts.length && reels.every((reel, index) => shows(parts[index].source, reel))
      if (same) parts = reels.map((reel, index) => ({ reel, source: parts[index].source }))
      else parts = reels.map((reel) => ({ reel, source: sourceOf(reel) }))
      const waited = rolling.has(own)
      put()
      if (waited) this.end()
      else if (!same) player.seek(left ? left.frame : reels[0].begins)
      if (left?.playing && !waited && !same) player.play()
    },
    /** Take up what comes while a walk is made. @param {News} news */
    hear({ part, begin, strip }) {
      if (begin) {
        if (part === 0) {
          parts = []
          ran = keep?.index ?? -1 // what is asked for, until the run tells
        }
        parts[part] = { reel: begin, source: sourceOf(begin) }
        put()
        rolling.add(own)
        player.rolling(false)
        player.rolling(true)
      }
      if (!strip || !parts[part]) return // the page came later than the walk began, and will be told of it in the end
      const { reel, source } = parts[part]
      source.add({ first: source.frames, count: strip[1], url: address(reel, strip[0]) })
    },
    /** Nothing more will come. */
    end() {
      rolling.delete(own)
      player.rolling(false)
    },
  }
  app.canvas?.setDirty(true, true)
  return own
}
