// @ts-check
/**
 * Edits of a camera path, pure: a frozen path in, a frozen path out, the same object if nothing changes.
 *
 * Keyframes are named by their index. Each edit that moves keyframes in time keeps their order.
 */
import { changed, clamp, settled, withKeyframes } from "./change.mjs"
import { MAX_FRAMES, MAX_METRES, keyframe, mirrored } from "./path.mjs"
import { along, degrees, eased, length, minus, pathSpans, played, plus, samplePath, times } from "./poses.mjs"
import { fitted, slowSpans, walkFrames, walkedBack, walking } from "./timing.mjs"

export { changed } from "./change.mjs"
export * from "./timing.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Keyframe} Keyframe */
/** @typedef {import("./path.mjs").Vector} Vector */
/** @typedef {import("./path.mjs").Look} Look */
/** @typedef {{path: CameraPath, index: number}} Edited a path, and where the keyframe in question is now */

/** Frames that a keyframe made by copying or waiting is away from its pattern. */
const APART = 12

/**
 * Add a keyframe after the last one.
 * @param {CameraPath} path
 * @param {Vector} place
 * @param {import("./timing.mjs").Pace & {look?: Look}} how
 * @returns {Edited}
 */
export function append(path, place, { look = "path", ...pace }) {
  const stops = path.keyframes
  const last = stops[stops.length - 1]
  const frame = last ? last.frame + walkFrames(length(minus(place, last.place)), pace.step) : 0
  if (frame >= MAX_FRAMES - 1) return { path, index: stops.length - 1 }
  const longer = withKeyframes(path, [...stops, keyframe(frame, place, { look })])
  const timed = slowSpans(walkedBack(fitted(longer), pace), walking(pace), [stops.length - 1, stops.length - 2])
  return { path: timed, index: stops.length }
}

/**
 * Insert a keyframe at a frame inside the curve without changing its shape or its timing.
 * @param {CameraPath} path
 * @param {number} frame
 * @returns {Edited} `index` is that of the keyframe which is there, also if it was before; -1 outside the curve
 */
export function insert(path, frame) {
  const there = path.keyframes.findIndex((stop) => stop.frame === frame)
  if (there >= 0) return { path, index: there }
  const spans = pathSpans(path)
  const at = spans.findIndex(({ start, end }) => frame > start.frame && frame < end.frame)
  if (at < 0) return { path, index: -1 }
  const { start, end, curve, arc } = spans[at]
  const [left, right] = split(curve, along(arc, eased(start.ease, (frame - start.frame) / (end.frame - start.frame))))
  const samples = samplePath({ ...path, frames: frame + 1, closed: false }, spans)
  const stops = explicit(path, spans, [at, at + 1])
  const next = (at + 1) % stops.length
  const [before, after] = halves(start.ease)
  stops[at] = { ...stops[at], out: minus(left[1], left[0]), ease: before }
  stops[next] = { ...stops[next], into: minus(right[2], right[3]) }
  const made = keyframe(frame, left[3], {
    out: minus(right[1], right[0]),
    into: minus(left[2], left[3]),
    ease: after,
    ...insertedLook(start, end, degrees(samples.yaw[frame]), degrees(samples.pitch[frame])),
  })
  stops.splice(at + 1, 0, made)
  return { path: withKeyframes(path, stops), index: at + 1 }
}

/**
 * Move keyframes by the same way.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {Vector} way metres
 */
export function move(path, indices, way) {
  const inside = (/** @type {number} */ metres) => clamp(metres, -MAX_METRES, MAX_METRES)
  return changed(path, indices, (stop) => {
    const [x, y, z] = plus(stop.place, way)
    return { place: [inside(x), inside(y), inside(z)] }
  })
}

/**
 * Copy a keyframe between it and the next one, or after the last.
 * @param {CameraPath} path
 * @param {number} index
 * @param {Vector} [way] metres from its pattern
 * @returns {Edited}
 */
export function duplicate(path, index, way = [0, 0, 0]) {
  const stop = path.keyframes[index]
  const next = played(path)[index + 1]
  const copied = { ...stop, place: plus(stop.place, way), out: null, into: null }
  const between = next ? Math.floor((stop.frame + next.frame) / 2) : stop.frame + APART
  if (between === stop.frame || between >= MAX_FRAMES)
    return { path: paste(path, [copied], stop.frame + 1).path, index: index + 1 }
  const stops = [...path.keyframes]
  stops.splice(index + 1, 0, { ...copied, frame: between })
  return { path: reaching(path, withKeyframes(path, stops)), index: index + 1 }
}

