// @ts-check
/**
 * Action Tracks of workflows saved before there was an editor: text, preset and its values, in place of model, fps and
 * track.
 */
import { getVariants, presetText } from "../kit/server.mjs"

const TYPE = "WMActionTrack"
const FROM_TEXT = "from the text"

/**
 * Rewrite all Action Tracks of a workflow, also in subgraphs, to the node's present inputs.
 * @param {any} workflow as it was saved
 */
export async function migrateTracks(workflow) {
  const variants = await getVariants()
  const graphs = [workflow, ...(workflow?.definitions?.subgraphs ?? [])]
  const nodes = graphs
    .flatMap((graph) => graph?.nodes ?? [])
    .filter((node) => node?.type === TYPE && isOld(node, variants))
  await Promise.all(nodes.map((node) => migrateNode(node, variants)))
}

/**
 * Whether a node was saved with a text first: now a model's title is.
 * @param {any} node
 * @param {{title: string, name: string}[]} variants
 */
function isOld({ widgets_values: values }, variants) {
  return (
    Array.isArray(values) &&
    values.length > 0 &&
    !variants.some(({ title, name }) => values[0] === title || values[0] === name)
  )
}

/** @param {any} node @param {{title: string}[]} variants */
async function migrateNode(node, variants) {
  const [text, preset = FROM_TEXT, frames = 0, seed = 0] = node.widgets_values
  const track = preset === FROM_TEXT ? text : await presetText(preset, frames, Number(seed) || 0)
  node.widgets_values = [variants[0].title, 0, track]
  node.inputs = node.inputs?.filter(
    (/** @type {any} */ input) => input.link != null || !String(input.name).startsWith("preset"),
  )
}
