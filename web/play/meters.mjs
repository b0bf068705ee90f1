// @ts-check
/** What is measured while a walk is played: frames a second, and how soon one sees what one presses. */

/** Milliseconds over which frames are counted. */
const WINDOW = 2000
/** Presses whose median is shown. */
const REMEMBERED = 9
/** Frames and presses that are written down for measurements. */
const MOST_LOG = 20_000

/** Make the meters; times are milliseconds of one clock. */
export function makeMeters() {
  /** When which frame was shown. @type {[at: number, frame: number][]} */
  let shown = []
  /** Keys whose picture has not come: when they went down, and the frame that is another one for it. @type {{at: number, frame: number}[]} */
  let pending = []
  /** How long keys took. @type {number[]} */
  let waits = []
  /** Keys that went down, and the frame of the walk that was told of each. @type {{at: number, frame: number, code: string}[]} */
  let keys = []
  let began = 0

  return {
    /** Walking begins, or goes on. */
    begin() {
      began = shown.length
    },
    /** A frame is shown. @param {number} frame @param {number} now */
    saw(frame, now) {
      if (shown.length >= MOST_LOG) {
        shown = shown.slice(-MOST_LOG / 2)
        began = 0
      }
      shown.push([now, frame])
      const seen = pending.filter((one) => one.frame <= frame)
      pending = pending.filter((one) => one.frame > frame)
      waits = [...waits, ...seen.map((one) => now - one.at)].slice(-MOST_LOG)
    },
    /**
     * A chunk was told of keys; row i moves the camera from frame i to frame i + 1.
     * @param {readonly import("./hands.mjs").Told[]} told @param {number} first frame of the chunk
     */
    told(told, first) {
      pending = [...pending, ...told.map(({ at, frame }) => ({ at, frame: first + frame + 1 }))]
      keys = [...keys, ...told.map((one) => ({ ...one, frame: first + one.frame }))].slice(-MOST_LOG)
    },
    /** What was pressed is taken back. */
    forget() {
      pending = []
    },
    clear() {
      ;[shown, pending, waits, keys, began] = [[], [], [], [], 0]
    },
    /** @param {number} now */
    read(now) {
      const recent = shown.slice(began).filter(([at]) => now - at < WINDOW)
      const since = recent.length > 1 ? recent[recent.length - 1][0] - recent[0][0] : 0
      const last = waits.slice(-REMEMBERED).sort((one, other) => one - other)
      return {
        shown: since > WINDOW / 4 ? ((recent.length - 1) * 1000) / since : 0,
        reaction: last.length ? last[Math.floor((last.length - 1) / 2)] : 0,
      }
    },
    get log() {
      return { shown, waits, keys }
    },
  }
}
