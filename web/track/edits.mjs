// @ts-check
/**
 * Every edit of a track as a pure function: a frozen timeline in, a frozen timeline out, the same object if nothing
 * changes. What comes out is canonical and never something the server refuses.
 */
export * from "./edit_spans.mjs"
export * from "./edit_curves.mjs"
export * from "./edit_prompts.mjs"
export * from "./edit_ranges.mjs"
export * from "./snap.mjs"

/** @typedef {readonly [number, number]} Range first frame, and the frame after the last */
