// @ts-check
/**
 * The world that a node's track is given to, as far as the graph says: how much of it there is before the track's frame
 * 0, and where it was walked.
 *
 *     [Start World | Load World] -> Rollout World, Rewind World, ... -> Rollout World <- track of the node
 */
import { cutFor, firstFrame, goingOn, wholeChunks } from "../track/chunks.mjs"
import { chunkNear } from "../track/moments.mjs"
import { EMPTY, parse } from "../track/timeline.mjs"

/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/** @typedef {import("../track/chunks.mjs").Begun} Begun */
/** @typedef {import("../track/timeline.mjs").Timeline} Timeline */
/** @typedef {{timeline: Timeline, frames: number}} Walked a track, and how many of its frames were walked */
/**
 * @typedef {object} WorldBefore
 * @property {Begun | null} begun
 * @property {number} chunks
 * @property {number} frames
 * @property {readonly Walked[]} walked one after another
 */
/** @typedef {{text: string} | {path: string, model: string, fps: number}} Source what a track is made from */
/**
 * What made a world as it is; `back` is a place to go back to.
 * @typedef {{begun: Begun} | {file: string} | {track: Source} | {rewind: number} | {back: string}} Step
 */
/**
 * @typedef {object} Teller what the server knows of it
 * @property {(file: string) => Promise<{chunks: number | null, track: string, begun: Begun | null}>} told what a saved world
 *   was told
 * @property {(source: {path: string, model: string, fps: number}) => Promise<string>} followed a path's track
 * @property {(text: string) => Promise<string>} canonical a short text as JSON
 */

/** Nodes that walk a track into a world. */
const TAKES_TRACK = new Set(["WMRolloutWorld", "WMTakeWorld"])
/** More than any graph has of nodes in a row: one that leads back to itself is cut off there. */
export const MOST_STEPS = 500
export const BYPASSED = 4
const MUTED = 2

/**
 * Say what made the world that a node's track is given to, from the beginning on; `null` if the graph does not say so.
 * Where it is given to several worlds, they must have come about in the same way. A world that is connected to the node
 * itself is the one, wherever the track goes.
 * @param {any} node
 * @returns {Step[] | null}
 */
export function stepsBefore(node) {
  if (inputOf(node, "world")?.link != null) return steps(source(node, "world"), 0)
  const found = targets(node)
    .filter(({ node: target, name }) => TAKES_TRACK.has(target.type) && name === "track")
    .map(({ node: target }) => worldOf(target))
  const [first] = found
  return first && found.every((one) => JSON.stringify(one) === JSON.stringify(first)) ? first : null
}

/**
 * Work out how long that world is, and where it was walked.
 * @param {readonly Step[]} made
 * @param {Variant} variant
 * @param {Teller} teller
 * @returns {Promise<WorldBefore | null>} `null` if it is not known
 */
export async function worldBefore(made, variant, teller) {
  /** @type {Walked[]} */
  let walked = []
  let chunks = 0
  /** @type {Begun | null} */
  let begun = null
  for (const step of made) {
    if ("begun" in step) {
      begun = step.begun
      variant = cutFor(variant, begun)
    } else if ("file" in step) {
      const told = await teller.told(step.file)
      if (told.chunks === null) return null
      chunks = told.chunks
      begun = told.begun
      variant = cutFor(variant, begun)
      walked = [{ timeline: parse(told.track).timeline ?? EMPTY, frames: firstFrame(variant, chunks) }]
    } else if ("track" in step) {
      const timeline = await timelineOf(step.track, teller)
      const placed = goingOn(variant, chunks)
      const more = timeline ? wholeChunks(placed, timeline.frames) : 0
      if (!timeline || !more) return null
      walked = [...walked, { timeline, frames: firstFrame(placed, more) }]
      chunks += more
    } else {
      const kept = "back" in step ? chunkNear(step.back, variant, chunks, chunks) : keptChunks(step.rewind, chunks)
      if (kept === null || kept < 0 || kept > chunks) return null
      chunks = kept
      walked = cut(walked, firstFrame(variant, kept))
    }
  }
  return Object.freeze({ begun, chunks, frames: firstFrame(variant, chunks), walked })
}

/**
 * Return what the server is asked with about a track in this world; null is what is not known.
 * @typedef {{chunks: number | null, begun: Begun | null}} Asked
 * @param {WorldBefore | null} world
 * @returns {Asked}
 */
export const askedOf = (world) => ({ chunks: world?.chunks ?? null, begun: world?.begun ?? null })

/**
 * Keep what is known of that world up to date.
 * @param {any} node
 * @param {AbortSignal} signal
 * @param {Teller} teller
 * @param {(world: WorldBefore | null) => void} changed
 * @returns {(variant: Variant | null, anew?: boolean) => void} looks whether it is another; `anew`: also if the graph is
 *   the same, as after a run
 */
export function watchWorld(node, signal, teller, changed) {
  let now = ""
  return (variant, anew = false) => {
    const made = variant && stepsBefore(node)
    const next = made ? JSON.stringify([variant.name, made]) : ""
    if (next === now && !anew) return
    now = next
    if (!made) return changed(null)
    worldBefore(made, variant, teller)
      .catch(() => null) // what is wrong with a text or a file is said by its own node
      .then((world) => !signal.aborted && now === next && changed(world))
  }
}

