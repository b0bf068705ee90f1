// @ts-check
/**
 * What the model makes of it: three chips that add up to the frames, the first issue in words, and the report as a
 * table. Where walls are known to stand in the way, one chip more says so, and the table has their rows.
 */
import { make, take, forTheHost } from "./dom.mjs"
import { icon } from "./icons.mjs"
import { WORDS, counted, span } from "./words.mjs"

/** @typedef {import("./server.mjs").BindingReport} BindingReport */
/** @typedef {import("./server.mjs").BindingRow} BindingRow */
/** @typedef {{report: BindingReport | null, stale: boolean, error: string}} Binding */
/** @typedef {Omit<BindingRow, "kind"> & {kind: BindingRow["kind"] | "wall"}} Row */

const KINDS = /** @type {const} */ (["kept", "quantised", "dropped"])
const SIGNS = /** @type {const} */ ({ kept: "check", quantised: "about", dropped: "cross", wall: "warn" })
/** @type {readonly Row[]} */
const NO_ROWS = Object.freeze([])

/**
 * Count the frames of each kind; they add up to the frames of the report.
 * @param {BindingReport} report
 * @returns {Record<string, number>}
 */
function countKinds(report) {
  const counts = { kept: 0, quantised: 0, dropped: 0 }
  for (const [kind, , length] of report.band) counts[/** @type {keyof typeof counts} */ (kind)] += length
  return counts
}

/**
 * Build the strip and the report.
 * @param {{signal: AbortSignal, chose: (row: Row) => void, toggled: (open: boolean) => void, clean?: () =>
 *   string}} options
 *   `chose`: a row of the report was pressed; `clean` is said when the model gets everything
 */
export function makeStrip({ signal, chose, toggled, clean = () => WORDS.clean }) {
  const chips = Object.fromEntries(KINDS.map((kind) => [kind, chip(kind)]))
  const walled = chip("wall")
  const ring = make("span.wm-ring", { title: WORDS.stale, hidden: true })
  const issue = make("span.wm-issue")
  const copy = make(
    "button.wm-tool.wm-worded",
    { title: WORDS.copyReport, "aria-label": WORDS.copyReport },
    icon("copy"),
    make("span", { text: WORDS.copyReport }),
  )
  const arrow = make("button.wm-tool", { "aria-expanded": "false" })
  const element = make(
    "div.wm-strip",
    { role: "group", "aria-label": WORDS.report },
    ...Object.values(chips).map(({ button }) => button),
    walled.button,
    ring,
    issue,
    copy,
    arrow,
  )
  const report = make("div.wm-report", { "data-capture-wheel": "true", tabindex: "-1" })
  report.hidden = true
  /** @type {Binding} */
  let state = { report: null, stale: false, error: "" }
  let message = ""
  let filter = ""
  let open = false
  /** @type {readonly Row[]} */
  let walls = NO_ROWS
  let marked = -1
  let built = ""

  for (const [kind, { button }] of Object.entries({ ...chips, wall: walled }))
    button.addEventListener(
      "click",
      () => {
        filter = filter === kind ? "" : kind
        if (filter && !open) setOpen(true)
        draw()
      },
      { signal },
    )
  copy.addEventListener("click", () => navigator.clipboard?.writeText(asText(state.report, walls)), { signal })
  arrow.addEventListener("click", () => setOpen(!open), { signal })
  report.addEventListener(
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (forTheHost(event)) return
      const row = /** @type {HTMLElement} */ (event.target).closest("tbody tr")
      if (!row || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return
      take(event)
      if (event.key === "Enter") /** @type {HTMLElement} */ (row).click()
      else
        /** @type {HTMLElement | null} */ (
          event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling
        )?.focus()
    },
    { signal },
  )
  report.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      if (!event.ctrlKey && !event.metaKey && report.contains(document.activeElement)) event.stopPropagation()
    },
    { signal, passive: true },
  )

  /** @param {boolean} next */
  function setOpen(next) {
    if (open === next) return
    open = next
    draw()
    toggled(open)
  }

  function draw() {
    const { report: found, stale, error } = state
    const counts = found ? countKinds(found) : null
    const alone = message || (found ? "" : error || (stale ? WORDS.stale : WORDS.noReport))
    element.toggleAttribute("data-stale", stale)
    ring.hidden = !stale || Boolean(alone)
    for (const kind of KINDS) {
      const { button, count } = chips[kind]
      button.hidden = Boolean(alone)
      button.setAttribute("aria-pressed", String(filter === kind))
      count.textContent = counts ? String(counts[kind]) : ""
    }
    const blocked = walls.reduce((sum, { from, to }) => sum + to + 1 - from, 0)
    walled.button.hidden = Boolean(alone) || !blocked
    walled.button.setAttribute("aria-pressed", String(filter === "wall"))
    walled.count.textContent = String(blocked)
    issue.classList.toggle("wm-alone", Boolean(alone))
    issue.replaceChildren(...(alone ? [alone] : firstIssue([...(found?.rows ?? []), ...walls], clean())))
    issue.title = issue.textContent
    copy.hidden = !open || !found || Boolean(alone)
    arrow.hidden = Boolean(alone)
    arrow.replaceChildren(icon(open ? "up" : "down"))
    arrow.title = open ? WORDS.closeReport : WORDS.openReport
    arrow.setAttribute("aria-label", arrow.title)
    arrow.setAttribute("aria-expanded", String(open))
    report.hidden = !open || !found || Boolean(alone)
    if (!report.hidden) table(/** @type {BindingReport} */ (found))
  }

  /** The report's rows and those of walls, by their frames. */
  const allRows = () => [...(state.report?.rows ?? []), ...walls].sort((a, b) => a.from - b.from)

  /** @param {BindingReport} found */
  function table(found) {
    const all = allRows()
    const rows = all.filter((row) => !filter || row.kind === filter)
    const now = JSON.stringify([rows, marked, found.sentences, found.frames])
    if (now === built) return
    built = now
    const body = make("tbody", {}, ...rows.map((row) => line(row, row === all[marked])))
    const [kind, ...columns] = WORDS.columns
    const head = make(
      "tr",
      {},
      make("th", {}, make("span.wm-hidden", { text: kind })),
      ...columns.map((text) => make("th", { text, scope: "col" })),
    )
    report.replaceChildren(make("table", { "aria-label": WORDS.report }, make("thead", {}, head), body))
    if (!rows.length) report.append(make("p", { text: WORDS.nothing }))
    if (found.sentences) report.append(spoken(found.sentences, found.frames))
    const press = (/** @type {MouseEvent} */ event) => {
      const element = /** @type {HTMLElement} */ (event.target).closest("tr")
      if (!element) return
      const row = rows[/** @type {HTMLTableRowElement} */ (element).sectionRowIndex]
      mark(all.indexOf(row))
      chose(row)
    }
    body.addEventListener("click", press, { signal })
  }

  /** @param {number} index */
  function mark(index) {
    marked = index
    draw()
    const line = report.querySelector("tr[aria-selected='true']")
    if (line) report.scrollTop += line.getBoundingClientRect().top - report.getBoundingClientRect().top - 60
  }

  return {
    element,
    report,
    /**
     * Show a binding.
     * @param {Binding} binding
     * @param {string} [instead] a sentence shown in place of the chips, as for an empty track
     * @param {readonly Row[]} [blocked] where walls stand in the way
     */
    show(binding, instead = "", blocked = NO_ROWS) {
      if (binding.report !== state.report || blocked !== walls) marked = -1
      state = binding
      message = instead
      walls = blocked
      if (filter === "wall" && !walls.length) filter = ""
      draw()
    },
    get isOpen() {
      return open
    },
    setOpen,
    /** Open the report at the row that holds a frame of a kind. @param {number} frame @param {string} [kind] */
    openAt(frame, kind) {
      const found = allRows().findIndex((row) => row.from <= frame && frame <= row.to && (!kind || row.kind === kind))
      setOpen(true)
      if (found >= 0) mark(found)
    },
    /** Say the counts, for the live region. */
    words() {
      if (!state.report) return message || WORDS.noReport
      const counts = countKinds(state.report)
      return [...KINDS.map((kind) => `${counts[kind]} ${WORDS[kind]}`), ...walls.map(wallWords)].join(", ")
    },
  }
}

