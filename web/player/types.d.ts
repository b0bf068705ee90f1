import type { Keys } from "./held.mjs"

/** Part of an image. */
export interface Picture {
  image: CanvasImageSource
  /** px */
  x: number
  y: number
  width: number
  height: number
}

/** Where pictures come from; frames count from its own first one. */
export interface Source {
  /** That there are by now. */
  readonly frames: number
  /** px of a frame; 0 = not known yet */
  readonly width: number
  readonly height: number
  /** Frames that came together, in order. */
  readonly pieces: readonly { first: number; count: number }[]
  /** Whether some cannot be got any more. */
  readonly lost: boolean
  /** The picture of a frame, if it is at hand; valid until the next call. */
  look(frame: number): Picture | null
  /** Gets a frame at hand, and as many pieces after it. */
  want(frame: number, ahead: number): void
  /** Calls back when there are more frames, or more of them at hand. */
  onChange(listener: () => void): void
  /** Gives everything back. */
  close(): void
}

/** One of the pictures side by side. */
export interface Screen {
  source: Source
  /** Over the picture. */
  label?: string
  /** Said more softly behind it. */
  note?: string
}

export interface State {
  /** That is due. */
  frame: number
  /** Of the longest source. */
  frames: number
  playing: boolean
  speed: number
  loop: boolean
  /** Whether what was held is drawn. */
  keys: boolean
  /** Whether more frames are being made. */
  rolling: boolean
  /** Whether the newest are played as they come. */
  following: boolean
  /** Index of a screen; -1 = none. */
  picked: number
}

export interface Options {
  /** Its name for those who cannot see it. */
  label: string
  /** Destroys it. */
  signal: AbortSignal
  /** Frames per second; 16. */
  rate?: number
  screens?: Screen[]
  keys?: Keys | null
  /** What happens to frames that come; "follow". */
  arrive?: "follow" | "now" | "rate"
  /** false: the picture alone, as beside an editor that has tools of its own */
  tools?: boolean
  /** Over and over; true. */
  loop?: boolean
  /** Adds a button to each screen that takes it. */
  onPick?: (index: number) => void
  onChange?: (state: State) => void
  onFrame?: (frame: number) => void
}
