// @ts-check
/** The keyboard of a focused plot. Every handled key is taken, also when there is nothing to do; all others pass. */
import { forTheHost, take } from "./dom.mjs"

/** Elements in which Ctrl+A selects the text. */
const TEXTS = "input, textarea, [contenteditable]"

/**
 * @template E
 * @typedef {Record<string, (editor: E, event: KeyboardEvent) => void>} Keys name of a key -> what it does; a letter's
 *   name is a capital with Shift
 */

/** Keys that do the same in every editor, at any time. @type {Keys<import("./editor.mjs").Base>} */
const EVERYWHERE = {
  Home: (editor) => editor.goTo(0, true),
  End: (editor) => editor.goTo(Infinity, true),
  k: (editor) => editor.play(),
  b: (editor) => editor.toggleReport(),
  "?": (editor) => editor.toggleSheet(),
  Escape: (editor) => editor.escape(),
}

/**
 * Listen to the keyboard on a plot.
 * @template {import("./editor.mjs").Base} E
 * @param {E} editor
 * @param {{view: Keys<E>, edit: Keys<E>, selectAll: (editor: E) => void, off?: () => boolean}} keys the editor's own;
 *   `view`: at any time, also while edits are off; `off`: while all keys are somebody else's
 */
export function listenToKeys(editor, { view, edit, selectAll, off = () => false }) {
  const { plot, root } = editor.shell
  root.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      const all =
        (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "a"
      if (!all || off() || /** @type {HTMLElement} */ (event.target).matches(TEXTS)) return
      take(event) // or the host selects every node of the graph
      if (editor.ready && !editor.state.draft) selectAll(editor)
    },
    { signal: editor.signal },
  )
  plot.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (forTheHost(event) || event.target !== plot || off()) return
      const letter = /^[a-z]$/i.test(event.key)
      const name = letter ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : event.key
      const [look, change] = [view[name] ?? EVERYWHERE[name], edit[name]]
      if (!look && !change) return
      take(event)
      if (!editor.ready) return
      if (look) look(editor, event)
      else if (!editor.locked && !editor.state.draft) change(editor, event) // a drag would undo it when it ends
    },
    { signal: editor.signal },
  )
}