/** @param {Row["kind"]} kind */
function chip(kind) {
  const count = make("b")
  const title = WORDS[/** @type {"keptHint"} */ (`${kind}Hint`)]
  const button = make(
    kind === "wall" ? "button.wm-walls" : `button.wm-chip.wm-${kind}`,
    { title, "aria-pressed": "false" },
    icon(SIGNS[kind]),
    count,
    make("span", { text: ` ${WORDS[kind]}` }),
  )
  return { button, count }
}

/** @param {Row} row */
const wallWords = ({ from, to, asked, got }) => `${span(from, to + 1)}: ${asked}, ${got}`

/** @param {readonly Row[]} rows @param {string} clean */
function firstIssue(rows, clean) {
  const row = /** @type {const} */ (["dropped", "wall", "quantised"])
    .map((kind) => rows.find((one) => one.kind === kind))
    .find(Boolean)
  if (!row) return [clean]
  return [make("b", { text: span(row.from, row.to + 1) }), ` ${row.what}: ${row.why}`]
}

/** @param {Row} row @param {boolean} selected */
function line(row, selected) {
  const element = make(`tr.wm-${row.kind}`, { tabindex: "-1", "aria-selected": String(selected) })
  const kind = make(
    "td",
    { title: WORDS[row.kind] },
    icon(SIGNS[row.kind]),
    make("span.wm-hidden", { text: WORDS[row.kind] }),
  )
  element.append(
    kind,
    ...[span(row.from, row.to + 1), row.what, row.asked, row.got, row.why].map((text) => make("td", { text })),
  )
  return element
}

/**
 * List what a model that is told everything in words is told, chunk by chunk.
 * @param {[frame: number, sentence: string][]} sentences @param {number} frames of the whole
 */
function spoken(sentences, frames) {
  const lines = sentences.map(([from, text], index) =>
    make("li", {}, make("b", { text: span(from, sentences[index + 1]?.[0] ?? frames) }), ` ${text}`),
  )
  return make("ol.wm-spoken", { "aria-label": WORDS.spoken }, ...lines)
}

/** Write a report as a text of columns. @param {BindingReport | null} report @param {readonly Row[]} walls */
function asText(report, walls) {
  if (!report) return ""
  const counts = countKinds(report)
  const sums = KINDS.map((kind) => `${counts[kind]} ${WORDS[kind]}`).join(", ")
  const head = `${report.model}, ${counted(report.frames, "frame")}: ${sums}`
  const rows = [...report.rows, ...walls].map((row) =>
    [WORDS[row.kind], span(row.from, row.to + 1), row.what, row.asked, row.got, row.why].join("\t"),
  )
  const told = (report.sentences ?? []).map(([from, text]) => `${from}\t${text}`)
  return [head, WORDS.columns.join("\t"), ...rows, ...told].join("\n")
}
