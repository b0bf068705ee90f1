"""The thumbnails of workflows whose models do not come with the pack: their tracks, drawn.

`python scripts/draw_tracks.py` in any Python that has torch and Pillow. No frame of a film is shown: none was made.
"""

from __future__ import annotations

import json
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from repository import REPOSITORY

from worldmodel.binding.bind import bind_track
from worldmodel.binding.follow import follow_poses
from worldmodel.camera.path_poses import parse_path, path_poses
from worldmodel.camera.poses import Poses
from worldmodel.track.track import Track, parse_track
from worldmodel.variants import VARIANTS, Variant

WORKFLOWS = REPOSITORY / "workflows"
DRAWN = {
    "Matrix-Game 2 - universal": "matrix_game_2_universal",
    "Matrix-Game 2 - GTA drive": "matrix_game_2_gta_drive",
    "Matrix-Game 2 - Temple run": "matrix_game_2_templerun",
    "Matrix-Game 3 - distilled": "matrix_game_3_distilled",
    "Matrix-Game 3 - base": "matrix_game_3_base",
    "Yume 1.5 - walk a photo": "yume_1_5",
    "Yume 1.5 - text to world": "yume_1_5",
    "Yume 1.5 - an event on the way": "yume_1_5",
    "Yume 1.5 - go on from a video": "yume_1_5",
    "LingBot 1.3B - drawn path": "lingbot_2_1_3b",
    "GameCraft-2's method - events on the way": "lingbot_2_1_3b",
}
WALKER = VARIANTS["yume_1_5"]
"""Whose keys are drawn where a model has none and goes by the camera that they lead."""
SIZE, FINER = (576, 384), 2
LEFT, RIGHT, TOP, CURVE = 150, 20, 78, 88
"""Margins of the lanes, and the height of the curve, in pixels."""
BACK, GRID, PANEL, TEXT, HELD, TURN = "#17181c", "#2a2c33", "#1f2127", "#c9ccd3", "#3fb992", "#efb134"


def main() -> None:
    """Draw a JPEG beside each workflow."""
    for title, name in DRAWN.items():
        graph = json.loads((WORKFLOWS / "api" / f"{title}.json").read_text(encoding="utf-8"))
        (track,) = [track for node in graph.values() if (track := _track_of(node, VARIANTS[name])) is not None]
        picture = draw(track, VARIANTS[name])
        picture.resize(SIZE, Image.Resampling.LANCZOS).save(WORKFLOWS / f"{title}.jpg", quality=90)


def _track_of(node: dict[str, Any], variant: Variant) -> Track | None:
    """Return the track that a node of a workflow makes for a model, `None` if it makes none."""
    kind, inputs = node["class_type"], node["inputs"]
    if kind == "WMCameraPath":
        return follow_poses(Poses(path_poses(parse_path(inputs["path"])), fps=WALKER.fps), WALKER).track
    return parse_track(inputs["track"]) if kind == "WMActionTrack" and inputs["model"] == variant.title else None


def draw(track: Track, variant: Variant) -> Image.Image:
    """Return lanes of held keys over frames and chunks, and the curve of the mouse where the variant has one."""
    picture = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER), BACK)
    pen = ImageDraw.Draw(picture)
    moved = WALKER if variant.keyboard is None else variant
    keys = [(word, letter) for word, letter in zip(moved.keyboard.words, moved.keyboard.letters, strict=True) if letter]
    bottom = SIZE[1] - 24 - (CURVE if moved.mouse else 0)
    lane = min(40.0, (bottom - TOP) / len(keys))
    _write(pen, (20, 18), variant.title, 22)
    _write(pen, (20, 48), f"{track.frames} frames, {_chunks(track, variant)} chunks", 14)
    pen.rounded_rectangle(_box(LEFT - 6, TOP - 6, SIZE[0] - RIGHT + 6, SIZE[1] - 14), 8 * FINER, PANEL)
    chunk = 0
    while variant.chunking.first_frame(chunk) < track.frames:
        x = _across(variant.chunking.first_frame(chunk), track)
        pen.line(_box(x, TOP - 6, x, SIZE[1] - 14), GRID, 2)
        chunk += 1
    bound = bind_track(track, moved).controls.keyboard
    for row, (word, letter) in enumerate(keys):
        y = TOP + row * lane
        pen.rounded_rectangle(_box(20, y + 4, 20 + lane - 10, y + lane - 6), 5 * FINER, outline=TEXT, width=2)
        _write(pen, (20 + (lane - 10) / 2, y + lane / 2 - 1), letter, 15, "mm")
        _write(pen, (20 + lane, y + lane / 2 - 1), word.replace("_", " "), 15, "lm")
        for first, last in _held(bound[:, moved.keyboard.words.index(word)].tolist()):
            ends = _across(first, track) + 1, _across(last, track) - 1
            pen.rounded_rectangle(_box(ends[0], y + 5, ends[1], y + lane - 7), 5 * FINER, HELD)
    if moved.mouse:
        _curve(pen, track, SIZE[1] - 20 - CURVE / 2)
    return picture


def _curve(pen: ImageDraw.ImageDraw, track: Track, middle: float) -> None:
    yaw = track.mouse[:, 0].tolist()
    scale = (CURVE / 2 - 14) / max(1.5, *map(abs, yaw))
    _write(pen, (20, middle), "mouse, yaw", 15, "lm")
    pen.line(_box(LEFT, middle, SIZE[0] - RIGHT, middle), GRID, 2)
    points = [(_across(row + side, track), middle - value * scale) for row, value in enumerate(yaw) for side in (0, 1)]
    pen.line([(x * FINER, y * FINER) for x, y in points], TURN, 3 * FINER, joint="curve")


def _chunks(track: Track, variant: Variant) -> int:
    chunk = 0
    while variant.chunking.first_frame(chunk + 1) <= track.frames:
        chunk += 1
    return chunk


def _held(column: list[float]) -> list[tuple[int, int]]:
    """Return (first frame, frame after the last) of each span of a key."""
    edges = [
        row for row in range(len(column) + 1) if (row < len(column) and column[row]) != (row > 0 and column[row - 1])
    ]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _across(frame: int, track: Track) -> float:
    return LEFT + (SIZE[0] - LEFT - RIGHT) * frame / track.frames


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return tuple(value * FINER for value in (left, top, right, bottom))


def _write(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, anchor: str = "la") -> None:
    font = ImageFont.load_default(size * FINER)
    pen.text((at[0] * FINER, at[1] * FINER), text, TEXT, font, anchor)


if __name__ == "__main__":
    main()
