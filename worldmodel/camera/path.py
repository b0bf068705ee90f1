"""The editable form of a camera's path: keyframes with tangents, looks and easing on one frame axis.

A place is x, y, z in metres: right, down, ahead. A tangent is the way from a keyframe's place to the handle of its
Bezier curve. Angles are degrees, yaw to the right and pitch up positive.
"""

from __future__ import annotations

from typing import NamedTuple

from ..reading.limits import DEFAULT_FRAMES, thousandths

LOOKS = ("path", "target")
EASES = ("even", "smooth", "in", "out", "hold")

Vector = tuple[float, float, float]
Extra = tuple[tuple[str, str], ...]
"""Members this version does not know, as (name, JSON text), written back as they came."""


class PathKeyframe(NamedTuple):
    """Where the camera is at a whole frame, how the curve passes there, and where the camera looks.

    Args:
        frame: when.
        place: metres.
        pitch: degrees; `None` is level along the path, and the target's own pitch at the target.
        look: "path", "target", or (yaw, pitch).
        out: tangent after the keyframe; `None` is automatic.
        into: tangent before it; `None` mirrors `out`.
        ease: one of `EASES`, from here to the next keyframe.
        extra: unknown members.
    """

    frame: int
    place: Vector
    pitch: float | None = None
    look: str | tuple[float, float] = "path"
    out: Vector | None = None
    into: Vector | None = None
    ease: str = "even"
    extra: Extra = ()


class Background(NamedTuple):
    """A picture under the editor's grid, from the host's input folder; it moves no camera.

    Args:
        image: its name.
        centre: x and z of its middle, metres.
        width: metres.
        opacity: 0 to 1.
        extra: unknown members.
    """

    image: str
    centre: tuple[float, float] = (0.0, 0.0)
    width: float = 10.0
    opacity: float = 0.5
    extra: Extra = ()


class CameraPath(NamedTuple):
    """A drawn path; keyframes beyond its last frame are kept.

    Args:
        frames: length in frames.
        keyframes: by frame; none is a camera that stands at the origin and looks ahead.
        closed: the last frame is the first one again, by a keyframe that is not written.
        target: the place that keyframes which look at it look at.
        background: the picture under the grid.
        extra: unknown members.
    """

    frames: int = DEFAULT_FRAMES
    keyframes: tuple[PathKeyframe, ...] = ()
    closed: bool = False
    target: Vector | None = None
    background: Background | None = None
    extra: Extra = ()


def canonical(path: CameraPath) -> CameraPath:
    """Return the one form all equal paths share: sorted, numbers in thousandths, nothing said that is meant anyway."""
    background = path.background
    if background is not None:
        background = background._replace(
            centre=_rounded(background.centre),
            width=max(thousandths(background.width), 0.001),
            opacity=thousandths(background.opacity),
            extra=tuple(sorted(background.extra)),
        )
    return path._replace(
        keyframes=tuple(sorted((_canonical_keyframe(keyframe) for keyframe in path.keyframes), key=lambda k: k.frame)),
        target=None if path.target is None else _rounded(path.target),
        background=background,
        extra=tuple(sorted(path.extra)),
    )


def _canonical_keyframe(keyframe: PathKeyframe) -> PathKeyframe:
    look = keyframe.look if isinstance(keyframe.look, str) else _rounded(keyframe.look)
    pitch = None if keyframe.pitch is None or not isinstance(look, str) else thousandths(keyframe.pitch)
    if look == "path" and pitch == 0:
        pitch = None
    out = None if keyframe.out is None else _rounded(keyframe.out)
    into = None if keyframe.into is None else _rounded(keyframe.into)
    if out is None and into is not None:
        out, into = mirrored(into), None
    elif out is not None and into == mirrored(out):
        into = None
    return PathKeyframe(
        keyframe.frame,
        _rounded(keyframe.place),
        pitch,
        look,
        out,
        into,
        keyframe.ease,
        tuple(sorted(keyframe.extra)),
    )


def mirrored(tangent: Vector) -> Vector:
    """Return the tangent of the other side."""
    return tuple(0.0 - part for part in tangent)


def _rounded(numbers: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(thousandths, numbers))
