"""What a world fixes of its camera when it is started: the way that a model reads as 1, and its lens.

LingBot-World was trained on ways that are shares of the longest step of each walk. A rollout cannot look ahead, so the
longest step of one track is taken when the world is started, and holds for all tracks that follow.

Shapes: F frames of a track.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..camera.poses import invert
from ..track.track import Track
from ..variants import Variant
from .track_camera import camera_of


def start_camera(track: Track, variant: Variant) -> Tensor:
    """Return the longest way from latent to latent, and the lens fx, fy, cx, cy as shares: (5,) float64.

    Args:
        track: with a camera of its own, or one that its keys and mouse lead.
        variant: reads a camera; a track that stays where it is takes this one's own way.

    Raises:
        ValueError: the track has no frame.
    """
    if not track.frames:
        raise ValueError("track: found 0 frames, expected at least one; lengthen the track.")
    camera = camera_of(track, variant)
    poses = camera.c2w.double()[:: variant.chunking.frames_per_latent]
    ways = (invert(poses[:-1]) @ poses[1:])[:, :3, 3].norm(dim=-1)
    longest = ways.max().item() if len(ways) else 0.0
    way = longest if longest > 0 else variant.motion.step_metres * variant.chunking.frames_per_latent
    return torch.tensor([way, *camera.intrinsics], dtype=torch.float64)
