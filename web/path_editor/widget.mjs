// @ts-check
/** The Camera Path widget: builds the editor's parts in one element and ties them to the node. */
import { pill } from "../kit/canvas.mjs"
import { make } from "../kit/dom.mjs"
import { makeHeight } from "../kit/height.mjs"
import { tie } from "../kit/node.mjs"
import { makeSheet } from "../kit/sheet.mjs"
import { makeShell } from "../kit/shell.mjs"
import { makeStrip } from "../kit/strip.mjs"
import { makeTransport } from "../kit/transport.mjs"
import { counted, decimal } from "../kit/words.mjs"
import { makeBackground } from "./background.mjs"
import { makeCards } from "./cards.mjs"
import { drawMarks, drawTopOverlay } from "./draw_marks.mjs"
import { drawProfile, drawProfileOverlay } from "./draw_profile.mjs"
import { drawGround, drawWords, residualLabel } from "./draw_top.mjs"
import { makeEditor } from "./editor.mjs"
import { listenToViews } from "./gestures.mjs"
import { makeInspector } from "./inspector.mjs"
import { furthest } from "./inspector_facts.mjs"
import { listen } from "./keys.mjs"
import { parse } from "../path/path.mjs"
import { PROFILE_HEIGHT } from "./profile.mjs"
import { rateOf, shownPath, viewState } from "./state.mjs"
import { insteadOfChips, pathNotice, showStatus } from "./status.mjs"
import { RULES } from "./style.mjs"
import { makeTable } from "./table.mjs"
import { makeTools } from "./tools.mjs"
import { GESTURES, KEYS, WORDS } from "./words.mjs"

/** Heights in px: of the inspector's row in the narrow form, of the gap between two parts, of the top view at least. */
const PARTS = { row: 32, gap: 8, top: { wide: 250, narrow: 210 } }
const LEAST_HEIGHT = 520
/** The size of a new node in px. */
const USUAL = { width: 820, height: 680 }

/**
 * Make the widget of a node's input.
 * @param {any} node
 * @param {string} name
 * @param {any} app
 * @returns {import("../kit/register.mjs").Made}
 */
export function makeCameraPath(node, name, app) {
  const life = new AbortController()
  const { signal } = life
  const shell = makeShell({ name: WORDS.editor, kind: "path", rules: RULES, signal, leastHeight: LEAST_HEIGHT })
  const editor = makeEditor({ shell, signal, commit: (change) => tied.commit(change), changed: show })
  const profile = make("div.wm-plot.wm-profile")
  shell.body.prepend(make("div.wm-path-column", {}, shell.plot, profile))
  editor.useLayers({
    top: shell.layers(
      shell.plot,
      drawTop,
      (context) => editor.ready && drawTopOverlay(context, editor.scene()),
      () => {
        editor.redraw()
        tied.takeFocus()
      },
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
    clean: () => WORDS.clean(decimal(furthest(editor.followed?.position ?? []))),
    chose: (row) => editor.goTo(row.from * rateOf(editor.state), true),
    toggled: () => height.follow(),
  })
  const [tools, inspector, cards, table] = [
    makeTools(editor),
    makeInspector(editor),
    makeCards(editor),
    makeTable(editor),
  ]
  shell.body.append(inspector.element)
  shell.complete(tools.element, strip.element, strip.report, table.element)
  const height = makeHeight({ node, shell, strip, least: LEAST_HEIGHT, plots: leastPlots })
  const tied = tie(editor, {
    node,
    name,
    app,
    type: "WM_PATH_EDITOR",
    life,
    leastHeight: height.leastHeight,
    read: (text) => parse(text).path,
    viewState,
  })
  Object.assign(editor.parts, {
    strip,
    play: makeTransport(editor, () => [0, editor.frames]),
    sheet: makeSheet(editor, KEYS, GESTURES),
    inspect: inspector.inspect,
    cancel: listenToViews(editor, shell.plot, profile).cancel,
    ...makeBackground(editor),
  })
  listen(editor)
  shell.onChange(() => editor.redraw())

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

  /** The least height of top view, profile and the inspector's row, in px. */
  function leastPlots() {
    const form = shell.narrow ? "narrow" : "wide"
    const row = shell.narrow ? PARTS.row + PARTS.gap : 0
    return PARTS.top[form] + PARTS.gap + PROFILE_HEIGHT[form] + row
  }

  /** Show the state in all parts that are not drawn. */
  function show() {
    const { state } = editor
    tools.show()
    inspector.show()
    cards()
    if (!state.draft) table.show()
    shell.notice.show(pathNotice(editor, tied))
    shell.root.toggleAttribute("data-off", state.linked || state.problem !== "")
    strip.show(editor.binding.state, insteadOfChips(editor))
    showStatus(editor)
    const { frames, keyframes } = shownPath(state)
    const counts = `${counted(frames, "frame")}, ${counted(keyframes.length, "keyframe")}`
    shell.plot.setAttribute("aria-label", `${WORDS.editor}, ${counts}, playhead at ${state.playhead}`)
    height.settle()
  }

  return { widget: tied.widget, minWidth: USUAL.width, minHeight: USUAL.height, menu: tied.menu }
}
