// @ts-check
/**
 * The path map's geometry: where a walk lies in a box of pixels, seen from above, ahead of the start being up.
 *
 *     place in px   [left + scale * x, top - scale * z]   with x, z in metres
 */
import { chunkAt, firstFrame } from "../track/chunks.mjs"

/** @import { Variant } from "../track/chunks.mjs" */
/** @import { Poses } from "../track/poses.mjs" */
/** @import { Ground } from "../track/walls.mjs" */
/** @import { Past } from "../track/past.mjs" */

/** @typedef {Readonly<{left: number, top: number, width: number, height: number}>} Area in px */
/** @typedef {Readonly<{scale: number, left: number, top: number}>} Fit px per metre, and where the start lies */
/** @typedef {Readonly<{from: number, to: number, times: number}>} Revisit frames [from, to) walked for the nth time */
/**
 * @typedef {object} Scene
 * @property {Poses} poses
 * @property {Past | null} past where the world was walked before
 * @property {Ground | null} ground what stands there
 * @property {Poses} asked the walk without its walls
 * @property {Uint8Array | null} bumped frames whose step a wall shortened
 * @property {number} frames that are shown
 * @property {Area} area of the path
 * @property {Fit} fit
 * @property {readonly {amount: number, points: readonly number[]}[]} runs of equal speed: share of the fastest, and
 * x, y in px after one another
 * @property {readonly number[]} chunkStarts frames that carry a chevron
 * @property {readonly Revisit[]} revisits
 * @property {number} metres length of the way
 * @property {number} fastest metres per second
 * @property {boolean} moves whether the camera leaves its place at all
 * @property {boolean} turns whether it ever looks elsewhere than ahead
 */

/** Pixels that points of the path are apart at least. */
const THIN = 0.7
/** Pixels beside the straight way that a point may lie to be left out, and longest such way. */
const STRAIGHT = 0.1
const LONGEST = 12
const PADDING = 20
const MOST_SCALE = 60
/** Least metres that are shown, so that a few steps do not fill the map. */
const LEAST_METRES = 6
const SPEEDS = 16
const CHEVRON_GAP = 11
/** How near another visit comes, in steps, and how many times that the way between must be. */
const NEAR_STEPS = 3
const AWAY = 6
/** Numbers that a cell of ground remembers: x, z and way of the first places in it. */
const MOST_PLACES = 24
/** @type {number[]} */
const NOWHERE = []

/**
 * Lay out a walk.
 * @param {object} what
 * @param {Poses & {bumped?: Uint8Array}} what.poses
 * @param {Past | null} [what.past]
 * @param {Ground | null} [what.ground]
 * @param {Poses} [what.asked]
 * @param {number} [what.frames] of the poses, if not all are shown
 * @param {Variant} what.variant
 * @param {number} what.fps
 * @param {Area} what.area
 * @param {Fit} [what.keep] a fit that is kept while the walk stays inside, so that a growing path does not jump
 * @returns {Readonly<Scene>}
 */
export function makeScene(what) {
  const { poses, past = null, ground = null, asked = poses, frames = poses.frames, variant, fps, area, keep } = what
  const ways = waysOf(poses, frames)
  const walk = past ? around(bounds(past, past.x.length), bounds(poses, frames)) : bounds(poses, frames)
  const box = ground ? wider(walk, ground.plan.cell) : walk
  const fit = keep && fits(keep, box, area) ? keep : fitted(box, area)
  return Object.freeze({
    poses,
    past,
    ground,
    asked,
    bumped: poses.bumped?.subarray(0, frames) ?? null,
    frames,
    area,
    fit,
    runs: pathRuns(poses, ways, fit),
    chunkStarts: chunkStarts(poses, frames, fit, variant),
    revisits: revisits(poses, ways, NEAR_STEPS * poses.motion.step_metres),
    metres: ways[frames - 1],
    fastest: poses.motion.step_metres * fps,
    moves: ways[frames - 1] > 0,
    turns: poses.yaw.subarray(0, frames).some((yaw) => yaw !== poses.yaw[0]),
  })
}

/**
 * Return where a frame lies in px.
 * @param {Pick<Scene, "poses" | "fit">} scene
 * @param {number} frame
 * @returns {[number, number]}
 */
