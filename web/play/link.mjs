// @ts-check
/** The wire to a walk, version 1 of worldmodel/play/wire.py: orders out, answers and pictures in, each in its order. */

/** @typedef {{from: number, points: [right: number, ahead: number, degrees: number][]}} Way */
/**
 * @typedef {object} Place where a walk stands
 * @property {number} frames that were added @property {number} next frames of the next chunk; 0 = no room
 * @property {number} chunks that were added @property {number} limit @property {number | string} seed
 * @property {number} turn counts how often the walk became another one
 */
/**
 * @typedef {object} About what a walk is played in
 * @property {string} model @property {import("../track/chunks.mjs").Variant} variant @property {number} fps
 * @property {number} width @property {number} height @property {boolean} reads_text @property {boolean} walks
 * @property {number} first_frame of the walk, in its world
 */
/** @typedef {{frame: number, turn: number, image: ImageBitmap}} Picture */
/**
 * @typedef {object} Ears
 * @property {(open: {about: About, state: Place, way: Way}) => void} opened
 * @property {(picture: Picture) => void} picture
 * @property {(why: string, text: string) => void} over
 * @property {(text: string) => void} failed a sentence about an order that nobody waits for
 */
/** @typedef {{state: Place, way: Way, seconds?: number, made?: boolean}} Done */
/** @typedef {ReturnType<typeof makeLink>} Link */

const HEADER = 16
/** Kinds of pictures, as their header counts them. */
const [JPEG, RGB] = [0, 1]

/** Make an image of bytes (height, width, 3). @param {Uint8Array} bytes @param {number} width @param {number} height */
function opaque(bytes, width, height) {
  const image = new ImageData(width, height)
  for (let place = 0; place < width * height; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) image.data[4 * place + colour] = bytes[3 * place + colour]
    image.data[4 * place + 3] = 255
  }
  return image
}

/**
 * Sit down at a walk.
 * @param {string} url of its socket
 * @param {AbortSignal} signal stands up
 * @param {Ears} ears
 */
export function makeLink(url, signal, ears) {
  const socket = new WebSocket(url)
  socket.binaryType = "arraybuffer"
  let number = 0
  let over = false
  /** @type {Map<number, {done: (done: Done) => void, refused: (error: Error) => void}>} */
  const waiting = new Map()
  /** Pictures are decoded beside each other and handed out one after another. @type {Promise<unknown>} */
  let turn = Promise.resolve()
  signal.addEventListener("abort", () => socket.close())

  /** @param {string} why @param {string} text */
  function end(why, text) {
    if (over) return
    over = true
    for (const { refused } of waiting.values()) refused(new Error(text))
    waiting.clear()
    turn.then(() => signal.aborted || ears.over(why, text))
  }

  /** @param {any} answer */
  function hear(answer) {
    if (answer.type === "open") return ears.opened(answer)
    if (answer.type === "end") return end(answer.why, answer.text)
    const order = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.type === "done") order?.done(answer)
    else if (order) order.refused(new Error(answer.error))
    else ears.failed(answer.error ?? answer.text)
  }

  /** @param {ArrayBuffer} message */
  function see(message) {
    const header = new DataView(message)
    const kind = header.getUint8(1)
    if (kind !== JPEG && kind !== RGB) return
    const [walk, frame] = [header.getUint32(4, true), header.getUint32(8, true)]
    const image = createImageBitmap(
      kind === RGB
        ? opaque(new Uint8Array(message, HEADER), header.getUint16(12, true), header.getUint16(14, true))
        : new Blob([message.slice(HEADER)], { type: "image/jpeg" }),
    )
    turn = Promise.all([turn, image]).then(([, decoded]) => {
      if (signal.aborted) decoded.close()
      else ears.picture({ turn: walk, frame, image: decoded })
    }, console.error)
  }

  socket.addEventListener("message", ({ data }) => (typeof data === "string" ? hear(JSON.parse(data)) : see(data)))
  socket.addEventListener("close", () => end("lost", ""))
  return {
    /**
     * Give an order.
     * @param {string} what @param {Record<string, any>} [values]
     * @returns {Promise<Done>} @throws {Error} with the server's sentence
     */
    ask(what, values = {}) {
      const id = ++number
      return new Promise((done, refused) => {
        if (over || socket.readyState !== WebSocket.OPEN) return refused(new Error(""))
        waiting.set(id, { done, refused })
        socket.send(JSON.stringify({ do: what, id, ...values }))
      })
    },
  }
}
