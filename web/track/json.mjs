// @ts-check
/**
 * Strict JSON as the server reads and writes it: the same values, the same refusals word for word, the same text.
 *
 * Objects are read as `Map`s, so that members keep their order and their names; numbers that are whole are whole
 * however they are written (57.0 is 57).
 */
import { codePoints, shortened } from "./key_words.mjs"

/** @typedef {import("./json_types.d.ts").Json} Json */
/** @typedef {import("./json_types.d.ts").Plain} Plain */

export const MAX_FRAMES = 100_000
/** Lists and objects within one another that are read. */
const MAX_DEPTH = 100
/** Nesting at which the server's reader gives up, whatever comes behind it. */
const HOPELESS_DEPTH = 990
const TOO_DEEP = `nested too deeply, found more than ${MAX_DEPTH} levels; a track has at most four`

/** What is wrong with a text, in one sentence for the user. */
export class Refusal extends Error {}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y
const SPACE = /[ \t\n\r]*/y
const PLAIN = /[^"\\\u0000-\u001f]*/y
const HEX = /[0-9a-fA-F]{4}/y
const WORDS = /** @type {[string, Json][]} */ ([
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
])
const ESCAPES = /** @type {Record<string, string>} */ ({
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
})

/**
 * Parse JSON.
 * @param {string} text
 * @returns {Json}
 * @throws {Refusal} it is none, with line and column, or a member stands twice
 */
export function load(text) {
  const reader = new Reader(text)
  const value = reader.value(reader.space(0), 0)
  const end = reader.space(reader.at)
  if (end < text.length) reader.refuse("Extra data", end)
  if (reader.deepest > MAX_DEPTH) throw new Refusal(TOO_DEEP) // last, as on the server
  return value
}

/** A reader that goes through a text once; `at` is where the last value ended. */
class Reader {
  /** @param {string} text */
  constructor(text) {
    this.text = text
    this.at = 0
    this.deepest = 0
  }

  /** @param {string} what @param {number} at @returns {never} */
  refuse(what, at) {
    const before = this.text.slice(0, at).split("\n")
    const column = codePoints(before[before.length - 1]) + 1
    throw new Refusal(`not valid JSON at line ${before.length}, column ${column}: ${what}`)
  }

  /** Match a sticky pattern. @param {RegExp} pattern @param {number} at */
  match(pattern, at) {
    pattern.lastIndex = at
    return pattern.exec(this.text)?.[0]
  }

  /** Skip white space. @param {number} at */
  space(at) {
    return at + (this.match(SPACE, at) ?? "").length
  }

  /** @param {number} at @param {number} depth @returns {Json} */
  value(at, depth) {
    const first = this.text[at]
    if (first === '"') return this.string(at)
    if (first === "{" || first === "[") {
      this.deepest = Math.max(this.deepest, depth + 1)
      if (depth >= HOPELESS_DEPTH) throw new Refusal(TOO_DEEP)
      return first === "{" ? this.object(at, depth + 1) : this.list(at, depth + 1)
    }
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, at)) {
        this.at = at + word.length
        return value
      }
    }
    const number = this.match(NUMBER, at)
    if (number === undefined) this.refuse("Expecting value", at)
    this.at = at + number.length
    return Number(number) + 0 // never negative zero
  }

  /** @param {number} at @param {number} depth */
  list(at, depth) {
    const values = []
    at = this.space(at + 1)
    while (values.length || this.text[at] !== "]") {
      values.push(this.value(at, depth))
      at = this.space(this.at)
      if (this.text[at] === "]") break
      if (this.text[at] !== ",") this.refuse("Expecting ',' delimiter", at)
      at = this.space(at + 1)
    }
    this.at = at + 1
    return values
  }

  /** @param {number} at @param {number} depth */
  object(at, depth) {
    /** @type {Map<string, Json>} */
    const members = new Map()
    /** @type {string | undefined} */
    let twice
    at = this.space(at + 1)
    while (members.size || this.text[at] !== "}") {
      if (this.text[at] !== '"') this.refuse("Expecting property name enclosed in double quotes", at)
      const name = this.string(at)
      at = this.space(this.at)
      if (this.text[at] !== ":") this.refuse("Expecting ':' delimiter", at)
      const value = this.value(this.space(at + 1), depth)
      if (members.has(name)) twice ??= name
      members.set(name, value)
      at = this.space(this.at)
      if (this.text[at] === "}") break
      if (this.text[at] !== ",") this.refuse("Expecting ',' delimiter", at)
      at = this.space(at + 1)
    }
    this.at = at + 1
    if (twice !== undefined) throw new Refusal(`'${shortened(twice)}' stands twice in one object; keep one`)
    return members
  }

  /** @param {number} begin place of the opening quote */
  string(begin) {
    let read = ""
    let at = begin + 1
    for (;;) {
      const plain = this.match(PLAIN, at) ?? ""
      read += plain
      at += plain.length
      const stop = this.text[at]
      if (stop === '"') {
        this.at = at + 1
        return read
      }
      if (stop !== undefined && stop !== "\\") this.refuse("Invalid control character at", at)
      const letter = this.text[at + 1]
      if (stop === undefined || letter === undefined) this.refuse("Unterminated string starting at", begin)
      if (letter === "u") {
        const digits = at + 6 < this.text.length ? this.match(HEX, at + 2) : undefined
        if (digits === undefined) this.refuse("Invalid \\uXXXX escape", at + 1)
        read += String.fromCharCode(parseInt(digits, 16))
        at += 6
      } else {
        if (!(letter in ESCAPES)) this.refuse("Invalid \\escape", at)
        read += ESCAPES[letter]
        at += 2
      }
    }
  }
}

