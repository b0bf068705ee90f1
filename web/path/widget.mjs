// @ts-check
/** The Camera Path widget: builds the editor's parts in one element and ties them to the node. */
import { pill } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { addEditor, handOver, takeOver, watchFocus } from "../kit/host.mjs"
import { getVariants } from "../kit/server.mjs"
import { makeShell } from "../kit/shell.mjs"
import { makeStrip } from "../kit/strip.mjs"
import { WORDS as SHARED, counted } from "../kit/words.mjs"
import { makeBackground } from "./background.mjs"
import { drawProfile, drawProfileOverlay } from "./draw_profile.mjs"
import { drawGround, drawWords, residualLabel } from "./draw_top.mjs"
import { makeEditor } from "./editor.mjs"
import { listenToPointer } from "./gestures.mjs"
import { makeInspector } from "./inspector.mjs"
import { listenToKeys } from "./keys.mjs"
import { drawMarks, drawTopOverlay } from "./marks.mjs"
import { makeCards, makeSheet, makeTable } from "./over.mjs"
import { parse } from "./path.mjs"
import { PROFILE_HEIGHT } from "./profile.mjs"
import { rateOf, shownPath, viewState } from "./state.mjs"
import { insteadOfChips, noticeOf, showStatus } from "./status.mjs"
import { RULES } from "./style.mjs"
import { makeTools } from "./tools.mjs"
import { makeTransport } from "./transport.mjs"
import { WORDS } from "./words.mjs"

/** Heights in px of what surrounds top view and profile. */
const AROUND = { tools: 40, status: 24, strip: 28, notice: 45, report: 194, row: 32, gap: 8 }
const LEAST = { width: 400, height: 520, top: { wide: 250, narrow: 210 } }
const USUAL = { width: 820, height: 680 }

/**
 * Make the widget of a node's input.
 * @param {any} node
 * @param {string} name
 * @param {any} app
 */
