// @ts-check
/** Ready-made camera paths, timed for the model's speed. */
import { EMPTY, canonical, keyframe } from "./path.mjs"
import { slowDown, walkFrames } from "./edits.mjs"
import { length, minus } from "./poses.mjs"

/** @typedef {import("./path.mjs").CameraPath} CameraPath */
/** @typedef {import("./path.mjs").Vector} Vector */
/** @typedef {import("./timing.mjs").Pace} Pace */

/** @type {readonly {id: string, name: string, note: string, make: (pace: Pace) => CameraPath}[]} */
export const PRESETS = Object.freeze([
  {
    id: "ahead",
    name: "Walk ahead",
    note: "5 m, straight on",
    make: (pace) =>
      timed(
        line([
          [0, 0],
          [0, 5],
        ]),
        pace,
      ),
  },
  { id: "circle", name: "Circle a target", note: "2 m around it, looking at it", make: circle },
  { id: "eight", name: "Figure eight", note: "through the middle twice, closed", make: eight },
  { id: "corridor", name: "Corridor and turn", note: "4 m ahead, then right", make: corridor },
  { id: "back", name: "There and back", note: "3 m ahead, then backwards the same way", make: thereAndBack },
])

/** @param {Pace} pace */
function circle(pace) {
  const places = Array.from({ length: 6 }, (_, i) => turn((i * Math.PI) / 3, 2))
  const stops = places.map(([x, z], i) => keyframe(i, [x, 0, 2 + z], { look: "target" }))
  return timed({ ...blank(), closed: true, target: [0, 0, 2], keyframes: stops }, pace)
}

/** @param {Pace} pace */
function eight(pace) {
  const places = [
    [0, 0],
    [1.2, 1.3],
    [0, 2.6],
    [-1.2, 3.9],
    [0, 5.2],
    [1.2, 3.9],
    [0, 2.6],
    [-1.2, 1.3],
  ]
  return timed({ ...line(places), closed: true }, pace)
}

/** @param {Pace} pace */
function corridor(pace) {
  return timed(
    line([
      [0, 0],
      [0, 3.2],
      [0.8, 4],
      [4, 4],
    ]),
    pace,
  )
}

/** @param {Pace} pace */
function thereAndBack(pace) {
  const path = line([
    [0, 0],
    [0, 3],
    [0, 0],
  ])
  return timed({ ...path, keyframes: path.keyframes.map((stop) => ({ ...stop, look: [0, 0] })) }, pace)
}

/** @returns {CameraPath} */
function blank() {
  return { ...EMPTY, frames: 1 }
}

/** @param {number[][]} places right and ahead @returns {CameraPath} */
function line(places) {
  return { ...blank(), keyframes: places.map(([x, z], i) => keyframe(i, [x, 0, z])) }
}

/** A place on a circle that begins behind its middle. @param {number} angle @param {number} radius */
function turn(angle, radius) {
  return [-Math.sin(angle) * radius, -Math.cos(angle) * radius]
}

/** Give a path its frames. @param {CameraPath} path @param {Pace} pace */
function timed(path, pace) {
  let frame = 0
  const stops = path.keyframes.map((stop, i) => {
    if (i) frame += walkFrames(length(minus(stop.place, path.keyframes[i - 1].place)), pace.step)
    return { ...stop, frame }
  })
  const back = path.closed ? walkFrames(length(minus(stops[0].place, stops[stops.length - 1].place)), pace.step) : 0
  return slowDown(canonical({ ...path, keyframes: stops, frames: frame + back + 1 }), pace)
}
