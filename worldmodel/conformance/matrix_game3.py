"""The golden set of Matrix-Game 3.0's network, actions, camera and 8-bit layers, judged through the code users run.

Shapes: B batch, T latents of a call, M memory latents, S tokens per latent, h, w latent grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..binding.stances import stance_poses, walk_stances
from ..camera.poses import to_matrix_game3
from ..layers.camera_rays import framewise_poses, memory_poses, packed_rays, ray_tokens
from ..layers.rope import head_bases, headwise_angles
from ..memory.frames import MATRIX_GAME_3
from ..memory.plan import plan
from ..memory.policy import RELEASED
from ..models.matrix_game3.action import Actions, ClipActionModule, action_turns
from ..models.matrix_game3.conditions import Call, action_windows
from ..models.matrix_game3.int8 import Int8Linear, is_quantised, truncated_rows
from ..models.matrix_game3.network import MatrixGame3
from ..models.matrix_game3.sizes import sizes_of
from ..models.shapes import network_of
from .matrix_game3_memory import judge_camera_memory
from .report import Golden, Judge, Line, in_ulp, load_described, padded, shapes_of
from .towers import Towers

NETWORK = 1e-5
BF16 = 2e-2
TABLE = 1e-10
POSES, EXTRINSICS, RELATIVE, RAYS = 1e-3, 1e-5, 1e-4, 1e-5


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"matrix_game3/{path.stem}")
    if path.suffix == ".json":
        _keys(path, verdicts)
    else:
        CASES[path.stem](load_described(path), verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.name == "keys_dit.json" or (path.suffix == ".safetensors" and path.stem in CASES)


def network_from(weights: dict[str, Tensor], config: dict[str, Any], dtype: torch.dtype = torch.float32) -> MatrixGame3:
    """Return the network of these weights, strictly loaded."""
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    rotated = config["action_config"]["mouse_qk_dim_list"][0]
    sizes = sizes_of(shapes, heads=config["num_heads"], action_rotated=rotated, head_spread=config["sigma_theta"])
    return network_of(MatrixGame3, weights, sizes, dtype=dtype)


@torch.no_grad()
def _dit(golden: Golden, judge: Judge) -> None:
    """Run each call with explicit timesteps, as recorded, then with the given latents in the call, as it is used."""
    tensors, weights, config = golden.tensors, golden.under("sd."), golden.config["config"]
    network = network_from(weights, config)
    halved = network_from(weights, config, torch.bfloat16)
    calls = {"first": _call(golden, "first"), "later": _call(golden, "later")}
    negative = padded(tensors["in.context_null"], config["text_len"])[None]
    calls["null"] = calls["later"]._replace(negative=negative).null()
    for name, call in calls.items():
        target, x = tensors[f"out.{name}"], tensors[f"in.{'first' if name == 'first' else 'later'}.x"]
        judge.compare("out", network(x, call=call), target, norm=NETWORK)
        given = int((call.timesteps[0, call.memories :] == 0).sum())
        used = call._replace(past=x[:, :, :given])
        level = float(call.timesteps.max())
        judge.compare("out.used", network(x[:, :, given:], call=used.at(level)), target[:, :, given:], norm=NETWORK)
        at = used._replace(rounded=True).at(level)
        if f"out_bf16emu.{name}" in tensors:
            ours = halved(x[:, :, given:].bfloat16(), call=at)
            judge.inform("out_bf16emu", ours, tensors[f"out_bf16emu.{name}"][:, :, given:], norm=True)
        if f"out.{name}_nopad" in tensors:
            judge.compare(f"out.{name}_nopad", network(x, call=call), tensors[f"out.{name}_nopad"], norm=NETWORK)
        if name == "later":
            ours = network(x[:, :, given:], call=at)
            target = tensors["out.later_t_rounded_to_bf16"][:, :, given:]
            judge.compare("out.later_t_rounded_to_bf16", ours, target, norm=NETWORK)
    _rope(golden, judge)


def _call(golden: Golden, name: str) -> Call:
    """Return a recorded call, all of whose latents but the memory are predicted."""
    tensors = golden.under(f"in.{name}.")
    x, memory = tensors["x"], tensors.get("x_memory")
    latents, area = x.shape[2], x.shape[3] * x.shape[4] // 4
    first, end = tensors["predict_latent_idx"].tolist()
    positions, timesteps = torch.arange(first, end), tensors["t"][:, ::area]
    if memory is not None:
        positions = torch.cat((tensors["memory_latent_idx"], positions))
        timesteps = torch.cat((tensors["timestep_memory"][:, ::area], timesteps), dim=1)
    return Call(
        past=x[:, :, :0],
        memory=memory,
        positions=positions,
        keyboard=action_windows(tensors["keyboard_cond"], latents, tensors.get("keyboard_cond_memory")),
        mouse=action_windows(tensors["mouse_cond"], latents, tensors.get("mouse_cond_memory")),
        rays=ray_tokens(tensors["plucker_emb"]),
        text=padded(golden.tensors["in.context"], golden.config["config"]["text_len"])[None],
        timesteps=timesteps,
    )


def _rope(golden: Golden, judge: Judge) -> None:
    config, positions = golden.config["config"], golden.tensors["rope.positions"]
    heads, size = config["num_heads"], config["dim"] // config["num_heads"]
    spatial, bases = 2 * (size // 6), head_bases(heads, config["sigma_theta"])
    parts = [headwise_angles(positions, part, bases) for part in (size - 2 * spatial, spatial, spatial)]
    turns = torch.cat(parts, dim=-1).transpose(0, 1)  # (H, N, d / 2)
    judge.compare("rope", turns.cos(), golden.tensors["rope.freqs_real"], absolute=TABLE)
    judge.compare("rope", turns.sin(), golden.tensors["rope.freqs_imag"], absolute=TABLE)


@torch.no_grad()
def _action(golden: Golden, judge: Judge) -> None:
    """Run the action module alone on every case."""
    tensors, config = golden.tensors, golden.config["config"]
    module = ClipActionModule(
        dim=config["img_hidden_size"], heads=config["heads_num"],
        head_size=config["keyboard_hidden_dim"] // config["heads_num"], keyboard_dim=config["keyboard_dim_in"],
        keyboard_width=config["hidden_size"], mouse=config["enable_mouse"], operations=torch.nn,
    )  # fmt: skip
    module.load_state_dict(golden.under("sd."), strict=True)
    area = int(golden.config["th"]) * int(golden.config["tw"])
    for name in (key.removeprefix("out.") for key in tensors if key.startswith("out.")):
        given = golden.under(f"in.{name}.")
        memory = given.get("mouse_memory")
        memories = 0 if memory is None else memory.shape[1]
        latents = given["x"].shape[1] // area - memories
        actions = Actions(
            action_windows(given["keyboard"], latents, given.get("keyboard_memory")),
            action_windows(given["mouse"], latents, memory).flatten(2),
            action_turns(memories, latents, config["mouse_qk_dim_list"][0], torch.device("cpu")),
        )
        ours = module(given["x"], actions, module.keyboard_keys_values(actions))
        judge.compare("out", ours, tensors[f"out.{name}"], norm=NETWORK)
        seen = action_windows(torch.arange(given["keyboard"].shape[1])[None, :, None], latents, _ones(memories))
        judge.compare("windows", seen[0, :, :, 0], tensors[f"windows.{name}"])


def _ones(memories: int) -> Tensor | None:
    return torch.ones(1, memories, 1, dtype=torch.int64) if memories else None


def _camera(golden: Golden, judge: Judge) -> None:
    """Walk the recorded actions, and look along the way as each clip does."""
    tensors = golden.tensors
    for name in [key.removesuffix(".last_pose") for key in tensors if key.endswith(".last_pose")]:
        given = golden.under(f"{name}.")
        theirs = torch.cat((given["poses"].double(), given["last_pose"][None]))
        c2w = _judge_walk(judge, given["keyboard"], given["mouse"], theirs, given["extrinsics"])
        for clip in range(sum(key.startswith("clip") and key.endswith(".rel_poses") for key in given)):
            if f"clip{clip}.rel_poses" in given:
                _looks(golden, f"{name}.clip{clip}.", c2w, clip, judge)
    keyboard, mouse = _interactive(golden.config["interactive_moves"])
    _judge_walk(judge, keyboard, mouse, tensors["interactive.poses"], tensors["interactive.extrinsics"])
    judge_camera_memory(golden, judge)


def _judge_walk(judge: Judge, keyboard: Tensor, mouse: Tensor, theirs: Tensor, extrinsics: Tensor) -> Tensor:
    """Compare the stances and poses that actions lead to; return the poses."""
    stances = walk_stances(keyboard, mouse)
    c2w = stance_poses(stances)[: len(extrinsics)]
    judge.compare("poses", stances[: len(theirs)], theirs, absolute=POSES)
    judge.compare("extrinsics", to_matrix_game3(c2w), extrinsics, absolute=EXTRINSICS)
    return c2w


def _looks(golden: Golden, prefix: str, c2w: Tensor, clip: int, judge: Judge) -> None:
    """Compare relative poses and rays of one clip of a walk, and what it looks at again."""
    given, poses, (height, width) = golden.under(prefix), to_matrix_game3(c2w), golden.config["target_hw"]
    relative = framewise_poses(poses[list(MATRIX_GAME_3.samples(clip))])
    judge.compare("rel_poses", relative, given["rel_poses"], absolute=RELATIVE)
    for key in (key for key in given if key.startswith("plucker_first")):
        rays = packed_rays(relative[: given[key].shape[2]], height, width)
        judge.compare("plucker", rays[None], given[key], absolute=RAYS)
    sample = golden.under(f"full704.clip{clip}.")
    if sample and prefix.startswith("random."):
        shape = golden.config["full704_shape"]
        rays = packed_rays(relative, shape[3] * 16, shape[4] * 16)
        judge.compare("plucker", rays[sample["sample_idx"].unbind(1)], sample["sample_val"], absolute=RAYS)
    if "memory_sel" not in given:
        return
    chosen = plan(c2w, clip, RELEASED)
    queries = [look.query for look in chosen.looks]
    relative = memory_poses(poses[queries], poses[[look.pose_frame for look in chosen.looks]])
    judge.compare("memory_ref", torch.tensor(queries), given["memory_ref"])
    judge.compare("memory_rel_poses", relative, given["memory_rel_poses"], absolute=RELATIVE)
    if "memory_plucker" in given:
        rays = packed_rays(relative, height, width)[None]
        judge.compare("memory_plucker", rays, given["memory_plucker"], absolute=RAYS)


def _interactive(moves: list[list[str]]) -> tuple[Tensor, Tensor]:
    """Return the rows of keyboard and mouse that a player's key pairs stand for, one pair a clip."""
    turns = {"i": (0.1, 0.0), "k": (-0.1, 0.0), "j": (0.0, -0.1), "l": (0.0, 0.1)}
    keyboard, mouse = [], []
    for clip, (look, walk) in enumerate(moves):
        frames = MATRIX_GAME_3.later if clip else MATRIX_GAME_3.first
        keyboard.append(torch.tensor([[float(key == walk) for key in "wsad"]]).expand(frames, -1))
        mouse.append(torch.tensor([turns.get(look, (0.0, 0.0))]).expand(frames, -1))
    return torch.cat(keyboard), torch.cat(mouse)


