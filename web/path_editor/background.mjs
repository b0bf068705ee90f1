// @ts-check
/** The picture below the path, which is part of the path's text. */
import { choosePicture, pictureCache } from "../kit/picture.mjs"
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
  const pictureOf = pictureCache(signal, { ready: editor.redraw, failed: editor.fail })

  /** Lay a picture under all that is seen. @param {string} image */
  function taken(image) {
    const { view, size } = editor
    const width = (size.width / view.scale) * WIDTH
    editor.edit(
      setBackground(editor.state.path, { image, centre: [view.x, view.z], width, opacity: 0.5, extra: [] }),
      { view },
      `picture ${image}`,
    )
  }
  return {
    upload: () => locked(editor.state) || choosePicture(signal, { taken, failed: editor.fail }),
    picture: () => pictureOf(shownPath(editor.state).background?.image),
  }
}
