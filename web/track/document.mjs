// @ts-check
/** What the documents of both editors share: white space around them, versions, members that a newer version adds. */
import { Refusal, checkText, dump, isWhole, shown } from "./json.mjs"
import { byCodePoint } from "./key_words.mjs"

/** @import { Json } from "./json.mjs" */

const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/**
 * Drop what the server takes for white space, at both ends.
 * @param {string} text
 */
export function strip(text) {
  let [from, to] = [0, text.length]
  while (from < to && BLANK.test(text[from])) from++
  while (to > from && BLANK.test(text[to - 1])) to--
  return text.slice(from, to)
}

/**
 * Refuse a document of a version that nobody has written yet, or of none.
 * @param {Map<string, Json>} data
 * @param {number} newest
 */
export function checkVersion(data, newest) {
  const version = data.get("version")
  if (!isWhole(version) || version < 1) {
    const found = data.has("version") ? `not ${shown(version)}` : "and it is missing"
    throw new Refusal(`version must be ${newest}, ${found}`)
  }
  if (version > newest) {
    throw new Refusal(`version: made by a newer version (${version}), this one reads up to ${newest}; update the pack`)
  }
}

/**
 * Keep the members that this version does not know, as JSON text, so that they are written back.
 * @param {Map<string, Json>} members
 * @param {readonly string[]} known
 * @returns {[string, string][]}
 */
export function unknownMembers(members, known) {
  /** @type {[string, string][]} */
  const kept = []
  for (const [name, value] of members) {
    if (known.includes(name)) continue
    kept.push([name, keptText(name, value)])
  }
  return kept
}

/** @param {string} name @param {Json} value */
function keptText(name, value) {
  const text = dumpFinite(name, value)
  checkText([name, value], shown(name))
  return text
}

/** @param {string} name @param {Json} value */
function dumpFinite(name, value) {
  try {
    return dump(value)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(`${shown(name)} holds NaN or infinity, which JSON has no word for; remove it`)
  }
}

/**
 * Write a member's value.
 * @param {string} name
 * @param {any} value
 * @returns {[string, string]}
 */
export function member(name, value) {
  return [name, dump(value)]
}

/**
 * Write an object from the texts of its members.
 * @param {readonly (readonly [string, string])[]} members
 */
export function joined(members) {
  return `{${members.map(([name, text]) => `${dump(name)}:${text}`).join(",")}}`
}

/**
 * Order members by name, as the server does.
 * @param {readonly [string, string]} a
 * @param {readonly [string, string]} b
 */
export function byName(a, b) {
  return byCodePoint(a[0], b[0])
}
