// @ts-check
/** The one style sheet of both editors: variables by role, mixed from the host's palette, and the parts' looks. */

const ID = "wm-kit-style"

const ROLES = `
.wm-editor, .wm-popup {
  --wm-host: var(--component-node-widget-background, #303236);
  --wm-field: var(--wm-host);
  --wm-text: var(--input-text, #ddd);
  --wm-second: color-mix(in srgb, var(--descrip-text, #999) 80%, var(--input-text, #ddd));
  --wm-foreground: var(--fg-color, #fff);
  --wm-grid: color-mix(in srgb, var(--fg-color, #fff) 9%, transparent);
  --wm-border: color-mix(in srgb, var(--fg-color, #fff) 22%, transparent);
  --wm-frame: color-mix(in srgb, var(--fg-color, #fff) 20%, transparent);
  --wm-shade: color-mix(in srgb, var(--fg-color, #fff) 3.5%, transparent);
  --wm-selection: var(--p-primary-color, #60a5fa);
  --wm-plot: color-mix(in srgb, var(--wm-host) 65%, black);
  --wm-hover: color-mix(in srgb, var(--fg-color, #fff) 8%, var(--wm-host));
  --wm-key: #3fbf9b; --wm-key-text: #0d2a22;
  --wm-yaw: #f0b33a; --wm-pitch: #d597cf;
  --wm-alert: #ff6b6b; --wm-record: #c63241; --wm-record-text: #fff;
  --wm-slow: #546eac; --wm-even: #34a6a0; --wm-fast: #f6e668;
}
[data-wm-theme="light"] {
  --wm-plot: color-mix(in srgb, var(--wm-host) 40%, white);
  --wm-key: #00775d; --wm-key-text: #fff;
  --wm-yaw: #8a6000; --wm-pitch: #8a3f83;
  --wm-alert: #b81d3f; --wm-record: #b81d3f;
  --wm-slow: #6a90b2; --wm-even: #267078; --wm-fast: #341860;
}
@media (forced-colors: active) {
  .wm-editor, .wm-popup { --wm-field: Canvas; --wm-plot: Canvas; --wm-text: CanvasText; --wm-second: CanvasText;
    --wm-foreground: CanvasText; --wm-grid: GrayText; --wm-border: GrayText; --wm-frame: CanvasText; --wm-shade: Canvas;
    --wm-hover: Canvas; --wm-selection: Highlight; --wm-key: CanvasText; --wm-key-text: Canvas; --wm-yaw: CanvasText;
    --wm-pitch: CanvasText; --wm-alert: Highlight; --wm-record: Highlight; --wm-record-text: HighlightText;
    --wm-slow: GrayText; --wm-even: CanvasText; --wm-fast: CanvasText; }
}`

const FRAME = `
.wm-editor { box-sizing: border-box; display: flex; flex-direction: column; position: relative; width: 100%;
  height: 100%; min-height: var(--wm-least, 330px); padding: 4px 0 2px; color: var(--wm-text); font-size: 12px;
  line-height: 16px; font-variant-numeric: tabular-nums; user-select: none; -webkit-user-select: none;
  cursor: default; }
.wm-editor *, .wm-popup * { box-sizing: border-box; }
.wm-editor [hidden], .wm-popup [hidden] { display: none !important; }
.wm-editor > * { flex: none; }
.wm-editor > .wm-body { flex: 1 1 auto; }
.wm-body { display: flex; gap: 8px; min-height: 0; }
.wm-editor[data-narrow] .wm-body { flex-direction: column; }
.wm-plot { position: relative; flex: 1 1 auto; min-width: 0; min-height: 0; border: 1px solid var(--wm-frame);
  border-radius: 6px; background: var(--wm-plot); overflow: hidden; outline: none; contain: strict; }
.wm-plot:focus, .wm-plot:focus-within { border-color: var(--wm-selection); box-shadow: 0 0 0 1px var(--wm-selection); }
.wm-plot canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.wm-plot canvas + canvas { pointer-events: none; }
.wm-editor[data-off] .wm-plot { filter: saturate(.15); opacity: .85; }
.wm-editor :focus-visible, .wm-popup :focus-visible { outline: 2px solid var(--wm-selection); outline-offset: 1px; }
.wm-editor .wm-plot:focus-visible { outline: none; }
.wm-hidden { position: absolute !important; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.wm-status { display: flex; align-items: center; min-height: 24px; font-size: 11.5px; color: var(--wm-second);
  gap: 6px; }
.wm-status b { font-weight: 600; color: var(--wm-text); }
.wm-status > .wm-left { display: flex; align-items: center; flex: 1 1 auto; overflow: hidden; white-space: nowrap; }
.wm-left > * { flex: none; }
.wm-left > .wm-facts { flex: 0 1 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.wm-status > .wm-right { flex: none; white-space: nowrap; }
.wm-editor[data-narrow] .wm-status > .wm-right { display: none; }
.wm-status .wm-dot { margin: 0 6px; opacity: .6; }
.wm-link { appearance: none; border: 0; padding: 0 1px; margin-left: 8px; background: none; font: inherit;
  color: var(--wm-text); text-decoration: underline; text-decoration-color: var(--wm-second);
  text-underline-offset: 3px; cursor: pointer; min-height: 24px; }
.wm-sign { color: var(--wm-alert); vertical-align: -3px; margin-right: 4px; }`

