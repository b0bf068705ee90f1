// @ts-check
/** The picture below the path: uploaded through the host, kept by name, drawn once it has loaded. */
import { api } from "../../../scripts/api.js"
import { setBackground } from "../path/edits.mjs"
import { locked, shownPath } from "./state.mjs"

/** @typedef {import("./editor.mjs").Editor} Editor */

/** Share of the top view that a new picture takes. */
const WIDTH = 0.8

/**
 * Look after an editor's picture.
 * @param {Editor} editor
 * @returns {{upload: () => void, picture: () => HTMLImageElement | null}}
 */
export function makeBackground(editor) {
  const { signal } = editor
  /** @type {{name: string, image: HTMLImageElement, ready: boolean} | null} */
  let held = null

  /** The picture of the path on show, or null while there is none. */
  function picture() {
    const name = shownPath(editor.state).background?.image
    if (!name) held = null
    else if (held?.name !== name) load(name)
    return held?.ready ? held.image : null
  }

  /** @param {string} name */
  function load(name) {
    const image = document.createElement("img")
    const mine = { name, image, ready: false }
    held = mine
    image.addEventListener(
      "load",
      () => {
        if (signal.aborted || held !== mine) return
        mine.ready = true
        editor.redraw()
      },
      { signal },
    )
    image.addEventListener(
      "error",
      () => {
        if (held === mine) editor.fail(new Error(`the picture ${name} is not in the input folder.`))
      },
      { signal },
    )
    const [, folder, file] = /^(?:(.*)\/)?([^/]+)$/.exec(name) ?? [null, "", name]
    image.src = api.apiURL(`/view?${new URLSearchParams({ filename: file, subfolder: folder ?? "", type: "input" })}`)
  }

  /** Let the artist choose a file, and send it to the host's input folder. */
  function upload() {
    if (locked(editor.state)) return
    const input = document.createElement("input")
    input.type = "file"
    input.accept = "image/*"
    input.addEventListener("change", () => input.files?.[0] && send(input.files[0]).catch(editor.fail), {
      signal,
      once: true,
    })
    input.click()
  }

  /** @param {File} file */
  async function send(file) {
    const form = new FormData()
    form.append("image", file)
    form.append("subfolder", "worldmodel")
    const answer = await api.fetchApi("/upload/image", { method: "POST", body: form, signal })
    if (!answer.ok) throw new Error(`the picture was not taken (${answer.status}).`)
    const { name, subfolder } = await answer.json()
    if (signal.aborted) return
    const { view, size } = editor
    const image = subfolder ? `${subfolder}/${name}` : name
    editor.edit(
      setBackground(editor.state.path, {
        image,
        centre: [view.x, view.z],
        width: (size.width / view.scale) * WIDTH,
        opacity: 0.5,
        extra: [],
      }),
      { view },
      `picture ${name}`,
    )
  }
  return { upload, picture }
}
