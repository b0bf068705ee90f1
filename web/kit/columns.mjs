// @ts-check
/**
 * Boxes for what is narrower than a pixel: one per pixel column, so that thousands of spans cost as many boxes as
 * pixels.
 */

/** Width in px below which a span is drawn as whole columns. */
const NARROW = 1.5

/**
 * Merge spans into boxes.
 * @param {Iterable<readonly [number, number]>} spans first frame and frames, sorted
 * @param {(frame: number) => number} toX px of a frame
 * @param {number} left px before which nothing is drawn
 * @param {number} right px after which nothing is drawn
 * @returns {[number, number][]} left and right edge of each box, sorted, in px
 */
export function columnBoxes(spans, toX, left, right) {
  /** @type {[number, number][]} */
  const boxes = []
  for (const [start, length] of spans) {
    const from = Math.max(left, toX(start))
    const to = Math.min(right, toX(start + length))
    if (to <= from) continue
    if (to - from >= NARROW) boxes.push([Math.max(from, boxes[boxes.length - 1]?.[1] ?? left), to])
    else addColumn(boxes, Math.floor((from + to) / 2))
  }
  return boxes
}

/** @param {[number, number][]} boxes @param {number} column */
function addColumn(boxes, column) {
  const last = boxes[boxes.length - 1]
  if (last && column <= last[1]) last[1] = Math.max(last[1], column + 1)
  else boxes.push([column, column + 1])
}
