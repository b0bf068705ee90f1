// @ts-check
/**
 * The camera path's text and its editable form, as in worldmodel/camera/path.py and worldmodel/camera/path_json.py.
 *
 * A place is [right, down, ahead] in metres, a tangent the way from there to the handle of the Bezier curve; angles are
 * degrees, yaw to the right and pitch up. A path is frozen and always canonical: sorted, numbers in thousandths.
 */
import {
  MAX_FRAMES,
  Refusal,
  checkText,
  checkedList,
  checkedObject,
  checkedWhole,
  dump,
  load,
  shown,
} from "../track/json.mjs"
import { byName, checkVersion, joined, strip, unknownMembers } from "../track/document.mjs"
import { DEFAULT_FRAMES, frozen, thousandths } from "../track/timeline.mjs"

export { DEFAULT_FRAMES, MAX_FRAMES, thousandths }

/** @typedef {readonly [number, number, number]} Vector */
/** @typedef {"path" | "target" | readonly [yaw: number, pitch: number]} Look */
/** @typedef {"even" | "smooth" | "in" | "out" | "hold"} Ease */
/** @typedef {readonly (readonly [string, string])[]} Extra members this version does not know, as JSON text */
/** @typedef {import("../track/json.mjs").Json} Json */
/**
 * @typedef {object} Keyframe
 * @property {number} frame
 * @property {Vector} place
 * @property {number | null} pitch degrees; null is level along the path, and the target's own pitch at the target
 * @property {Look} look
 * @property {Vector | null} out tangent after the keyframe; null is automatic
 * @property {Vector | null} into tangent before it; null mirrors `out`
 * @property {Ease} ease from here to the next keyframe
 * @property {Extra} extra
 *
 * @typedef {object} Background
 * @property {string} image a name in the host's input folder
 * @property {readonly [number, number]} centre right and ahead, metres
 * @property {number} width metres
 * @property {number} opacity 0 to 1
 * @property {Extra} extra
 *
 * @typedef {object} CameraPath
 * @property {number} frames 1 to `MAX_FRAMES`; keyframes beyond are kept
 * @property {readonly Keyframe[]} keyframes by frame
 * @property {boolean} closed the last frame is the first one again
 * @property {Vector | null} target
 * @property {Background | null} background
 * @property {Extra} extra
 */

export const VERSION = 1
export const MAX_METRES = 1e6
const MAX_TURN = 3600
const MAX_PITCH = 90
export const EASES = /** @type {readonly Ease[]} */ (Object.freeze(["even", "smooth", "in", "out", "hold"]))
const MEMBERS = ["type", "version", "frames", "closed", "target", "keyframes", "background"]
const KEYFRAME = ["f", "p", "pitch", "look", "out", "in", "ease"]
const BACKGROUND = ["image", "centre", "width", "opacity"]

/** @type {CameraPath} */
export const EMPTY = Object.freeze({
  frames: DEFAULT_FRAMES,
  keyframes: Object.freeze([]),
  closed: false,
  target: null,
  background: null,
  extra: Object.freeze([]),
})

/**
 * Make a keyframe.
 * @param {number} frame
 * @param {Vector} place
 * @param {Partial<Keyframe>} [more]
 * @returns {Keyframe}
 */
export function keyframe(frame, place, more = {}) {
  return { frame, place, pitch: null, look: "path", out: null, into: null, ease: "even", extra: [], ...more }
}

/**
 * Read a path's text; empty text is an empty path of the default length.
 * @param {string | null | undefined} text
 * @returns {{path: CameraPath, error?: undefined} | {error: string, path?: undefined}}
 */
export function parse(text) {
  const stripped = strip(strip(text ?? "").replace(/^\ufeff/, ""))
  if (!stripped) return { path: EMPTY }
  try {
    return { path: read(stripped) }
  } catch (error) {
    if (error instanceof Refusal) return { error: `Path JSON: ${error.message}` }
    throw error
  }
}

/**
 * Write the canonical JSON text of a path: equal paths give equal text.
 * @param {CameraPath} path
 */
export function write(path) {
  /** @type {[string, string][]} */
  const members = [
    ["type", '"path"'],
    ["version", String(VERSION)],
    ["frames", String(path.frames)],
  ]
  if (path.closed) members.push(["closed", "true"])
  if (path.target) members.push(["target", numbers(path.target)])
  members.push(["keyframes", `[${path.keyframes.map(keyframeText).join(",")}]`])
  if (path.background) members.push(["background", backgroundText(path.background)])
  return joined([...members, ...path.extra])
}

/**
 * Return the one form all equal paths share, frozen.
 * @param {CameraPath} path
 * @returns {CameraPath}
 */