/** @param {number} rewind @param {number} chunks */
const keptChunks = (rewind, chunks) => (rewind < 0 ? chunks + rewind : rewind)

/** @param {readonly Walked[]} walked @param {number} frames to keep @returns {Walked[]} */
function cut(walked, frames) {
  const kept = []
  for (const one of walked) {
    if (frames > 0) kept.push({ ...one, frames: Math.min(one.frames, frames) })
    frames -= one.frames
  }
  return kept
}

/** @param {Source} from @param {Teller} teller @returns {Promise<Timeline | null>} */
async function timelineOf(from, teller) {
  if ("path" in from) return parse(await teller.followed(from)).timeline ?? null
  const { timeline, short } = parse(from.text)
  if (timeline) return timeline
  return short === undefined ? null : (parse(await teller.canonical(short)).timeline ?? null)
}

/** @param {any} node that a world comes from @param {number} depth @returns {Step[] | null} */
function steps(node, depth) {
  if (!node || depth > MOST_STEPS) return null
  const before = () => steps(source(node, "world"), depth + 1)
  if (node.type === "WMSaveWorld" || (node.mode === BYPASSED && inputOf(node, "world"))) return before()
  const and = (/** @type {Step | null} */ step) => {
    const made = step && before()
    return made && step ? [...made, step] : null
  }
  switch (node.type) {
    case "WMStartWorld":
      return known(node, "form") || valueOf(node, "form") === undefined ? [{ begun: begunBy(node) }] : null
    case "WMLoadWorld":
      return known(node, "world_file") ? [{ file: valueOf(node, "world_file") }] : null
    case "WMRewindWorld":
      return and(rewindOf(node))
    case "WMTakeWorld": {
      if (inputOf(node, "track")?.link == null) return before() // the same is done again in each take
      const [back, track] = [known(node, "back_to"), trackOf(source(node, "track"))]
      const made = back && track && before()
      return made ? [...made, { back: String(valueOf(node, "back_to")) }, { track }] : null
    }
    case "WMRolloutWorld": {
      const track = trackOf(source(node, "track"))
      return and(track && { track })
    }
    default:
      return null
  }
}

/** What a node walks on from. @param {any} node @returns {Step[] | null} */
function worldOf(node) {
  const made = steps(source(node, "world"), 0)
  if (node.type !== "WMTakeWorld") return made
  return made && known(node, "back_to") ? [...made, { back: String(valueOf(node, "back_to")) }] : null
}

/** @param {any} node Rewind World; one that was saved with an earlier release has chunks only @returns {Step | null} */
function rewindOf(node) {
  const back = valueOf(node, "back_to")
  if (inputOf(node, "back_to")?.link != null) return null
  if (String(back ?? "").trim()) return { back: String(back) }
  return known(node, "chunks") ? { rewind: Number(valueOf(node, "chunks")) } : null
}

/** @param {any} node Start World @returns {Begun} */
function begunBy(node) {
  const image = source(node, "image")
  return { form: String(valueOf(node, "form") ?? "corrected"), image: Boolean(image) && image.mode !== MUTED }
}

/** @param {any} node that a track comes from @returns {Source | null} */
function trackOf(node) {
  if (!node || node.mode === BYPASSED) return null
  if (node.type === "WMActionTrack") return known(node, "track") ? { text: String(valueOf(node, "track") ?? "") } : null
  if (node.type !== "WMCameraPath" || inputOf(node, "start_camera")?.link != null) return null
  if (!["path", "model", "fps"].every((name) => known(node, name))) return null
  return { path: valueOf(node, "path"), model: valueOf(node, "model"), fps: Number(valueOf(node, "fps")) || 0 }
}

/** @param {any} node @param {string} name */
export const inputOf = (node, name) => node.inputs?.find((/** @type {any} */ input) => input.name === name)

/** @param {any} node @param {string} name */
export const valueOf = (node, name) => node.widgets?.find((/** @type {any} */ widget) => widget.name === name)?.value

/** Whether a widget's value is what counts, and no link. @param {any} node @param {string} name */
export const known = (node, name) => inputOf(node, name)?.link == null && valueOf(node, name) !== undefined

/** @param {any} graph @param {any} id */
const linkOf = (graph, id) => graph?.getLink?.(id) ?? graph?.links?.[id]

/** The node that gives an input its value, reroutes left out. @param {any} node @param {string} name @returns {any} */
export function source(node, name) {
  let link = linkOf(node.graph, inputOf(node, name)?.link)
  for (let i = 0; link && i < MOST_STEPS; i++) {
    const from = node.graph.getNodeById(link.origin_id)
    if (from?.type !== "Reroute") return from
    link = linkOf(node.graph, from.inputs?.[0]?.link)
  }
  return null
}

/** The inputs that a node's first output is given to. @param {any} node @returns {{node: any, name: string}[]} */
export function targets(node, depth = 0) {
  const links = node.outputs?.[0]?.links ?? []
  return links.flatMap((/** @type {any} */ id) => {
    const link = linkOf(node.graph, id)
    const target = link && node.graph.getNodeById(link.target_id)
    if (!target) return []
    if (target.type === "Reroute") return depth < MOST_STEPS ? targets(target, depth + 1) : []
    return [{ node: target, name: target.inputs?.[link.target_slot]?.name }]
  })
}
