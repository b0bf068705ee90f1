"""A sound file for every reader, small, with something of everything that such a file may hold."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import save

from worldmodel.binding.motion import integrate
from worldmodel.camera.poses import Poses
from worldmodel.formats import blender, colmap
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.reading.safetensors_files import METADATA_KEY
from worldmodel.track.presets import preset
from worldmodel.track.track import sample
from worldmodel.variants import VARIANTS, Motion
from worldmodel.world.archive import SUFFIX, save_world
from worldmodel.world.journal import Journal
from worldmodel.world.state import Chunk, Controls, Start, World, new_world

REPOSITORY = Path(__file__).resolve().parents[2]
TINY_WORLD = VARIANTS["tiny_world_2"]
TRACK = sample(preset("random from a seed", 12, 3))._replace(prompts=((0, "fog"), (5, "a door, opened")))
POSES = Poses(integrate(TRACK, Motion(0.1235)), (0.6, 0.9, 0.5, 0.5), 16.0)
MODEL = colmap.write(POSES)
PATH = {
    "type": "path", "version": 1, "frames": 24, "closed": True, "target": [1.2, -1.5, 3],
    "background": {"image": "plan.png", "centre": [0, 1.5], "width": 12, "opacity": 0.5},
    "keyframes": [
        {"f": 0, "p": [0, 0, 0]},
        {"f": 9, "p": [0.5, -0.4, 2], "pitch": -9, "look": "target", "out": [1.25, 0, -0.5], "ease": "smooth"},
        {"f": 17, "p": [2, 0, 0.5], "look": [42.5, -6], "out": [0, 0, 1], "in": [-1, 0, 0], "note": "x"},
    ],
}  # fmt: skip
POSE = [1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1]
IDENTITY = [POSE[:4], POSE[4:8], POSE[8:12], POSE[12:]]
BLENDER = {"type": blender.KIND, "version": 1, "fps": 24, "matrices": POSE * 3}
WORLDPLAY = {str(frame): {"extrinsic": IDENTITY, "K": [[960, 0, 960], [0, 960, 540], [0, 0, 1]]} for frame in range(9)}
VIEWER = {
    "camera_type": "perspective", "render_height": 352, "render_width": 640, "fps": 24, "seconds": 2, "is_cycle": False,
    "camera_path": [{"camera_to_world": POSE, "fov": 50, "aspect": 1.8}] * 4,
}  # fmt: skip
SPLATS = [
    {
        "id": i, "img_name": f"f{i}", "width": 1280, "height": 720, "fx": 1100.0, "fy": 1100.0,
        "position": [0, 0, i / 9], "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    }
    for i in range(4)
]  # fmt: skip
KITTI = "\n".join(f"1 0 0 0 0 1 0 0 0 0 1 {frame / 9}" for frame in range(9)) + "\n"
FILM = "https://example.org/film\n" + "".join(
    f"{frame * 33333} 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 {frame / 9}\n" for frame in range(9)
)
EUROC = "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []\n"
EUROC += "".join(f"{1403636580838555648 + frame * 50_000_000},{frame / 9},0,0,1,0,0,0\n" for frame in range(9))
MINERL = {"forward": 1, "back": 0, "left": 0, "right": 0, "jump": 0, "attack": 0, "camera": [0, 1.5]}
VPT = {
    "mouse": {"dx": 3.0, "dy": 0.0, "buttons": [0]}, "keyboard": {"keys": ["key.keyboard.w"]}, "isGuiOpen": False,
    "tick": 3, "yaw": 9.5,
}  # fmt: skip
_FOLDER = tempfile.TemporaryDirectory()  # removed when the process ends
FOLDER = Path(_FOLDER.name)


def made_up_world(chunks: int = 2) -> World:
    """A world that no network made."""
    draw = torch.Generator().manual_seed(4)
    picture, tokens = torch.randn(20, 5, 4, 6, generator=draw), torch.randn(7, 20, generator=draw)
    start = Start("tiny_world_2", TINY_WORLD.latent_format, picture, tokens)
    made = []
    for index in range(chunks):
        frames = TINY_WORLD.chunking.frames(index)
        c2w = torch.eye(4).repeat(frames, 1, 1)
        controls = Controls(torch.zeros(frames, 4), torch.zeros(frames, 2), c2w, f"street {index}")
        latents = torch.randn(16, TINY_WORLD.chunking.later, 4, 6, generator=draw)
        made.append(Chunk(latents, controls, 7 + index, f"{index + 1:064x}"))
    return new_world(start)._replace(chunks=tuple(made))


def world_file() -> bytes:
    return save_world(made_up_world(), FOLDER / f"walk{SUFFIX}").read_bytes()


def journal_file() -> bytes:
    """Return a chunk's file."""
    Journal(FOLDER / "journal", 10**9).keep(made_up_world(1).chunks[0], "0" * 64)
    return next((FOLDER / "journal").glob("*.safetensors")).read_bytes()


def checkpoint_file() -> bytes:
    """Return a small checkpoint."""
    torch.manual_seed(0)
    network = MatrixGame2(
        Sizes(
            dim=48,
            heads=2,
            ffn_dim=64,
            freq_dim=32,
            layers=2,
            context_dim=20,
            keyboard_dim=4,
            keyboard_width=6,
            action_heads=1,
            action_blocks=[0],
            mouse=True,
        )
    )
    sizes = {"heads": 2, "action_heads": 1, "freq_dim": 32}
    entries = {"variant": "tiny_world_2", "latent_format": TINY_WORLD.latent_format, **sizes}
    return save(network.state_dict(), metadata={METADATA_KEY: json.dumps(entries)})


@cache
def pack_module(name: str) -> ModuleType:
    """Import one module of the pack by itself, as the host does, but for what stands in the packages above it."""
    if name.startswith("nodes.host."):
        sys.path.append(os.environ["COMFYUI_PATH"])
    for package, folder in (("pack", "."), ("pack.nodes", "nodes"), ("pack.nodes.host", "nodes/host")):
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(REPOSITORY / folder)]
    return importlib.import_module(f"pack.{name}")
