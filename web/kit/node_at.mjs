// @ts-check
/** Nodes by the names that the server has for them. */

/**
 * Find a node by its path of numbers: its own, behind those of the subgraphs that it is in.
 * @param {any} app @param {string} path such as `7` or `12:3`
 */
export function nodeAt(app, path) {
  const numbers = String(path).split(":").map(Number)
  const last = /** @type {number} */ (numbers.pop())
  const graph = numbers.reduce((/** @type {any} */ one, number) => one?.getNodeById(number)?.subgraph, app.rootGraph)
  return graph?.getNodeById(last)
}
