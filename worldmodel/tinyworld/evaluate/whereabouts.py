"""Where is the camera that a generated frame shows? Found by rendering the truth around the pose that was asked for.

A pattern search in three numbers (metres to the right and ahead, degrees to the right, all from the asked pose, in its
axes) looks for the smallest squared error over the surfaces that the start frame showed. Each frame begins where the
one before was found.

Shapes: B walks, F frames, K candidates.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.pictures import psnr
from .. import pilot
from ..scene import clips, engine
from ..visibility import seen_from_first
from .suites import Tracks

METRES, DEGREES, HALVINGS = 0.24, 4.0, 4
"""The search's first step, and how often it is halved."""
MOVES = 4
"""Steps that may be made at each size."""
SHARE, MATCH = 0.2, 16.0
"""Share of the pixels that the start frame must have shown, and dB of the best render there: less shows no pose."""
_AROUND = torch.tensor(list(product((0, -1, 1), repeat=3)), dtype=torch.float64)


class Found(NamedTuple):
    """Asked and found places (B, F, 2) in metres and yaws (B, F) in radians; found ones are NaN where none shows."""

    asked: Tensor
    asked_yaws: Tensor
    places: Tensor
    yaws: Tensor


def metres_off(found: Found) -> float:
    """Return the mean distance of found places from the asked ones, where one was found."""
    gap = (found.places - found.asked).norm(dim=-1)
    return gap[~gap.isnan()].mean().item()


def find(film: Tensor, tracks: Tracks, frames: list[int]) -> Found:
    """Find the poses of films (B, len(frames), 3, H, W) that follow tracks, at these of their frames."""
    worlds, walks = tracks.walk(frames=frames[-1] + 1)
    depth = pilot.views(worlds, walks, clips.PICTURE, slice(0, frames[-1] + 1)).depth
    seen = seen_from_first(depth, walks.places, walks.yaws, worlds.focal)[:, frames]
    asked, asked_yaws = walks.places[:, frames], walks.yaws[:, frames]
    off = torch.zeros(len(film), 3, dtype=torch.float64)
    places, yaws = [], []
    for index in range(len(frames)):
        pose = asked[:, index], asked_yaws[:, index]
        off, error = _search(worlds, pose, off, film[:, index], seen[:, index])
        place, yaw = moved(*pose, off)
        shows = (seen[:, index].float().mean((1, 2)) >= SHARE) & (psnr(error) >= MATCH)
        places.append(place.where(shows[:, None], torch.nan))
        yaws.append(yaw.where(shows, torch.nan))
    return Found(asked, asked_yaws, torch.stack(places, 1), torch.stack(yaws, 1))


def moved(place: Tensor, yaw: Tensor, off: Tensor) -> tuple[Tensor, Tensor]:
    """Return poses (..., 2) and (...) moved by metres to the right and ahead and degrees to the right (..., 3)."""
    right, ahead, turn = off.unbind(-1)
    sin, cos = yaw.sin(), yaw.cos()
    return place + torch.stack([right * cos + ahead * sin, ahead * cos - right * sin], -1), yaw + turn.deg2rad()


def _search(
    worlds: engine.Places, pose: tuple[Tensor, Tensor], off: Tensor, frame: Tensor, seen: Tensor
) -> tuple[Tensor, Tensor]:
    step = torch.tensor([METRES, METRES, DEGREES], dtype=torch.float64)
    for _ in range(HALVINGS):
        for _ in range(MOVES):
            tried = off[:, None] + _AROUND * step
            error, best = _errors(worlds, pose, tried, frame, seen).min(1)
            off = tried[torch.arange(len(off)), best]
            if not best.any():  # candidate 0 is the middle
                break
        step = step / 2
    return off, error


def _errors(worlds: engine.Places, pose: tuple[Tensor, Tensor], tried: Tensor, frame: Tensor, seen: Tensor) -> Tensor:
    """Return the mean squared error (B, K) of true renders at tried offsets (B, K, 3), over seen pixels (B, H, W).

    Inside a wall it is infinite.
    """
    count, candidates = tried.shape[:2]
    which = torch.arange(count)[:, None].expand(-1, candidates)
    place, yaw = moved(pose[0][:, None].expand(-1, candidates, -1), pose[1][:, None].expand(-1, candidates), tried)
    cell = (place / worlds.cell).floor().long().clamp(0, worlds.cells.shape[-1] - 1)
    free = worlds.cells[which, cell[..., 0], cell[..., 1]] == 0
    error = torch.full((count, candidates), torch.inf)
    pixels = worlds.render(which[free], place[free], yaw[free], clips.PICTURE).pixels
    difference = (pixels - frame.movedim(1, -1)[which[free]]).square().mean(-1) * seen[which[free]]
    error[free] = difference.sum((1, 2)) / seen[which[free]].sum((1, 2)).clamp_min(1)
    return error
