// @ts-check
/** The Action Track widget: builds the editor's parts in one element and ties them to the node. */
import { makeHeight } from "../kit/height.mjs"
import { tie } from "../kit/node.mjs"
import { canonicalText } from "../kit/server.mjs"
import { makeSheet } from "../kit/sheet.mjs"
import { makeShell } from "../kit/shell.mjs"
import { makeStrip } from "../kit/strip.mjs"
import { makeTransport } from "../kit/transport.mjs"
import { WORDS as SHARED } from "../kit/words.mjs"
import { parse } from "../track/timeline.mjs"
import { makeBackground } from "./background.mjs"
import { makeCards } from "./cards.mjs"
import { makeEditor } from "./editor.mjs"
import { listenToPlot } from "./gestures.mjs"
import { listen } from "./keys.mjs"
import { makeLive } from "./live.mjs"
import { leastPlot } from "./layout.mjs"
import { makeMapBox } from "./map_box.mjs"
import { learnPresets } from "./preset_menu.mjs"
import { makeRecordBar } from "./record_bar.mjs"
import { makeRecorder } from "./recording.mjs"
import { drawContent, drawOverlay } from "./scene.mjs"
import { stateWords } from "./spoken.mjs"
import { viewState } from "./state.mjs"
import { insteadOfChips, showStatus, trackNotice } from "./status.mjs"
import { RULES } from "./style.mjs"
import { makeTable } from "./table.mjs"
import { makeTools } from "./tools.mjs"
import { GESTURES, KEYS, WORDS } from "./words.mjs"

/** Height in px of the map beneath the plot, with the gap above it. */
const MAP = 158
/** Px of the record bar that take the strip's place. */
const STRIP = 28

/**
 * Put the editor into its place.
 * @param {import("../kit/mount.mjs").Mount} mount
 * @returns {import("../kit/mount.mjs").Filled}
 */
export function makeActionTrack(mount) {
  const { signal } = mount.life
  const shell = makeShell(mount, { name: WORDS.editor, kind: "action", rules: RULES })
  const editor = makeEditor({ shell, signal, commit: (change) => tied.commit(change), changed: show })
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
      tied.takeFocus()
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
    toggled: () => height.follow(),
  })
  const [tools, cards, map, bar, live, table] = [
    makeTools(editor),
    makeCards(editor, shell.plot),
    makeMapBox(editor),
    makeRecordBar(editor),
    makeLive(editor),
    makeTable(editor),
  ]
  shell.plot.append(live.element)
  shell.body.append(map.element)
  shell.complete(tools.element, strip.element, bar.element, strip.report, table.element)
  const height = makeHeight({ mount, shell, strip, plots: leastPlots })
  const tied = tie(editor, {
    mount,
    leastHeight: height.leastHeight,
    read: (text) => parse(text).timeline,
    viewState,
    learnMore: learnPresets,
  })
  const background = makeBackground(editor, mount.node, tied.commit, map.seen)
  queueMicrotask(() => signal.aborted || background.read()) // now the node has its properties
  Object.assign(editor.parts, {
    picture: background.picture,
    pictureEntries: background.entries,
    strip,
    map: map.redraw,
    live: live.show,
    play: makeTransport(editor, () => editor.state.range ?? [0, editor.frames]),
    record: makeRecorder(editor),
    sheet: makeSheet(editor, KEYS, GESTURES),
    cancel: listenToPlot(editor, shell.plot).cancel,
    readShort,
  })
  listen(editor)
  shell.onChange(() => editor.redraw())
  shell.plot.addEventListener("focus", () => layers.overlay(), { signal })
  shell.plot.addEventListener("blur", () => layers.overlay(), { signal })

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

  /** The least height of plot and map, in px. */
  function leastPlots() {
    const beneath = shell.narrow && !map.element.hidden ? MAP : 0
    return leastPlot(editor.state, shell.narrow) + beneath + Math.max(0, bar.element.offsetHeight - STRIP)
  }

  /** Show the state in all parts that are not drawn. */
  function show() {
    const { state } = editor
    tools.show()
    shell.notice.show(trackNotice(editor, tied))
    shell.root.toggleAttribute("data-off", state.linked || state.problem !== "")
    map.show()
    cards()
    bar.show()
    strip.element.hidden = Boolean(state.recording)
    strip.show(editor.binding.state, insteadOfChips(editor), editor.walls())
    showStatus(editor)
    table.refresh()
    shell.plot.setAttribute("aria-label", stateWords(state))
    height.settle()
  }

  return tied
}
