// @ts-check
/** An editor's ties to its node: its value, the model and rate beside it, links, runs, and who comes after it. */
import { onGraph } from "./graph.mjs"
import { dealings, outdateReport, watchFocus } from "./host.mjs"
import { cutFor, goingOn } from "../track/chunks.mjs"
import { watchPlace } from "./place.mjs"
import { TELLER, getVariants, planOf } from "./server.mjs"
import { watchWorld } from "./world.mjs"
import { WORDS } from "./words.mjs"

/** Whether a model walks in the places that Tiny World View shows. @param {import("../track/chunks.mjs").Variant | null} model */
const isSolid = (model) => Boolean(model?.name === "tiny_world_2")

/**
 * Tie an editor to its node.
 * @param {import("./editor.mjs").Base} editor
 * @param {object} what
 * @param {import("./mount.mjs").Mount} what.mount
 * @param {() => number} what.leastHeight px
 * @param {(text: string) => any} what.read the value that a text says; without one, it says none
 * @param {(state: any) => object} what.viewState what outlasts the node being built anew
 * @param {() => Promise<any>} [what.learnMore] asked for beside the models
 */
export function tie(editor, { mount, leastHeight, read, viewState, learnMore }) {
  const { shell, signal } = editor
  const { node } = mount
  /** @type {import("../track/chunks.mjs").Variant[]} */
  let variants = []
  const host = dealings(mount, readNode)
  for (const other of ["model", "fps"]) host.onSibling(other, readNode)
  const lookAtWorld = watchWorld(node, signal, TELLER, (world) => {
    editor.set({ world })
    readNode()
  })
  const lookAtPlace = watchPlace(node, signal, planOf, (ground) => editor.set({ ground }))
  onGraph(signal, (ran) => {
    lookAtWorld(modelOf(), ran)
    lookAtPlace(isSolid(modelOf()))
  })
  const focus = watchFocus(shell.root, signal)
  queueMicrotask(() => {
    if (!signal.aborted && mount.left?.view) editor.take({ ...editor.state, ...mount.left.view })
  })
  learn()

  /** The model that the node's widget names. */
  function modelOf() {
    const title = host.sibling("model")
    return variants.find((one) => one.title === title || one.name === title) ?? variants[0] ?? null
  }

  /** Read what the node's other widgets and links say. */
  function readNode() {
    const model = modelOf()
    const { world } = editor.state
    const variant = model && goingOn(cutFor(model, world?.begun), world?.chunks ?? 0)
    const fps = Number(host.sibling("fps"))
    editor.set({ variant, askedFps: fps > 0 ? fps : 0, linked: host.linked })
    editor.askBinding()
    lookAtWorld(model)
    lookAtPlace(isSolid(model))
  }

  /** Learn the models, and what else the editor asks for. */
  async function learn() {
    try {
      const [known] = await Promise.all([getVariants(), learnMore?.()])
      if (signal.aborted) return
      variants = known
      editor.set({ offline: "" })
      readNode()
    } catch (error) {
      if (!signal.aborted) editor.set({ offline: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Show what a run was given. @param {unknown} text */
  function showRun(text) {
    const value = typeof text === "string" ? read(text) : undefined
    if (!value) return
    editor.set({ shown: { text, value } })
    editor.askBinding()
  }

  /** Take the shown text in and unplug the link: one step of undo. */
  function copyIn() {
    const { shown } = editor.state
    if (!shown) return
    host.commit(() => {
      host.unlink()
      editor.set({ linked: false })
      editor.setText(shown.text)
    })
  }

  return {
    getText: () => editor.state.text,
    setText: (/** @type {string} */ text) => editor.setText(text),
    leastHeight,
    executed: showRun,
    leaves: () => ({ view: viewState(editor.state), focused: focus.isOurs() }),
    commit(/** @type {() => void} */ change) {
      host.commit(change)
      const { shown, text } = editor.state
      if (shown) outdateReport(node, WORDS.outdated, text !== shown.text)
    },
    copyIn,
    learn,
    /** Take the focus that the editor before this one had; once there is something to focus. */
    takeFocus() {
      if (!mount.left?.focused) return
      mount.left.focused = false
      requestAnimationFrame(() => shell.plot.focus({ preventScroll: true }))
    },
    /** For the node's menu: what can be done while a link drives the node. */
    menu: () =>
      editor.state.linked ? [{ content: WORDS.copyIn, disabled: !editor.state.shown, callback: copyIn }] : [],
  }
}