/**
 * Put keyframes that were copied into a path.
 * @param {CameraPath} path
 * @param {readonly Keyframe[]} copied
 * @param {number} frame where the first one goes; those behind make room
 * @returns {{path: CameraPath, indices: number[]}} `indices` of those that were put in
 */
export function paste(path, copied, frame) {
  if (!copied.length) return { path, indices: [] }
  const start = path.keyframes.some((stop) => stop.frame === frame) ? frame + 1 : frame
  const room = copied[copied.length - 1].frame - copied[0].frame + 1
  const before = path.keyframes.filter((stop) => stop.frame < start)
  const after = path.keyframes
    .filter((stop) => stop.frame >= start)
    .map((stop) => ({ ...stop, frame: stop.frame + room }))
  const placed = copied.map((stop) => ({ ...stop, frame: stop.frame - copied[0].frame + start }))
  if ([...placed, ...after].some((stop) => stop.frame >= MAX_FRAMES)) return { path, indices: [] }
  const target = path.target ?? (copied.some((stop) => stop.look === "target") ? copied[0].place : null)
  const frames = Math.min(MAX_FRAMES, path.frames + (after.length || path.closed ? room : 0))
  const pasted = reaching(path, withKeyframes({ ...path, frames, target }, [...before, ...placed, ...after]))
  return { path: pasted, indices: placed.map((_, i) => before.length + i) }
}

/**
 * Let a path reach its last keyframe; one that stood at its end goes on doing so.
 * @param {CameraPath} before @param {CameraPath} path with more keyframes
 */
function reaching(before, path) {
  const made = fitted(path)
  return before.keyframes.length > 1 && made.frames < path.frames ? path : made
}

/**
 * Delete keyframes; a path that loses its last keyframes ends with those that are left.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 */
export function remove(path, indices) {
  const stops = path.keyframes.filter((_, i) => !indices.includes(i))
  return stops.length === path.keyframes.length ? path : withKeyframes(path, stops)
}

/**
 * Draw a tangent.
 * @param {CameraPath} path
 * @param {number} index
 * @param {"out" | "into"} side
 * @param {Vector} tangent metres
 * @param {boolean} broken whether the other side stays as it is
 */
export function setTangent(path, index, side, tangent, broken) {
  const now = tangents(path, index)
  const stop = path.keyframes[index]
  const apart = broken || (stop.out !== null && stop.into !== null)
  const other = side === "out" ? "into" : "out"
  const kept = apart ? now[other] : mirrored(tangent)
  return changed(path, [index], () => ({ [side]: tangent, [other]: kept }))
}

/**
 * Give keyframes back their automatic tangents.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 */
export function setAutomatic(path, indices) {
  return changed(path, indices, () => ({ out: null, into: null }))
}

/**
 * Return a keyframe's tangents as the curve has them, metres; at an end of the path the missing one is the mirror.
 * @param {CameraPath} path
 * @param {number} index
 * @returns {{out: Vector, into: Vector, automatic: boolean}}
 */
export function tangents(path, index, spans = pathSpans(path)) {
  const stop = path.keyframes[index]
  const after = spans[index]?.curve
  const before = (index || !path.closed ? spans[index - 1] : spans[spans.length - 1])?.curve
  const out = after && minus(after[1], after[0])
  const into = before && minus(before[2], before[3])
  return {
    out: stop.out ?? out ?? (into ? mirrored(into) : [0, 0, 0]),
    into: stop.into ?? into ?? (out ? mirrored(out) : [0, 0, 0]),
    automatic: stop.out === null && stop.into === null,
  }
}

/**
 * Set where keyframes look; a target that is needed and missing is put ahead of the first of them.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {"path" | "target" | "keyed" | readonly [number, number]} look `keyed` keeps where each looks now
 */
