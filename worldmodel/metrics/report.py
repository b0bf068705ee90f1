"""The evaluation of Tiny World's shipped files, row by row with its bars."""

from __future__ import annotations

import sys

from ..tinyworld import export, train_vae
from ..tinyworld.data import held_out_clips
from ..tinyworld.player import MODEL_FILE, VAE_FILE, Player, load_player
from . import drift, obedience

OBEYS = 0.80
VAE_PSNR, PLAIN_PSNR = 28.0, 22.5
DRIFT_CHUNKS = 10


def say(line: str) -> None:
    """Write one line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def evaluate(starts: int, walks: int, record: bool = False) -> bool:
    """Measure the shipped files on held-out worlds and print every row; returns whether all bars are met."""
    player = load_player()
    vae = _vae_rows(player, walks)
    obeys = _obedience_rows(player, starts)
    _drift_rows(player, walks)
    if record:
        export.describe(VAE_FILE, {"held_out_psnr": vae["psnr"], "bicubic_psnr": vae["bicubic"]})
        export.describe(MODEL_FILE, {"obeys": obeys, "starts": starts})
    met = vae["psnr"] >= VAE_PSNR and vae["bicubic"] < PLAIN_PSNR and min(obeys.values()) >= OBEYS
    say("all bars met" if met else "a bar is missed")
    return met


def _vae_rows(player: Player, clips: int) -> dict[str, float]:
    figures = train_vae.judge(player.vae, held_out_clips(clips, 33, seed=1))
    say(f"VAE on {clips} held-out clips of 33 frames: {figures['psnr']:.2f} dB (bar {VAE_PSNR})")
    say(f"8x bicubic down and up of the same frames: {figures['bicubic']:.2f} dB (bar: below {PLAIN_PSNR})")
    return figures


def _obedience_rows(player: Player, starts: int) -> dict[str, float]:
    say(f"obeys (bar {OBEYS:.0%} nearer to the commanded render; {starts} starts each)")
    shares = {}
    for row in obedience.measure(player, starts):
        shares[row.action] = round(row.share, 4)
        say(
            f"  {row.action:10s} {row.share:6.1%}  [{row.low:.1%}, {row.high:.1%}]  "
            f"commanded {row.commanded:.2f} dB, opposite {row.opposite:.2f} dB"
        )
    return shares


def _drift_rows(player: Player, walks: int) -> None:
    made, true = drift.films(player, walks, DRIFT_CHUNKS)
    figures = drift.measure(player, made, true)
    say(f"drift over {walks} explored walks of {made.shape[1]} frames (ratios to the truth)")
    say("  chunk    " + " ".join(f"{chunk:6d}" for chunk in range(DRIFT_CHUNKS)))
    for name, values in figures._asdict().items():
        say(f"  {name:10s}" + " ".join(f"{value:6.2f}" for value in values))
