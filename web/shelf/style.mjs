// @ts-check
/** Looks of the world shelf, beside those of the kit. */

export const RULES = `
.wm-shelf.wm-editor { min-height: 0; height: 100%; overflow: hidden; }
.wm-shelf-head { display: flex; align-items: center; gap: 6px; min-height: 26px; color: var(--wm-second); }
.wm-shelf-head > span { flex: 1 1 auto; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wm-shelf-cards { flex: 1 1 auto !important; min-height: 0; overflow-y: auto; display: grid; gap: 6px; padding: 2px;
  align-content: start; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); }
.wm-saved { position: relative; border-radius: 6px; background: var(--wm-field); box-shadow: inset 0 0 0 1px var(--wm-frame);
  overflow: hidden; }
.wm-saved[data-chosen] { box-shadow: 0 0 0 2px var(--wm-selection); }
.wm-saved > button:first-child { appearance: none; display: block; width: 100%; padding: 0; border: 0; background: none;
  color: var(--wm-text); font: inherit; text-align: left; cursor: pointer; }
.wm-saved-picture { display: block; width: 100%; aspect-ratio: 3 / 2; background: var(--wm-plot); overflow: hidden; }
.wm-saved-picture img { display: block; width: 100%; height: 100%; object-fit: cover; }
.wm-saved-picture svg { display: block; width: 100%; height: 100%; fill: none; stroke: var(--wm-key); stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
.wm-saved-name, .wm-saved-facts { display: block; padding: 2px 6px 0; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.wm-saved-facts { padding: 0 6px 4px; color: var(--wm-second); font-size: 11px; }
.wm-saved-tools { position: absolute; top: 3px; right: 3px; display: flex; gap: 2px; opacity: 0; }
.wm-saved:hover .wm-saved-tools, .wm-saved:focus-within .wm-saved-tools { opacity: 1; }
.wm-saved-tools .wm-tool { background: color-mix(in srgb, var(--wm-field) 85%, transparent); }
.wm-shelf[data-linked] .wm-shelf-cards { opacity: .5; pointer-events: none; }
.wm-shelf p { margin: 4px; color: var(--wm-second); grid-column: 1 / -1; user-select: text; -webkit-user-select: text; }`
