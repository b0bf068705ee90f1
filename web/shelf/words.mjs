// @ts-check
/** Texts of the world shelf, and how a world's facts are written. */
import { DOT, counted } from "../kit/words.mjs"

export const WORDS = {
  title: "Saved worlds",
  newest: "the newest",
  newestHint: "Always load the world that was written last",
  none: "No saved world yet. Save World writes one.",
  offline: "The saved worlds are not known:",
  linked: "The file comes through a link.",
  rename: "Rename",
  delete: "Delete",
  renameTitle: "Rename world",
  renameMessage: "New name of the file:",
  deleteTitle: "Delete world",
  unreadable: "cannot be read",
  again: "Look again",
  noFrames: "no frames yet",
  more: (/** @type {number} */ count) => `${count} older worlds are not listed.`,
  sure: (/** @type {string} */ title) => `Delete "${title}" for good? There is no undo.`,
  failed: "That did not work",
}

/** Of Load Track. */
export const TRACK_WORDS = {
  upload: "choose files to upload",
  uploadHint:
    "Copies a track or a camera's file from your disk into ComfyUI's input folder and chooses it. COLMAP: choose images.txt and cameras.txt together.",
  failed: "No track was uploaded",
  /** Files that are read together lie in a folder of their own. @param {Date} now */
  folder: (now) => `tracks ${now.toISOString().slice(0, 19).replaceAll(":", ".").replace("T", " ")}`,
  refused: (/** @type {string} */ name, /** @type {number} */ status) => `${name}: ComfyUI answered ${status}.`,
  unread: (/** @type {string[]} */ names) =>
    `${names.join(", ")}: in the input folder now, but does not read as a track or a camera. The node's help page lists what does.`,
}

/**
 * @typedef {object} SavedWorld as the server lists it
 * @property {string} world_file its name in the list of files @property {string} title
 * @property {number} date milliseconds @property {number} bytes @property {boolean} readable
 * @property {string} model @property {number} chunks @property {number} frames @property {number} seconds
 * @property {string} prompt @property {boolean} picture
 */

/** How long a world is. @param {SavedWorld} world */
export function lengthWords({ readable, frames, seconds }) {
  if (!readable) return WORDS.unreadable
  if (!frames) return WORDS.noFrames
  const whole = Math.round(seconds)
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`
}

/** When it was written: the time of day if that was today. @param {SavedWorld} world @param {Date} [now] @param {string} [locale] */
export function dateWords({ date }, now = new Date(), locale) {
  const then = new Date(date)
  const today = then.toDateString() === now.toDateString()
  return today
    ? then.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" })
    : then.toLocaleDateString(locale, {
        day: "numeric",
        month: "short",
        ...(then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
      })
}

/** All that is known of a world, for those who rest on its card. @param {SavedWorld} world */
export function factWords(world) {
  const { world_file, model, chunks, frames, bytes, date, prompt } = world
  const size = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
  const facts = [model, counted(chunks, "chunk"), counted(frames, "frame"), size]
  const lines = [world_file, world.readable ? facts.join(` ${DOT} `) : WORDS.unreadable]
  return [...lines, new Date(date).toLocaleString(), prompt].filter(Boolean).join("\n")
}