/**
 * Write JSON without spaces.
 * @param {Json | Plain} value
 * @returns {string}
 * @throws {Refusal} it holds NaN or infinity
 */
export function dump(value) {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Refusal("JSON has no word for NaN and infinity")
    return numeral(value)
  }
  return written(value, dump, JSON.stringify, ",", ":")
}

/**
 * Show a value as its JSON, shortened.
 * @param {Json | undefined} value
 */
export function shown(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : "infinity"
  return shortened(spaced(value ?? null))
}

/** @param {Json} value @returns {string} */
function spaced(value) {
  return typeof value === "number" ? numeral(value) : written(value, spaced, ascii, ", ", ": ")
}

/**
 * @param {any} value anything but a number
 * @param {(value: any) => string} inner
 * @param {(text: string) => string} quoted
 * @param {string} comma
 * @param {string} colon
 */
function written(value, inner, quoted, comma, colon) {
  if (typeof value === "string") return quoted(value)
  if (Array.isArray(value)) return `[${value.map(inner).join(comma)}]`
  if (value instanceof Map) {
    return `{${Array.from(value, ([name, member]) => quoted(name) + colon + inner(member)).join(comma)}}`
  }
  return String(value)
}

/** Write a number as Python's `repr` does. @param {number} value */
function numeral(value) {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 2 ** 53) return String(value)
  if (size >= 1e-4 && size < 1e16) return Number.isInteger(value) ? `${value}.0` : String(value)
  const [digits, power] = value.toExponential().split("e")
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`
}

/** @param {string} text */
function ascii(text) {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
}

/**
 * Return an object; nothing is an empty one.
 * @param {Json | undefined} value
 * @param {string} field
 * @returns {Map<string, Json>}
 */
export function checkedObject(value, field) {
  if (value === null || value === undefined) return new Map()
  if (!(value instanceof Map)) throw new Refusal(`${field} must be an object, not ${shown(value)}`)
  return value
}

/**
 * Return a list; nothing is an empty one.
 * @param {Json | undefined} value
 * @param {string} field
 * @returns {Json[]}
 */
export function checkedList(value, field) {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw new Refusal(`${field} must be a list, not ${shown(value)}`)
  return value
}

/**
 * Return a frame or a number of frames.
 * @param {Json | undefined} value
 * @param {string} field
 * @returns {number}
 */
export function checkedWhole(value, field, least = 0) {
  if (!isWhole(value) || value < least || value > MAX_FRAMES) {
    throw new Refusal(`${field} must be a whole number from ${least} to ${MAX_FRAMES}, not ${shown(value)}`)
  }
  return value
}

/**
 * Tell whether a value is a whole number.
 * @param {Json | undefined} value
 * @returns {value is number}
 */
export function isWhole(value) {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 53
}

/**
 * Refuse half of a character, which no file can hold, anywhere in a value.
 * @param {Json} value
 * @param {string} field
 */
export function checkText(value, field) {
  if (typeof value === "string" && LONE_SURROGATE.test(value)) {
    throw new Refusal(`${field} holds half of a character (a lone surrogate); write its text again`)
  }
  const parts = value instanceof Map ? [...value].flat() : Array.isArray(value) ? value : []
  for (const part of parts) checkText(part, field)
}

export const LONE_SURROGATE = /[\ud800-\udfff]/u
