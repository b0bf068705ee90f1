// @ts-check
/**
 * Registers what keeps lists of files: the world shelf, saved worlds as cards on Load World, and Load Track's list and
 * upload. Their modules are fetched with the first such node.
 */
import { app } from "../../scripts/app.js"
import { addElement, late, sayFailed } from "./kit/mount.mjs"

const NODE = "WMLoadWorld"
const HEIGHT = 168
const shelves = late(() => import("./shelf/shelf.mjs"))
const TRACKS = "WMLoadTrack"
const tracks = late(() => import("./shelf/tracks.mjs"))

/** Serve Load Track until it is removed. @param {any} node */
function serve(node) {
  const life = new AbortController()
  const { signal } = life
  const removed = node.onRemoved
  node.onRemoved = function () {
    removed?.call(this)
    life.abort()
  }
  tracks.use(({ serveTracks }) => signal.aborted || serveTracks({ node, app, signal }), console.error)
}

app.registerExtension({
  name: "wm.shelf",
  /** @param {any} node */
  nodeCreated(node) {
    if (node.comfyClass === TRACKS) serve(node)
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
