// @ts-check
/** The journal in the host's settings: how large it may be, how full it is, and a button that empties it. */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"

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

/** Build the row's right side: what lies there, and the button. */
function usageRow() {
  const row = document.createElement("div")
  row.className = "wm-journal-usage"
  row.style.cssText = "display:flex;align-items:center;gap:12px"
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
  return row
}

app.registerExtension({
  name: "wm.settings",
  settings: [
    {
      id: "wm.journal.gigabytes",
      name: "Size of the journal in GB",
      category: ["World Model", "Journal", "size"],
      tooltip:
        "Rollout World keeps each finished chunk on disk, so that Stop, an error or a crash loses nothing. " +
        "What was not used for longest makes room. 0 keeps nothing.",
      sortOrder: 2,
      type: "number",
      attrs: { min: 0, max: 100000, maxFractionDigits: 2 },
      defaultValue: 4,
    },
    {
      id: "wm.journal.usage",
      name: "In the journal",
      category: ["World Model", "Journal", "usage"],
      tooltip: "It lies in the folder __worldmodel/journal of ComfyUI's user folder.",
      sortOrder: 1,
      type: usageRow,
      defaultValue: null,
    },
  ],
})
