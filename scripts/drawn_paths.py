"""Camera paths as people draw them, smooth, on the ground, within Tiny World's speed: what following is measured on.

`python scripts/drawn_paths.py` in any Python that has torch writes tests/golden/paths/drawn.json anew.
"""

from __future__ import annotations

import json

import numpy as np
from repository import REPOSITORY

from worldmodel.camera.path import CameraPath, PathKeyframe
from worldmodel.camera.path_poses import parse_path, sample_path, write_path
from worldmodel.variants import VARIANTS

DRAWN = REPOSITORY / "tests" / "golden" / "paths" / "drawn.json"
PATHS = 60
TINY_WORLD = VARIANTS["tiny_world_2"]
EASES = ("even", "even", "smooth", "in", "out", "hold")


def draw(random: np.random.Generator) -> CameraPath:
    """Draw three to eight keyframes: mostly ahead, looking along the path, at a target or where it likes."""
    place, heading, frame, keyframes = np.zeros(2), random.uniform(-np.pi, np.pi), 0, []
    style, closed = random.choice(["path", "target", "keyed", "mixed"]), bool(random.random() < 0.4)
    for _ in range(int(random.integers(3, 9))):
        look = random.choice(["path", "target", "keyed"]) if style == "mixed" else style
        if look == "keyed":
            look = (float(np.degrees(heading) + random.uniform(-50, 50)), 0.0)
        x, z = (float(value) for value in place)
        keyframes.append(PathKeyframe(frame, (x, 0.0, z), look=look, ease=str(random.choice(EASES))))
        length = int(random.integers(16, 40))
        heading += random.uniform(-1.2, 1.2)
        way = random.uniform(0.2, 0.9) * TINY_WORLD.motion.step_metres * length
        place = place + way * np.array([np.sin(heading), np.cos(heading)])
        frame += length
    after = 9
    if closed:  # it has to walk home
        home = np.linalg.norm(np.array(keyframes[-1].place) - keyframes[0].place)
        after = int(home / TINY_WORLD.motion.step_metres * 1.6) + 9
    target = (float(random.uniform(-6, 6)), -0.5, float(random.uniform(-6, 6)))
    return CameraPath(keyframes[-1].frame + after, tuple(keyframes), closed, target)


def within_limits(path: CameraPath) -> bool:
    """Tell whether Tiny World is as fast, to walk and to turn."""
    places, yaw, _ = sample_path(path)
    steps, turns = np.linalg.norm(np.diff(places, axis=0), axis=1), np.degrees(np.abs(np.diff(np.unwrap(yaw))))
    return bool(steps.max() <= TINY_WORLD.motion.step_metres and turns.max() <= TINY_WORLD.mouse.max_yaw)


def write_drawn() -> None:
    """Write the first paths of a seed that are within the limits, one a line."""
    random = np.random.default_rng(6)
    texts: list[str] = []
    while len(texts) < PATHS:
        text = write_path(draw(random))
        if within_limits(parse_path(text)):
            texts.append(text)
    DRAWN.write_text("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write_drawn()
