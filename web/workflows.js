// @ts-check
/** What is done with workflows when they are opened: old ones are migrated, and templates begin where they can be read. */
import { app } from "../../scripts/app.js"

/** Nodes that workflows of the first Tiny World have; what migrates them is fetched with the first such node. */
const VIEWS = ["WMTinyWorldView", "WMRecordTinyWorld"]

/** Say what became of the views of workflows that were saved with the first Tiny World. @param {any} workflow */
async function migrate(workflow) {
  const { RANDOM, migrateViews } = await import("./kit/first_views.mjs")
  const seeds = migrateViews(workflow)
  if (!seeds.length) return
  app.extensionManager.toast.add({
    severity: "info",
    summary: "The first Tiny World's views are gone",
    detail:
      `This workflow was saved with them: its world_seed ${seeds.join(", ")} is now a ${RANDOM} of the present ` +
      "Tiny World. To walk in a level, choose it in the node.",
    life: 20000,
  })
}

/** A view of the graph. @param {{scale: number, offset: ArrayLike<number>}} view */
const viewOf = ({ scale, offset }) => [scale, offset[0], offset[1]]

/** The view that the workflow which is being opened was saved with, and the one before. @type {{saved: number[], before: number[]} | null} */
let opening = null

app.registerExtension({
  name: "wm.workflows",
  async beforeConfigureGraph(/** @type {any} */ workflow) {
    const text = JSON.stringify(workflow ?? {})
    const saved = workflow?.extra?.ds
    opening = saved && text.includes('"WM') ? { saved: viewOf(saved), before: viewOf(app.canvas.ds) } : null
    if (VIEWS.some((type) => text.includes(`"${type}"`))) await migrate(workflow)
  },
  /** The host shows the whole of each template; a large one cannot be read then. All others it shows as they say. */
  afterConfigureGraph() {
    if (!opening) return
    const { ds } = app.canvas
    const fitted = viewOf(ds).join() !== opening.before.join() && ds.scale < opening.saved[0]
    if (!fitted) return
    ;[ds.scale, ds.offset[0], ds.offset[1]] = opening.saved
    app.canvas.setDirty(true, true)
  },
})
