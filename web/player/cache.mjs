// @ts-check
/** Pictures that are kept ready, as many as fit; the one that has not been looked at for longest leaves first. */

/**
 * Make a cache of things that take room, and are given back when they leave.
 * @template T
 * @param {number} most bytes
 * @param {(thing: T) => void} leave gives a thing's room back
 */
export function makeCache(most, leave) {
  /** In the order in which they were looked at. @type {Map<string, {thing: T, bytes: number}>} */
  const kept = new Map()
  let bytes = 0

  /** @param {string} name */
  function drop(name) {
    const found = kept.get(name)
    if (!found) return
    kept.delete(name)
    bytes -= found.bytes
    leave(found.thing)
  }

  return {
    get bytes() {
      return bytes
    },
    get size() {
      return kept.size
    },
    /** @param {string} name */
    has: (name) => kept.has(name),
    /** Look at a thing; it stays longer for that. @param {string} name @returns {T | undefined} */
    get(name) {
      const found = kept.get(name)
      if (!found) return undefined
      kept.delete(name)
      kept.set(name, found)
      return found.thing
    },
    /** Keep a thing, though it alone may be larger than all the room. @param {string} name @param {T} thing @param {number} size bytes */
    put(name, thing, size) {
      drop(name)
      kept.set(name, { thing, bytes: size })
      bytes += size
      for (const other of [...kept.keys()]) {
        if (bytes <= most || other === name) break
        drop(other)
      }
    },
    drop,
    /** Let everything go. */
    clear() {
      for (const name of [...kept.keys()]) drop(name)
    },
  }
}
