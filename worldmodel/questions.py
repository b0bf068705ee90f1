"""What the editors ask: the models and presets there are, and what becomes of a text. Answers are plain JSON values."""

from __future__ import annotations

from typing import Any

import torch

from .binding.bind import bind_followed, bind_track, binding_report
from .binding.follow import follow_poses
from .camera.path_poses import parse_path, path_poses
from .camera.poses import Poses, angles
from .formats.poses_json import read_fps
from .reading.json_text import checked_object, is_whole, load, shown
from .reading.limits import MAX_FRAMES
from .track.presets import PRESETS, preset
from .track.track import parse_timeline, parse_track, write_track
from .variants import CAMERA_KEYS, NO_KEYS, TITLES, VARIANTS, Motion, Mouse, Variant

MAX_BYTES = 8 * 2**20
"""Largest question; the longest track with a keyframe on every frame is about half of it."""
_DECIMALS = 4
"""Of metres and radians in answers, which are drawn; all digits would be most of what is sent."""


def variants() -> list[dict[str, Any]]:
    """Say of every model what an editor draws, in the order of menus."""
    return [facts_of(variant) for variant in TITLES.values()]


def presets() -> list[dict[str, Any]]:
    """Say what ready-made tracks there are."""
    return [
        {
            "name": name,
            "seeded": made.seeded,
            "frames_hint": made.frames,
            "sentence": made.sentence,
            "model": made.model,
        }
        for name, made in PRESETS.items()
    ]


def answer(question: str, body: bytes) -> dict[str, Any]:
    """Answer one of `QUESTIONS`.

    Args:
        question: its name.
        body: a JSON object with its members.

    Raises:
        ValueError: one sentence that names the member or the frame.
    """
    return QUESTIONS[question](read(body))


def read(body: bytes) -> dict[str, Any]:
    """Read what is asked, a JSON object.

    Raises:
        ValueError: it is none.
    """
    check_length(len(body))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("found no text in UTF-8, expected a JSON object.") from None
    return checked_object(load(text), "the question")


def check_length(bytes_: int) -> None:
    """Check how long a question, or a text of an editor, is.

    Raises:
        ValueError: it is longer than any track needs to be.
    """
    if bytes_ > MAX_BYTES:
        raise ValueError(f"found {bytes_} bytes, expected at most {MAX_BYTES}; make the track shorter.")


def _binding(asked: dict[str, Any]) -> dict[str, Any]:
    """Say what a model gets of a text: {text, model, chunks, begun} -> the binding report.

    `chunks` is how many the world has that walks it: 0, or left out, for a fresh one, null where that is not known.
    `begun` is how it began, {form, image}, or null: models may cut worlds that began otherwise into other chunks.
    A camera path may come with the rate of its frames, fps; the report is then about the model's frames, and says as
    `followed` where the model walks: poses [x, z, yaw] in metres and radians, metres beside the path, and the track.
    """
    text, (variant, form), chunks = _text(asked), _begun(asked), _chunks(asked)
    if not _is_path(text):
        bound = bind_track(parse_track(text), variant, chunks=chunks or 0, form=form)
        return binding_report(bound, variant, chunks).values()
    followed = follow_poses(Poses(path_poses(parse_path(text)), fps=_rate(asked)), variant)
    walked = torch.cat([followed.poses[:, [0, 2], 3], angles(followed.poses[:, :3, :3])[:, :1]], 1)
    bound = bind_followed(followed, variant, chunks=chunks or 0, form=form)
    return {
        **binding_report(bound, variant, chunks).values(),
        "followed": {
            "poses": walked.round(decimals=_DECIMALS).tolist(),
            "position": followed.position.round(decimals=_DECIMALS).tolist(),
            "track": write_track(followed.track),
        },
    }


def _is_path(text: str) -> bool:
    """Tell whether a text is a camera path's JSON; any other is left to the readers of tracks."""
    if '"path"' not in text:  # as its type is written; most texts are tracks, and long ones are read once
        return False
    try:
        data = load(text)
    except ValueError:
        return False
    return isinstance(data, dict) and data.get("type") == "path"


def _rate(asked: dict[str, Any]) -> float | None:
    """Return the rate of a path's frames; 0, or none, is the model's own."""
    fps = asked.get("fps")
    return read_fps(fps) if fps else None


