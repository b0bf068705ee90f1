// @ts-check
/** The words of keys that some model knows, and what to say about one that none knows. */

/** Every word some model knows, in writing order. */
export const WORDS = Object.freeze([
  "forward",
  "back",
  "left",
  "right",
  "jump",
  "slide",
  "turn_left",
  "turn_right",
  "attack",
])
const LETTERS = new Map([
  ["W", "forward"],
  ["S", "back"],
  ["A", "left"],
  ["D", "right"],
])
/** Likeness from which on a word was probably meant. */
const NEAR = 0.6

/**
 * Say what is wrong with a key that no model knows, and what was probably meant.
 * @param {string} word
 */
export function unknownWord(word) {
  const letter = LETTERS.get(word.toUpperCase())
  if (letter && codePoints(word) === 1) return `unknown key '${word}': write the word, '${letter}'`
  if (word === "nomove") {
    return "unknown key 'nomove': it is what a model does while no key is held, so leave those frames empty"
  }
  const short = shortened(word)
  const near = nearest(short.toLowerCase())
  return `unknown key '${short}': ${near ? `did you mean '${near}'?` : `use one of ${WORDS.join(", ")}`}`
}

/** Most letters that a message quotes of what it was given. */
const SHOWN_LETTERS = 40
/** Line breaks, what is not seen or turns the writing round, and halves of characters, which no file can hold. */
const UNWRITABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]/gu

/**
 * Cut what a message quotes, so that the sentence stays one line and readable, and can be written anywhere.
 * @param {string} text
 */
export function shortened(text, letters = SHOWN_LETTERS) {
  const points = Array.from(text.slice(0, 2 * letters + 2)) // at most two units a letter
  const cut = points.length <= letters ? text : `${points.slice(0, letters - 3).join("")}...`
  return cut.replace(UNWRITABLE, "\ufffd")
}

/**
 * Count the characters of a text as the server does.
 * @param {string} text
 */
export function codePoints(text) {
  let count = 0
  for (const _ of text) count++
  return count
}

/**
 * Order two texts as the server does: by character, not by half characters.
 * @param {string} a
 * @param {string} b
 */
export function byCodePoint(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)]
  const at = left.findIndex((point, i) => point !== right[i])
  if (at < 0) return left.length - right.length
  return at >= right.length ? 1 : (left[at].codePointAt(0) ?? 0) - (right[at].codePointAt(0) ?? 0)
}

/** @param {string} word */
function nearest(word) {
  let [best, most] = ["", 0]
  for (const known of WORDS) {
    const likeness = (2 * common(known, word)) / (known.length + codePoints(word))
    if (likeness >= NEAR && (likeness > most || (likeness === most && known > best))) [best, most] = [known, likeness]
  }
  return best
}

/**
 * Count the letters that two words share in order: those of their longest common piece, and so on beside it
 * (Ratcliff and Obershelp).
 * @param {string | string[]} a
 * @param {string | string[]} b
 * @returns {number}
 */
function common(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)]
  let [size, i, j] = [0, 0, 0]
  for (let x = 0; x < left.length; x++) {
    for (let y = 0; y < right.length; y++) {
      let same = 0
      while (x + same < left.length && left[x + same] === right[y + same]) same++
      if (same > size) [size, i, j] = [same, x, y]
    }
  }
  if (size === 0) return 0
  const before = common(left.slice(0, i), right.slice(0, j))
  return before + size + common(left.slice(i + size), right.slice(j + size))
}
