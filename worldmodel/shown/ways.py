"""How far a world was walked, and how far the camera turned in it, as its keys and mouse say."""

from __future__ import annotations

import numpy as np
import torch

from ..binding.motion import way_of
from ..binding.unbind import walked_track
from ..camera.poses import angles
from ..world.state import World, variant_of


def way_words(world: World) -> str:
    """Say what a world's tracks walk and turn, as if nothing stood in the way: a sentence.

    The turn is all of it to the right less all of it to the left, so a loop back to the first heading is 360 degrees.
    """
    variant, track = variant_of(world.start), walked_track(world)
    if variant.mouse is None and track.camera is None:
        return f"{track.frames} frames; {variant.title} does not turn with the mouse, so its way is not known."
    if track.camera is None:  # one row more, for where the last one leads
        keys, mouse = (torch.cat([rows, torch.zeros_like(rows[:1])]) for rows in (track.keys, track.mouse))
        track = track._replace(keys=keys, mouse=mouse)
    poses = way_of(track, variant.motion)
    metres = float((poses[1:, :3, 3] - poses[:-1, :3, 3]).norm(dim=1).sum())
    yaw = np.unwrap(angles(poses[:, :3, :3])[:, 0].numpy())
    ends = float((poses[-1, :3, 3] - poses[0, :3, 3]).norm())
    turn = round(float(np.degrees(yaw[-1] - yaw[0])), 1) + 0.0
    side = "" if not turn else " to the right" if turn > 0 else " to the left"
    return f"walks {metres:.2f} m, turns {abs(turn):.1f} degrees{side}, and ends {ends:.2f} m from its start."
