// @ts-check
/**
 * A walk that is played: hands, picture and wire in one. The picture is played at the film's rate; the next chunk is asked
 * for as late as it still comes in time, and told what was held until then.
 *
 *     opening -> ready -> walking <-> waiting     ready: nothing is captured; waiting: captured, and time stands still
 *                            over                 until the next key
 */
import { injectStyle } from "../kit/css.mjs"
import { make, take as swallow } from "../kit/dom.mjs"
import { capture } from "../kit/pointer_lock.mjs"
import { makeSpeaker } from "../kit/speak.mjs"
import { makePlayer } from "../player/player.mjs"
import { pushSource } from "../player/pushed.mjs"
import { makeBar } from "./bar.mjs"
import { padOf } from "./gamepad.mjs"
import { close, document as written, downNow, letGo, press, rest, says, turn } from "./hands.mjs"
import { makeLink } from "./link.mjs"
import { UNPACED, lead, paced, tooSlow, usual } from "./pace.mjs"
import { makeMeters } from "./meters.mjs"
import { RULES } from "./style.mjs"
import { makeTop } from "./top.mjs"
import { WORDS, seconds } from "./words.mjs"

/** @typedef {import("./link.mjs").Place} Place */
/** @typedef {import("./link.mjs").About} About */
/** @typedef {"opening" | "ready" | "walking" | "waiting" | "over"} Phase */
/** @typedef {ReturnType<typeof makeGame>} Game */

/** Degrees per count of the mouse: half a hand's width of an ordinary one is a quarter turn in a second. */
const SENSITIVITY = 0.1
/** Milliseconds between looks at the meters. */
const METERS = 500
/** Pixels of a picture that is so small that it is seen sooner as it is than packed. */
const SMALL = 2 ** 14
const MOST_SEED = 2 ** 32
/** Frames from which a walk has a limit that is worth saying. */
const NO_LIMIT = 100_000

/**
 * Make the player of a walk; it opens when it is told where.
 * @param {{signal: AbortSignal, again: () => void}} options `again`: plays once more
 */
