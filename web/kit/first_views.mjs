// @ts-check
/** Nodes that were saved before Tiny World had levels: they are given the place that their world_seed still means. */

export const RANDOM = "random layout"

/** Widgets of a node that has no level yet, by its type; what follows a seed is the host's own. */
const WITHOUT_LEVEL = new Map([
  ["WMTinyWorldView", 2],
  ["WMRecordTinyWorld", 10],
])

/**
 * Give all such nodes of a workflow a level, also in subgraphs.
 * @param {any} workflow as it was saved
 * @returns {number[]} the world_seed of each
 */
export function migrateViews(workflow) {
  const graphs = [workflow, ...(workflow?.definitions?.subgraphs ?? [])]
  const old = graphs.flatMap((graph) => graph?.nodes ?? []).filter(isOld)
  for (const { widgets_values: values } of old) values.push(RANDOM)
  return old.map(({ widgets_values: values }) => values[0])
}

/** @param {any} node */
function isOld(node) {
  const values = node?.widgets_values
  return Array.isArray(values) && values.length === WITHOUT_LEVEL.get(node.type)
}