export function setLook(path, indices, look) {
  const frames = Math.max(path.frames, ...path.keyframes.map((stop) => stop.frame + 1))
  const samples = samplePath({ ...path, frames, closed: path.closed && frames === path.frames })
  const [yaw, pitch] = [samples.yaw, samples.pitch].map(
    (values) => (/** @type {number} */ frame) => degrees(values[frame]),
  )
  const first = path.keyframes[indices[0]]
  const target = look === "target" && !path.target && first ? sight(first.place, samples.yaw[first.frame]) : path.target
  return changed({ ...path, target }, indices, (stop) => {
    if (look === "keyed")
      return { look: typeof stop.look === "string" ? [turned(yaw(stop.frame)), pitch(stop.frame)] : stop.look }
    if (typeof look !== "string") return { look: [turned(look[0]), clamp(look[1], -90, 90)] }
    return {
      look,
      pitch: look === "path" && typeof stop.look !== "string" ? stop.look[1] : look === "target" ? null : stop.pitch,
    }
  })
}

/**
 * Tilt keyframes up or down.
 * @param {CameraPath} path
 * @param {readonly number[]} indices
 * @param {number} pitch degrees
 */
export function setPitch(path, indices, pitch) {
  const inside = clamp(pitch, -90, 90)
  return changed(path, indices, ({ look }) =>
    typeof look === "string" ? { pitch: inside } : { look: [look[0], inside] },
  )
}

/**
 * Put the target somewhere; without one, looks at it go along the path.
 * @param {CameraPath} path
 * @param {Vector | null} target
 */
export function setTarget(path, target) {
  const keyframes = path.keyframes.map((stop) =>
    target || stop.look !== "target" ? stop : { ...stop, look: /** @type {Look} */ ("path") },
  )
  return settled(path, { ...path, target, keyframes })
}

/** Take all keyframes and the target out; length and picture stay. @param {CameraPath} path */
export function cleared(path) {
  return settled(path, { ...path, keyframes: [], closed: false, target: null })
}

/** @param {CameraPath} path @param {import("./path.mjs").Background | null} background */
export function setBackground(path, background) {
  return settled(path, { ...path, background })
}

/**
 * Return a place a few metres ahead of a camera.
 * @param {Vector} place
 * @param {number} yaw radians
 * @returns {Vector}
 */
export function sight(place, yaw, metres = 3) {
  return plus(place, [Math.sin(yaw) * metres, 0, Math.cos(yaw) * metres])
}

/** Turn an angle into (-180, 180]. @param {number} angle */
export function turned(angle) {
  const turn = angle - 360 * Math.round(angle / 360)
  return turn === -180 ? 180 : turn
}

/**
 * Write the tangents of some keyframes down as the curve has them.
 * @param {CameraPath} path @param {import("./poses.mjs").Span[]} spans @param {number[]} indices
 * @returns {Keyframe[]}
 */
function explicit(path, spans, indices) {
  const wanted = indices.map((i) => i % path.keyframes.length)
  return path.keyframes.map((stop, i) => (wanted.includes(i) ? { ...stop, ...pick(tangents(path, i, spans)) } : stop))
}

/** @param {{out: Vector, into: Vector}} both */
function pick({ out, into }) {
  return { out, into }
}

/** Cut a Bezier curve in two (de Casteljau). @param {readonly Vector[]} curve @param {number} t */
function split([a, b, c, d], t) {
  const mix = (/** @type {Vector} */ from, /** @type {Vector} */ to) => plus(times(from, 1 - t), times(to, t))
  const [ab, bc, cd] = [mix(a, b), mix(b, c), mix(c, d)]
  const [abc, bcd] = [mix(ab, bc), mix(bc, cd)]
  const middle = mix(abc, bcd)
  return [
    [a, ab, abc, middle],
    [middle, bcd, cd, d],
  ]
}

/**
 * Part an easing in two that together come near it.
 * @param {import("./path.mjs").Ease} ease
 * @returns {import("./path.mjs").Ease[]}
 */
function halves(ease) {
  if (ease === "smooth") return ["in", "out"]
  if (ease === "in") return ["in", "even"]
  return ease === "out" ? ["even", "out"] : [ease, ease]
}

/**
 * @param {Keyframe} start @param {Keyframe} end @param {number} yaw degrees @param {number} pitch
 * @returns {{look: Look, pitch: number | null}}
 */
function insertedLook(start, end, yaw, pitch) {
  if (typeof start.look !== "string" || start.look !== end.look) return { look: [turned(yaw), pitch], pitch: null }
  const own = start.look === "target" && start.pitch === null && end.pitch === null
  return { look: start.look, pitch: own ? null : pitch }
}
