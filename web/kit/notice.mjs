// @ts-check
/** One notice above the plot: what is the matter, and the way out as buttons. */
import { make } from "./dom.mjs"
import { icon } from "./icons.mjs"

/**
 * @typedef {object} Notice
 * @property {string} strong the matter
 * @property {string} [text] more about it
 * @property {import("./icons.mjs").IconName} [icon]
 * @property {boolean} [alarm] an error: a coloured edge and sign
 * @property {{label: string, hint?: string, press: (button: HTMLElement) => void, disabled?: boolean}[]} [actions]
 */

/** Build the place of the notice; nothing shows until it is told. @param {AbortSignal} signal */
export function makeNotice(signal) {
  const element = make("div.wm-notice", { role: "status" })
  element.hidden = true
  let shown = ""
  return {
    element,
    /** @param {Notice | null} notice */
    show(notice) {
      const said = JSON.stringify(notice)
      if (said === shown) return
      shown = said
      element.hidden = !notice
      element.replaceChildren()
      if (!notice) return
      element.classList.toggle("wm-alarm", Boolean(notice.alarm))
      const sign = icon(notice.icon ?? (notice.alarm ? "warn" : "link"))
      if (notice.alarm || notice.icon === "warn") sign.classList.add("wm-sign")
      element.append(
        sign,
        make("span.wm-words", {}, make("b", { text: notice.strong }), notice.text ? ` ${notice.text}` : ""),
      )
      for (const action of notice.actions ?? []) {
        const button = make("button.wm-tool.wm-worded", {
          text: action.label,
          title: action.hint ?? action.label,
          disabled: action.disabled,
        })
        button.addEventListener("click", () => action.press(button), { signal })
        element.append(button)
      }
    },
  }
}
