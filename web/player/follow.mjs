// @ts-check
/**
 * Which chunk is played while a walk is made: the newest, from its begin to its end and over again; one that comes
 * meanwhile is played next, without a gap where it joins on.
 */

/** @typedef {{first: number, count: number}} Piece frames that came together */

/** Follow what comes. */
export function makeFollow() {
  /** What is played now: [from, end). */
  let from = 0
  let end = 0
  /** Whether that has been played to its end already. */
  let seen = false

  /** @param {readonly Piece[]} pieces @param {number} frames */
  const newest = (pieces, frames) => {
    const piece = pieces[pieces.length - 1]
    return { from: piece ? piece.first : 0, end: frames }
  }
  return {
    get from() {
      return from
    },
    get end() {
      return end
    },
    /** Begin with the newest there is. @param {readonly Piece[]} pieces @param {number} frames */
    begin(pieces, frames) {
      ;({ from, end } = newest(pieces, frames))
      seen = false
      return from
    },
    /**
     * Take up what has come.
     * @param {readonly Piece[]} pieces
     * @param {number} frames
     * @returns {number | null} the frame to go to; null = play on
     */
    arrived(pieces, frames) {
      if (frames <= end) return null
      if (end > from && !seen) return null // first to its end
      ;({ from, end } = newest(pieces, frames))
      seen = false
      return from
    },
    /**
     * Go on from the end of what was played.
     * @param {readonly Piece[]} pieces
     * @param {number} frames
     * @returns {number} the frame to go to
     */
    over(pieces, frames) {
      if (frames > end) {
        ;({ from, end } = newest(pieces, frames))
        seen = false
      } else seen = true
      return from
    },
  }
}
