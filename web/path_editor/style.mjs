// @ts-check
/** The looks of what only the Camera Path has; all others are the kit's. */
import { PROFILE_HEIGHT } from "./profile.mjs"

export const RULES = `
.wm-path-column { display: flex; flex-direction: column; gap: 8px; flex: 1 1 auto; min-width: 0; min-height: 0; }
.wm-path-column > .wm-profile { flex: none; height: ${PROFILE_HEIGHT.wide}px; }
[data-narrow] .wm-path-column > .wm-profile { height: ${PROFILE_HEIGHT.narrow}px; }
[data-narrow] .wm-path-column { position: relative; }
.wm-looks .wm-tool { color: var(--wm-second); }
.wm-looks .wm-tool[aria-checked="true"] { color: var(--wm-text); }
.wm-inspector { flex: none; width: 212px; min-height: 0; position: relative; }
.wm-inspect { position: absolute; inset: 0; overflow: auto; display: flex; flex-direction: column; gap: 8px;
  scrollbar-width: thin; overscroll-behavior: contain; }
.wm-inspect > * { flex: none; }
.wm-inspect [hidden] { display: none; }
.wm-inspect section { border-top: 1px solid var(--wm-frame); padding-top: 7px; display: flex; flex-direction: column;
  gap: 4px; }
.wm-inspect .wm-grow { flex: 1 1 auto; }
.wm-inspect .wm-title { display: flex; align-items: center; justify-content: space-between; min-height: 20px; }
.wm-inspect .wm-title b { font-weight: 600; }
.wm-inspect .wm-note, .wm-none p { color: var(--wm-second); }
.wm-none p { margin: 0 0 6px; }
.wm-none .wm-tool, .wm-slow { width: 100%; }
.wm-slow[data-stuck]:disabled { opacity: 1; color: var(--wm-alert); }
.wm-inspect > .wm-slow { height: auto; min-height: 24px; padding: 0 4px; }
.wm-fields { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; }
.wm-fields .wm-field { padding: 0 8px; min-width: 0; }
.wm-fields .wm-field input { flex: 1 1 0; min-width: 0; }
.wm-fields .wm-wide { grid-column: 1 / -1; }
.wm-choice { appearance: none; display: flex; align-items: center; gap: 5px; height: 24px; padding: 0 6px 0 8px;
  border: 0; border-radius: 5px; background: var(--wm-field); color: var(--wm-second); font: inherit; line-height: 16px;
  cursor: pointer; min-width: 0; }
.wm-choice .wm-said { flex: 1 1 auto; text-align: right; color: var(--wm-text); font-weight: 500; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.wm-choice:hover:not(:disabled) { background: var(--wm-hover); }
.wm-choice:disabled { opacity: .38; cursor: default; }
.wm-numbers { display: grid; grid-template-columns: auto auto; gap: 0 8px; margin: 0; line-height: 22px; }
.wm-numbers dt { color: var(--wm-second); }
.wm-numbers dd { margin: 0; text-align: right; }
.wm-inspect-row { display: none; }
[data-narrow] .wm-inspector { width: 100%; position: static; }
[data-narrow] .wm-inspect-row { display: flex; gap: 4px; align-items: center; }
[data-narrow] .wm-inspect-row .wm-name { min-width: 46px; font-weight: 500; white-space: nowrap; }
[data-narrow] .wm-inspect-row > .wm-field, [data-narrow] .wm-inspect-row > .wm-choice { flex: 1 1 0; min-width: 0; }
[data-narrow] .wm-inspect-row .wm-field input { flex: 1 1 0; min-width: 0; }
[data-narrow] .wm-inspect { display: none; }
[data-narrow] .wm-inspector[data-open] .wm-inspect { display: flex; inset: 0 0 34px; z-index: 3; padding: 10px 12px;
  background: var(--wm-plot); border: 1px solid var(--wm-selection); border-radius: 6px; }
[data-wm-kind="path"][data-narrow] .wm-body { position: relative; }
.wm-editor[data-off] .wm-inspector .wm-fields, .wm-editor[data-off] .wm-inspect-row .wm-field { opacity: .6; }
.wm-pen { position: absolute; top: 26px; left: 6px; padding: 0 6px; line-height: 24px; pointer-events: none; }
.wm-pen .wm-link { pointer-events: auto; }
[data-wm-kind="path"] .wm-empty { inset: 0; padding: 4px 8px; }
[data-wm-kind="path"] .wm-cards { flex-wrap: wrap; }
[data-wm-kind="path"] .wm-card { gap: 5px; width: 118px; }
[data-wm-kind="path"][data-narrow] .wm-card { width: 84px; padding: 7px 2px 6px; line-height: 14px; }
`
