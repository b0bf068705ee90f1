// @ts-check
/**
 * The player: a picture that moves, with scrubbing, speeds, loop, frame steps and what was held. It shows finished
 * walks, walks that are being made, several side by side in step, and frames that are pushed one by one.
 *
 *     const player = makePlayer({ label: "Walk", rate: 16, screens: [{ source }], keys, signal })
 *     box.append(player.element)            // it fills its box; give that a height
 *
 * **Sources** say what is shown; any number of them are `screens` of one player, side by side, in step by frame:
 *
 *     reelSource(facts)                     // reel.mjs: strips of frames, fetched from the server when they are needed
 *       .add(strip)                         //   one more strip of a walk that is being made
 *     pushSource()                          // pushed.mjs: frames that come one by one; bounded, the oldest leave
 *       .push(...bitmapsOrCanvases)         //   `.cut(frames)` takes frames back, `.clear()` begins anew
 *     {frames, width, height, pieces, lost, look, want, onChange, close}   // your own, see `Source` in types.d.ts
 *
 * A player closes the sources that it was given when it is destroyed, or given others.
 *
 * **Arriving frames** (`arrive`):
 *
 *     "follow"  the newest piece is played over and over while `rolling(true)`; then the whole walk
 *     "now"     each frame is shown the moment it comes (a live picture while keys are recorded)
 *     "rate"    frames are played at the rate as they come; at the end it waits, nothing is skipped (live play); what
 *               comes a moment too late is made up for
 *
 * **Keys** (`keys`, `setKeys`): `keysOfTimeline(timeline, words)`, `keysOfRuns(runs)` of held.mjs, or your own
 * `{words, reach, at(frame)}`. Frames of sources, keys and `seek` all count from the sources' own first frame;
 * `offset` is added where a number is shown.
 *
 * **Members:** `element`, `play()`, `pause()`, `toggle()`, `seek(frame)`, `step(frames)`, `follow()`, `rolling(on)`,
 * `setScreens(screens)`, `setRate(fps)`, `setKeys(keys)`, `setMarks(marks, begins, offset)`, `setSpeed(times)`,
 * `setLoop(on)`, `setPicked(index, kept)`, `setNote(text)`, `state`, `place(now)`, `view`, `work`, `destroy()`.
 * `onChange(state)` is called when something other than the frame changes, `onFrame(frame)` with every frame shown.
 *
 * Nothing of the page is touched while it plays but canvases, and nothing is drawn while it is out of sight.
 */
import { injectStyle } from "../kit/css.mjs"
import { make } from "../kit/dom.mjs"
import { readPalette, watchPalette } from "../kit/palette.mjs"
import { makeSpeaker } from "../kit/speak.mjs"
import { makeBar } from "./bar.mjs"
import { makeClock, standsAt, within } from "./clock.mjs"
import { makeFollow } from "./follow.mjs"
import { listenToKeys } from "./keys.mjs"
import { makeStage } from "./stage.mjs"
import { RULES } from "./style.mjs"
import { makeTools } from "./tools.mjs"
import { WORDS, placeWords } from "./words.mjs"

/** @typedef {import("./held.mjs").Keys} Keys */
/** @typedef {import("./types.d.ts").Picture} Picture */
/** @typedef {import("./types.d.ts").Source} Source */
/** @typedef {import("./types.d.ts").Screen} Screen */
/** @typedef {import("./types.d.ts").State} State */
/** @typedef {import("./types.d.ts").Options} Options */

/** Pieces that are fetched ahead of the one that is shown. */
const AHEAD = 3

/** @typedef {ReturnType<typeof makePlayer>} Player */

/**
 * Make a player.
 * @param {Options} options
 */
