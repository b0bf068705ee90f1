// @ts-check
/**
 * What the model thinks in: chunks of frames. A world's first chunk is shorter, because its first latent spans one
 * frame. A track's frame 0 is taken as a fresh world's first new frame, unless `goingOn` says where it goes on.
 */

/** How a world began, as far as that says how it is cut. @typedef {{form: string, image: boolean}} Begun */
/**
 * A model as `GET /wm/variants` describes it.
 * @typedef {object} Variant
 * @property {string} name
 * @property {string} title
 * @property {{words: string[], letters: string[], idle: number | null}} keyboard
 * @property {{degrees_per_unit: number, reads_pitch: boolean} | null} mouse
 * @property {number} first_chunk frames of a world's first chunk
 * @property {number} chunk frames of every other chunk
 * @property {readonly (Begun & {first_chunk: number, chunk: number})[]} [cuts] worlds that it cuts otherwise
 * @property {number} fps
 * @property {number} step_metres metres per frame while a key that moves is held
 * @property {import("./poses.mjs").Motion} motion
 * @property {number | null} max_yaw largest turn it was trained with, degrees per frame
 * @property {boolean} reads_text
 * @property {number} [chunks_before] that the world has before the track's frame 0
 * @property {number} [frames_before]
 */

/** Models whose tracks go on, by the chunks there are before. @type {WeakMap<Variant, Map<number, Variant>>} */
const going = new WeakMap()

/** Models as they cut worlds that began otherwise than most. @type {WeakMap<object, Variant>} */
const cutting = new WeakMap()

/**
 * Return a model as it cuts a world into chunks that began like this. The same object for the same beginning.
 * @param {Variant} variant
 * @param {Begun | null} [begun] null = not known: as most do
 * @returns {Variant}
 */
export function cutFor(variant, begun) {
  const cut = variant.cuts?.find(({ form, image }) => form === begun?.form && image === begun.image)
  if (!cut) return variant
  const made = cutting.get(cut) ?? { ...variant, first_chunk: cut.first_chunk, chunk: cut.chunk }
  cutting.set(cut, made)
  return made
}

/**
 * Return a model as a track sees it that goes on in a world: all its chunks are of one length. The same object for the
 * same world.
 * @param {Variant} variant for a fresh world
 * @param {number} chunks of the world
 * @returns {Variant}
 */
export function goingOn(variant, chunks) {
  if (!chunks) return variant
  const known = going.get(variant) ?? new Map()
  const placed = known.get(chunks) ?? {
    ...variant,
    first_chunk: variant.chunk,
    chunks_before: chunks,
    frames_before: firstFrame(variant, chunks),
  }
  going.set(variant, known.set(chunks, placed))
  return placed
}

/** Return the number that a chunk of a track has in its world. @param {Variant} variant @param {number} index */
export function chunkNumber(variant, index) {
  return index + (variant.chunks_before ?? 0)
}

/** Return the frame at which a chunk begins, by its number in the world. @param {Variant} variant @param {number} number */
export function chunkStart(variant, number) {
  return firstFrame(variant, number - (variant.chunks_before ?? 0))
}

/** Return the frames of a chunk. @param {Variant} variant @param {number} index */
export function chunkFrames(variant, index) {
  return index > 0 ? variant.chunk : variant.first_chunk
}

/** Return the frame at which a chunk begins. @param {Variant} variant @param {number} index */
export function firstFrame(variant, index) {
  return index > 0 ? variant.first_chunk + (index - 1) * variant.chunk : 0
}

/** Return the chunk a frame lies in. @param {Variant} variant @param {number} frame */
export function chunkAt(variant, frame) {
  return frame < variant.first_chunk ? 0 : 1 + Math.floor((frame - variant.first_chunk) / variant.chunk)
}

/** Count the whole chunks of a track. @param {Variant} variant @param {number} frames */
export function wholeChunks(variant, frames) {
  return chunkAt(variant, frames)
}

/** Count the frames after the last whole chunk. @param {Variant} variant @param {number} frames */
export function leftOver(variant, frames) {
  return frames - firstFrame(variant, chunkAt(variant, frames))
}

/**
 * Return the longest whole length not above `frames`; 0 if not even one chunk fits.
 * @param {Variant} variant
 * @param {number} frames
 */
export function trimmedFrames(variant, frames) {
  return frames - leftOver(variant, frames)
}

/** Return the shortest whole length not below `frames`. @param {Variant} variant @param {number} frames */
export function extendedFrames(variant, frames) {
  const over = leftOver(variant, frames)
  return over ? frames - over + chunkFrames(variant, chunkAt(variant, frames)) : frames
}

/**
 * Return the chunk border nearest to a (fractional) frame.
 * @param {Variant} variant
 * @param {number} frame
 */
export function nearestBorder(variant, frame) {
  const chunk = chunkAt(variant, Math.max(0, frame))
  const [before, after] = [firstFrame(variant, chunk), firstFrame(variant, chunk + 1)]
  return frame - before <= after - frame ? before : after
}

/**
 * Grow a range to chunk borders.
 * @param {Variant} variant
 * @param {import("./edits.mjs").Range} range
 * @returns {import("./edits.mjs").Range}
 */
export function grownToChunks(variant, [from, to]) {
  return [firstFrame(variant, chunkAt(variant, from)), Math.max(extendedFrames(variant, to), variant.first_chunk)]
}
