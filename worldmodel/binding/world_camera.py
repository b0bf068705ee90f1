"""The camera that goes with a world: where it stood at every frame, and the lens and picture that the model has."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..camera.poses import Poses
from ..track.track import Track
from ..variants import Variant
from ..world.state import World, picture_size, variant_of
from .track_camera import camera_of, lens_sentence
from .unbind import joined, walked_track


class Filmed(NamedTuple):
    """A world's camera, and what is to be known of it: whole sentences."""

    poses: Poses
    """One a frame, with lens, rate and picture."""
    said: tuple[str, ...]


def camera_of_world(world: World, field_of_view: float = 0.0, walk: Track | None = None) -> Filmed:
    """Return the camera of a world's frames.

    Args:
        world: with chunks.
        field_of_view: another lens than the model's, in degrees from left to right; 0 is the model's own.
        walk: with a camera that is known better than by what the world was told, such as that of a reference render.

    Raises:
        ValueError: the model has no camera that walks, or the field of view is none that a lens can have.
    """
    variant = variant_of(world.start)
    if not variant.walks:
        raise ValueError(
            f"world: found one of {variant.title}, expected a model whose keys walk over the ground: nobody says how "
            "this one's camera moves; save its frames with Decode World."
        )
    height, width = picture_size(world.start)
    known = walk is not None and walk.camera is not None
    own = replace(variant, picture=(height, width), motion=variant.motion_of(world.start.form))
    told = walk if known else _told_camera(world)
    lens = lens_sentence(told, own, field_of_view)
    return Filmed(camera_of(told, own, field_of_view), (lens, *_said(variant, known)))


def _told_camera(world: World) -> Track:
    """Return what a world was told, with the camera itself where the model was told one."""
    told = walked_track(world)
    camera = joined([chunk.controls for chunk in world.chunks]).c2w
    return told if camera is None else told._replace(camera=Poses(camera.double()))


def _said(variant: Variant, known: bool) -> tuple[str, ...]:
    """Say what the poses are worth."""
    if known:
        return ("Poses: the track's own camera.",)
    lines = ["Poses: where the keys and the mouse lead. A picture that drifts does not follow them exactly."]
    if variant.mouse is not None and variant.mouse.assumed_units:
        lines.append(f"Metres and degrees are assumed: nobody publishes {variant.title}'s.")
    return tuple(lines)
