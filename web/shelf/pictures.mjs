// @ts-check
/** Pictures of cards, asked for when a card is first seen, two at a time, and kept for the page. */

/** @typedef {{picture: string, way: [number, number][]}} Picture */

const AT_ONCE = 2
const MOST = 600

/**
 * Make what gets pictures.
 * @param {(file: string) => Promise<Picture>} fetchPicture
 */
export function makePictures(fetchPicture) {
  /** @type {Map<string, Promise<Picture>>} */
  const kept = new Map()
  /** @type {(() => void)[]} */
  const waiting = []
  let busy = 0
  const next = () => {
    busy -= 1
    waiting.shift()?.()
  }
  /** @param {string} file */
  async function inTurn(file) {
    if (busy >= AT_ONCE) await new Promise((done) => waiting.push(() => done(undefined)))
    busy += 1
    try {
      return await fetchPicture(file)
    } finally {
      next()
    }
  }
  /**
   * Get a world's picture; one that failed is asked for again the next time.
   * @param {{world_file: string, date: number, bytes: number}} world
   */
  return function pictureOf({ world_file, date, bytes }) {
    const key = `${world_file} ${date} ${bytes}`
    let found = kept.get(key)
    if (!found) {
      found = inTurn(world_file)
      found.catch(() => kept.delete(key))
      kept.set(key, found)
      if (kept.size > MOST) kept.delete(/** @type {string} */ (kept.keys().next().value))
    }
    return found
  }
}
