// @ts-check
/** Registers the world shelf: saved worlds as cards on Load World; its module is fetched with the first such node. */
import { app } from "../../scripts/app.js"
import { addElement, late, sayFailed } from "./kit/mount.mjs"

const NODE = "WMLoadWorld"
const HEIGHT = 168
const shelves = late(() => import("./shelf/shelf.mjs"))

app.registerExtension({
  name: "wm.shelf",
  /** @param {any} node */
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return
    const root = document.createElement("div")
    const life = new AbortController()
    const { signal } = life
    addElement(node, root, { name: "shelf", type: "WM_SHELF", life, leastHeight: () => HEIGHT })
    shelves.use(
      ({ makeShelf }) => signal.aborted || makeShelf({ node, root, app, signal }),
      (error) => signal.aborted || sayFailed(root, "The saved worlds", error),
    )
  },
})
