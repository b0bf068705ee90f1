// @ts-check
/** The Action Track widget: builds the editor's parts in one element and ties them to the node. */
import { addEditor, handOver, takeOver, watchFocus } from "../kit/host.mjs"
import { canonicalText, getVariants } from "../kit/server.mjs"
import { makeShell } from "../kit/shell.mjs"
import { makeStrip } from "../kit/strip.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { parse } from "../track/timeline.mjs"
import { makeCards } from "./cards.mjs"
import { makeEditor } from "./editor.mjs"
import { listenToPointer } from "./gestures.mjs"
import { listenToKeys } from "./keys.mjs"
import { leastPlot } from "./layout.mjs"
import { makeMapBox } from "./map_box.mjs"
import { learnPresets } from "./preset_menu.mjs"
import { makeRecordBar } from "./record_bar.mjs"
import { makeRecorder } from "./recording.mjs"
import { drawContent, drawOverlay } from "./scene.mjs"
import { makeSheet } from "./sheet.mjs"
import { stateWords } from "./spoken.mjs"
import { viewState } from "./state.mjs"
import { insteadOfChips, noticeOf, showStatus } from "./status.mjs"
import { RULES } from "./style.mjs"
import { makeTable } from "./table.mjs"
import { makeTools } from "./tools.mjs"
import { makeTransport } from "./transport.mjs"
import { WORDS } from "./words.mjs"

/** Heights in px of what surrounds the plot. */
const AROUND = { tools: 40, status: 24, strip: 28, notice: 45, map: 158, record: 62 }
const LEAST = { width: 400, height: 330 }
/** The size of a new node in px. */
const USUAL = { width: 860, height: 590 }

/**
 * Make the widget of a node's input.
 * @param {any} node
 * @param {string} name
 * @param {any} app
 */