def _chunks(asked: dict[str, Any]) -> int | None:
    """Return how many chunks the world has, `None` where that is not known."""
    chunks = asked.get("chunks", 0)
    if chunks is not None and not (is_whole(chunks) and 0 <= chunks <= MAX_FRAMES):
        raise ValueError(f"chunks must be a whole number from 0 to {MAX_FRAMES}, or null, not {shown(chunks)}")
    return chunks


def _canonical(asked: dict[str, Any]) -> dict[str, Any]:
    """Write a text as the editor does: {text} -> {canonical}."""
    return {"canonical": write_track(parse_timeline(_text(asked)))}


def _preset(asked: dict[str, Any]) -> dict[str, Any]:
    """Make a ready-made track: {name, frames, seed} -> {canonical}."""
    name, seed = asked.get("name"), asked.get("seed", 0)
    if not isinstance(name, str):
        raise ValueError(f"name must be the name of a preset, not {shown(name)}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"seed must be a whole number, not {shown(seed)}")
    return {"canonical": write_track(preset(name, asked.get("frames"), seed))}


QUESTIONS = {"binding": _binding, "canonical": _canonical, "preset": _preset}


def _text(asked: dict[str, Any]) -> str:
    text = asked.get("text")
    if not isinstance(text, str):
        raise ValueError(f"text must be the text of a track, not {shown(text)}")
    return text


def _variant_of(asked: dict[str, Any]) -> Variant:
    """Return the variant of a title or a name."""
    model = asked.get("model")
    found = (TITLES.get(model) or VARIANTS.get(model)) if isinstance(model, str) else None
    if found is None:
        raise ValueError(f"model: found {shown(model)}, expected one of {', '.join(TITLES)}; choose one.")
    return found


def _begun(asked: dict[str, Any]) -> tuple[Variant, str]:
    """Return the variant as it cuts a world that began as is said, and the world's form."""
    variant, begun = _variant_of(asked), asked.get("begun")
    if begun is None:
        return variant, variant.forms[0]
    begun = checked_object(begun, "begun")
    form, image = begun.get("form"), begun.get("image")
    if not isinstance(form, str) or not isinstance(image, bool):
        raise ValueError(f"begun must hold a form and whether there is an image, not {shown(begun)}")
    form = form if form in variant.forms else variant.forms[0]  # as Start World has it
    return variant.cut_as(form, image), form


def _cuts(variant: Variant) -> list[dict[str, Any]]:
    """Say which worlds it cuts into other chunks than most, by how they began."""
    found = []
    for form in variant.forms:
        for image in (True, False) if variant.start.latents == 0 else (True,):
            frames = _lengths(variant.cut_as(form, image))
            if frames != _lengths(variant):
                found.append({"form": form, "image": image, **frames})
    return found


def _lengths(variant: Variant) -> dict[str, int]:
    return {"first_chunk": variant.chunking.frames(0), "chunk": variant.chunking.frames(1)}


def _motion(motion: Motion) -> dict[str, Any]:
    """Say how a camera moves; the page knows a step along the heading before it, or along the mean."""
    return {name: getattr(motion, name) for name in ("step_metres", "diagonal_metres", "least_degrees", "along")}


def facts_of(variant: Variant) -> dict[str, Any]:
    """Say of a model what an editor draws."""
    mouse, keyboard = variant.mouse, variant.keyboard
    if keyboard is None and variant.camera is not None:  # keys and mouse move the camera, which is what it is told of
        mouse, keyboard = Mouse(degrees_per_unit=1.0), CAMERA_KEYS
    return {
        "name": variant.name,
        "title": variant.title,
        "keyboard": (keyboard or NO_KEYS)._asdict(),
        "mouse": None
        if mouse is None
        else {
            "degrees_per_unit": mouse.degrees_per_unit,
            "reads_pitch": mouse.reads_pitch,
        },
        "max_yaw": None if mouse is None else mouse.max_yaw,
        **_lengths(variant),
        "cuts": _cuts(variant),
        "fps": variant.fps,
        "step_metres": variant.motion.step_metres,
        "motion": _motion(variant.motion),
        "reads_text": variant.text is not None,
    }
