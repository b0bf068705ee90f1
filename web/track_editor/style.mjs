// @ts-check
/** The looks of what only the Action Track has; all others are the kit's. */

export const RULES = `
.wm-tools:not([data-narrow]) .wm-narrow-space { display: none; }
.wm-map { position: relative; flex: none; width: 214px; border: 1px solid var(--wm-frame); border-radius: 6px;
  background: var(--wm-plot); overflow: hidden; contain: strict; }
.wm-map canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.wm-map canvas + canvas { pointer-events: none; }
.wm-live { position: absolute; inset: 38px 0 0; z-index: 1; background: var(--wm-plot); pointer-events: none; }
.wm-live > .wm-player { min-height: 0; padding: 0; }
.wm-live .wm-stage { border: 0; border-radius: 0; }
[data-narrow] .wm-map { width: 100%; height: 150px; }
.wm-editor[data-off] .wm-map { filter: saturate(.15); opacity: .85; }
[data-wm-kind="action"] .wm-empty { right: 0; padding: 2px 8px; }
[data-wm-kind="action"] .wm-cards { max-height: 190px; width: 100%; }
[data-wm-kind="action"] .wm-card { gap: 4px; flex: 0 1 112px; min-width: 0; }
.wm-card svg .wm-bars { stroke: var(--wm-key); stroke-width: 4; }
[data-wm-kind="action"][data-narrow] .wm-empty p { display: none; }
[data-wm-kind="action"][data-narrow] .wm-cards { flex-wrap: wrap; }
[data-wm-kind="action"][data-narrow] .wm-card { flex: none; width: 78px; padding: 6px 2px; }
.wm-prompt { position: absolute; z-index: 1; border: 1px solid var(--wm-selection); border-radius: 4px; padding: 0 6px;
  background: var(--wm-field); color: var(--wm-text); font: 11.5px/16px inherit; font-family: inherit;
  font-size: 11.5px; user-select: text; -webkit-user-select: text; outline: none; }
.wm-pair { display: flex; gap: 4px; min-width: 0; padding: 6px; }
.wm-picture-fields { display: grid; grid-template-columns: auto auto; }
.wm-recordbar { display: flex; align-items: center; gap: 14px; padding: 10px 12px; border-radius: 6px;
  background: var(--wm-field); min-height: 86px; }
.wm-pad { display: grid; gap: 4px; grid-auto-columns: 28px; grid-auto-rows: 28px; flex: none; }
.wm-pad span { display: grid; place-items: center; border: 1px solid var(--wm-frame); border-radius: 5px;
  background: var(--wm-plot); font-weight: 600; }
.wm-pad .wm-on { background: var(--wm-key); border-color: var(--wm-key); color: var(--wm-key-text); }
.wm-mouse { width: 86px; height: 62px; flex: none; border: 1px solid var(--wm-frame); border-radius: 5px;
  background: var(--wm-plot); fill: none; }
.wm-mouse .wm-box { stroke: var(--wm-second); stroke-dasharray: 3 3; }
.wm-mouse .wm-cross { stroke: var(--wm-grid); }
.wm-mouse .wm-turn { stroke: var(--wm-yaw); stroke-width: 2; }
.wm-mouse .wm-tip { fill: var(--wm-yaw); }
.wm-turns { display: grid; grid-template-columns: auto auto; gap: 2px 12px; color: var(--wm-second); flex: none; }
.wm-turns b { color: var(--wm-text); font-weight: 600; text-align: right; }
.wm-progress { flex: 1 1 auto; min-width: 0; border-left: 1px solid var(--wm-frame); padding-left: 14px; }
.wm-progress > div:first-child { display: flex; align-items: baseline; gap: 14px; white-space: pre; overflow: hidden; }
.wm-clock b { font-size: 22px; line-height: 28px; font-weight: 500; }
.wm-segments { display: flex; gap: 2px; margin: 5px 0; }
.wm-segments i { flex: 1 1 0; height: 6px; border-radius: 1.5px; background: var(--wm-plot); }
.wm-segments .wm-done { background: var(--wm-key); }
.wm-segments .wm-now { background: var(--wm-alert); }
.wm-ends, .wm-legend { color: var(--wm-second); font-size: 11.5px; }
.wm-legend { display: grid; grid-template-columns: auto auto; gap: 5px 8px; flex: none;
  border-left: 1px solid var(--wm-frame); padding-left: 14px; justify-items: start; color: var(--wm-text); }
[data-narrow] .wm-legend, [data-narrow] .wm-turns { display: none; }
[data-narrow] .wm-recordbar { gap: 8px; }
[data-narrow] .wm-mouse { width: 60px; height: 44px; }
`