export function placeOf({ poses, fit }, frame) {
  return [fit.left + fit.scale * poses.x[frame], fit.top - fit.scale * poses.z[frame]]
}

/**
 * Find the frame whose place is nearest to a point; of several at one place, the first.
 * @param {Scene} scene
 * @param {number} x
 * @param {number} y
 * @param {number} [within] px
 * @returns {number | null}
 */
export function nearestFrame(scene, x, y, within = 14) {
  const { poses, frames, fit } = scene
  let [nearest, least] = [/** @type {number | null} */ (null), within * within]
  for (let frame = 0; frame < frames; frame++) {
    const across = fit.left + fit.scale * poses.x[frame] - x
    const along = fit.top - fit.scale * poses.z[frame] - y
    const apart = across * across + along * along
    if (apart < least) [nearest, least] = [frame, apart]
  }
  return nearest
}

/**
 * Return the metres walked up to each frame.
 * @param {Poses} poses
 * @param {number} frames
 */
export function waysOf({ x, z }, frames) {
  const ways = new Float64Array(frames)
  for (let i = 1; i < frames; i++) {
    const across = x[i] - x[i - 1]
    const along = z[i] - z[i - 1]
    ways[i] = ways[i - 1] + Math.sqrt(across * across + along * along)
  }
  return ways
}

/**
 * Find where the camera was before: within `near` metres of an earlier place, after being away.
 * @param {Poses} poses
 * @param {Float64Array} ways metres walked up to each frame that is shown
 * @param {number} near metres
 * @returns {Revisit[]}
 */
export function revisits({ x, z }, ways, near) {
  const ground = makeGround(near)
  /** @type {{from: number, to: number, times: number}[]} */
  const found = []
  let looked = -near
  let times = 1
  for (let i = 0; i < ways.length; i++) {
    if (ways[i] - looked >= near / 2) {
      times = ground.visit(x[i], z[i], ways[i])
      looked = ways[i]
    }
    if (times === 1) continue
    const run = found[found.length - 1]
    if (run?.to === i) {
      run.to = i + 1
      run.times = Math.max(run.times, times)
    } else found.push({ from: i, to: i + 1, times })
  }
  return found
}

/**
 * Remember where a walk went, in square cells as wide as two times `near`, so that four of them hold all that is near.
 * @param {number} near metres
 */
function makeGround(near) {
  /** @type {Map<number, {places: number[], last: number, times: number}>} */
  const cells = new Map()
  const side = 2 * near

  /** @param {number} key @param {number} x @param {number} z @param {number} way */
  function wasNear(key, x, z, way) {
    const places = cells.get(key)?.places ?? NOWHERE
    for (let i = 0; i < places.length; i += 3) {
      const across = places[i] - x
      const along = places[i + 1] - z
      if (way - places[i + 2] > AWAY * near && across * across + along * along <= near * near) return true
    }
    return false
  }

  return {
    /**
     * Walk on to a place; returns for the how manieth time.
     * @param {number} x @param {number} z @param {number} way metres walked so far
     */
    visit(x, z, way) {
      const column = Math.floor(x / side)
      const row = Math.floor(z / side)
      const beside = x / side - column < 0.5 ? column - 1 : column + 1
      const behind = z / side - row < 0.5 ? row - 1 : row + 1
      const own = cellKey(column, row)
      const known =
        wasNear(own, x, z, way) ||
        wasNear(cellKey(beside, row), x, z, way) ||
        wasNear(cellKey(column, behind), x, z, way) ||
        wasNear(cellKey(beside, behind), x, z, way)
      const cell = cells.get(own)
      if (!cell) cells.set(own, { places: [x, z, way], last: way, times: 1 })
      else {
        if (way - cell.last > AWAY * near) cell.times += 1
        if (cell.places.length < MOST_PLACES) cell.places.push(x, z, way)
        cell.last = way
      }
      return known ? Math.max(2, cell?.times ?? 2) : 1
    },
  }
}

/** One small whole number per cell; cells 32,768 apart share one. @param {number} column @param {number} row */
function cellKey(column, row) {
  return ((column & 0x7fff) << 15) | (row & 0x7fff)
}

/** @typedef {{left: number, right: number, near: number, far: number}} Box in metres */

