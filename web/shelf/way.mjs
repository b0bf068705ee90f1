// @ts-check
/** A world's way from above, for a card without a picture. */

/**
 * Write a way as a path in a box, its first heading upwards.
 * @param {[right: number, ahead: number][]} way metres
 * @param {{width: number, height: number, margin: number}} box px
 * @returns {string} "" where there is none
 */
export function wayPath(way, { width, height, margin }) {
  if (!way.length) return ""
  const [rights, aheads] = [way.map(([right]) => right), way.map(([, ahead]) => ahead)]
  const [left, low] = [Math.min(...rights), Math.min(...aheads)]
  const [wide, high] = [Math.max(...rights) - left, Math.max(...aheads) - low]
  const scale = Math.min((width - 2 * margin) / Math.max(wide, 2), (height - 2 * margin) / Math.max(high, 2))
  const points = way.map(([right, ahead]) => [
    width / 2 + (right - left - wide / 2) * scale,
    height / 2 - (ahead - low - high / 2) * scale,
  ])
  return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")
}
