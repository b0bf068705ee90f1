// @ts-check
/** The tools of a walk that is played, its line of facts, and the field for an event text. */
import { make, take as swallow } from "../kit/dom.mjs"
import { makeLarge } from "../kit/large.mjs"
import { openMenu } from "../kit/menu.mjs"
import { makeToolbar } from "../kit/toolbar.mjs"
import { WORDS, factWords } from "./words.mjs"

/** Chunks that are taken back at once. */
const BACK = [1, 2, 4, 8]

/**
 * Make them.
 * @param {HTMLElement} root @param {AbortSignal} signal
 * @param {{walk: () => void, back: (chunks: number) => void, seed: () => void, say: (text: string) => void,
 *   end: () => void, again: () => void, typing: (on: boolean) => void}} does
 */
export function makeBar(root, signal, does) {
  const entries = () => BACK.map((chunks) => ({ label: WORDS.backBy(chunks), press: () => does.back(chunks) }))
  /** @type {import("../kit/toolbar.mjs").Tool[]} */
  const tools = [
    { id: "walk", icon: "play", text: WORDS.walk, label: WORDS.walk, key: "P", narrowText: true, press: does.walk },
    {
      id: "back",
      icon: "start",
      text: WORDS.back,
      opens: true,
      label: WORDS.back,
      key: "Backspace",
      press: () => openMenu(bar.get("back"), entries(), { label: WORDS.back, signal, root }),
      entries,
    },
    { id: "seed", icon: "loop", label: WORDS.seed, key: "N", press: does.seed },
    { id: "text", icon: "text", label: WORDS.text, key: "T", press: () => type() },
    { kind: "space", id: "space" },
    { id: "again", icon: "repeat", text: WORDS.again, label: WORDS.again, narrowText: true, press: does.again },
    { id: "end", icon: "cross", text: WORDS.end, label: WORDS.end, key: "Esc", press: does.end },
    { id: "large", icon: "large", label: WORDS.large, press: () => large() },
  ]
  const bar = makeToolbar({ label: WORDS.tools, tools, signal, root })
  const facts = make("div.wm-facts")
  const words = make("div.wm-saidnow")
  const status = make("div.wm-status", {}, facts, words)
  const field = make("input", {
    type: "text",
    placeholder: WORDS.textHint,
    "aria-label": WORDS.text,
    maxlength: "2000",
  })
  const saying = make("div.wm-field.wm-saying", { hidden: true }, field)

  function type() {
    does.typing(true)
    saying.hidden = false
    field.value = ""
    field.focus()
  }
  function typed() {
    if (saying.hidden) return
    saying.hidden = true
    does.typing(false)
    root.focus({ preventScroll: true })
  }
  field.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation()
      if (event.key !== "Enter" && event.key !== "Escape") return
      swallow(event)
      const text = field.value.trim()
      typed()
      if (event.key === "Enter" && text) does.say(text)
    },
    { signal },
  )
  field.addEventListener("blur", typed, { signal })

  const large = makeLarge(root, { bar, words: WORDS, signal })

  return {
    element: bar.element,
    status,
    saying,
    type,
    /** @param {{phase: import("./game.mjs").Phase, reads: boolean, walked: boolean}} state */
    show({ phase, reads, walked }) {
      const live = phase !== "over"
      const walking = phase === "walking"
      bar.set("walk", {
        hidden: !live,
        disabled: phase === "opening",
        icon: walking ? "pause" : "play",
        text: walking ? WORDS.pause : WORDS.walk,
        label: walking ? WORDS.pause : WORDS.walk,
      })
      bar.set("back", { hidden: !live, disabled: phase === "opening" })
      bar.set("seed", { hidden: !live, disabled: phase === "opening" })
      bar.set("text", { hidden: !live || !reads })
      bar.set("end", { hidden: !live, disabled: phase === "opening" })
      bar.set("large", { hidden: !document.fullscreenEnabled || (!live && document.fullscreenElement !== root) })
      if (!live) saying.hidden = true
      bar.set("again", { hidden: live || !walked })
    },
    /** @param {Parameters<typeof factWords>[0]} numbers @param {string} said @param {boolean} slow */
    tell(numbers, said, slow) {
      const text = numbers.frames ? factWords(numbers) : ""
      if (facts.textContent !== text) facts.textContent = facts.title = text
      if (words.textContent !== said) words.textContent = said
      words.title = said
      words.classList.toggle("wm-slow", slow)
    },
  }
}