/** @param {Box} a @param {Box} b @returns {Box} */
function around(a, b) {
  return {
    left: Math.min(a.left, b.left),
    right: Math.max(a.right, b.right),
    near: Math.min(a.near, b.near),
    far: Math.max(a.far, b.far),
  }
}

/** Show what is beside a walk, too. @param {Box} box @param {number} metres @returns {Box} */
const wider = ({ left, right, near, far }, metres) => ({
  left: left - metres,
  right: right + metres,
  near: near - metres,
  far: far + metres,
})

/** @param {Pick<Poses, "x" | "z">} poses @param {number} frames @returns {Box} */
function bounds({ x, z }, frames) {
  const box = { left: x[0], right: x[0], near: z[0], far: z[0] }
  for (let i = 0; i < frames; i++) {
    if (x[i] < box.left) box.left = x[i]
    if (x[i] > box.right) box.right = x[i]
    if (z[i] < box.near) box.near = z[i]
    if (z[i] > box.far) box.far = z[i]
  }
  return box
}

/** @param {Box} box @param {Area} area @returns {Fit} */
function fitted({ left, right, near, far }, area) {
  const room = [area.width - 2 * PADDING, area.height - 2 * PADDING].map((length) => Math.max(8, length))
  const scale = Math.min(
    MOST_SCALE,
    room[0] / Math.max(LEAST_METRES, right - left),
    room[1] / Math.max(LEAST_METRES, far - near),
  )
  return Object.freeze({
    scale,
    left: area.left + area.width / 2 - (scale * (left + right)) / 2,
    top: area.top + area.height / 2 + (scale * (near + far)) / 2,
  })
}

/** @param {Fit} fit @param {Box} box @param {Area} area */
function fits({ scale, left, top }, box, area) {
  const inside = left + scale * box.left >= area.left && left + scale * box.right <= area.left + area.width
  return inside && top - scale * box.far >= area.top && top - scale * box.near <= area.top + area.height
}

/** @param {Poses} poses @param {Float64Array} ways @param {Fit} fit */
function pathRuns({ x, z, motion }, ways, { scale, left, top }) {
  /** @type {{amount: number, points: number[]}[]} */
  const runs = []
  let [px, py] = [left + scale * x[0], top - scale * z[0]]
  let last = -1
  for (let i = 1; i < ways.length; i++) {
    if (ways[i] === ways[i - 1]) continue
    const amount = Math.round(Math.min(1, (ways[i] - ways[i - 1]) / motion.step_metres) * SPEEDS) / SPEEDS
    const nx = left + scale * x[i]
    const ny = top - scale * z[i]
    const near = (nx - px) * (nx - px) + (ny - py) * (ny - py) < THIN * THIN
    if (near && amount === last && i < ways.length - 1) continue
    if (amount === last) extendRun(runs[runs.length - 1].points, nx, ny)
    else runs.push({ amount, points: [px, py, nx, ny] })
    last = amount
    px = nx
    py = ny
  }
  return runs
}

/**
 * Add a point to a path; the one before goes if it lies on the straight way.
 * @param {number[]} points @param {number} x @param {number} y
 */
function extendRun(points, x, y) {
  const end = points.length
  const [dx, dy] = [x - points[end - 4], y - points[end - 3]]
  const [ex, ey] = [points[end - 2] - points[end - 4], points[end - 1] - points[end - 3]]
  const length = Math.sqrt(dx * dx + dy * dy)
  const straight = Math.abs(dx * ey - dy * ex) < STRAIGHT * length && dx * ex + dy * ey > 0 && length < LONGEST
  if (straight) points.splice(end - 2, 2, x, y)
  else points.push(x, y)
}

/**
 * Pick the chunk starts that get a chevron: none on top of another one.
 * @param {Poses} poses @param {number} frames @param {Fit} fit @param {Variant} variant
 */
function chunkStarts(poses, frames, fit, variant) {
  const starts = []
  const taken = new Set()
  for (let chunk = 1; chunk <= chunkAt(variant, frames - 1); chunk++) {
    const frame = firstFrame(variant, chunk)
    const [column, row] = placeOf({ poses, fit }, frame).map((value) => Math.floor(value / CHEVRON_GAP))
    const cell = cellKey(column, row)
    if (taken.has(cell)) continue
    taken.add(cell)
    starts.push(frame)
  }
  return starts
}
