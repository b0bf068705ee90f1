"""The camera that goes with a track: where it stands, and the lens and the picture that a model shows it with."""

from __future__ import annotations

import math

from ..camera.poses import Poses, picture_of
from ..track.track import Track
from ..variants import Variant
from .motion import integrate

Intrinsics = tuple[float, float, float, float]


def camera_of(track: Track, variant: Variant, field_of_view: float = 0.0) -> Poses:
    """Return a track's camera: the one that was asked for, or else the one that walks it from the origin.

    What it does not say is the variant's: its rate, its picture and its lens.

    Args:
        track: what was asked for.
        variant: whose keys, picture and lens count.
        field_of_view: another lens than the variant's, in degrees from left to right; 0 is the variant's own.

    Raises:
        ValueError: the field of view is none that a lens can have.
    """
    height, width = variant.picture
    lens = lens_of(variant, field_of_view)
    if track.camera is None:
        return Poses(integrate(track, variant.motion), lens, variant.fps, picture=(width, height))
    camera = track.camera._replace(fps=track.camera.fps or variant.fps)
    if camera.intrinsics is None:
        return camera._replace(intrinsics=lens, picture=(width, height))
    return camera._replace(picture=picture_of(camera, width))


def lens_of(variant: Variant, field_of_view: float = 0.0) -> Intrinsics:
    """Return a lens of square pixels as shares of a variant's picture; `field_of_view` as in `camera_of`."""
    if field_of_view and not 1 <= field_of_view <= 170:
        raise ValueError(
            f"field_of_view: found {field_of_view:g}, expected 1 to 170 degrees, or 0 for the model's own; correct it."
        )
    height, width = variant.picture
    focal = 0.5 / math.tan(math.radians(field_of_view) / 2) if field_of_view else variant.lens.focal
    return focal, focal * width / height, 0.5, 0.5


def lens_sentence(track: Track, variant: Variant, field_of_view: float = 0.0) -> str:
    """Say which picture and lens `camera_of` gives a track, and whose they are."""
    camera = camera_of(track, variant, field_of_view)
    width, height = camera.picture
    angle = math.degrees(2 * math.atan(0.5 / camera.intrinsics[0]))
    if track.camera is not None and track.camera.intrinsics is not None:
        whose = "the camera's own" + ", not field_of_view's" * bool(field_of_view)
    elif field_of_view:
        whose = "as asked"
    else:
        whose = f"{variant.title}'s own"
        if variant.lens.assumed:
            whose = f"assumed: nobody publishes {variant.title}'s lens; set field_of_view if you know better"
    return f"{width} x {height} pixels, {angle:.1f} degrees from left to right ({whose})."