export function makeCameraPath(node, name, app) {
  const life = new AbortController()
  const { signal } = life
  const shell = makeShell({ name: WORDS.editor, kind: "path", rules: RULES, signal, leastHeight: LEAST.height })
  const editor = makeEditor({ shell, signal, commit: (change) => host.commit(change), changed: show })
  const profile = make("div.wm-plot.wm-profile")
  shell.body.prepend(make("div.wm-path-column", {}, shell.plot, profile))
  editor.useLayers({
    top: shell.layers(
      shell.plot,
      drawTop,
      (context) => editor.ready && drawTopOverlay(context, editor.scene()),
      () => editor.redraw(),
    ),
    profile: shell.layers(
      profile,
      (context) => editor.ready && drawProfile(context, editor.profileScene()),
      (context) => editor.ready && drawProfileOverlay(context, editor.profileScene()),
      () => editor.redraw(),
    ),
  })
  const strip = makeStrip({
    signal,
    clean: () => WORDS.clean,
    chose: (row) => editor.goTo(row.from * rateOf(editor.state), true),
    toggled: (open) => grow(open ? AROUND.report : -AROUND.report),
  })
  const [tools, inspector, cards, table] = [
    makeTools(editor),
    makeInspector(editor),
    makeCards(editor),
    makeTable(editor),
  ]
  shell.body.append(inspector.element)
  shell.complete(tools.element, strip.element, strip.report, table.element)
  const host = addEditor({
    node,
    name,
    type: "WM_PATH_EDITOR",
    root: shell.root,
    app,
    life,
    leastHeight,
    getText: () => editor.state.text,
    setText: (text) => editor.setText(typeof text === "string" ? text : ""),
    linkChanged: readNode,
    executed: showRun,
  })
  Object.assign(editor.parts, {
    strip,
    play: makeTransport(editor),
    sheet: makeSheet(editor),
    inspect: inspector.inspect,
    ...makeBackground(editor),
  })
  editor.parts.cancel = listenToPointer(editor, shell.plot, profile).cancel
  listenToKeys(editor, shell.plot)
  shell.onChange(() => editor.redraw())
  for (const other of ["model", "fps"]) host.onSibling(other, readNode)
  const focus = watchFocus(shell.root, signal)
  queueMicrotask(() => {
    const left = takeOver(node) // now the node has its id
    if (!left || signal.aborted) return
    editor.take({ ...editor.state, ...left.view })
    if (left.focused) giveFocus()
  })
  signal.addEventListener("abort", () => handOver(node, { view: viewState(editor.state), focused: focus.isOurs() }))
  /** @type {import("../track/chunks.mjs").Variant[]} */
  let variants = []
  learn()

  /** Take the focus that the editor before this one had, once there is something to focus. */
  function giveFocus(tries = 20) {
    if (signal.aborted) return
    if (shell.plot.offsetParent) shell.plot.focus({ preventScroll: true })
    else if (tries) setTimeout(() => giveFocus(tries - 1), 30)
  }

  /** @param {CanvasRenderingContext2D} context */
  function drawTop(context) {
    if (!editor.ready) return
    const scene = editor.scene()
    drawGround(context, scene)
    drawMarks(context, scene)
    drawWords(context, scene)
    const label = residualLabel(scene)
    if (label) pill(context, scene.palette, scene.size, label.text, label.x, label.y)
  }

  /** Read what the node's other widgets and links say. */
  function readNode() {
    const title = host.sibling("model")
    const variant = variants.find((one) => one.title === title || one.name === title) ?? variants[0] ?? null
    const fps = Number(host.sibling("fps"))
    editor.set({ variant, askedFps: fps > 0 ? fps : 0, linked: host.linked })
    editor.askBinding()
  }

  /** Learn the models. */
  async function learn() {
    try {
      variants = await getVariants()
      if (signal.aborted) return
      editor.set({ offline: "" })
      readNode()
    } catch (error) {
      if (!signal.aborted) editor.set({ offline: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Show what a run was given. @param {unknown} text */
  function showRun(text) {
    const { path } = typeof text === "string" ? parse(text) : { path: undefined }
    if (!path) return
    editor.set({ shown: { text: /** @type {string} */ (text), path } })
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

  /** The least height of all parts together, in px. */
  function leastHeight() {
    const form = shell.narrow ? "narrow" : "wide"
    const around =
      AROUND.tools +
      AROUND.gap +
      AROUND.status +
      AROUND.strip +
      (shell.notice.element.hidden ? 0 : AROUND.notice) +
      (strip.isOpen ? AROUND.report : 0)
    return Math.max(
      LEAST.height,
      around + LEAST.top[form] + PROFILE_HEIGHT[form] + (shell.narrow ? AROUND.row + AROUND.gap : 0),
    )
  }

  /** Make the node higher, or lower again. @param {number} by */
  function grow(by) {
    if (by > 0 || node.size[1] + by >= leastHeight()) node.setSize([node.size[0], node.size[1] + by])
    node.graph?.setDirtyCanvas(true, true)
  }

  let least = 0
  /** Show the state in all parts that are not drawn. */
  function show() {
    const { state } = editor
    tools.show()
    inspector.show()
    cards()
    if (!state.draft) table.show()
    shell.notice.show(noticeOf(editor, { copyIn, again: learn }))
    shell.root.toggleAttribute("data-off", state.linked || state.problem !== "")
    strip.show(editor.binding.state, insteadOfChips(editor))
    showStatus(editor)
    const { frames, keyframes } = shownPath(state)
    shell.plot.setAttribute(
      "aria-label",
      `${WORDS.editor}, ${counted(frames, "frame")}, ${counted(keyframes.length, "keyframe")}, playhead at ${state.playhead}`,
    )
    const now = leastHeight()
    if (now === least) return
    shell.root.style.setProperty("--wm-least", `${now}px`)
    if (least && now > least && node.size[1] < now + 60)
      node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])])
    least = now
  }

  return {
    widget: host.widget,
    minWidth: USUAL.width,
    minHeight: USUAL.height,
    /** For the node's menu: what can be done while a link drives the node. */
    menu: () =>
      editor.state.linked ? [{ label: SHARED.copyIn, disabled: !editor.state.shown, callback: copyIn }] : [],
    editor,
  }
}
