"""Key lists of the released files: every key has its place, and none is invented."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.clip_tower import PREFIX, tower_shapes, tower_sizes, tower_weights
from ..checkpoints.recognise import recognise
from ..vae.wan21 import Wan21VAE, wan21_sizes
from .report import Judge, shapes_of
from .towers import Towers


def judge_keys(path: Path, judge: Judge, towers: Towers | None) -> None:
    """Compare the keys and shapes of one released file with the network that is built for it, on the meta device."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    released = {key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()}
    name = path.stem.removeprefix("keys_")
    if name == "vae":
        judge.shapes(shapes_of(released), shapes_of(_vae_of(released)))
    elif name == "clip":
        ours = tower_weights(released, name=path.name)
        taken = sum(key.startswith(PREFIX) for key in released)
        judge.passed("keys", f"{taken} tensors of the tower were taken, {len(released) - taken} of the text model left")
        known = tower_shapes(tower_sizes(ours)) if towers is None else towers.clip_shapes(released)
        judge.shapes(shapes_of(ours), known)
    else:
        _judge_network(judge, released, name, path.name)


def _judge_network(judge: Judge, released: dict[str, Tensor], name: str, file: str) -> None:
    try:
        checkpoint = recognise(released, name=file)
    except ValueError as error:
        refused = name == "foundation" and "foundation model" in str(error)
        (judge.passed if refused else judge.fail)("keys", f"refused: {error}")
        return
    if checkpoint.variant.name != f"matrix_game_2_{name}":
        judge.fail("keys", f"taken for {checkpoint.variant.name}")
    else:
        judge.passed("keys", f"{len(released)} keys and shapes agree")


def _vae_of(released: dict[str, Tensor]) -> dict[str, Tensor]:
    return Wan21VAE(**wan21_sizes(released), device="meta").state_dict()
