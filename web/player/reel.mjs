// @ts-check
/**
 * A reel: the frames of a walk as the server keeps them for the page, some to a picture (a strip), fetched when they
 * are about to be looked at.
 */
import { makeCache } from "./cache.mjs"

/** @typedef {import("./player.mjs").Picture} Picture */
/** @typedef {import("./player.mjs").Source} Source */
/**
 * @typedef {object} Strip frames in one picture, row after row
 * @property {number} first frame, counted from the reel's own first
 * @property {number} count of frames
 * @property {string} url of the picture
 */
/**
 * @typedef {object} ReelFacts
 * @property {number} width px of one frame
 * @property {number} height
 * @property {number} columns frames in a row of a strip
 * @property {Strip[]} strips in order, without gaps
 */

/** Bytes of unpacked strips that the whole page keeps ready. */
const MOST = 96 * 2 ** 20
/** Strips that are fetched at once. */
const AT_ONCE = 3

/** Unpacked strips of all players of the page, by their address. */
export const ready = makeCache(MOST, (/** @type {ImageBitmap} */ bitmap) => bitmap.close())

/**
 * Return the index of the strip that holds a frame; -1 without one.
 * @param {readonly {first: number, count: number}[]} strips
 * @param {number} frame
 */
export function stripAt(strips, frame) {
  let [low, high] = [0, strips.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (strips[middle].first > frame) high = middle
    else low = middle + 1
  }
  const found = strips[low - 1]
  return found && frame < found.first + found.count ? low - 1 : -1
}

/**
 * Make a source of a reel; strips may be added while it is played.
 * @param {ReelFacts} facts
 * @param {(url: string, signal: AbortSignal) => Promise<ImageBitmap>} [load] fetches and unpacks a picture
 * @returns {Source & {add: (strip: Strip) => void, strips: Strip[]}}
 */
export function reelSource({ width, height, columns, strips }, load = fetchBitmap) {
  const life = new AbortController()
  /** @type {Set<() => void>} */
  const listeners = new Set()
  const own = [...strips]
  /** Strips on their way, and those that did not come. @type {Set<string>} */
  const coming = new Set()
  /** @type {Set<string>} */
  const lost = new Set()
  /** Strips to fetch, the most wanted first. @type {Strip[]} */
  let wanted = []
  /** The strip that was wanted before, and whether it goes backwards from there: what comes next is fetched ahead. */
  let before = 0
  let back = false
  const changed = () => listeners.forEach((listener) => listener())

  function fetchMore() {
    while (coming.size < AT_ONCE && wanted.length && !life.signal.aborted) {
      const strip = /** @type {Strip} */ (wanted.shift())
      if (ready.has(strip.url) || coming.has(strip.url) || lost.has(strip.url)) continue
      coming.add(strip.url)
      load(strip.url, life.signal)
        .then((bitmap) => {
          if (life.signal.aborted) bitmap.close()
          else ready.put(strip.url, bitmap, 4 * bitmap.width * bitmap.height)
        })
        .catch(() => life.signal.aborted || lost.add(strip.url))
        .finally(() => {
          coming.delete(strip.url)
          if (life.signal.aborted) return
          changed()
          fetchMore()
        })
    }
  }

  return {
    strips: own,
    width,
    height,
    get frames() {
      const last = own[own.length - 1]
      return last ? last.first + last.count : 0
    },
    get pieces() {
      return own
    },
    get lost() {
      return lost.size > 0
    },
    look(frame) {
      const strip = own[stripAt(own, frame)]
      const bitmap = strip && ready.get(strip.url)
      if (!bitmap) return null
      const at = frame - strip.first
      return { image: bitmap, x: (at % columns) * width, y: Math.floor(at / columns) * height, width, height }
    },
    want(frame, ahead) {
      const at = Math.max(0, stripAt(own, frame))
      if (at !== before) back = at < before
      before = at
      const next = back ? own.slice(Math.max(0, at - ahead), at + 1).reverse() : own.slice(at, at + ahead + 1)
      wanted = next.filter(({ url }) => !ready.has(url))
      fetchMore()
    },
    onChange(listener) {
      listeners.add(listener)
    },
    add(strip) {
      own.push(strip)
      changed()
    },
    close() {
      life.abort()
      listeners.clear()
      for (const { url } of own) ready.drop(url)
    },
  }
}

/** @param {string} url @param {AbortSignal} signal */
async function fetchBitmap(url, signal) {
  const answer = await fetch(url, { signal })
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
  return createImageBitmap(await answer.blob())
}
