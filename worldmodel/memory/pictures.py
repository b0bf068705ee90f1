"""Pictures that stand in a world's memory beside its own past, each with the camera that sees it.

Such a picture is one latent, as a world's start picture is. It competes with past frames by overlap.

Shapes: C channels of a latent, h, w latent grid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..camera.poses import MAX_METRES
from ..reading.one_line import one_line, size_of


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory."""

    latent: Tensor
    """(C, 1, h, w) in model space."""
    c2w: Tensor
    """(4, 4) float64 camera-to-world, in the world's axes: its first frame is the origin, looking along z."""

    @cached_property
    def digest(self) -> str:
        """The picture and its camera as 64 hex digits, which stand in the keys of what looks at it."""
        digest = hashlib.sha256()
        for tensor in (self.latent, self.c2w):
            digest.update(f"|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def __repr__(self) -> str:
        """Say it in one line."""
        return one_line(self, size_of(self.latent), f"digest {self.digest[:8]}")


def check_pose(c2w: Tensor) -> None:
    """Check a picture's camera (4, 4).

    Raises:
        ValueError: it holds NaN or infinity, or stands beyond any world.
    """
    if not bool(torch.isfinite(c2w).all()) or bool((c2w[:3, 3].abs() > MAX_METRES).any()):
        found = "NaN or infinity" if not bool(torch.isfinite(c2w).all()) else "a place beyond any world"
        raise ValueError(
            f"pose: found {found}, expected a place within {MAX_METRES:g} metres and finite angles; correct it."
        )


def check_pictures(pictures: Sequence[Picture], channels: int, grid: tuple[int, int]) -> None:
    """Check that pictures fit the latents (channels, _, *grid) of a world.

    Raises:
        ValueError: one was made for another world's size or model.
    """
    for number, picture in enumerate(pictures, 1):
        check_pose(picture.c2w)
        found, expected = tuple(picture.latent.shape), (channels, 1, *grid)
        if found != expected:
            raise ValueError(
                f"memory: found picture {number} with latents of shape {found}, expected {expected} as this world has "
                "them; connect this world to Add Picture to Memory."
            )
