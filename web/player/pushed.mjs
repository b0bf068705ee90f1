// @ts-check
/** A source of frames that come one by one, as while playing live or recording; the oldest leave when room runs out. */

/** @typedef {import("./player.mjs").Source} Source */

/** Bytes of frames that one source keeps. */
const MOST = 64 * 2 ** 20

/**
 * Make a source that is pushed to.
 * @param {{most?: number}} [options] `most`: bytes that it keeps
 * @returns {Source & {push: (...frames: (ImageBitmap | HTMLCanvasElement | OffscreenCanvas)[]) => void, clear: () =>
 *   void, cut: (frames: number) => void}} `cut`: forgets all frames from one on, as when they are taken back
 */
export function pushSource({ most = MOST } = {}) {
  /** @type {(ImageBitmap | HTMLCanvasElement | OffscreenCanvas)[]} */
  let kept = []
  /** Frame of the first one that is kept. */
  let first = 0
  let bytes = 0
  /** Where each push began. @type {{first: number, count: number}[]} */
  let pieces = []
  /** @type {Set<() => void>} */
  const listeners = new Set()
  const changed = () => listeners.forEach((listener) => listener())
  const sizeOf = (/** @type {{width: number, height: number}} */ image) => 4 * image.width * image.height

  /** @param {any} image */
  function leave(image) {
    bytes -= sizeOf(image)
    image.close?.()
  }

  return {
    get frames() {
      return first + kept.length
    },
    get pieces() {
      return pieces
    },
    get width() {
      return kept[0]?.width ?? 0
    },
    get height() {
      return kept[0]?.height ?? 0
    },
    lost: false,
    look(frame) {
      const image = kept[frame - first]
      return image ? { image, x: 0, y: 0, width: image.width, height: image.height } : null
    },
    want() {},
    onChange(listener) {
      listeners.add(listener)
    },
    push(...frames) {
      if (!frames.length) return
      pieces.push({ first: first + kept.length, count: frames.length })
      kept.push(...frames)
      for (const frame of frames) bytes += sizeOf(frame)
      while (bytes > most && kept.length > 1) {
        leave(kept.shift())
        first += 1
      }
      if (pieces[0].first + pieces[0].count <= first)
        pieces = pieces.filter((piece) => piece.first + piece.count > first)
      changed()
    },
    cut(frames) {
      for (const image of kept.splice(Math.max(0, frames - first))) leave(image)
      first = Math.min(first, frames)
      pieces = pieces
        .filter((piece) => piece.first < frames)
        .map((piece) => ({ ...piece, count: Math.min(piece.count, frames - piece.first) }))
      changed()
    },
    clear() {
      kept.forEach(leave)
      kept = []
      pieces = []
      first = 0
      changed()
    },
    close() {
      kept.forEach(leave)
      kept = []
      listeners.clear()
    },
  }
}