export function makeGame({ signal, again }) {
  injectStyle(document, "play", RULES)
  const source = pushSource()
  const player = makePlayer({
    label: WORDS.picture,
    signal,
    screens: [{ source }],
    arrive: "rate",
    loop: false,
    onFrame,
  })
  const card = make("div.wm-card", { role: "status" })
  const root = make("div.wm-editor.wm-play", {
    role: "group",
    "aria-label": WORDS.game,
    tabindex: "0",
    "data-wm-kind": "play",
  })
  const speaker = makeSpeaker(signal)
  const top = makeTop(root, signal, () => ({ way, frame: player.state.frame }))
  const bar = makeBar(root, signal, {
    walk: () => (phase === "walking" ? hold() : walk()),
    back: takeBack,
    seed: newSeed,
    say: sayText,
    end,
    again,
    typing: (on) => on && phase !== "ready" && release(),
  })
  const view = make("div.wm-view", {}, player.element, top.element, card, bar.saying)
  root.append(view, bar.element, bar.status, speaker.element)

  /** @type {Phase} */
  let phase = "over"
  /** @type {import("./link.mjs").Link | null} */
  let link = null
  /** @type {About | null} */
  let about = null
  /** @type {Place} */
  let place = { frames: 0, next: 0, chunks: 0, limit: NO_LIMIT, seed: 0, turn: 0 }
  /** @type {import("./link.mjs").Way["points"]} */
  let way = []
  /** Frames at which chunks begin, those that were asked for too. @type {number[]} */
  let begins = []
  /** When chunks that have no picture yet were asked for, by their first frame. @type {Map<number, number>} */
  const flights = new Map()
  let asking = false
  let hands = /** @type {import("./hands.mjs").Hands | null} */ (null)
  let pace = UNPACED
  const meters = makeMeters()
  /** An event text that waits for the next chunk. @type {string | undefined} */
  let text
  let said = ""
  let held = new AbortController()
  let life = new AbortController()
  let request = 0
  let looked = 0
  /** When the first picture of the walk was shown. */
  let firstAt = 0

  const rate = () => about?.fps ?? 16
  const plays = () => ((place.next || about?.variant.chunk || 1) * 1000) / rate()

  /** @param {Phase} next */
  function be(next) {
    phase = next
    root.dataset.phase = next
    root.toggleAttribute("data-live", next !== "over")
    const [title, ...lines] = cardWords()
    card.hidden = !title
    card.replaceChildren(make("b", { text: title }), ...lines.map((line) => make("span", { text: line })))
    bar.show({ phase, reads: about?.reads_text ?? false, walked: place.chunks > 0 })
    tell()
  }

  /** @returns {string[]} */
  function cardWords() {
    if (phase === "opening") return [WORDS.opening]
    if (phase === "ready")
      return [WORDS.click, WORDS.keys(Boolean(about?.variant.mouse)), WORDS.more(about?.reads_text ?? false)]
    return phase === "waiting" ? [WORDS.waiting] : [""]
  }

  /** Show how it goes. */
  function tell() {
    const slow = phase !== "over" && tooSlow(pace, plays()) ? WORDS.slow(seconds(usual(pace)), seconds(plays())) : ""
    const { shown, reaction } = meters.read(performance.now())
    const limit = place.limit < NO_LIMIT ? place.limit : 0
    bar.tell(
      { frames: place.frames, fps: rate(), limit, shown, takes: usual(pace), plays: plays(), reaction },
      slow || said,
      Boolean(slow),
    )
  }

  /** @param {string} words */
  function say(words) {
    said = words
    if (words) speaker.say(words)
    tell()
  }

  /** @param {number} frame that is shown */
  function onFrame(frame) {
    const now = performance.now()
    firstAt ||= now
    if (phase === "walking") meters.saw(frame, now)
    top.draw()
    if (phase === "over" && frame >= source.frames - 1) player.rolling(false)
  }

  /** Ask for the next chunk, telling it what was held. @param {number} now */
  function ask(now) {
    if (!link || !hands || asking || !place.next) return
    const closed = close(hands, place.next, now)
    hands = closed.hands
    meters.told(closed.told, place.frames)
    asking = true
    flights.set(place.frames, now)
    begins.push(place.frames)
    const controls = written(closed.rows, text)
    text = undefined
    follow(link.ask("step", { controls }))
  }

  /** Take up where the walk stands after an order. @param {Promise<import("./link.mjs").Done>} order */
  function follow(order) {
    return order.then(
      (done) => {
        if (done.state.turn !== place.turn) flights.clear()
        place = done.state
        way = [...way.slice(0, done.way.from), ...done.way.points].slice(0, place.frames)
        begins = begins.filter((first) => first < place.frames)
        asking = false
        if (source.frames > place.frames) source.cut(place.frames)
        top.element.hidden = !way.length
        top.draw()
        tell()
      },
      (error) => {
        begins = begins.filter((first) => first < place.frames)
        asking = false
        flights.clear()
        if (error.message) say(error.message)
      },
    )
  }

  /** @param {import("./link.mjs").Picture} picture */
  function onPicture({ turn: walk, frame, image }) {
    if (walk !== place.turn || frame !== source.frames) return image.close()
    const asked = flights.get(frame)
    if (asked !== undefined) pace = paced(pace, performance.now() - asked)
    flights.delete(frame)
    source.push(image)
  }

  /** Milliseconds until the last picture that there is, or that is promised, is over. @param {number} now */
  const left = (now) => Math.max(0, ((place.frames - player.place(now)) * 1000) / rate())

  /** @param {number} now of the page's picture */
  function step(now) {
    if (phase !== "walking" || !hands) return
    request = requestAnimationFrame(step)
    hands = padOf(hands, about?.variant ?? hands.variant, now, rate())
    if (!asking && left(performance.now()) <= lead(pace)) ask(performance.now())
    if (now - looked > METERS) {
      looked = now
      tell()
    }
  }

  /** Go on walking. */
  async function walk() {
    if (phase !== "ready" && phase !== "waiting") return
    if (phase === "ready") {
      root.focus({ preventScroll: true })
      if (about?.variant.mouse) await capture(root)
      if (/** @type {Phase} */ (phase) !== "ready") return
    }
    go()
  }

  /** Let time run. */
  function go() {
    if (!about) return
    hands = rest(about.variant, performance.now())
    meters.begin()
    if (phase === "ready") listen()
    say("")
    be("walking")
    player.play()
    cancelAnimationFrame(request)
    request = requestAnimationFrame(step)
  }

  /** Let time stand still until the next key. */
  function hold() {
    if (phase !== "walking") return
    stand()
    be("waiting")
    const pushed = (/** @type {number} */ now) => {
      if (!about) return false
      const { presses, turns } = padOf(rest(about.variant, now), about.variant, now, rate())
      return presses.length + turns.length > 0
    }
    let rested = !pushed(performance.now()) // what is still pushed from before is no wish to go on
    const look = (/** @type {number} */ now) => {
      if (phase !== "waiting") return
      if (!pushed(now)) rested = true
      else if (rested) return go()
      request = requestAnimationFrame(look)
    }
    request = requestAnimationFrame(look)
  }

  function stand() {
    cancelAnimationFrame(request)
    if (hands) hands = letGo(hands, performance.now())
    player.pause()
  }

  /** Let go of keyboard and mouse. */
  function release() {
    if (phase !== "walking" && phase !== "waiting") return
    stand()
    held.abort()
    if (document.pointerLockElement) document.exitPointerLock()
    be("ready")
  }

  /** Hear keyboard and mouse until they are let go. */
  function listen() {
    held = new AbortController()
    const { signal: on } = held
    const mouse = document.pointerLockElement === root
    const key = (/** @type {KeyboardEvent} */ event, /** @type {boolean} */ down) => {
      if (event.ctrlKey || event.metaKey || phase === "ready") return
      swallow(event)
      if (!about || !hands || event.repeat) return
      if (says(about.variant, event.code)) {
        if (phase === "waiting" && down) go()
        hands = press(hands, event.code, down, performance.now())
      } else if (down) command(event.code)
    }
    window.addEventListener("keydown", (event) => key(event, true), { signal: on, capture: true })
    window.addEventListener("keyup", (event) => key(event, false), { signal: on, capture: true })
    window.addEventListener(
      "mousemove",
      ({ movementX, movementY }) => {
        if (hands && mouse && phase === "walking")
          hands = turn(hands, movementX * SENSITIVITY, -movementY * SENSITIVITY, performance.now())
      },
      { signal: on },
    )
    window.addEventListener("blur", release, { signal: on })
    document.addEventListener("visibilitychange", () => document.hidden && release(), { signal: on })
    document.addEventListener("pointerlockchange", () => mouse && document.pointerLockElement !== root && release(), {
      signal: on,
    })
  }

  /** Do what a key of the player's own stands for; whether it does. @param {string} code */
  function command(code) {
    if (code === "Escape") {
      if (phase === "ready") end()
      else release()
    } else if (code === "Backspace") takeBack(1)
    else if (code === "KeyP" || code === "Space" || code === "Enter") {
      if (phase === "walking") hold()
      else walk()
    } else if (code === "KeyN") newSeed()
    else if (code === "KeyT" && about?.reads_text) {
      release()
      bar.type()
    } else return false
    return true
  }

  /** Forget the chunk that is seen, those after it, and so many before it less one. @param {number} chunks */
  function takeBack(chunks) {
    if (!link || phase === "over" || !begins.length) return
    if (phase === "walking") hold()
    const seen = Math.max(
      0,
      begins.findLastIndex((first) => first <= player.state.frame),
    )
    const kept = Math.max(0, seen - (chunks - 1))
    const gone = begins.length - kept
    meters.forget()
    begins.length = kept
    follow(link.ask("rewind", { chunks: gone })).then(() => say(WORDS.taken(place.frames, rate())))
  }

  function newSeed() {
    if (!link || phase === "over") return
    const seed = Math.floor(Math.random() * MOST_SEED)
    follow(link.ask("seed", { seed })).then(() => say(WORDS.seeded(place.seed)))
  }

  /** @param {string} words that hold from the next chunk on */
  function sayText(words) {
    text = words
    say(WORDS.told(words))
    walk()
  }

  function end() {
    if (phase !== "over") link?.ask("close").catch(() => {})
  }

  root.addEventListener(
    "click",
    (/** @type {Event} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target)
      if (phase === "over" || !target.closest(".wm-stage")) return
      event.stopPropagation() // the player would pause
      walk()
    },
    { signal, capture: true },
  )
  root.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      const inside = /** @type {HTMLElement} */ (event.target)
      if (phase !== "ready" || event.ctrlKey || event.metaKey || event.altKey || inside !== root) return
      if (command(event.code)) swallow(event)
    },
    { signal },
  )
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(request)
    held.abort()
    life.abort()
  })
  be("over")

  return {
    root,
    player,
    /** Come to a walk. @param {string} url of its socket */
    open(url) {
      life.abort()
      held.abort()
      life = new AbortController()
      ;[way, begins, pace, asking, text] = [[], [], UNPACED, false, undefined]
      flights.clear()
      firstAt = 0
      source.clear()
      player.rolling(false)
      meters.clear()
      be("opening")
      link = makeLink(url, life.signal, {
        opened(open) {
          ;({ about, state: place } = open)
          way = open.way.points
          hands = rest(about.variant, performance.now())
          player.setRate(about.fps)
          player.setMarks([], 0, about.first_frame)
          player.rolling(true)
          be("ready")
          if (about.width * about.height <= SMALL) link?.ask("hello", { pictures: "rgb" }).catch(() => {})
          ask(performance.now()) // nothing is held yet: what one sees first
        },
        picture: onPicture,
        failed: say,
        over(why, words) {
          if (phase !== "over") release()
          be("over")
          say(why === "lost" ? WORDS.lost : `${words} ${WORDS.over}`)
          link = null
          if (player.state.frame >= source.frames - 1) player.rolling(false)
          else player.play()
        },
      })
    },
    walk,
    release,
    end,
    /** What is known of it: for tests and measurements. */
    get work() {
      return { phase, place, pace, firstAt, way: way.length, down: hands ? downNow(hands) : [], said, ...meters.log }
    },
  }
}
