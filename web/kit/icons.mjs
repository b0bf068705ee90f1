// @ts-check
/** The icons of both editors: 16 px, lines of 1.5 px in the colour of their text. */

const PATHS = {
  start: "M3.5 3v10M12.5 3.5v9L6 8z",
  play: "M5 3.5v9l7-4.5z|fill",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  back: "M11 3.5v9L5 8z|fill",
  forward: "M5 3.5v9L11 8z|fill",
  large: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  copy: "M6 5.5h6.5v8H6zM3.5 11V2.5H10",
  paste: "M6 3.5H3.5v10h9v-10H10M6 2.5h4v2.5H6zM6 8h4M6 10.5h4",
  repeat: "M3 8V6.5A2 2 0 0 1 5 4.5h7M10 2l2.5 2.5L10 7M13 8v1.5a2 2 0 0 1-2 2H4M6 9l-2.5 2.5L6 14",
  down: "M4.5 6.5 8 10l3.5-3.5",
  up: "M4.5 9.5 8 6l3.5 3.5",
  magnet: "M3.5 2.5v5.5a4.5 4.5 0 0 0 9 0V2.5h-3V8a1.5 1.5 0 0 1-3 0V2.5zM3.5 5.5h3M9.5 5.5h3",
  minus: "M3 8h10",
  plus: "M3 8h10M8 3v10",
  fit: "M2.5 4v8M13.5 4v8M4.5 8h7M6.5 6l-2 2 2 2M9.5 6l2 2-2 2",
  help: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM6.2 6.4a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2M8 11.4v.1",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01|dots",
  check: "M3.5 8.5 6.5 11.5 12.5 5",
  about: "M3 6.5c1.6-1.6 3.3-1.6 5 0s3.4 1.6 5 0M3 10.5c1.6-1.6 3.3-1.6 5 0s3.4 1.6 5 0",
  cross: "M4 4l8 8M12 4l-8 8",
  link: "M6.5 9.5 9.5 6.5M7 4.8l1.6-1.6a3 3 0 0 1 4.2 4.2L11.2 9M9 11.2l-1.6 1.6a3 3 0 0 1-4.2-4.2L4.8 7",
  warn: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1",
  route: "M2.5 12.5c3.5 0 3-3 5-4.5s3-1 5.5-4.5M2.5 12.5h.01M13 3.5h.01",
  pointer: "M4 2.5 12.5 8 8.7 9l-2 4z",
  pen: "M3 13l.8-3L11 2.8l2.2 2.2L6 12.2zM9.6 4.2l2.2 2.2",
  diamond: "M7 4.5 11.5 9 7 13.5 2.5 9zM12.5 1.5v4M10.5 3.5h4",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  loop: "M12.8 9.5a5 5 0 1 1-.3-3.6M12.8 2.5v3.6H9.2",
  target: "M8 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM8 1.5V5M8 11v3.5M1.5 8H5M11 8h3.5",
  report: "M3 4h10M3 8h10M3 12h6",
  keyboard: "M1.5 4.5h13v7.5h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 9.6h6",
  text: "M3 4.5V3h10v1.5M8 3v10M6 13h4",
}

/** @typedef {keyof typeof PATHS} IconName */

/**
 * Make an icon; it says nothing to a screen reader, so its button needs a name.
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg"
  const [path, look] = PATHS[name].split("|")
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", "0 0 16 16")
  svg.setAttribute("class", "wm-icon")
  svg.setAttribute("aria-hidden", "true")
  const line = svg.appendChild(document.createElementNS(space, "path"))
  line.setAttribute("d", path)
  if (look === "fill") line.setAttribute("fill", "currentColor")
  if (look === "dots") line.setAttribute("stroke-width", "2.4")
  return svg
}

/** Make the sign of a warning. */
export function sign() {
  const warning = icon("warn")
  warning.classList.add("wm-sign")
  return warning
}
