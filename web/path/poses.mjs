// @ts-check
/**
 * A camera's path as poses: the cubic curve of worldmodel/camera/path_poses.py, walked evenly along its arc.
 *
 * Between two keyframes lies one Bezier curve (a span); t in 0..1 runs along it unevenly, u in 0..1 evenly along its
 * arc.
 */
import { mirrored } from "./path.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Keyframe} Keyframe */
/** @typedef {import("./path.mjs").Vector} Vector */
/** @typedef {[number, number, number]} Point */
/**
 * @typedef {object} Span the way from one keyframe to the next
 * @property {Keyframe} start
 * @property {Keyframe} end in a closed path's last span the first keyframe, at the last frame
 * @property {Vector[]} curve four Bezier points
 * @property {Float64Array} arc metres from its beginning to t = 0, 1 / PIECES, ... 1
 * @property {number} resting yaw, radians, while the camera looks along the path and goes nowhere
 *
 * @typedef {object} Samples one number per frame: metres, radians
 * @property {Float64Array} x @property {Float64Array} y @property {Float64Array} z
 * @property {Float64Array} yaw @property {Float64Array} pitch
 */

const PIECES = 128
const STILL = 1e-6
const ROUNDEST = 2
const PARTS = /** @type {const} */ (["x", "y", "z", "yaw", "pitch"])

/**
 * Play a path at whole frames; before its first keyframe and after its last the camera stands.
 * @param {CameraPath} path
 * @param {Span[]} [spans]
 * @param {(span: Span) => Samples} [sampled] plays a span; somebody may remember those that stay the same
 * @returns {Samples}
 */
export function samplePath(path, spans = pathSpans(path), sampled = (span) => sampleSpan(span, path.target)) {
  const samples = blank(path.frames)
  const stops = played(path)
  if (!stops.length) return samples
  const last = spans[spans.length - 1]
  const [begin, end] = spans.length ? [heading(spans[0], 0), heading(last, 1)] : [0, 0]
  for (const span of spans) {
    const [from, to] = [span.start.frame, Math.min(span.end.frame, path.frames)]
    const piece = sampled(span)
    for (const part of PARTS) if (to > from) samples[part].set(piece[part].subarray(0, to - from), from)
  }
  stand(samples, 0, stops[0].frame, stops[0], begin, path.target)
  stand(samples, stops[stops.length - 1].frame, path.frames, stops[stops.length - 1], end, path.target)
  if (path.closed) for (const part of PARTS) samples[part][path.frames - 1] = samples[part][0]
  return samples
}

/**
 * Play one span at whole frames, both ends included.
 * @param {Span} span
 * @param {Vector | null} target
 */
export function sampleSpan(span, target) {
  const { start, end } = span
  const frames = end.frame - start.frame
  const samples = blank(frames + 1)
  let [turn, before] = [0, 0]
  for (let frame = 0; frame < frames; frame++) {
    const share = eased(start.ease, frame / frames)
    const t = along(span.arc, share)
    const place = bezier(span.curve, t)
    const ahead = heading(span, t)
    const here = looking(start, place, ahead, target)
    const there = looking(end, place, ahead, target)
    const apart = there.yaw - here.yaw
    turn += shorter(apart - before)
    before = apart
    put(samples, frame, place, here.yaw + turn * share, here.pitch + (there.pitch - here.pitch) * share)
  }
  stand(samples, frames, frames + 1, end, heading(span, 1), target)
  return samples
}

/** @param {number} frames @returns {Samples} */
function blank(frames) {
  const [x, y, z, yaw, pitch] = Array.from({ length: 5 }, () => new Float64Array(frames))
  return { x, y, z, yaw, pitch }
}

/**
 * Return the speed over the ground from each frame to the next, metres a second; the last repeats.
 * @param {Samples} samples
 * @param {number} fps
 */
export function speeds({ x, z }, fps) {
  const found = new Float64Array(x.length)
  for (let i = 0; i + 1 < x.length; i++) found[i] = apart(x, z, i) * fps
  if (x.length > 1) found[x.length - 1] = found[x.length - 2]
  return found
}

/**
 * Metres over the ground from a frame to the next.
 * @param {Float64Array} x
 * @param {Float64Array} z
 * @param {number} i
 */
