// @ts-check
/** How high a report is in the host's text on a node. */

/** Px of a line and of a letter of the host's text, and what is around it: its own space and the widget's. */
const TEXT = { line: 16, letter: 6.2, beside: 52, around: 40 }
/** Px above which the host lets the text scroll. */
const MOST = 224

/**
 * Return the height in px that shows all lines of a text, as far as the host shows them.
 * @param {string} text
 * @param {number} width px of the node
 */
export function reportHeight(text, width) {
  const letters = Math.max(8, Math.floor((width - TEXT.beside) / TEXT.letter))
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / letters)), 0)
  return Math.min(MOST, lines * TEXT.line + TEXT.around)
}
