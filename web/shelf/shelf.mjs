// @ts-check
/** Saved worlds as cards on Load World: chosen by a click, renamed, deleted. */
import { injectStyle } from "../kit/css.mjs"
import { make, take } from "../kit/dom.mjs"
import { onGraph } from "../kit/graph.mjs"
import { icon } from "../kit/icons.mjs"
import { ask } from "../kit/server.mjs"
import { makePictures } from "./pictures.mjs"
import { RULES } from "./style.mjs"
import { wayPath } from "./way.mjs"
import { WORDS, dateWords, factWords, lengthWords } from "./words.mjs"

/** @import { SavedWorld } from "./words.mjs" */

const FILE = "world_file"
const BOX = { width: 96, height: 64, margin: 10 }
const pictureOf = makePictures((file) => ask("worlds/picture", { world_file: file }))

/**
 * Fill a node's panel.
 * @param {{node: any, root: HTMLElement, app: any, signal: AbortSignal}} place
 */
export function makeShelf({ node, root, app, signal }) {
  injectStyle(document, "shelf", RULES)
  root.className = "wm-editor wm-shelf"
  const said = make("span", { role: "status" })
  const newest = make("button.wm-tool.wm-worded", { text: WORDS.newest, title: WORDS.newestHint })
  const again = make("button.wm-tool", { "aria-label": WORDS.again, title: WORDS.again }, icon("loop"))
  const cards = make("div.wm-shelf-cards", { role: "list", "aria-label": WORDS.title })
  root.append(make("div.wm-shelf-head", {}, said, newest, again), cards)
  const widget = node.widgets.find((/** @type {any} */ one) => one.name === FILE)
  /** @type {SavedWorld[]} */
  let worlds = []
  let asked = 0

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        if (isIntersecting) {
          seen.unobserve(target)
          showPicture(/** @type {HTMLElement} */ (target))
        }
    },
    { root: cards },
  )
  signal.addEventListener("abort", () => seen.disconnect())

  root.addEventListener("contextmenu", (event) => event.stopPropagation(), { signal }) // the node's menu is on its title
  cards.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    const room = cards.scrollHeight > cards.clientHeight && !event.ctrlKey && !event.metaKey
    if (room) event.stopPropagation()
  })
  newest.addEventListener("click", () => choose(WORDS.newest), { signal })
  again.addEventListener("click", () => load(), { signal })
  const before = widget.callback
  widget.callback = (/** @type {any[]} */ ...values) => {
    before?.apply(widget, values)
    if (!signal.aborted) mark()
  }
  onGraph(signal, (ran) => (ran ? load() : mark()))
  load()

  /** Ask for the list, and show it. */
  async function load() {
    const turn = (asked += 1)
    try {
      const answer = await ask("worlds", {}, signal)
      if (turn !== asked || signal.aborted) return
      worlds = answer.worlds
      show(answer.left_out)
    } catch (error) {
      if (signal.aborted || turn !== asked) return
      cards.replaceChildren(make("p", { text: `${WORDS.offline} ${textOf(error)}` }))
    }
  }

  /** @param {number} leftOut */
  function show(leftOut) {
    seen.disconnect()
    const notes = [worlds.length ? "" : WORDS.none, leftOut ? WORDS.more(leftOut) : ""].filter(Boolean)
    cards.replaceChildren(...worlds.map(cardOf), ...notes.map((text) => make("p", { text })))
    for (const card of cards.querySelectorAll(".wm-saved")) seen.observe(card)
    const names = [WORDS.newest, ...worlds.map((world) => world.world_file)]
    for (const one of app.graph.nodes) {
      const list = one.comfyClass === node.comfyClass && one.widgets?.find((/** @type {any} */ w) => w.name === FILE)
      if (list && !leftOut) list.options.values = names
    }
    mark()
  }

  /** @param {SavedWorld} world */
  function cardOf(world) {
    const { title, world_file } = world
    const picture = make("span.wm-saved-picture")
    const facts = `${lengthWords(world)} \u00b7 ${dateWords(world)}`
    const button = make(
      "button",
      { title: factWords(world) },
      picture,
      make("span.wm-saved-name", { text: title }),
      make("span.wm-saved-facts", { text: facts }),
    )
    const tool = (/** @type {import("../kit/icons.mjs").IconName} */ name, /** @type {string} */ word) =>
      make("button.wm-tool", { "aria-label": `${word} ${title}`, title: word }, icon(name))
    const [rename, remove] = [tool("pen", WORDS.rename), tool("cross", WORDS.delete)]
    button.addEventListener("click", () => choose(world_file))
    rename.addEventListener("click", () => act(() => renameWorld(world)))
    remove.addEventListener("click", () => act(() => deleteWorld(world)))
    const card = make("div.wm-saved", { role: "listitem" }, button, make("div.wm-saved-tools", {}, rename, remove))
    card.dataset.file = world_file
    card.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" || event.key === " ") event.stopPropagation()
      if (event.key !== "Delete" && event.key !== "F2") return
      take(event) // or the host deletes the node
      act(() => (event.key === "F2" ? renameWorld(world) : deleteWorld(world)))
    })
    return card
  }

  /** @param {HTMLElement} card */
  async function showPicture(card) {
    const world = worlds.find((one) => one.world_file === card.dataset.file)
    const place = card.querySelector(".wm-saved-picture")
    if (!world?.readable || !place) return
    const { picture, way } = await pictureOf(world).catch(() => ({ picture: "", way: [] }))
    if (signal.aborted) return
    if (picture) return place.replaceChildren(make("img", { src: picture, alt: "" }))
    const space = "http://www.w3.org/2000/svg"
    const svg = document.createElementNS(space, "svg")
    svg.setAttribute("viewBox", `0 0 ${BOX.width} ${BOX.height}`)
    svg.setAttribute("aria-hidden", "true")
    svg.appendChild(document.createElementNS(space, "path")).setAttribute("d", wayPath(way, BOX))
    place.replaceChildren(svg)
  }

  /** Choose a file: one step of the host's undo. @param {string} file */
  function choose(file) {
    if (widget.value === file) return
    app.canvas?.emitBeforeChange?.()
    try {
      widget.value = file
      widget.callback?.(file)
      node.graph?.setDirtyCanvas(true, true)
    } finally {
      app.canvas?.emitAfterChange?.()
    }
  }

  /** Show which card is chosen. */
  function mark() {
    const linked = node.inputs?.find((/** @type {any} */ input) => input.widget?.name === FILE)?.link != null
    root.toggleAttribute("data-linked", linked)
    said.textContent = linked ? WORDS.linked : WORDS.title
    newest.setAttribute("aria-pressed", String(widget.value === WORDS.newest))
    const chosen = widget.value === WORDS.newest ? worlds.find((one) => one.readable)?.world_file : widget.value
    for (const card of cards.querySelectorAll(".wm-saved")) {
      const is = !linked && /** @type {HTMLElement} */ (card).dataset.file === chosen
      card.toggleAttribute("data-chosen", is)
      card.querySelector("button")?.setAttribute("aria-pressed", String(is))
    }
  }

  /** @param {SavedWorld} world */
  async function renameWorld({ title, world_file }) {
    const { dialog } = app.extensionManager
    const name = await dialog.prompt({
      title: WORDS.renameTitle,
      message: WORDS.renameMessage,
      defaultValue: title,
    })
    if (!name || name === title) return
    const answer = await ask("worlds/rename", { world_file, title: name })
    for (const one of app.graph.nodes) {
      const list = one.comfyClass === node.comfyClass && one.widgets?.find((/** @type {any} */ w) => w.name === FILE)
      if (list?.value === world_file) list.value = answer.world_file
    }
  }

  /** @param {SavedWorld} world */
  async function deleteWorld({ title, world_file }) {
    const { dialog } = app.extensionManager
    const sure = await dialog.confirm({ title: WORDS.deleteTitle, message: WORDS.sure(title), type: "delete" })
    if (sure) await ask("worlds/delete", { world_file })
  }

  /** Do what changes files, say what went wrong, and look again. @param {() => Promise<void>} work */
  async function act(work) {
    try {
      await work()
    } catch (error) {
      app.extensionManager.toast.add({ severity: "error", summary: WORDS.failed, detail: textOf(error), life: 8000 })
    }
    if (!signal.aborted) load()
  }
}

/** @param {unknown} error */
const textOf = (error) => (error instanceof Error ? error.message : String(error))
