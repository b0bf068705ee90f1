// @ts-check
/** Load Track's list of files, kept up to date, and a button that puts files from the artist's disk into it. */
import { api } from "../../../scripts/api.js"
import { onGraph } from "../kit/graph.mjs"
import { changeValue } from "../kit/host.mjs"
import { TRACK_WORDS as WORDS } from "./words.mjs"

const NODE = "WMLoadTrack"
const FILE = "track_file"

/** Lists of the nodes that there are. @type {Set<any>} */
const lists = new Set()
/** Whether a question is about to be asked. */
let waits = false
/** Questions so far: an older answer comes too late. */
let asked = 0

/** Look at the files again, once for all nodes that ask at the same time. */
function refresh() {
  if (waits) return
  waits = true
  queueMicrotask(() => {
    waits = false
    fetchNames().catch(console.error)
  })
}

/** Ask the host what the list holds now, and put it into every node. @returns {Promise<string[]>} */
async function fetchNames() {
  const turn = (asked += 1)
  const answer = await api.fetchApi(`/object_info/${NODE}`)
  const [type, about] = (await answer.json())[NODE].input.required[FILE]
  const names = Array.isArray(type) ? type : about.options
  if (turn === asked) for (const widget of lists) widget.options.values = names
  return names
}

/**
 * Keep a node's list up to date, and give it the button.
 * @param {{node: any, app: any, signal: AbortSignal}} place
 */
export function serveTracks({ node, app, signal }) {
  const widget = node.widgets.find((/** @type {any} */ one) => one.name === FILE)
  lists.add(widget)
  signal.addEventListener("abort", () => lists.delete(widget))
  onGraph(signal, (ran) => ran && refresh())
  refresh()

  const button = node.addWidget("button", WORDS.upload, null, () => choose((files) => put(files)), { serialize: false })
  button.serialize = false
  button.tooltip = WORDS.uploadHint

  /** Put files into the host's input folder, and choose the one that is a track. @param {File[]} files */
  async function put(files) {
    try {
      const subfolder = files.length > 1 ? WORDS.folder(new Date()) : ""
      const there = []
      for (const file of files) there.push(await upload(file, subfolder))
      const names = await fetchNames()
      const found = there.find((name) => names.includes(name))
      if (!found) throw new Error(WORDS.unread(there))
      if (!signal.aborted) changeValue(app, node, widget, found)
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      app.extensionManager.toast.add({ severity: "error", summary: WORDS.failed, detail, life: 8000 })
    }
  }
}

/** Let the artist choose files. @param {(files: File[]) => void} then */
function choose(then) {
  const input = document.createElement("input")
  Object.assign(input, { type: "file", multiple: true })
  input.addEventListener("change", () => input.files?.length && then([...input.files]))
  input.click()
}

/** Send a file as the page sends pictures. @param {File} file @param {string} subfolder @returns {Promise<string>} */
async function upload(file, subfolder) {
  const body = new FormData()
  body.append("image", file)
  body.append("subfolder", subfolder)
  const answer = await api.fetchApi("/upload/image", { method: "POST", body })
  if (!answer.ok) throw new Error(WORDS.refused(file.name, answer.status))
  const { name, subfolder: folder } = await answer.json()
  return folder ? `${folder}/${name}` : name
}
