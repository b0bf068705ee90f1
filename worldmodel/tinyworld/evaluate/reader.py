"""The reader: a small network that tells the material of every pixel and how far it is.

It is trained on true frames only, plain and through the VAE, and ships with the evaluation; nothing that trains the
model may see it. What it says of generated frames is how Tiny World 2 is judged: can one read the picture? The mean of
its coarsest layer over the picture is a frame's FEATURES numbers, of which the Fréchet distance is taken.

Shapes: B frames, H x W picture (multiples of 8), M classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from ...reading.safetensors_files import load_safetensors
from ..scene import themes

FEATURES = 64
CLASSES = len(themes.THEMES) * themes.SURFACES
FILE = Path(__file__).with_name("tiny_world_2_reader.safetensors")
CONFIDENT = 0.8
"""Probability from which on a pixel counts as read."""


class Reading(NamedTuple):
    """What frames show: material (B, H, W) int64 and its probability (B, H, W); inverse depth (B, H, W) in 1/metres;
    features (B, FEATURES)."""

    material: Tensor
    sure: Tensor
    near: Tensor
    features: Tensor


class Pair(nn.Module):
    """Two convolutions with a shortcut, (B, C, h, w) -> same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with what the convolutions add."""
        return x + self.second(silu(self.first(silu(self.norm(x)))))


class Reader(nn.Module):
    """Down to an eighth of the picture and up again, with the finer maps joined on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.down1 = nn.Sequential(nn.Conv2d(24, 32, 4, stride=2, padding=1), Pair(32))
        self.down2 = nn.Sequential(nn.Conv2d(32, 48, 4, stride=2, padding=1), Pair(48), Pair(48))
        self.down3 = nn.Sequential(nn.Conv2d(48, FEATURES, 4, stride=2, padding=1), Pair(FEATURES), Pair(FEATURES))
        self.up2 = nn.Sequential(nn.Conv2d(FEATURES + 48, 64, 3, padding=1), Pair(64))
        self.up1 = nn.Sequential(nn.Conv2d(64 + 32, 48, 3, padding=1), Pair(48))
        self.up0 = nn.Conv2d(48 + 24, 48, 3, padding=1)
        self.out = nn.Conv2d(48, CLASSES + 1, 3, padding=1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read frames.

        Args:
            pixels: (B, 3, H, W) in 0..1.

        Returns:
            Scores (B, M, H, W), inverse depth (B, H, W) in 1/metres, features (B, FEATURES).
        """
        x0 = self.stem(2 * pixels - 1)
        x1 = self.down1(silu(x0))
        x2 = self.down2(silu(x1))
        coarse = self.down3(silu(x2))
        y = self.up2(torch.cat([interpolate(coarse, scale_factor=2), x2], 1))
        y = self.up1(torch.cat([interpolate(y, scale_factor=2), x1], 1))
        y = self.up0(torch.cat([interpolate(y, scale_factor=2), x0], 1))
        out = self.out(silu(y))
        return out[:, :-1], out[:, -1], silu(coarse).mean((2, 3))


def is_wall(materials: Tensor) -> Tensor:
    """Tell which pixels of a material map show a wall or a landmark."""
    return materials % themes.SURFACES < themes.MATERIALS


@torch.inference_mode()
def read(reader: Reader, frames: Tensor, batch: int = 64) -> Reading:
    """Read frames (B, 3, H, W) in 0..1."""
    parts = []
    for piece in frames.split(batch):
        scores, near, features = reader(piece)
        sure, material = scores.float().softmax(1).max(1)
        parts.append(Reading(material, sure, near.float(), features.float()))
    return Reading(*(torch.cat(column) for column in zip(*parts, strict=True)))


def load(path: Path = FILE) -> Reader:
    """Load the reader that ships with the evaluation."""
    weights, _ = load_safetensors(path)
    reader = Reader()
    reader.load_state_dict({name: value.float() for name, value in weights.items()})
    return reader.eval()


def load_run(run: Path) -> Reader:
    """Load the reader of a training run as it stands."""
    reader = Reader()
    reader.load_state_dict(torch.load(run / "state.pt", map_location="cpu", weights_only=True)["model"])
    return reader.eval()


def export(run: Path, path: Path = FILE) -> None:
    """Write the reader of a training run."""
    weights = torch.load(run / "state.pt", map_location="cpu", weights_only=True)["model"]
    save_file({name: value.half().contiguous() for name, value in weights.items()}, path)
