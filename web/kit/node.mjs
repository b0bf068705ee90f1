// @ts-check
/** An editor's ties to its node: its value, the model and rate beside it, links, runs, and who comes after it. */
import { addEditor, comeAfter, handOver, standIn, takeOver, watchFocus } from "./host.mjs"
import { goingOn } from "../track/chunks.mjs"
import { TELLER, getVariants, onGraph } from "./server.mjs"
import { watchWorld } from "./world.mjs"
import { WORDS } from "./words.mjs"

/**
 * Tie an editor to its node.
 * @param {import("./editor.mjs").Base} editor
 * @param {object} what
 * @param {any} what.node
 * @param {string} what.name of the input
 * @param {any} what.app
 * @param {string} what.type of the widget
 * @param {AbortController} what.life
 * @param {() => number} what.leastHeight px
 * @param {(text: string) => any} what.read the value that a text says; without one, it says none
 * @param {(state: any) => object} what.viewState what outlasts the node being built anew
 * @param {() => Promise<any>} [what.learnMore] asked for beside the models
 */
export function tie(editor, { node, name, app, type, life, leastHeight, read, viewState, learnMore }) {
  const { shell, signal } = editor
  /** @type {import("../track/chunks.mjs").Variant[]} */
  let variants = []
  const host = addEditor({
    node,
    name,
    type,
    root: shell.root,
    app,
    life,
    leastHeight,
    getText: () => editor.state.text,
    setText: (text) => editor.setText(typeof text === "string" ? text : ""),
    linkChanged: readNode,
    executed: showRun,
  })
  for (const other of ["model", "fps"]) host.onSibling(other, readNode)
  const lookAtWorld = watchWorld(node, signal, TELLER, (world) => {
    editor.set({ world })
    readNode()
  })
  onGraph(signal, (ran) => lookAtWorld(modelOf(), ran))
  const focus = watchFocus(shell.root, signal)
  /** @type {any} */
  let left = null
  queueMicrotask(() => {
    if (signal.aborted) return
    comeAfter(node, host.widget, signal) // now the node has its id
    left = takeOver(node)
    if (!left) return
    standIn(shell.root, left.root)
    editor.take({ ...editor.state, ...left.view })
  })
  signal.addEventListener("abort", () =>
    handOver(node, { view: viewState(editor.state), focused: focus.isOurs(), root: shell.root }),
  )
  learn()

  /** The model that the node's widget names. */
  function modelOf() {
    const title = host.sibling("model")
    return variants.find((one) => one.title === title || one.name === title) ?? variants[0] ?? null
  }

  /** Read what the node's other widgets and links say. */
  function readNode() {
    const model = modelOf()
    const variant = model && goingOn(model, editor.state.world?.chunks ?? 0)
    const fps = Number(host.sibling("fps"))
    editor.set({ variant, askedFps: fps > 0 ? fps : 0, linked: host.linked })
    editor.askBinding()
    lookAtWorld(model)
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
    widget: host.widget,
    commit: host.commit,
    copyIn,
    learn,
    /** Take the focus that the editor before this one had; once there is something to focus. */
    takeFocus() {
      if (!left?.focused) return
      left.focused = false
      requestAnimationFrame(() => shell.plot.focus({ preventScroll: true }))
    },
    /** For the node's menu: what can be done while a link drives the node. */
    menu: () =>
      editor.state.linked ? [{ content: WORDS.copyIn, disabled: !editor.state.shown, callback: copyIn }] : [],
  }
}
