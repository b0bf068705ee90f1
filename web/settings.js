// @ts-check
/**
 * What the pack has in the host's settings: how large the journal may be, how full it is, and a button that empties it; and
 * how long a walk waits for somebody to play it.
 */
import { app } from "../../scripts/app.js"
import { late, sayFailed } from "./kit/mount.mjs"

const journal = late(() => import("./settings/journal.mjs"))

/** Make the row's right side; its module is fetched when the settings are opened there. */
function usageRow() {
  const row = document.createElement("div")
  row.className = "wm-journal-usage"
  row.style.cssText = "display:flex;align-items:center;gap:12px"
  journal.use(
    ({ fillUsage }) => fillUsage(row, app),
    (error) => sayFailed(row, "What lies in the journal", error),
  )
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
      id: "wm.play.idle",
      name: "Seconds until a walk that nobody plays ends",
      category: ["World Model", "Play World", "idle"],
      tooltip:
        "Play World waits so long for a player, and a program's walk for its next order. What was walked is kept. A " +
        "page that is open may rest as long as it likes.",
      type: "number",
      attrs: { min: 1, max: 1000000, maxFractionDigits: 0 },
      defaultValue: 60,
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
