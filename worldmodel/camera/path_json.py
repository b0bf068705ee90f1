"""The camera path's versioned JSON (`type` "path", version 1): strict reading, canonical writing.

Canonical text has its members in a fixed order, no spaces, numbers in thousandths, and leaves out what is meant
anyway, so that equal paths are equal texts.
"""

from __future__ import annotations

from typing import Any

from ..reading.document import Head, checked_frames, checked_members, joined, kept_members, plain
from ..reading.json_text import check_text, checked_list, checked_object, checked_whole, dump, is_number, load, shown
from ..reading.limits import DEFAULT_FRAMES
from .path import EASES, LOOKS, Background, CameraPath, PathKeyframe, Vector, canonical
from .poses import MAX_METRES

VERSION = 1
MAX_TURN = 3600.0
"""Largest yaw of a keyed look, in degrees."""
_NOT_DRAWN = "is not drawn with keyframes; give it to Action Track or Load Track"
_HEAD = Head("path", 'type must be "path"', {"track": _NOT_DRAWN, "poses": _NOT_DRAWN}, VERSION)
_MEMBERS = ("type", "version", "frames", "closed", "target", "keyframes", "background")
_KEYFRAME = ("f", "p", "pitch", "look", "out", "in", "ease")
_BACKGROUND = ("image", "centre", "width", "opacity")


def read(text: str) -> CameraPath:
    """Parse a path's JSON; `null` and `{}` are an empty path of the default length.

    Raises:
        ValueError: in one sentence, which member is wrong, what was found and what to write instead.
    """
    data = checked_members(load(text), _HEAD)
    if data is None:
        return CameraPath(DEFAULT_FRAMES)
    target = None if data.get("target") is None else _place(data["target"], "target")
    return canonical(
        CameraPath(
            frames=checked_frames(data, "path"),
            keyframes=_keyframes(data.get("keyframes"), target is not None),
            closed=_flag(data.get("closed"), "closed"),
            target=target,
            background=_background(data.get("background")),
            extra=kept_members(data, _MEMBERS),
        )
    )


def write(path: CameraPath) -> str:
    """Write the canonical JSON text of a path."""
    p = canonical(path)
    members = [("type", '"path"'), ("version", str(VERSION)), ("frames", str(p.frames))]
    if p.closed:
        members.append(("closed", "true"))
    if p.target is not None:
        members.append(("target", _numbers(p.target)))
    members.append(("keyframes", "[" + ",".join(map(_keyframe_text, p.keyframes)) + "]"))
    if p.background is not None:
        members.append(("background", _background_text(p.background)))
    return joined([*members, *p.extra])


def _flag(value: Any, field: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{field} must be true or false, not {shown(value)}")
    return bool(value)


def _keyframes(entries: Any, has_target: bool) -> tuple[PathKeyframe, ...]:
    keyframes: dict[int, PathKeyframe] = {}
    for i, entry in enumerate(checked_list(entries, "keyframes")):
        field = f"keyframes[{i}]"
        if not isinstance(entry, dict):
            raise ValueError(f'{field} must be an object such as {{"f":0,"p":[0,0,0]}}, not {shown(entry)}')
        keyframe = _keyframe(entry, field)
        if keyframe.frame in keyframes:
            raise ValueError(f"frame {keyframe.frame}: two keyframes stand here; keep one")
        if keyframe.look == "target" and not has_target:
            raise ValueError(
                f'frame {keyframe.frame}: {field} looks at the target, and there is none; write "target":[0,0,0]'
            )
        keyframes[keyframe.frame] = keyframe
    return tuple(keyframes.values())


def _keyframe(entry: dict[str, Any], field: str) -> PathKeyframe:
    if "f" not in entry:
        raise ValueError(f'{field} has no frame; write "f":0')
    frame = checked_whole(entry["f"], f"{field}.f")
    at = f"frame {frame}: {field}"
    if "p" not in entry:
        raise ValueError(f'{at} has no place; write "p":[0,0,0]')
    ease = entry.get("ease", "even")
    if ease not in EASES:
        raise ValueError(f"{at}.ease must be one of {', '.join(EASES)}, not {shown(ease)}")
    return PathKeyframe(
        frame,
        _place(entry["p"], f"{at}.p"),
        None if entry.get("pitch") is None else _between(entry["pitch"], f"{at}.pitch", "degrees", -90, 90),
        _look(entry.get("look"), f"{at}.look"),
        None if entry.get("out") is None else _place(entry["out"], f"{at}.out"),
        None if entry.get("in") is None else _place(entry["in"], f"{at}.in"),
        ease,
        kept_members(entry, _KEYFRAME),
    )


def _look(value: Any, field: str) -> str | tuple[float, float]:
    if value is None:
        return "path"
    if isinstance(value, list) and len(value) == 2:
        yaw = _between(value[0], f"{field} yaw", "degrees", -MAX_TURN, MAX_TURN)
        return yaw, _between(value[1], f"{field} pitch", "degrees", -90, 90)
    if not isinstance(value, str) or value not in LOOKS:
        raise ValueError(f"{field} must be path, target or [yaw, pitch], not {shown(value)}")
    return value


def _place(value: Any, field: str) -> Vector:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{field} must be [right, down, ahead] in metres, not {shown(value)}")
    x, y, z = (_between(number, field, "metres", -MAX_METRES, MAX_METRES) for number in value)
    return x, y, z


def _background(value: Any) -> Background | None:
    if value is None:
        return None
    entry = checked_object(value, "background")
    image, centre = entry.get("image"), entry.get("centre", [0, 0])
    if not isinstance(image, str) or not image:
        raise ValueError(f"background.image must be the name of a picture, not {shown(image)}")
    check_text(image, "background.image")
    if not isinstance(centre, list) or len(centre) != 2:
        raise ValueError(f"background.centre must be [right, ahead] in metres, not {shown(centre)}")
    x, z = (_between(number, "background.centre", "metres", -MAX_METRES, MAX_METRES) for number in centre)
    return Background(
        image,
        (x, z),
        _between(entry.get("width", 10), "background.width", "metres", 0.001, MAX_METRES),
        _between(entry.get("opacity", 0.5), "background.opacity", "a share", 0, 1),
        kept_members(entry, _BACKGROUND),
    )


def _between(value: Any, field: str, unit: str, least: float, most: float) -> float:
    if not is_number(value) or not least <= value <= most:
        raise ValueError(f"{field} must be {unit} from {plain(least)} to {plain(most)}, not {shown(value)}")
    return float(value)


def _keyframe_text(keyframe: PathKeyframe) -> str:
    members = [("f", str(keyframe.frame)), ("p", _numbers(keyframe.place))]
    if keyframe.pitch is not None:
        members.append(("pitch", dump(plain(keyframe.pitch))))
    if keyframe.look != "path":
        members.append(("look", dump(keyframe.look) if isinstance(keyframe.look, str) else _numbers(keyframe.look)))
    members += [
        (name, _numbers(tangent)) for name, tangent in (("out", keyframe.out), ("in", keyframe.into)) if tangent
    ]
    if keyframe.ease != "even":
        members.append(("ease", dump(keyframe.ease)))
    return joined([*members, *keyframe.extra])


def _background_text(background: Background) -> str:
    members = [
        ("image", dump(background.image)),
        ("centre", _numbers(background.centre)),
        ("width", dump(plain(background.width))),
        ("opacity", dump(plain(background.opacity))),
    ]
    return joined([*members, *background.extra])


def _numbers(values: tuple[float, ...]) -> str:
    return dump([plain(value) for value in values])
