// @ts-check
/** Graphs as the page has them, as far as our files look at them. */

/**
 * Wire nodes up: each is its kind, its widgets, and where its inputs come from.
 * @param {Record<string, [type: string, widgets: Record<string, any>, inputs: Record<string, string>]>} described
 */
export function graphOf(described) {
  /** @type {Record<string, any>} */
  const nodes = {}
  /** @type {Record<number, any>} */
  const links = {}
  const graph = { links, getNodeById: (/** @type {string} */ id) => nodes[id] }
  for (const [id, [type, widgets]] of Object.entries(described))
    nodes[id] = {
      id,
      type,
      graph,
      mode: 0,
      inputs: [],
      outputs: [{ links: [] }],
      widgets: Object.entries(widgets).map(([name, value]) => ({ name, value })),
    }
  let next = 1
  for (const [id, [, , inputs]] of Object.entries(described))
    for (const [name, from] of Object.entries(inputs)) {
      links[next] = { origin_id: from, target_id: id, target_slot: nodes[id].inputs.length }
      nodes[id].inputs.push({ name, link: next })
      nodes[from].outputs[0].links.push(next++)
    }
  return nodes
}
