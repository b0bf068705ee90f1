"""Is a session that a program plays what the nodes make: `python scripts/play_endpoint.py [--orders 1000]`.

Steps, saves, forks, rewinds, seeds and resets are given in random order. Beside them a list says of what chunks the
walk consists then. Some of these walks are made again by Rollout World, a node for each run of chunks with one seed,
with an empty journal; the ids of the worlds must be equal, and the pictures those of Decode World.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from comfy_host import ComfyHost
from environment import run_inside
from PIL import Image

from worldmodel.client import Play
from worldmodel.client.gym import tiny_graph

PLACE = {"level": "The Three Gates", "world_seed": 0, "place": 3}
MOST_CHUNKS = 24
"""A walk that is longer is taken back, so that all that is compared is made again in a while."""
_WORLD = re.compile(r"World id (\w{16})")

Told = tuple[tuple[str, int], ...]
"""Of each chunk, what it was told and its seed."""


class Seen(NamedTuple):
    """What a session said of a walk."""

    told: Told
    world: str
    pictures: np.ndarray
    """Of its last chunk (F, H, W, 3); empty behind an order that makes none."""


def give_orders(play: Play, moment: random.Random, count: int, every: int) -> list[Seen]:
    """Give orders in random order, and note now and then where the walk stands.

    Args:
        play: an open session, whose seed is 0.
        moment: draws them.
        count: orders.
        every: orders between two notes; the last is always noted.
    """
    told: Told = ()
    seed = 0
    places: dict[int, tuple[Told, int]] = {}
    seen: list[Seen] = []
    nothing = np.zeros((0, play.about["height"], play.about["width"], 3), np.uint8)
    for number in range(1, count + 1):
        do = moment.choices(("step", "save", "fork", "rewind", "seed", "reset"), (60, 12, 12, 11, 4, 1))[0]
        pictures = nothing
        if (do == "rewind" and not told) or (do == "fork" and not places):
            do = "step"
        if len(told) >= MOST_CHUNKS:
            do = "rewind"
        if do == "step":
            controls = f"{_held(moment)}*{play.state['next']}"
            pictures = play.step(controls).frames
            told = (*told, (controls, seed))
        elif do == "save":
            places[play.save()] = told, seed
        elif do == "fork":
            place = moment.choice(list(places))
            other = moment.choice((None, None, moment.randrange(2**63)))
            play.fork(place, other)
            told, seed = places[place][0], places[place][1] if other is None else other
            if len(places) > 20:
                play.drop(place)
                del places[place]
        elif do == "rewind":
            back = moment.randint(1, min(len(told), 6))
            play.rewind(back)
            told = told[:-back]
        elif do == "seed":
            seed = moment.randrange(2**64)
            play.seed(seed)
        else:
            seed = moment.randrange(2**32)
            play.reset(seed)
            told = ()
        if play.state["chunks"] != len(told) or int(play.state["seed"]) != seed:
            raise AssertionError(f"order {number}, {do}: {play.state}, expected {len(told)} chunks and seed {seed}")
        if told and (number % every == 0 or number == count or len(seen) == 0):
            seen.append(Seen(told, play.world(), pictures))
    return seen


def _held(moment: random.Random) -> str:
    keys = [word for word in ("forward", "back", "left", "right") if moment.random() < 0.35]
    turn = moment.choice(
        ("", "", f"yaw_right({moment.uniform(0.1, 3):.3f})", f"yaw_left({moment.uniform(0.1, 3):.3f})")
    )
    return "+".join([*keys, *filter(None, [turn])]) or "idle"


def through_nodes(comfy: ComfyHost, told: Told) -> tuple[str, np.ndarray]:
    """Make a walk with Rollout World, and return its world's id and the pictures of its last chunk."""
    graph = tiny_graph(**PLACE)
    del graph["play"]
    world, said = ["start", 0], ""
    for number, (seed, chunks) in enumerate(itertools.groupby(told, key=lambda chunk: chunk[1])):
        track = " ".join(controls for controls, _ in chunks)
        graph[f"track {number}"] = {"class_type": "WMActionTrack", "inputs": {"track": track}}
        rolled = {"model": ["model", 0], "world": world, "track": [f"track {number}", 0], "seed": seed}
        said = f"roll {number}"
        graph[said] = {"class_type": "WMRolloutWorld", "inputs": {**rolled, "steps": "", "shift": 0.0, "fps": 0.0}}
        world = [said, 0]
    film = {"world": world, "vae": ["vae", 0], "first": "-c1", "last": "", "scale": 1, "format": "PNG sequence"}
    film |= {"enlarge": "pixels", "overlay": "none", "fps": 0.0, "filename_prefix": "endpoint"}
    graph["film"] = {"class_type": "WMFilmWorld", "inputs": film}
    run = comfy.client.run(graph)
    if run.status != "success":
        raise AssertionError(f"the nodes ended with {run.status}: {run.error}")
    first = run.outputs["film"]["files"][0]
    files = sorted((comfy.output / first["subfolder"]).glob("*.png"))
    pictures = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return _WORLD.search(run.outputs[said]["text"][0])[1], pictures


def compare(comfy: ComfyHost, seen: list[Seen]) -> list[str]:
    """Make walks again through nodes, which know nothing of them, and say what differs."""
    comfy.client.call("/wm/journal/clear", {})
    wrong = []
    for number, one in enumerate(seen):
        world, pictures = through_nodes(comfy, one.told)
        if world != one.world:
            wrong.append(f"walk {number} of {len(one.told)} chunks is world {one.world}, through nodes {world}")
        if len(one.pictures) and not np.array_equal(one.pictures, pictures):
            wrong.append(f"walk {number} of {len(one.told)} chunks shows other pictures than through nodes")
    return wrong


def main(arguments: list[str], comfyui: Path) -> int:
    """Play, compare, and say so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--every", type=int, default=50, help="orders between two walks that are compared")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="worldmodel-endpoint-", ignore_cleanup_errors=True) as folder,
        ComfyHost(comfyui, Path(folder)) as comfy,
    ):
        began = time.monotonic()
        with Play(comfy.client.address, tiny_graph(**PLACE)) as play:
            seen = give_orders(play, random.Random(wanted.seed), wanted.orders, wanted.every)
        print(f"{wanted.orders} orders in {time.monotonic() - began:.0f} s", flush=True)
        while comfy.client.call("/queue")["queue_running"]:
            time.sleep(0.2)
        wrong = compare(comfy, seen)
    shown = sum(len(one.pictures) > 0 for one in seen)
    print(
        "\n".join([*wrong, f"{len(seen)} walks made again through nodes, {shown} with pictures: {len(wrong)} differ"])
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(run_inside(__file__, lambda comfyui: main(sys.argv[1:], comfyui), sys.argv[1:]))