export function apart(x, z, i) {
  const [dx, dz] = [x[i + 1] - x[i], z[i + 1] - z[i]]
  return Math.sqrt(dx * dx + dz * dz) // much faster than Math.hypot
}

/**
 * Return the keyframes that the curve passes; a closed path's last one is its first, at the last frame.
 * @param {CameraPath} path
 * @returns {readonly Keyframe[]}
 */
export function played(path) {
  if (!path.closed) return path.keyframes
  const stops = path.keyframes.filter(({ frame }) => frame < path.frames - 1)
  return stops.length > 1 ? [...stops, { ...stops[0], frame: path.frames - 1 }] : stops
}

/**
 * Return the curve, span by span.
 * @param {CameraPath} path
 * @returns {Span[]}
 */
export function pathSpans(path) {
  const stops = played(path)
  const smooth = smoothTangents(
    stops.map(({ place }) => place),
    path.closed && stops.length > 2,
  )
  const spans = stops.slice(1).map((end, i) => {
    const start = stops[i]
    const curve = spanCurve(start, end, smooth[i], smooth[i + 1])
    return { start, end, curve, arc: arcOf(curve), resting: 0 }
  })
  const moving = spans.find(moves)
  let yaw = moving ? heading(moving, 0) : 0
  for (const span of spans) {
    span.resting = yaw
    yaw = heading(span, 1)
  }
  return spans
}

/**
 * Return a place on a Bezier curve.
 * @param {readonly Vector[]} curve
 * @param {number} t
 * @returns {Point}
 */
export function bezier([a, b, c, d], t) {
  const s = 1 - t
  const at = (/** @type {number} */ i) =>
    s * s * s * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t * t * t * d[i]
  return [at(0), at(1), at(2)]
}

/**
 * Return t at a share of a span's arc.
 * @param {Float64Array} arc
 * @param {number} u
 */
export function along(arc, u) {
  const whole = arc[PIECES]
  if (whole < STILL) return u
  const way = u * whole
  let [low, high] = [0, PIECES + 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (arc[middle] > way) high = middle
    else low = middle + 1
  }
  const piece = Math.min(Math.max(low - 1, 0), PIECES - 1)
  const length = arc[piece + 1] - arc[piece]
  return (piece + (length > 0 ? (way - arc[piece]) / length : 0)) / PIECES
}

/** Bend an even way; `hold` waits for the next keyframe. @param {import("./path.mjs").Ease} ease @param {number} u */
export function eased(ease, u) {
  if (ease === "smooth") return u * u * (3 - 2 * u)
  if (ease === "in") return u * u
  if (ease === "out") return u * (2 - u)
  return ease === "hold" ? 0 : u
}

/**
 * Return the yaw along a span; where it has no direction of its own, that of its nearer half.
 * @param {Span} span
 * @param {number} t
 */
export function heading({ curve: [a, b, c, d], resting }, t) {
  const s = 1 - t
  const part = (/** @type {number} */ i) => s * s * (b[i] - a[i]) + 2 * s * t * (c[i] - b[i]) + t * t * (d[i] - c[i])
  const ahead = [part(0), part(2)]
  if (Math.hypot(ahead[0], ahead[1]) > STILL) return Math.atan2(ahead[0], ahead[1])
  const ways = t < 0.5 ? [minus(c, a), minus(d, a)] : [minus(d, b), minus(d, a)]
  const way = ways.find(onGround)
  return way ? Math.atan2(way[0], way[2]) : resting
}

/** @param {Span} span */
function moves({ curve }) {
  return curve.slice(1).some((point) => onGround(minus(point, curve[0])))
}

/** @param {Vector} way */
function onGround(way) {
  return Math.hypot(way[0], way[2]) > STILL
}

/**
 * @param {Keyframe} start @param {Keyframe} end
 * @param {Vector | null} before @param {Vector | null} after directions at both, null at ends
 * @returns {Vector[]}
 */
function spanCurve(start, end, before, after) {
  const chord = minus(end.place, start.place)
  const size = length(chord)
  let out = start.out ?? (start.into && mirrored(start.into)) ?? (before && times(before, size / 3))
  let into = end.into ?? (end.out && mirrored(end.out)) ?? (after && times(after, -size / 3))
  if (!out && !into) [out, into] = [times(chord, 1 / 3), times(chord, -1 / 3)]
  else if (!out) out = times(plus(chord, /** @type {Vector} */ (into)), 0.5)
  else if (!into) into = times(minus(out, chord), 0.5)
  return [start.place, plus(start.place, out), plus(end.place, /** @type {Vector} */ (into)), end.place]
}