export function makeActionTrack(node, name, app) {
  const life = new AbortController()
  const { signal } = life
  const shell = makeShell({ name: WORDS.editor, kind: "action", rules: RULES, signal, leastHeight: LEAST.height })
  const editor = makeEditor({ shell, signal, commit: (change) => host.commit(change), changed: show })
  const scene = () => ({
    state: editor.state,
    layout: editor.layout(),
    palette: shell.palette,
    band: editor.band(),
    narrow: shell.narrow,
  })
  const layers = shell.layers(
    shell.plot,
    (context) => editor.ready && drawContent(context, scene()),
    (context) => editor.ready && drawOverlay(context, scene()),
    () => {
      editor.redraw()
      giveFocus()
    },
  )
  editor.useLayers(layers)
  const strip = makeStrip({
    signal,
    clean: () => (editor.state.variant?.keyboard.idle == null ? SHARED.clean : WORDS.exclusive),
    chose: (row) => {
      editor.set({ range: [row.from, row.to + 1] })
      editor.goTo(row.from)
    },
    toggled: (open) => grow(open),
  })
  const [tools, cards, map, bar, table] = [
    makeTools(editor),
    makeCards(editor, shell.plot),
    makeMapBox(editor),
    makeRecordBar(editor),
    makeTable(editor),
  ]
  shell.body.append(map.element)
  shell.complete(tools.element, strip.element, bar.element, strip.report, table.element)
  const host = addEditor({
    node,
    name,
    type: "WM_TRACK_EDITOR",
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
    map: map.redraw,
    play: makeTransport(editor),
    record: makeRecorder(editor),
    sheet: makeSheet(editor),
    cancel: listenToPointer(editor, shell.plot).cancel,
  })
  listenToKeys(editor, shell.plot)
  shell.onChange(() => editor.redraw())
  shell.plot.addEventListener("focus", () => layers.overlay(), { signal })
  shell.plot.addEventListener("blur", () => layers.overlay(), { signal })
  for (const other of ["model", "fps"]) host.onSibling(other, readNode)
  const focus = watchFocus(shell.root, signal)
  /** @type {any} */
  let left = null
  queueMicrotask(() => {
    left = takeOver(node) // now the node has its id
    if (left) editor.take({ ...editor.state, ...left.view })
  })
  signal.addEventListener("abort", () => handOver(node, { view: viewState(editor.state), focused: focus.isOurs() }))
  editor.readShort = readShort
  learn()

  /** Take the focus that the editor before this one had; once there is something to focus. */
  function giveFocus() {
    if (!left?.focused) return
    left.focused = false
    requestAnimationFrame(() => shell.plot.focus({ preventScroll: true }))
  }

  /** Read what the node's other widgets and links say. */
  function readNode() {
    const { variants } = editor.state
    const title = host.sibling("model")
    const variant = variants.find((one) => one.title === title || one.name === title) ?? variants[0] ?? null
    const fps = Number(host.sibling("fps"))
    editor.set({ variant, askedFps: fps > 0 ? fps : 0, linked: host.linked })
    editor.askBinding()
  }

  /** Learn the models and presets. */
  async function learn() {
    try {
      const [variants] = await Promise.all([getVariants(), learnPresets()])
      if (signal.aborted) return
      editor.set({ variants, offline: "" })
      readNode()
    } catch (error) {
      if (!signal.aborted) editor.set({ offline: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Read a short form through the server. */
  async function readShort() {
    const { text } = editor.state
    try {
      const read = parse(await canonicalText(text, signal))
      if (signal.aborted || editor.state.text !== text || !read.timeline) return
      editor.take({ ...editor.state, timeline: read.timeline, unread: false })
    } catch (error) {
      if (signal.aborted || editor.state.text !== text) return
      editor.take({
        ...editor.state,
        short: false,
        unread: false,
        problem: error instanceof Error ? error.message : String(error),
      })
    }
    editor.askBinding()
  }

  /** Show what a run was given. @param {unknown} text */
  function showRun(text) {
    const read = typeof text === "string" ? parse(text) : {}
    if (!read.timeline) return
    editor.set({ shown: { text: /** @type {string} */ (text), timeline: read.timeline } })
    editor.redraw()
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
    const { state } = editor
    const around =
      AROUND.tools +
      AROUND.status +
      AROUND.strip +
      (shell.notice.element.hidden ? 0 : AROUND.notice) +
      (strip.isOpen ? strip.report.offsetHeight + 4 : 0)
    return Math.max(
      LEAST.height,
      around +
        leastPlot(state, shell.narrow) +
        (shell.narrow && state.map ? AROUND.map : 0) +
        (state.recording ? AROUND.record : 0),
    )
  }

  let grown = 0
  /** Make the node higher by the report, or lower again. @param {boolean} open */
  function grow(open) {
    const by = open ? strip.report.offsetHeight + 4 : -grown
    grown = open ? by : 0
    if (by) resize(node.size[1] + by)
  }

  /** @param {number} height of the node in px */
  function resize(height) {
    node.setSize([node.size[0], height])
    node.graph?.setDirtyCanvas(true, true)
  }

  let least = 0
  /** Show the state in all parts that are not drawn. */
  function show() {
    const { state } = editor
    tools.show()
    const notice = noticeOf(editor, { copyIn, again: learn })
    shell.notice.show(notice)
    shell.root.toggleAttribute("data-off", state.linked || state.problem !== "")
    map.show()
    cards()
    bar.show()
    strip.element.hidden = Boolean(state.recording)
    strip.show(editor.binding.state, insteadOfChips(editor))
    showStatus(editor)
    table.refresh()
    shell.plot.setAttribute("aria-label", stateWords(state))
    const now = leastHeight()
    if (now === least) return
    shell.root.style.setProperty("--wm-least", `${now}px`)
    least = now
    const needed = node.computeSize()[1]
    if (needed > node.size[1]) resize(needed)
  }

  return {
    widget: host.widget,
    minWidth: USUAL.width,
    minHeight: USUAL.height,
    /** For the node's menu: what can be done while a link drives the node. */
    menu: () =>
      editor.state.linked ? [{ label: SHARED.copyIn, disabled: !editor.state.shown, callback: copyIn }] : [],
  }
}