const TOOLS = `
.wm-tools { display: flex; align-items: center; gap: 4px; min-height: 32px; margin-bottom: 4px; white-space: nowrap; }
.wm-tool { appearance: none; display: inline-flex; align-items: center; justify-content: center; gap: 6px; height: 24px;
  min-width: 24px; padding: 0 4px; border: 0; border-radius: 5px; background: none; color: var(--wm-text);
  font: inherit; line-height: 16px; cursor: pointer; flex: none; }
.wm-tool.wm-worded { padding: 0 8px; }
.wm-tool.wm-filled { background: var(--wm-field); }
.wm-tool:hover:not(:disabled) { background: var(--wm-hover); }
.wm-tool[aria-pressed="true"] { background: var(--wm-field); box-shadow: inset 0 0 0 1px var(--wm-frame); }
.wm-tool:disabled { opacity: .38; cursor: default; }
.wm-tool.wm-recording, .wm-tool.wm-recording:hover { background: var(--wm-record); color: var(--wm-record-text); }
.wm-red { width: 10px; height: 10px; border-radius: 50%; background: var(--wm-record);
  box-shadow: 0 0 0 1.5px color-mix(in srgb, var(--wm-record) 35%, transparent); }
.wm-square { width: 9px; height: 9px; border-radius: 1.5px; background: currentColor; }
.wm-tools > [data-gone] { display: none; }
.wm-tools .wm-line { width: 1px; height: 16px; margin: 0 4px; background: var(--wm-frame); flex: none; }
.wm-tools .wm-space { flex: 1 1 0; min-width: 0; }
.wm-icon { width: 16px; height: 16px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.5;
  stroke-linecap: round; stroke-linejoin: round; }
.wm-group { display: inline-flex; border-radius: 5px; background: var(--wm-field); flex: none; }
.wm-group .wm-tool[aria-pressed="true"], .wm-group .wm-tool[aria-checked="true"] { background: var(--wm-plot);
  box-shadow: inset 0 0 0 1px var(--wm-frame); }
.wm-field { display: inline-flex; align-items: center; height: 24px; padding: 0 8px; border-radius: 5px;
  background: var(--wm-field); color: var(--wm-second); gap: 4px; flex: none; }
.wm-field:focus-within { box-shadow: inset 0 0 0 1px var(--wm-selection); }
.wm-field input { appearance: none; border: 0; outline: none !important; padding: 0; margin: 0; height: 22px;
  background: none; color: var(--wm-text); font: inherit; font-weight: 500; text-align: right; width: 4ch;
  cursor: ew-resize; touch-action: none; }
.wm-field input:focus { cursor: text; user-select: text; -webkit-user-select: text; }
.wm-field input[aria-invalid="true"] { text-decoration: underline wavy var(--wm-alert); }
.wm-field input:disabled { opacity: .38; cursor: default; }
.wm-field.wm-named { justify-content: space-between; }
.wm-bare { background: none; padding: 0 2px; }`

