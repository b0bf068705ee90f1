// @ts-check
/** What Python works out for the editors: the models, the binding report, ready-made walks, canonical text. */
import { api } from "../../../scripts/api.js"

/** Milliseconds after the last change before the report is asked for. */
const QUIET = 120

/** @typedef {import("../track/chunks.mjs").Variant} Variant */
/**
 * @typedef {object} BindingRow
 * @property {"kept" | "quantised" | "dropped"} kind @property {number} from @property {number} to
 * @property {string} what @property {string} asked @property {string} got @property {string} why
 *
 * @typedef {object} BindingReport
 * @property {string} model @property {number} frames
 * @property {[kind: string, start: number, length: number][]} band @property {BindingRow[]} rows
 * @property {[frame: number, sentence: string][]} [sentences] of each chunk, where a model is told its keys in words
 * @property {any} [followed] for a camera path: what the model's keys and mouse make of it
 */

/** A sentence the server said about what it was asked. */
class Refused extends Error {}

/**
 * Ask a route of ours.
 * @param {string} path below /wm
 * @param {any} [body] posted as JSON; without one, GET
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 * @throws {Refused} with the server's sentence, or what went wrong on the way
 */
export async function ask(path, body, signal) {
  const answer = await (body === undefined ? api.fetchApi(`/wm/${path}`, { signal }) : post(path, body, signal))
  if (!answer.ok) throw await refusal(answer)
  return answer.json().catch(() => ({}))
}

/** @param {string} path @param {any} body @param {AbortSignal} [signal] @returns {Promise<Response>} */
function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" }
  return api.fetchApi(`/wm/${path}`, { method: "POST", body: JSON.stringify(body), headers, signal })
}

/** @param {Response} answer */
async function refusal(answer) {
  const said = await answer.json().catch(() => ({}))
  return new Refused(said.error ?? `the server answered ${answer.status}`)
}

/** @type {Promise<Variant[]> | null} */
let variants = null

/** Get the supported models in the menu's order, once per page. @returns {Promise<Variant[]>} */
export function getVariants() {
  variants ??= ask("variants").catch((error) => {
    variants = null // the next editor asks again
    throw error
  })
  return variants
}

/** @returns {Promise<{name: string, seeded: boolean, frames_hint: number, sentence: string}[]>} */
export const getPresets = () => ask("presets")

/**
 * Write any text of a track as canonical JSON.
 * @param {string} text
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>}
 */
export const canonicalText = (text, signal) => ask("canonical", { text }, signal).then((said) => said.canonical)

/**
 * Get a ready-made walk as canonical JSON.
 * @param {string} name
 * @param {number} frames
 * @param {number} seed
 * @returns {Promise<string>}
 */
export const presetText = (name, frames, seed) => ask("preset", { name, frames, seed }).then((said) => said.canonical)

/** What the server knows of a world that a track goes on in. @type {import("./world.mjs").Teller} */
export const TELLER = {
  told: (file) => ask("world", { world_file: file }),
  followed: ({ path, model, fps }) => ask("binding", { text: path, model, fps }).then((said) => said.followed.track),
  canonical: canonicalText,
}

/**
 * Get the ground plan of a place of Tiny World.
 * @param {import("./place.mjs").Place} place
 * @returns {Promise<import("../track/walls.mjs").Plan>}
 */
export const planOf = (place) => ask("plan", place)

/**
 * Get a picture of what one sees there.
 * @param {import("./place.mjs").Place} place
 * @param {readonly number[]} pose x, z in metres and the yaw in radians, in the plan's axes
 * @param {AbortSignal} signal
 * @returns {Promise<ImageBitmap>}
 * @throws {Refused}
 */
export async function viewOf(place, pose, signal) {
  const answer = await post("view", { ...place, pose }, signal)
  if (!answer.ok) throw await refusal(answer)
  return createImageBitmap(await answer.blob())
}

/**
 * Keep a binding report up to date: asked for 120 ms after the last change, older answers are forgotten.
 * @param {AbortSignal} signal
 * @param {() => void} changed called when `state` changed
 */
export function makeBinding(signal, changed) {
  /** @type {{report: BindingReport | null, stale: boolean, error: string}} */
  let state = { report: null, stale: false, error: "" }
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let asked = ""
  /** @type {AbortController | null} */
  let request = null
  const show = (/** @type {typeof state} */ next) => {
    state = next
    if (!signal.aborted) changed()
  }
  const stop = () => {
    clearTimeout(timer)
    request?.abort()
    request = null
  }
  signal.addEventListener("abort", stop)

  async function fetchReport(/** @type {any} */ question) {
    request = new AbortController()
    const { signal: mine } = request
    try {
      const report = await ask("binding", question, mine)
      if (!mine.aborted) show({ report, stale: false, error: "" })
    } catch (error) {
      if (mine.aborted) return
      asked = ""
      show({ report: null, stale: false, error: error instanceof Error ? error.message : String(error) })
    }
  }
  return {
    get state() {
      return state
    },
    /** Mark the report as out of date, as while dragging. */
    outdate() {
      stop()
      asked = ""
      if (!state.stale) show({ ...state, stale: true })
    },
    /**
     * Ask for the report of a text.
     * @param {string} text
     * @param {string} model title or name
     * @param {{fps?: number} & Partial<import("./world.mjs").Asked>} [more] the rate a path is drawn at; the world that
     *   walks it
     */
    ask(text, model, more = {}) {
      const question = { text, model, ...more }
      if (signal.aborted || asked === JSON.stringify(question)) return
      stop()
      asked = JSON.stringify(question)
      if (!state.stale) show({ ...state, stale: true })
      timer = setTimeout(() => fetchReport(question), QUIET)
    },
    /** Forget the report, as when there is nothing to bind. */
    clear() {
      stop()
      asked = ""
      show({ report: null, stale: false, error: "" })
    },
  }
}