/**
 * Return each keyframe's direction in metres per metre of chord, null at ends and where the camera waits; see Python.
 * @param {readonly Vector[]} places
 * @param {boolean} closed
 * @returns {(Vector | null)[]}
 */
function smoothTangents(places, closed) {
  const last = places.length - 1
  return places.map((place, i) => {
    const before = i ? places[i - 1] : closed && places[last - 1]
    const after = i < last ? places[i + 1] : closed && places[1]
    if (!before || !after) return null
    const [arrive, leave] = [minus(place, before), minus(after, place)]
    const [here, there] = [length(arrive), length(leave)]
    if (Math.min(here, there) < STILL) return null
    const [back, on] = [times(arrive, 1 / here), times(leave, 1 / there)]
    const mean = times(plus(times(back, there), times(on, here)), 1 / (here + there))
    const straight = length(mean)
    const round = times(mean, Math.min(2 / ((1 + straight) * Math.max(straight, STILL)), ROUNDEST))
    const steepest = back[1] * on[1] > 0 ? 3 * Math.min(Math.abs(back[1]), Math.abs(on[1])) : 0
    return [round[0], Math.min(Math.max(round[1], -steepest), steepest), round[2]]
  })
}

/** @param {readonly Vector[]} curve */
function arcOf(curve) {
  const arc = new Float64Array(PIECES + 1)
  let before = bezier(curve, 0)
  for (let i = 1; i <= PIECES; i++) {
    const place = bezier(curve, i / PIECES)
    arc[i] = arc[i - 1] + length(minus(place, before))
    before = place
  }
  return arc
}

/**
 * @param {Samples} samples @param {number} from @param {number} to @param {Keyframe} keyframe @param {number} ahead
 * @param {Vector | null} target
 */
function stand(samples, from, to, keyframe, ahead, target) {
  const { yaw, pitch } = looking(keyframe, keyframe.place, ahead, target)
  for (let frame = from; frame < Math.min(to, samples.x.length); frame++)
    put(samples, frame, keyframe.place, yaw, pitch)
}

/** @param {Samples} samples @param {number} frame @param {Vector} place @param {number} yaw @param {number} pitch */
function put(samples, frame, place, yaw, pitch) {
  samples.x[frame] = place[0]
  samples.y[frame] = place[1]
  samples.z[frame] = place[2]
  samples.yaw[frame] = yaw
  samples.pitch[frame] = pitch
}

/**
 * Return where a keyframe's look turns the camera, radians.
 * @param {Keyframe} keyframe
 * @param {Vector} place
 * @param {number} ahead yaw along the path
 * @param {Vector | null} target
 */
export function looking({ look, pitch }, place, ahead, target) {
  if (typeof look !== "string") return { yaw: radians(look[0]), pitch: radians(look[1]) }
  if (look === "path" || !target) return { yaw: ahead, pitch: radians(pitch ?? 0) }
  const [right, down, on] = minus(target, place)
  const away = Math.hypot(right, on)
  const own = Math.atan2(-down, away)
  // above, below or in the target no direction is nearer than the path's own
  return { yaw: away < STILL ? ahead : Math.atan2(right, on), pitch: pitch === null ? own : radians(pitch) }
}

/**
 * Return the same turn in [-pi, pi); half a turn goes left, also if rounding made it a little less.
 * @param {number} angle
 */
export function shorter(angle) {
  return angle - 2 * Math.PI * Math.floor((angle + Math.PI + 1e-9) / (2 * Math.PI))
}

/** @param {number} degrees */
export function radians(degrees) {
  return (degrees * Math.PI) / 180
}

/** @param {number} angle */
export function degrees(angle) {
  return (angle * 180) / Math.PI
}

/** @param {Vector} a @param {Vector} b @returns {Point} */
export function minus(a, b) {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/** @param {Vector} a @param {Vector} b @returns {Point} */
export function plus(a, b) {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/** @param {Vector} a @param {number} by @returns {Point} */
export function times(a, by) {
  return [a[0] * by, a[1] * by, a[2] * by]
}

/** @param {Vector} way */
export function length(way) {
  return Math.sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2])
}