export function canonical(path) {
  const { background, target } = path
  return Object.freeze({
    frames: path.frames,
    keyframes: frozen(path.keyframes.map(canonicalKeyframe).sort((a, b) => a.frame - b.frame)),
    closed: path.closed,
    target: target && rounded(target),
    background:
      background &&
      Object.freeze({
        image: background.image,
        centre: rounded(background.centre),
        width: Math.max(thousandths(background.width), 0.001),
        opacity: thousandths(background.opacity),
        extra: frozen([...background.extra].sort(byName)),
      }),
    extra: frozen([...path.extra].sort(byName)),
  })
}

/** Return the tangent of the other side. @param {Vector} tangent @returns {Vector} */
export function mirrored([x, y, z]) {
  return [0 - x, 0 - y, 0 - z]
}

/** @param {Keyframe} given @returns {Keyframe} */
function canonicalKeyframe(given) {
  const look = typeof given.look === "string" ? given.look : rounded(given.look)
  let pitch = given.pitch === null || typeof look !== "string" ? null : thousandths(given.pitch)
  if (look === "path" && pitch === 0) pitch = null
  let [out, into] = [given.out && rounded(given.out), given.into && rounded(given.into)]
  if (!out && into) [out, into] = [mirrored(into), null]
  else if (out && into && mirrored(out).every((part, i) => part === /** @type {Vector} */ (into)[i])) into = null
  const extra = frozen([...given.extra].sort(byName))
  return { frame: given.frame, place: rounded(given.place), pitch, look, out, into, ease: given.ease, extra }
}

/**
 * @template {readonly number[]} T
 * @param {T} values
 * @returns {T}
 */
function rounded(values) {
  return /** @type {any} */ (Object.freeze(values.map(thousandths)))
}

/** @param {string} text @returns {CameraPath} */
function read(text) {
  const data = load(text)
  if (data === null || (data instanceof Map && data.size === 0)) return EMPTY
  if (!(data instanceof Map)) throw new Refusal(`a path is an object such as {"type":"path",...}, not ${shown(data)}`)
  checkKind(data)
  const target = readMaybe(data.get("target"), "target")
  if (!data.has("frames")) {
    throw new Refusal(`frames is missing; write the length of the path, such as "frames":${DEFAULT_FRAMES}`)
  }
  return canonical({
    frames: checkedWhole(data.get("frames"), "frames", 1),
    keyframes: readKeyframes(data.get("keyframes"), target !== null),
    closed: readFlag(data.get("closed"), "closed"),
    target,
    background: readBackground(data.get("background")),
    extra: unknownMembers(data, MEMBERS),
  })
}

/** @param {Map<string, Json>} data */
function checkKind(data) {
  const kind = data.get("type")
  if (kind === "track" || kind === "poses") {
    throw new Refusal(`type '${kind}' is not drawn with keyframes; give it to Action Track or Load Track`)
  }
  if (kind !== "path") {
    throw new Refusal(`type must be "path", ${data.has("type") ? `not ${shown(kind)}` : "and it is missing"}`)
  }
  checkVersion(data, VERSION)
}

/** @param {Json | undefined} value @param {string} field */
function readFlag(value, field) {
  if (value === null || value === undefined) return false
  if (typeof value !== "boolean") throw new Refusal(`${field} must be true or false, not ${shown(value)}`)
  return value
}

/** @param {Json | undefined} entries @param {boolean} hasTarget @returns {Keyframe[]} */
function readKeyframes(entries, hasTarget) {
  /** @type {Map<number, Keyframe>} */
  const keyframes = new Map()
  for (const [i, entry] of checkedList(entries, "keyframes").entries()) {
    const field = `keyframes[${i}]`
    if (!(entry instanceof Map)) {
      throw new Refusal(`${field} must be an object such as {"f":0,"p":[0,0,0]}, not ${shown(entry)}`)
    }
    const made = readKeyframe(entry, field)
    if (keyframes.has(made.frame)) throw new Refusal(`frame ${made.frame}: two keyframes stand here; keep one`)
    if (made.look === "target" && !hasTarget) {
      throw new Refusal(`frame ${made.frame}: ${field} looks at the target, and there is none; write "target":[0,0,0]`)
    }
    keyframes.set(made.frame, made)
  }
  return [...keyframes.values()]
}