@torch.no_grad()
def _int8(golden: Golden, judge: Judge) -> None:
    """Quantise the weight, then multiply both inputs in both forms."""
    tensors = golden.tensors
    for rounds in (True, False):
        layer = Int8Linear.of(tensors["weight_bf16"].bfloat16(), tensors["bias_bf16"].bfloat16(), rounds=rounds)
        judge.compare("weight_int8", layer.packed, tensors["weight_int8"])
        judge.compare("weight_scales", layer.scale[:, 0], tensors["weight_scales"], relative=1e-6)
        for name, dtype in (("x", torch.float32), ("x_bf16", torch.bfloat16)):
            x = tensors[name].to(dtype)
            ours = layer(x).float()
            judge.compare("out_fp32_reference", ours, tensors[f"{name}.out_fp32_reference"], norm=3e-2)
            if not rounds:
                rows, scale = truncated_rows(x)
                theirs = tensors[f"{name}.x_int8"]
                judge.compare("x_int8", rows.int(), theirs.int(), absolute=1)
                judge.compare("x_int8.differing", (rows != theirs).float().mean(), torch.zeros(()), absolute=5e-3)
                judge.compare("x_scales", scale[:, 0], tensors[f"{name}.x_scales"], relative=1e-6)
                judge.compare("out_bf16 in ulp", *in_ulp(ours, tensors[f"{name}.out_bf16"]), absolute=2)
    named = golden.config["converted_modules"]
    judge.compare("converted_modules", torch.tensor([is_quantised(name) for name in named]), torch.ones(len(named)) > 0)


def _keys(path: Path, judge: Judge) -> None:
    """Build the network for the released keys on the meta device, and compare every name and shape."""
    listed = {key: tuple(shape) for key, shape in json.loads(path.read_text(encoding="utf-8"))["keys"].items()}
    judge.shapes(listed, shapes_of(MatrixGame3(sizes_of(listed), device="meta").state_dict()))


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "action_module": _action,
    "camera": _camera,
    "dit_forward": _dit,
    "int8_linear": _int8,
}
