// @ts-check
/** Colours of the pack's own wires, which the host draws all in one grey; a palette that knows them keeps its own. */
import { app } from "../../scripts/app.js"

/** Told apart from each other and from the host's, of one lightness with them. @type {Record<string, string>} */
const COLOURS = { WM_WORLD: "#3fbf9b", WM_TRACK: "#c6cf5a", WM_MEMORY: "#d08c6a", WM_WORDS: "#b48ede" }

/**
 * Give types a colour where none is known: with each palette the host sets that of every type it knows, most to "".
 * @param {Record<string, string>} known
 */
function addColours(known) {
  for (const [type, colour] of Object.entries(COLOURS)) {
    let own = known[type]
    Object.defineProperty(known, type, {
      get: () => own || colour,
      set(given) {
        own = given
      },
      enumerable: true,
      configurable: true,
    })
  }
}

app.registerExtension({
  name: "wm.wires",
  setup() {
    addColours(app.canvas.constructor.link_type_colors)
    addColours(app.canvas.default_connection_color_byType)
    const style = document.createElement("style") // Nodes 2.0 draws sockets from these, and palettes write over them
    const rules = Object.entries(COLOURS).map(([type, colour]) => `--color-datatype-${type}: ${colour};`)
    style.textContent = `:root { ${rules.join(" ")} }`
    document.head.append(style)
  },
})