export function makePlayer(options) {
  const { label, signal: outer, arrive = "follow", onPick } = options
  injectStyle(document, "player", RULES)
  const life = new AbortController()
  const { signal } = life
  outer.addEventListener("abort", () => life.abort(), { signal })
  const element = make("div.wm-editor.wm-player", { role: "group", "aria-label": label, "data-wm-kind": "player" })
  const speaker = makeSpeaker(signal)
  const clock = makeClock(options.rate ?? 16)
  const follow = makeFollow()
  /** @type {{loop: boolean, keys: boolean, rolling: boolean, following: boolean, picked: number}} */
  const wishes = { loop: options.loop ?? true, keys: true, rolling: false, following: false, picked: -1 }
  /** Whether the last run kept the one that is picked. */
  let ran = true
  const bar = { marks: /** @type {readonly number[]} */ ([]), begins: 0, offset: 0 }
  let keys = options.keys ?? null
  let note = ""
  let frame = 0
  let request = 0
  let visible = false
  /** Pictures that were drawn: for tests and measurements. */
  let drawn = 0
  /** Whether the film stands at its end, waiting for more. */
  let stands = false
  /** The frame that is on the canvases; -1 = draw anew. */
  let last = -1
  /** @type {import("../kit/palette.mjs").Palette | null} */
  let palette = null

  const frames = () => Math.max(0, ...stage.screens.map(({ source }) => source.frames))
  const longest = () =>
    stage.screens.reduce((best, one) => (one.source.frames > best.source.frames ? one : best), stage.screens[0])?.source
  const scene = () => ({
    frame,
    frames: frames(),
    marks: bar.marks.length ? bar.marks : (longest()?.pieces ?? []).map(({ first }) => first),
    begins: bar.begins,
    text: placeWords({ frame, frames: frames(), offset: bar.offset, rate: clock.rate }),
    palette: paletteOf(),
    keys: wishes.keys ? keys : null,
  })
  const stage = makeStage({ signal, scene, pick: onPick && ((index) => onPick(index)), press: () => toggle() })
  const scrub = makeBar({ signal, scene, seek: (to) => seek(to), resume: (on) => (on ? play() : pause(false)) })
  element.append(stage.element)

  function paletteOf() {
    if (!element.isConnected) return readPalette(element) // colours are known in the page only
    palette ??= readPalette(element)
    return palette
  }

  /** What is played, and what comes at its end. @returns {import("./clock.mjs").Span} */
  function span() {
    if (arrive === "rate" && wishes.rolling) return { from: 0, end: frames(), then: "wait" }
    if (wishes.following) return { from: follow.from, end: follow.end, then: "wait" }
    return { from: 0, end: frames(), then: wishes.loop && !wishes.rolling ? "loop" : "stop" }
  }

  /** Show the frame that is due, and all that hangs on it. */
  function show() {
    for (const screen of stage.screens) {
      const wanted = Math.min(frame, screen.source.frames - 1)
      if (wanted >= 0) screen.source.want(wanted, AHEAD)
      if (screen.show(frame)) drawn += 1
    }
    if (frame === last) return
    last = frame
    stage.overlay()
    scrub.overlay()
    options.onFrame?.(frame)
  }

  /** Ask for a picture of the page. */
  function wake() {
    if (!request && visible && !signal.aborted) request = requestAnimationFrame(tick)
  }

  /** @param {number} now */
  function tick(now) {
    request = 0
    if (clock.playing) {
      const { over, place, frame: due } = within(clock.at(now), span())
      frame = due
      if (over) atEnd(place, now)
      else stands = false
    }
    show()
    if (clock.playing) wake()
  }

  /** @param {number} place @param {number} now */
  function atEnd(place, now) {
    if (wishes.following) {
      const pieces = longest()?.pieces ?? []
      frame = follow.over(pieces, frames())
      return clock.seek(frame, now)
    }
    const { then, end } = span()
    if (then === "wait" && !(stands = standsAt(clock.at(now), end, stands))) return
    clock.seek(place, now)
    if (then === "stop") pause()
  }

  /** Sources have more, or have it at hand. */
  function arrived() {
    if (signal.aborted) return
    const [now, newest] = [performance.now(), frames() - 1]
    if (arrive === "now" && newest > frame) {
      frame = newest
      clock.seek(newest, now)
    } else if (wishes.following) {
      const to = follow.arrived(longest()?.pieces ?? [], frames())
      if (to !== null) {
        frame = to
        clock.seek(to, now)
      }
    }
    if (frame > Math.max(0, newest)) frame = Math.max(0, newest) // some were taken back
    last = -1
    if (stage.screens.some(({ source }) => source.lost)) stage.say(note || WORDS.lost)
    else stage.say(newest < 0 ? note || WORDS.none : "")
    tools?.show(state())
    scrub.all()
    wake()
  }

  /** Tell of a change. */
  function changed() {
    last = -1
    tools?.show(state())
    scrub.tell(state(), placeWords({ frame, frames: frames(), offset: bar.offset, rate: clock.rate }))
    options.onChange?.(state())
    wake()
  }

  /** @returns {State} */
  function state() {
    const { playing, speed } = clock
    return { frame, frames: frames(), playing, speed, ...wishes }
  }

  function play() {
    if (clock.playing || !frames()) return
    const now = performance.now()
    const { end } = span()
    if (frame >= end - 1 && !wishes.following && !wishes.rolling) frame = Math.min(bar.begins, end - 1)
    clock.seek(frame, now)
    clock.play(now)
    changed()
  }

  function pause(follows = true) {
    clock.pause(performance.now())
    clock.seek(frame, performance.now())
    if (!follows) wishes.following = false
    changed()
  }

  const toggle = () => (clock.playing ? pause(false) : play())

  /** Go to a frame; it no longer follows then. @param {number} to @param {boolean} [speak] */
  function seek(to, speak = false) {
    wishes.following = false
    frame = Math.max(0, Math.min(frames() - 1, Math.round(to)))
    clock.seek(frame, performance.now())
    changed()
    if (speak) speaker.say(placeWords({ frame, frames: frames(), offset: bar.offset, rate: clock.rate }))
  }

  /** Play the newest as it comes. */
  function startFollowing() {
    wishes.following = true
    frame = follow.begin(longest()?.pieces ?? [], frames())
    const now = performance.now()
    clock.seek(frame, now)
    clock.play(now)
    changed()
  }

  /** Say that frames are being made, or that all have come. @param {boolean} on */
  function rolling(on) {
    if (wishes.rolling === on) return
    wishes.rolling = on
    if (arrive === "rate" && on) {
      clock.seek(frame, performance.now())
      clock.play(performance.now())
    } else if (arrive === "follow" && on) return startFollowing()
    else if (wishes.following) {
      wishes.following = false
      frame = Math.min(bar.begins, Math.max(0, frames() - 1))
      clock.seek(frame, performance.now())
    }
    changed()
  }

  /** Show other screens; the sources of those before are closed. @param {Screen[]} screens */
  function setScreens(screens) {
    stage.setScreens(screens)
    for (const { source } of screens) source.onChange(arrived)
    stage.setPicked(wishes.picked, ran)
    frame = Math.min(frame, Math.max(0, frames() - 1))
    clock.seek(frame, performance.now())
    arrived()
    changed()
  }

  const player = {
    element,
    play,
    pause: () => pause(false),
    toggle,
    seek,
    /** @param {number} by frames */
    step(by) {
      if (clock.playing) pause(false)
      seek(frame + by, true)
    },
    /** Where the chunk before the frame begins, or the one after it. @param {-1 | 1} by */
    nextMark(by) {
      const { marks } = scene()
      if (by > 0) return marks.find((mark) => mark > frame) ?? Infinity
      return marks.findLast((mark) => mark < frame) ?? 0
    },
    follow: startFollowing,
    rolling,
    setScreens,
    /** @param {number} rate frames per second */
    setRate(rate) {
      clock.setRate(rate, performance.now())
      changed()
    },
    /** @param {Keys | null} next */
    setKeys(next) {
      keys = next
      stage.overlay(true)
    },
    /**
     * Say where chunks begin, where the part begins that is played first, and what is added to a frame's number.
     * @param {readonly number[]} marks
     * @param {number} [begins]
     * @param {number} [offset]
     */
    setMarks(marks, begins = 0, offset = 0) {
      Object.assign(bar, { marks, begins, offset })
      scrub.all()
    },
    /** @param {number} speed times the rate */
    setSpeed(speed) {
      clock.setSpeed(speed, performance.now())
      changed()
    },
    /** @param {boolean} on */
    setLoop(on) {
      wishes.loop = on
      changed()
    },
    /** @param {boolean} on */
    setKeysShown(on) {
      wishes.keys = on
      stage.overlay()
      changed()
    },
    /** @param {number} index @param {boolean} [kept] whether the last run kept it */
    setPicked(index, kept = true) {
      wishes.picked = index
      ran = kept
      stage.setPicked(index, ran)
      changed()
    },
    /** Say something where there is no picture. @param {string} text */
    setNote(text) {
      note = text
      arrived()
    },
    get state() {
      return state()
    },
    /** Where its clock stands, in frames; at the end it may be further by a moment. @param {number} now */
    place: (now) => clock.at(now),
    /** What outlasts the player: where it stands, and how it plays. */
    get view() {
      const { speed, loop, keys: shown, playing } = state()
      return { frame, speed, loop, keys: shown, playing }
    },
    /** Whether a picture of the page is asked for, and how many frames were drawn: for tests and measurements. */
    get work() {
      return { drawn, waiting: request !== 0, shown: stage.screens.map(({ shown }) => shown) }
    },
    destroy: () => life.abort(),
    signal,
  }
  /** @type {ReturnType<typeof makeTools> | null} */
  const tools = options.tools === false ? null : makeTools(player, { signal, root: element })
  if (tools) element.append(scrub.element, tools.element)
  element.append(speaker.element)
  listenToKeys(player, element)
  const sight = new IntersectionObserver((seen) => {
    visible = seen[seen.length - 1].isIntersecting
    if (visible) wake()
    else if (request) request = (cancelAnimationFrame(request), 0)
  })
  sight.observe(stage.element)
  watchPalette(document, signal, () => {
    palette = null
    scrub.all()
  })
  signal.addEventListener("abort", () => {
    sight.disconnect()
    cancelAnimationFrame(request)
    request = 0
    stage.setScreens([])
    element.replaceChildren()
  })
  setScreens(options.screens ?? [])
  return player
}