const PARTS = `
.wm-notice { display: flex; align-items: center; gap: 10px; min-height: 40px; padding: 6px 8px 6px 12px;
  margin-bottom: 5px; border-radius: 6px; background: var(--wm-field); line-height: 17px; }
.wm-notice.wm-alarm { box-shadow: inset 2px 0 0 var(--wm-alert); }
.wm-notice .wm-words { flex: 1 1 auto; min-width: 0; overflow-wrap: anywhere; user-select: text;
  -webkit-user-select: text; }
.wm-notice .wm-tool, .wm-push { background: var(--wm-plot); padding: 0 9px; height: 26px; }
.wm-strip { display: flex; align-items: center; gap: 4px; min-height: 28px; padding: 2px 4px; border-radius: 6px;
  background: var(--wm-field); font-size: 11.5px; white-space: nowrap; }
.wm-chip, .wm-walls { appearance: none; border: 0; border-radius: 5px; height: 22px; padding: 0 8px; display: inline-flex;
  align-items: center; gap: 6px; background: none; color: var(--wm-text); font: inherit; cursor: pointer; flex: none; }
.wm-editor[data-narrow] :is(.wm-chip, .wm-walls) { flex: 0 1 auto; min-width: 0; }
.wm-editor[data-narrow] :is(.wm-chip, .wm-walls) span { overflow: hidden; text-overflow: ellipsis; }
.wm-chip b, .wm-walls b { font-weight: 600; }
.wm-chip:hover, .wm-walls:hover { background: var(--wm-hover); }
.wm-chip[aria-pressed="true"], .wm-walls[aria-pressed="true"] { background: var(--wm-plot); }
.wm-chip.wm-dropped .wm-icon, .wm-walls .wm-icon, .wm-report .wm-wall .wm-icon { color: var(--wm-alert); }
.wm-strip[data-stale] .wm-chip { color: var(--wm-second); }
.wm-ring { width: 7px; height: 7px; border: 1.5px solid var(--wm-second); border-radius: 50%; flex: none;
  margin: 0 2px; }
.wm-issue { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; color: var(--wm-second);
  border-left: 1px solid var(--wm-frame); padding-left: 8px; margin-left: 4px; }
.wm-issue.wm-alone { border: 0; margin: 0; padding: 0 6px; }
.wm-issue b { font-weight: 500; color: var(--wm-text); }
.wm-editor[data-narrow] .wm-strip .wm-issue:not(.wm-alone) { visibility: hidden; border: 0; margin: 0; padding: 0; }
.wm-report { margin-top: 4px; max-height: 190px; overflow: auto; font-size: 11.5px; overscroll-behavior: contain;
  user-select: text; -webkit-user-select: text; }
.wm-report .wm-spoken { margin: 6px 0; padding-left: 24px; }
.wm-report table { width: 100%; border-collapse: collapse; }
.wm-report th { text-align: left; font-weight: 500; color: var(--wm-second); position: sticky; top: 0;
  background: var(--component-node-background, var(--wm-plot)); }
.wm-report th, .wm-report td { padding: 3px 14px 3px 6px; height: 24px; border-bottom: 1px solid var(--wm-grid);
  vertical-align: top; }
.wm-report td:not(:last-child) { white-space: nowrap; }
.wm-report td:last-child { color: var(--wm-second); }
.wm-report tbody tr { cursor: pointer; }
.wm-report tbody tr:hover { background: var(--wm-hover); }
.wm-report tr[aria-selected="true"] { background: color-mix(in srgb, var(--wm-selection) 24%, transparent); }
.wm-report td:first-child { width: 30px; }
.wm-report .wm-dropped .wm-icon { color: var(--wm-alert); }
.wm-popup { position: fixed; z-index: 3200; min-width: 168px; max-width: 360px; max-height: min(420px, 80vh);
  overflow: auto; padding: 4px; border-radius: 7px; border: 1px solid var(--wm-frame); background: var(--wm-field);
  color: var(--wm-text); font: 12px/16px var(--font-inter, Inter, system-ui, sans-serif);
  box-shadow: 0 6px 22px rgb(0 0 0 / .32); font-variant-numeric: tabular-nums; }
.wm-entry { appearance: none; display: flex; align-items: center; gap: 8px; width: 100%; min-height: 26px;
  padding: 4px 8px; border: 0; border-radius: 4px; background: none; color: inherit; font: inherit; text-align: left;
  cursor: pointer; }
.wm-entry:hover:not(:disabled), .wm-entry:focus-visible { background: var(--wm-hover); }
.wm-entry:disabled { opacity: .38; cursor: default; }
.wm-entry .wm-label { flex: 1 1 auto; }
.wm-entry .wm-note, .wm-popup .wm-heading { color: var(--wm-second); font-size: 11px; }
.wm-entry .wm-note { max-width: 240px; white-space: normal; }
.wm-popup .wm-heading { padding: 6px 8px 2px; }
.wm-popup hr { border: 0; border-top: 1px solid var(--wm-frame); margin: 4px 0; }
.wm-popup .wm-holder { padding: 4px 8px; }
.wm-mark { width: 16px; flex: none; }
.wm-dialog { padding: 12px; max-width: 560px; max-height: 80vh; }
.wm-dialog h3 { margin: 0 0 8px; font-size: 13px; font-weight: 600; }
.wm-dialog textarea { width: 520px; max-width: 80vw; height: 240px; background: var(--wm-plot); color: var(--wm-text);
  border: 1px solid var(--wm-frame); border-radius: 5px; font: 11.5px/16px ui-monospace, monospace; padding: 8px;
  resize: vertical; }
.wm-dialog .wm-buttons { display: flex; gap: 6px; justify-content: flex-end; margin-top: 8px; }
.wm-dialog p { margin: 6px 0; max-width: 520px; }
.wm-empty { position: absolute; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 4px; pointer-events: none; text-align: center; }
.wm-plate { padding: 4px 12px; border-radius: 6px; background: color-mix(in srgb, var(--wm-plot) 85%, transparent); }
.wm-empty h3 { margin: 0; font-size: 13.5px; font-weight: 600; line-height: 20px; }
.wm-empty p { margin: 0 0 10px; color: var(--wm-second); }
.wm-empty .wm-plate { margin-bottom: 8px; }
.wm-empty .wm-plate p { margin: 0; }
.wm-empty p b { font-weight: 500; color: var(--wm-text); }
.wm-cards { display: flex; justify-content: center; gap: 8px; }
.wm-card { appearance: none; pointer-events: auto; display: flex; flex-direction: column; align-items: center;
  padding: 10px 4px 8px; border: 1px solid var(--wm-frame); border-radius: 6px; background: var(--wm-field);
  color: var(--wm-text); font: inherit; cursor: pointer; }
.wm-card:hover, .wm-card:focus-visible { border-color: var(--wm-selection); outline: none;
  box-shadow: 0 0 0 1px var(--wm-selection); }
.wm-card svg { width: 48px; height: 36px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round;
  stroke-linejoin: round; }
[data-narrow] .wm-card { font-size: 11px; }
[data-narrow] .wm-card svg { width: 36px; height: 27px; }
.wm-sheet { position: absolute; inset: 0; padding: 10px 36px 10px 14px; overflow: auto; background: var(--wm-plot);
  font-size: 11.5px; z-index: 2; display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr));
  gap: 3px 18px; align-content: start; }
.wm-sheet div { display: flex; gap: 10px; align-items: baseline; min-height: 22px; line-height: 15px; }
.wm-sheet kbd { white-space: nowrap; flex: none; }
.wm-close { position: absolute; top: 6px; right: 6px; }
kbd.wm-key { display: inline-block; min-width: 20px; padding: 0 5px; border: 1px solid var(--wm-frame);
  border-radius: 4px; font: inherit; font-size: 11px; text-align: center; color: var(--wm-text); }
@media (forced-colors: active) {
  .wm-tool, .wm-chip, .wm-field, .wm-strip, .wm-notice { border: 1px solid ButtonBorder; }
  .wm-tool[aria-pressed="true"], .wm-chip[aria-pressed="true"] { background: Highlight; color: HighlightText;
    forced-color-adjust: none; }
}`

/**
 * Put the kit's style sheet, and an editor's own, into the page, once each.
 * @param {Document} document
 * @param {string} [name] of the editor's own sheet
 * @param {string} [rules]
 */
export function injectStyle(document, name = "", rules = "") {
  add(document, ID, ROLES + FRAME + TOOLS + PARTS)
  if (name) add(document, `${ID}-${name}`, rules)
}

/** @param {Document} document @param {string} id @param {string} rules */
function add(document, id, rules) {
  if (document.getElementById(id)) return
  const style = document.createElement("style")
  style.id = id
  style.textContent = rules
  document.head.append(style)
}
