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
import { makePenHint } from "./pen_hint.mjs"
import { PROFILE_HEIGHT } from "./profile.mjs"
import { rateOf, shownPath, viewState } from "./state.mjs"
import { insteadOfChips, pathNotice, showStatus } from "./status.mjs"
import { RULES } from "./style.mjs"
import { makeTable } from "./table.mjs"
import { makeTools } from "./tools.mjs"
import { GESTURES, KEYS, WORDS } from "./words.mjs"

/** Heights in px: of the inspector's row in the narrow form, of the gap between two parts, of the top view at least. */
const PARTS = { row: 32, gap: 8, top: { wide: 250, narrow: 210 } }

/**
 * Put the editor into its place.
 * @param {import("../kit/mount.mjs").Mount} mount
 * @returns {import("../kit/mount.mjs").Filled}
 */
export function makeCameraPath(mount) {
  const { signal } = mount.life
  const shell = makeShell(mount, { name: WORDS.editor, kind: "path", rules: RULES })
  const editor = makeEditor({ shell, signal, commit: (change) => tied.commit(change), changed: show })
  const profile = make("div.wm-plot.wm-profile")
  let sized = false // the first size finds the view that the editor before this one left
  shell.body.prepend(make("div.wm-path-column", {}, shell.plot, profile))
  editor.useLayers({
    top: shell.layers(
      shell.plot,
      drawTop,
      (context) => editor.ready && drawTopOverlay(context, editor.scene()),
      () => {
        if (sized) editor.refit()
        sized = true
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
  const [tools, inspector, cards, penHint, table] = [
    makeTools(editor),
    makeInspector(editor),
    makeCards(editor),
    makePenHint(editor),
    makeTable(editor),
  ]
  shell.body.append(inspector.element)
  shell.complete(tools.element, strip.element, strip.report, table.element)
  const height = makeHeight({ mount, shell, strip, plots: leastPlots })
  const tied = tie(editor, {
    mount,
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
    penHint()
    if (!state.draft) table.show()
    shell.notice.show(pathNotice(editor, tied))
    shell.root.toggleAttribute("data-off", state.linked || state.problem !== "")
    strip.show(editor.binding.state, insteadOfChips(editor), editor.walls())
    showStatus(editor)
    const { frames, keyframes } = shownPath(state)
    const counts = `${counted(frames, "frame")}, ${counted(keyframes.length, "keyframe")}`
    shell.plot.setAttribute("aria-label", `${WORDS.editor}, ${counts}, playhead at ${state.playhead}`)
    height.settle()
  }

  return tied
}
