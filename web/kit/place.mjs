// @ts-check
/**
 * The place of Tiny World that a node's track is walked in, as far as the graph says, and its ground plan.
 *
 *     Tiny World View -> Start World -> Rollout World, ... -> Rollout World <- track of the node
 *     Tiny World View <- track of the node
 */
import { BYPASSED, MOST_STEPS, inputOf, known, source, targets, valueOf } from "./world.mjs"

/** @typedef {{level: string | null, world_seed: number, place: number}} Place as Tiny World View's widgets say */
/** @typedef {import("../track/walls.mjs").Plan} Plan */
/** @typedef {Readonly<{place: Place, plan: Plan}>} Known a place and what stands in it */

/**
 * Say where a node's track is walked; `null` if the graph does not say so, or names several places.
 * @param {any} node
 * @returns {Place | null}
 */
export function placeBefore(node) {
  if (inputOf(node, "world")?.link != null) return placeOf(viewBefore(source(node, "world")))
  const places = targets(node)
    .filter(({ name }) => name === "track")
    .flatMap(({ node: target }) => {
      if (target.type === "WMTinyWorldView") return [placeOf(target)]
      return target.type === "WMRolloutWorld" ? [placeOf(viewBefore(source(target, "world")))] : []
    })
  const [first] = places
  return first && places.every((one) => JSON.stringify(one) === JSON.stringify(first)) ? first : null
}

/** The Tiny World View whose picture a world begins with. @param {any} node that a world comes from */
function viewBefore(node) {
  for (let i = 0; node && i < MOST_STEPS; i++) {
    if (node.type === "WMStartWorld") return node.mode === BYPASSED ? null : source(node, "image")
    node = inputOf(node, "world") ? source(node, "world") : null
  }
  return null
}

/** @param {any} node @returns {Place | null} */
function placeOf(node) {
  if (node?.type !== "WMTinyWorldView" || node.mode === BYPASSED) return null
  const level = valueOf(node, "level") ?? null
  if (!["world_seed", "place"].every((name) => known(node, name)) || inputOf(node, "level")?.link != null) return null
  return { level, world_seed: Number(valueOf(node, "world_seed")), place: Number(valueOf(node, "place")) }
}

/**
 * Keep what is known of that place up to date.
 * @param {any} node
 * @param {AbortSignal} signal
 * @param {(place: Place) => Promise<Plan>} planOf
 * @param {(known: Known | null) => void} changed
 * @returns {(shown: boolean) => void} looks whether it is another; `shown`: whether it is wanted at all
 */
export function watchPlace(node, signal, planOf, changed) {
  let now = ""
  return (shown) => {
    const place = shown ? placeBefore(node) : null
    const next = place ? JSON.stringify(place) : ""
    if (next === now) return
    now = next
    if (!place) return changed(null)
    planOf(place)
      .catch(() => null) // what is wrong with a place is said by its own node
      .then((plan) => !signal.aborted && now === next && changed(plan && Object.freeze({ place, plan })))
  }
}
