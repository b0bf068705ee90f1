// @ts-check
/** Opens a player on a Play World when the server says that its walk can be played. */
import { api } from "../../scripts/api.js"
import { app } from "../../scripts/app.js"
import { late, sayFailedOn } from "./kit/mount.mjs"
import { nodeAt } from "./kit/node_at.mjs"

/** The host's socket has walks under this name. */
const EVENT = "wm_play"
const games = late(() => import("./play/widget.mjs"))

app.registerExtension({
  name: "wm.play",
  setup() {
    api.addEventListener(EVENT, ({ detail }) => {
      if (detail.over) return // the walk's own socket says it too
      const node = nodeAt(app, detail.node)
      if (node?.comfyClass !== "WMPlayWorld") return
      games.come().then(
        ({ gameOf }) => node.graph && gameOf(node, app).open(detail.session),
        (error) => node.graph && sayFailedOn(node, "The player", error),
      )
    })
  },
})
