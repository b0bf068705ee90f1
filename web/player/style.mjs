// @ts-check
/** How a player looks. */
import { GAP } from "./stage.mjs"

export const RULES = `
.wm-player { --wm-least: 150px; padding-top: 0; outline: none; }
.wm-player > .wm-stage { flex: 1 1 auto; position: relative; min-height: 60px; display: grid; gap: ${GAP}px;
  grid-auto-rows: minmax(0, 1fr); grid-template-columns: repeat(var(--wm-columns, 1), minmax(0, 1fr));
  border: 1px solid var(--wm-frame); border-radius: 6px; overflow: hidden; background: var(--wm-plot); contain: strict; }
.wm-player:not(:fullscreen) > .wm-stage { max-height: var(--wm-most, none); }
.wm-player:focus-within > .wm-stage { border-color: var(--wm-selection); }
.wm-screen { position: relative; min-width: 0; min-height: 0; overflow: hidden; background: #000; }
.wm-screen > canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; display: block; }
.wm-screen > .wm-caption { position: absolute; left: 0; right: 0; top: 0; display: flex; align-items: center; gap: 6px;
  min-height: 24px; padding: 0 6px; background: rgb(0 0 0 / .5); color: #fff; font-size: 11.5px; white-space: nowrap; }
.wm-caption > span { overflow: hidden; text-overflow: ellipsis; }
.wm-caption > .wm-second { opacity: .75; }
.wm-screen[data-picked] { box-shadow: inset 0 0 0 2px var(--wm-selection); }
.wm-screen[data-picked] > canvas { clip-path: inset(2px); }
.wm-screen button.wm-pick { position: absolute; inset: 2px 2px auto auto; height: 20px; max-width: 65%; color: #fff;
  background: rgb(0 0 0 / .45); box-shadow: inset 0 0 0 1px rgb(255 255 255 / .5); white-space: nowrap;
  overflow: hidden; }
.wm-screen button.wm-pick:hover, .wm-screen button.wm-pick[aria-pressed="true"] { background: var(--wm-selection);
  color: #000; }
.wm-stage > .wm-over-all { position: absolute; inset: 0; pointer-events: none; }
.wm-over-all canvas, .wm-scrub canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block;
  pointer-events: none; }
.wm-stage > .wm-said { position: absolute; inset: 0; display: flex; align-items: center; justify-content: center;
  padding: 8px; text-align: center; color: var(--wm-second); pointer-events: none; }
.wm-player > .wm-scrub { position: relative; height: 26px; margin-top: 2px; border-radius: 4px; outline: none;
  cursor: pointer; touch-action: none; }
.wm-player > .wm-scrub:focus-visible { outline: 2px solid var(--wm-selection); outline-offset: -1px; }
.wm-player > .wm-tools { margin-bottom: 0; min-height: 28px; }
.wm-player:fullscreen { padding: 8px; background: var(--component-node-background, #111); }
@media (forced-colors: active) { .wm-screen, .wm-stage { forced-color-adjust: none; } }`