/** @param {Map<string, Json>} entry @param {string} field @returns {Keyframe} */
function readKeyframe(entry, field) {
  if (!entry.has("f")) throw new Refusal(`${field} has no frame; write "f":0`)
  const frame = checkedWhole(entry.get("f"), `${field}.f`)
  const at = `frame ${frame}: ${field}`
  if (!entry.has("p")) throw new Refusal(`${at} has no place; write "p":[0,0,0]`)
  const ease = entry.has("ease") ? entry.get("ease") : "even"
  if (!EASES.includes(/** @type {Ease} */ (ease))) {
    throw new Refusal(`${at}.ease must be one of ${EASES.join(", ")}, not ${shown(ease)}`)
  }
  const pitch = entry.get("pitch") ?? null
  return {
    frame,
    place: readPlace(entry.get("p"), `${at}.p`),
    pitch: pitch === null ? null : between(pitch, `${at}.pitch`, "degrees", -MAX_PITCH, MAX_PITCH),
    look: readLook(entry.get("look"), `${at}.look`),
    out: readMaybe(entry.get("out"), `${at}.out`),
    into: readMaybe(entry.get("in"), `${at}.in`),
    ease: /** @type {Ease} */ (ease),
    extra: unknownMembers(entry, KEYFRAME),
  }
}

/** @param {Json | undefined} value @param {string} field @returns {Look} */
function readLook(value, field) {
  if (value === null || value === undefined) return "path"
  if (Array.isArray(value) && value.length === 2) {
    const yaw = between(value[0], `${field} yaw`, "degrees", -MAX_TURN, MAX_TURN)
    return [yaw, between(value[1], `${field} pitch`, "degrees", -MAX_PITCH, MAX_PITCH)]
  }
  if (value !== "path" && value !== "target") {
    throw new Refusal(`${field} must be path, target or [yaw, pitch], not ${shown(value)}`)
  }
  return value
}

/** @param {Json | undefined} value @param {string} field @returns {Vector | null} */
function readMaybe(value, field) {
  return value === null || value === undefined ? null : readPlace(value, field)
}

/** @param {Json | undefined} value @param {string} field @returns {Vector} */
function readPlace(value, field) {
  if (!Array.isArray(value) || value.length !== 3) {
    throw new Refusal(`${field} must be [right, down, ahead] in metres, not ${shown(value)}`)
  }
  const [x, y, z] = value.map((number) => between(number, field, "metres", -MAX_METRES, MAX_METRES))
  return [x, y, z]
}

/** @param {Json | undefined} value @returns {Background | null} */
function readBackground(value) {
  if (value === null || value === undefined) return null
  const entry = checkedObject(value, "background")
  const image = entry.get("image")
  if (typeof image !== "string" || !image) {
    throw new Refusal(`background.image must be the name of a picture, not ${shown(image)}`)
  }
  checkText(image, "background.image")
  const centre = entry.has("centre") ? entry.get("centre") : [0, 0]
  if (!Array.isArray(centre) || centre.length !== 2) {
    throw new Refusal(`background.centre must be [right, ahead] in metres, not ${shown(centre)}`)
  }
  const [x, z] = centre.map((number) => between(number, "background.centre", "metres", -MAX_METRES, MAX_METRES))
  return {
    image,
    centre: [x, z],
    width: between(entry.has("width") ? entry.get("width") : 10, "background.width", "metres", 0.001, MAX_METRES),
    opacity: between(entry.has("opacity") ? entry.get("opacity") : 0.5, "background.opacity", "a share", 0, 1),
    extra: unknownMembers(entry, BACKGROUND),
  }
}

/**
 * @param {Json | undefined} value @param {string} field @param {string} unit @param {number} least @param {number} most
 * @returns {number}
 */
function between(value, field, unit, least, most) {
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    throw new Refusal(`${field} must be ${unit} from ${least} to ${most}, not ${shown(value)}`)
  }
  return value
}

/** @param {Keyframe} keyframe */
function keyframeText({ frame, place, pitch, look, out, into, ease, extra }) {
  /** @type {[string, string][]} */
  const members = [
    ["f", String(frame)],
    ["p", numbers(place)],
  ]
  if (pitch !== null) members.push(["pitch", String(pitch)])
  if (look !== "path") members.push(["look", typeof look === "string" ? dump(look) : numbers(look)])
  if (out) members.push(["out", numbers(out)])
  if (into) members.push(["in", numbers(into)])
  if (ease !== "even") members.push(["ease", dump(ease)])
  return joined([...members, ...extra])
}

/** @param {Background} background */
function backgroundText({ image, centre, width, opacity, extra }) {
  /** @type {[string, string][]} */
  const members = [
    ["image", dump(image)],
    ["centre", numbers(centre)],
    ["width", String(width)],
    ["opacity", String(opacity)],
  ]
  return joined([...members, ...extra])
}

/** @param {readonly number[]} values */
function numbers(values) {
  return `[${values.map(String).join(",")}]`
}
