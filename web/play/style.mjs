// @ts-check
/**
 * How a walk that is played looks. In Nodes 2.0 its node has no shadow meanwhile: the host's is a filter over all that is
 * in the node, drawn anew with each picture, which takes a third of a core where a browser draws in software.
 */

export const RULES = `
.wm-play { --wm-least: 220px; padding-top: 0; outline: none; }
.wm-play > .wm-view { position: relative; flex: 1 1 auto; min-height: 80px; display: flex; }
.wm-play .wm-player { flex: 1 1 auto; height: 100%; min-height: 0; padding: 0; }
.wm-play[data-live] .wm-player > :is(.wm-scrub, .wm-tools) { display: none; }
.lg-node:has(.wm-play[data-live]) { filter: none; }
.wm-play .wm-stage { cursor: pointer; }
.wm-play[data-phase="walking"] .wm-stage { border-color: var(--wm-record); cursor: none; }
.wm-play > .wm-view > .wm-top { position: absolute; right: 6px; top: 6px; width: 26%; min-width: 84px; max-width: 220px;
  aspect-ratio: 1; border-radius: 6px; background: color-mix(in srgb, var(--wm-plot) 78%, transparent);
  pointer-events: none; }
.wm-top canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.wm-play .wm-card { position: absolute; left: 50%; bottom: 12%; transform: translateX(-50%); width: max-content;
  max-width: 92%; padding: 8px 14px; border-radius: 8px; background: rgb(0 0 0 / .62); color: #fff; text-align: center;
  pointer-events: none; line-height: 18px; }
.wm-play .wm-card b { display: block; font-size: 15px; line-height: 22px; }
.wm-play .wm-card span { display: block; opacity: .85; font-size: 11.5px; }
.wm-play .wm-saying { position: absolute; left: 8%; right: 8%; bottom: 12%; height: 30px; }
.wm-play .wm-saying input { width: 100%; cursor: text; text-align: left; user-select: text; -webkit-user-select: text; }
.wm-play > .wm-tools { margin: 2px 0 0; min-height: 28px; }
.wm-play > .wm-status { display: block; min-height: 36px; line-height: 18px; }
.wm-play > .wm-status > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-height: 18px; }
.wm-play > .wm-status > .wm-saidnow:empty { display: none; }
.wm-play > .wm-status > .wm-facts:has(+ :empty) { white-space: normal; max-height: 36px; }
.wm-play .wm-slow { color: var(--wm-alert); }
.wm-play:fullscreen { padding: 8px; background: var(--component-node-background, #111); }
@media (forced-colors: active) { .wm-play .wm-card { background: Canvas; color: CanvasText; } }`
