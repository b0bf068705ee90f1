// @ts-check
/** Pictures below a path: chosen by the artist, kept in the host's input folder by name, drawn once they have loaded. */
import { api } from "../../../scripts/api.js"

/**
 * @typedef {object} Background where a picture lies
 * @property {string} image a name in the input folder
 * @property {readonly [number, number]} centre metres right and ahead
 * @property {number} width metres
 * @property {number} opacity 0 to 1
 */

/**
 * Load the picture of a name, one at a time.
 * @param {AbortSignal} signal
 * @param {{ready: () => void, failed: (error: Error) => void}} told
 * @returns {(name: string | undefined) => HTMLImageElement | null} the picture, or null while there is none
 */
export function pictureCache(signal, { ready, failed }) {
  /** @type {{name: string, image: HTMLImageElement, ready: boolean} | null} */
  let held = null

  /** @param {string} name */
  function load(name) {
    const image = document.createElement("img")
    const mine = { name, image, ready: false }
    held = mine
    const loaded = () => {
      if (signal.aborted || held !== mine) return
      mine.ready = true
      ready()
    }
    const gone = () => held === mine && failed(new Error(`the picture ${name} is not in the input folder.`))
    image.addEventListener("load", loaded, { signal })
    image.addEventListener("error", gone, { signal })
    const [, folder, file] = /^(?:(.*)\/)?([^/]+)$/.exec(name) ?? [null, "", name]
    image.src = api.apiURL(`/view?${new URLSearchParams({ filename: file, subfolder: folder ?? "", type: "input" })}`)
  }
  return (name) => {
    if (!name) held = null
    else if (held?.name !== name) load(name)
    return held?.ready ? held.image : null
  }
}

/**
 * Let the artist choose a file, and send it to the host's input folder.
 * @param {AbortSignal} signal
 * @param {{taken: (name: string) => void, failed: (error: unknown) => void}} told
 */
export function choosePicture(signal, { taken, failed }) {
  const input = document.createElement("input")
  input.type = "file"
  input.accept = "image/*"
  const send = async (/** @type {File} */ file) => {
    const form = new FormData()
    form.append("image", file)
    form.append("subfolder", "worldmodel")
    const answer = await api.fetchApi("/upload/image", { method: "POST", body: form, signal })
    if (!answer.ok) throw new Error(`the picture was not taken (${answer.status}).`)
    const { name, subfolder } = await answer.json()
    if (!signal.aborted) taken(subfolder ? `${subfolder}/${name}` : name)
  }
  const chosen = () => input.files?.[0] && send(input.files[0]).catch(failed)
  input.addEventListener("change", chosen, { signal, once: true })
  input.click()
}

/**
 * Draw a picture where it lies.
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement | (CanvasImageSource & {width: number, height: number})} image
 * @param {Pick<Background, "width" | "opacity">} background
 * @param {readonly [number, number]} centre px
 * @param {number} scale px per metre
 */
export function drawPicture(context, image, background, [x, y], scale) {
  if (!image.width) return
  const width = background.width * scale
  const height = (width * image.height) / image.width
  context.globalAlpha = background.opacity
  context.drawImage(image, x - width / 2, y - height / 2, width, height)
  context.globalAlpha = 1
}
