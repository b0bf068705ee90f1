// @ts-check
/** How high an editor's node must be, and that it is. */

/** Heights in px of what surrounds the plots of every editor; `report`: the gap above it. */
const AROUND = { tools: 42, status: 24, strip: 28, notice: 45, report: 4 }

/**
 * Keep a node high enough for its editor.
 * @param {object} what
 * @param {import("./mount.mjs").Mount} what.mount
 * @param {ReturnType<typeof import("./shell.mjs").makeShell>} what.shell
 * @param {ReturnType<typeof import("./strip.mjs").makeStrip>} what.strip
 * @param {() => number} what.plots least px of what lies between tool bar and status line
 */
export function makeHeight({ mount: { node, least }, shell, strip, plots }) {
  let grown = 0
  let last = 0
  const report = () => (strip.isOpen ? strip.report.offsetHeight + AROUND.report : 0)

  /** The least height of all parts together, in px. */
  function leastHeight() {
    const notice = shell.notice.element.hidden ? 0 : AROUND.notice
    return Math.max(least, AROUND.tools + AROUND.status + AROUND.strip + notice + report() + plots())
  }

  /** @param {number} height of the node in px */
  function resize(height) {
    node.setSize([node.size[0], height])
    node.graph?.setDirtyCanvas(true, true)
  }

  return {
    leastHeight,
    /** Make the node higher by the report, or lower again. */
    follow() {
      const by = strip.isOpen ? report() : -grown
      grown = strip.isOpen ? by : 0
      if (by) resize(node.size[1] + by)
    },
    /** Make the node as high as its parts need. */
    settle() {
      const now = leastHeight()
      if (now === last) return
      shell.root.style.setProperty("--wm-least", `${now}px`)
      last = now
      const needed = node.computeSize()[1]
      if (needed > node.size[1]) resize(needed)
    },
  }
}
