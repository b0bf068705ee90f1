// @ts-check
/** How full the journal is, in the host's settings, and a button that empties it. */
import { api } from "../../../scripts/api.js"

const GIGABYTE = 1e9
const MEGABYTE = 1e6

/**
 * Ask the server about the journal.
 * @param {string} path below /wm/journal
 * @param {string} method
 * @returns {Promise<{chunks: number, bytes: number}>}
 */
async function ask(path, method) {
  // the server takes nothing but JSON in a POST: a page of elsewhere cannot send that unasked
  const sent = method === "POST" ? { body: "{}", headers: { "Content-Type": "application/json" } } : {}
  const answer = await api.fetchApi(`/wm/journal${path}`, { method, ...sent })
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
  return answer.json()
}

/**
 * Say how much lies in the journal.
 * @param {{chunks: number, bytes: number}} usage
 */
function sentence({ chunks, bytes }) {
  if (chunks === 0) return "empty"
  const size = bytes < GIGABYTE ? `${Math.ceil(bytes / MEGABYTE)} MB` : `${(bytes / GIGABYTE).toFixed(1)} GB`
  return `${chunks} ${chunks === 1 ? "chunk" : "chunks"}, ${size}`
}

/**
 * Fill the row's right side: what lies there, and the button.
 * @param {HTMLElement} row @param {any} app
 */
export function fillUsage(row, app) {
  const text = row.appendChild(document.createElement("span"))
  text.setAttribute("role", "status")
  const button = row.appendChild(document.createElement("button"))
  button.style.cssText =
    "padding:6px 12px;border:none;border-radius:8px;font:inherit;font-size:12px;cursor:pointer;" +
    "background:var(--secondary-background,#444);color:var(--base-foreground,inherit)"
  button.type = "button"
  button.textContent = "Empty…"
  button.disabled = true

  /** @param {Promise<{chunks: number, bytes: number}>} answer */
  async function show(answer) {
    try {
      const usage = await answer
      text.textContent = sentence(usage)
      button.disabled = usage.chunks === 0
    } catch (error) {
      text.textContent = `not known: ${error instanceof Error ? error.message : error}`
    }
  }

  button.addEventListener("click", async () => {
    const sure = await app.extensionManager.dialog.confirm({
      title: "Empty the journal?",
      message: "Rollouts that were stopped begin anew, and worlds that are rolled out again are computed again.",
      type: "delete",
    })
    if (!sure) return
    button.disabled = true
    await show(ask("/clear", "POST").then(() => ask("", "GET")))
  })
  show(ask("", "GET"))
}
