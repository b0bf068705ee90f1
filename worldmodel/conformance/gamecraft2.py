"""The golden set of causal Wan worlds: tables, cameras, masks and key lists, judged through the code users run.

Shapes: C channels, T latents, F frames, h, w latent grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.recognise import recognise
from ..layers.block_sparse import block_mask, by_blocks, window_mask
from ..layers.camera_rays import CameraInjector, RayEmbedding, packed_rays, ray_tokens, seen_from
from ..models.causal_wan.rays import (
    lens_in,
    packed,
    released_grid,
    released_length,
    released_steps,
    resampled,
    shares_of,
    tokens_of,
)
from ..models.gamecraft1.camera import pose_rows, ray_map, relative_poses
from ..models.gamecraft1.camera_net import CameraNet, compressed
from ..models.matrix_game2.conditions import image_condition
from ..rollout.guidance import guided
from ..rollout.lookups import looked_up, table
from ..rollout.sampling import LEVELS, add_noise, clean_from_velocity
from ..rollout.two_phases import TwoPhases
from ..rollout.unipc import UniPC
from ..rollout.wrappers import is_high
from .report import Golden, Judge, Line, load_golden
from .towers import Towers

POSES, RAYS, NETWORK, TABLES, LATENTS = 5e-6, 5e-6, 1e-5, 1e-6, 3e-5
RAY_MAPS = 1e-5


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"gamecraft2/{path.stem}")
    if path.suffix == ".json":
        _keys(path, verdicts)
    else:
        CASES[path.stem](load_golden(path), verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    if path.suffix == ".json":
        return path.stem.startswith("keys_") and path.stem != "keys_summary"
    return path.stem in CASES


@torch.no_grad()
def _camera(golden: Golden, judge: Judge) -> None:
    """Compile recorded walks, pack them, and run the camera's branch."""
    for name, case in golden.config["cases"].items():
        given, latents, grid = golden.under(f"{name}."), case["latent_frames"], tuple(case["latent_hw"])
        between = resampled(given["in.poses"], latents)
        judge.compare("interp", between.float(), given["out.interp"], absolute=POSES)
        from_first = seen_from(between[:1].expand_as(between), between)
        judge.inform("relative_to_first", from_first.float(), given["mid.relative_to_first"])
        moved = released_steps(given["in.poses"], latents)
        judge.compare("framewise", moved, given["out.framewise"], absolute=POSES)
        height, width = (8 * side for side in grid)
        lens = lens_in(given["in.intrinsics"][0], height, width)
        judge.compare("K", lens, given["out.K"], absolute=TABLES)
        lens = shares_of(lens, height, width)
        if "out.map384" in given:
            judge.compare("map384", packed(moved, grid, lens), given["out.map384"], absolute=RAYS)
        if "out.plucker_frame1" in given:
            pixels = packed_rays(moved[1:2], height, width, intrinsics=lens, cell=1)  # (6, 1, H, W)
            judge.compare("plucker", pixels[:, 0].movedim(0, -1), given["out.plucker_frame1"], absolute=RAYS)
        if "out.tokens1536_frames01" in given:
            judge.compare("tokens", tokens_of(moved[:2], grid, lens), given["out.tokens1536_frames01"], absolute=RAYS)
    _packing(golden, judge)
    _branch(golden, judge)


def _packing(golden: Golden, judge: Judge) -> None:
    """Tell where each number of a map goes, as rays that are numbered."""
    theirs = golden.tensors["packing.map384_index"]
    _, _, frames, rows, columns = theirs.shape
    numbered = torch.arange(theirs.numel()).view(frames, 8 * rows, 8 * columns, 6).permute(0, 3, 1, 2)
    cells = numbered.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).permute(1, 3, 5, 0, 2, 4).flatten(0, 2)[None]
    judge.compare("packing", cells, theirs)
    judge.compare("packing, tokens", ray_tokens(cells), golden.tensors["packing.tokens1536_index"])


class _Branch(RayEmbedding, CameraInjector):
    """A network's camera branch and a block's injector, by themselves."""


def _branch(golden: Golden, judge: Judge) -> None:
    weights = {key.removeprefix("blocks.0."): value for key, value in golden.under("sd.").items()}
    dim = len(weights["patch_embedding_wancamctrl.bias"])
    branch = _Branch()
    branch.build_ray_embedding(dim, 8, operations=torch.nn)
    branch.build_camera_injector(dim, operations=torch.nn)
    branch.load_state_dict(weights, strict=True)
    given = golden.under("branch.")
    camera = branch.embed_rays(golden.tensors["move.out.tokens1536_frames01"])
    judge.compare("branch c", camera, given["out.c"], absolute=NETWORK)
    shift, gain = branch.camera_modulation(given["out.c"])
    judge.inform("branch shift", shift, given["mid.shift"])
    judge.compare("branch x", torch.addcmul(shift, given["in.x"], gain), given["out.x"], absolute=NETWORK)


def _sampler(golden: Golden, judge: Judge) -> None:
    """Look steps up, and go there and back."""
    for name, settings in golden.config.items():
        given, shift = golden.under(f"{name}."), settings["shift"]
        steps = tuple(LEVELS - index for index in settings["index"])
        levels, rows = table(shift), looked_up(steps, shift)
        judge.compare("table", levels.timesteps.long(), given["table.timesteps"])
        judge.compare("table", torch.cat((levels.sigmas, torch.zeros(1))), given["table.sigmas"])
        judge.compare("timesteps", rows.timesteps, given["steps.t"])
        judge.compare("rows", torch.stack((rows.clean, rows.noise)), _rows(given))
        nominal = levels.sigmas[[LEVELS - step for step in steps]]
        judge.compare("nominal", nominal, given["steps.nominal_sigma"], absolute=TABLES)
        clean_at, noise_at = levels.sigmas[rows.clean], levels.sigmas[rows.noise]
        judge.compare("x0_sigma", clean_at, given["steps.x0_sigma"], absolute=TABLES)
        judge.compare("renoise_sigma", noise_at, given["steps.renoise_sigma"], absolute=TABLES)
        for step in range(len(steps)):
            clean = clean_from_velocity(given["in.x"], given["in.flow"], clean_at[step])
            judge.compare("x0", clean, given[f"out.x0_step{step}"], absolute=TABLES)
            if f"out.renoised_step{step}" in given:
                noisy = add_noise(given[f"out.x0_step{step}"], given["in.eps"], noise_at[step + 1])
                judge.compare("renoised", noisy, given[f"out.renoised_step{step}"], absolute=TABLES)
    for poses, frames, block, *theirs in golden.tensors["frames.table"].tolist():
        judge.compare("lengths", torch.tensor(released_length(poses, frames, block)), torch.tensor(theirs))
    for width, height, area, *theirs in golden.tensors["size.table"].tolist():
        judge.compare("sizes", torch.tensor(released_grid(width, height, area)), torch.tensor(theirs))


def _rows(given: dict[str, Tensor]) -> Tensor:
    return torch.stack((given["steps.x0_index"], given["steps.renoise_index"]))


def _experts(golden: Golden, judge: Judge) -> None:
    """Route each step to an expert, and sample with the linear stand-ins of the metadata."""
    for key, theirs in golden.under("mask.f").items():
        frames = int(key)
        latents = torch.zeros(1, (frames - 1) // 4 + 1, 1, 1).expand(16, -1, -1, -1)
        judge.compare("mask", image_condition(latents)[:4, :, 0, 0], theirs)
    given = golden.under("causalwan22.")
    sampler = TwoPhases(tuple(given["raw_steps"].tolist()), shift=12.0, boundary=875.0)
    judge.compare("causalwan22", sampler.levels().timesteps, given["warped"], absolute=1000 * TABLES)
    judge.compare("causalwan22", torch.tensor(sampler.high()).int(), given["is_high"].int())
    for name, run in golden.config["runs"].items():
        _expert_run(golden.under(f"{name}."), run, judge)


def _expert_run(given: dict[str, Tensor], run: dict[str, Any], judge: Judge) -> None:
    y = image_condition(given["in.image_latents"])
    judge.compare("y", y, given["out.y"])
    if run["solver"] != "unipc":
        judge.skip("dpm++", "no model here is sampled so", partial=True)
        return
    sampler, boundary = UniPC(run["steps"], run["shift"]), 1000 * run["boundary"]
    levels = sampler.levels()
    routed = torch.tensor([int(is_high(timestep, boundary)) for timestep in levels.timesteps])
    judge.compare("t", levels.timesteps.long(), given["t"])
    judge.compare("is_high", routed, given["is_high"])
    scales = torch.tensor(run["guide_low_high"])
    judge.compare("guide", scales[routed], given["guide"])

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        high = is_high(timestep, boundary)
        told, untold = (lambda x, _, c=c: (0.9 if high else 0.6) * x + c * y[4:] for c in (0.25, -0.5))
        return guided(told, untold, scales[int(high)].item())(x, timestep)

    latents = sampler.sample(predict, iter([given["in.noise"]]))
    judge.compare("latents", latents, given["out.latents"], absolute=LATENTS)


def _masks(golden: Golden, judge: Judge) -> None:
    """Compare who sees whom, in one pass and through the window."""
    for name, told in golden.config["settings"].items():
        given, block, sink = golden.under(f"{name}."), told["frames_per_block"], told["sink_frames"]
        if "blocks" in told:
            ours = window_mask(told["blocks"] * block, block, sink, told["window_frames_including_sink"])
            judge.compare("visible_frames", ours.int(), given["visible_frames"].int())
            continue
        mask = block_mask(told["frames"], block, sink, told["preceding_blocks"])
        judge.compare("mask", mask.int(), given["mask"].int())
        judge.compare("block_mask", by_blocks(mask, block).int(), given["block_mask"].int())
        judge.compare("visible_count", mask.sum(1), given["visible_count"])


@torch.no_grad()
def _gamecraft1(golden: Golden, judge: Judge) -> None:
    """Hold keys for a clip, look along its rays, and read them."""
    config = golden.config
    height, width = config["hw"]
    for key, number, speed in _held(config):
        given = golden.under(f"{key}.speed{number}.")
        rows = pose_rows(key, speed, config["frames"])
        judge.compare("rows", rows.flatten(1), given["rows12"], absolute=1e-12)
        poses = relative_poses(rows[: config["frames"]])
        judge.compare("relative_c2w", poses, given["relative_c2w"], absolute=TABLES)
        if "plucker" in given:
            rays = ray_map(poses[config["plucker_frames"]], height, width)
            judge.compare("plucker", rays, given["plucker"], absolute=RAY_MAPS)
    still = ray_map(torch.eye(4)[None], height, width)[0]
    judge.compare("plucker", still, golden.tensors["uncond.plucker_frame0"], absolute=RAY_MAPS)
    for frames, theirs in golden.under("compress.f").items():
        ours = compressed(torch.arange(int(frames), dtype=torch.float32)[None])[0]
        judge.compare("compress", ours, theirs)
    _camera_net(golden, judge)


def _held(config: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
    for key in config["actions"]:
        for number, speed in enumerate(config["speeds"]):
            yield key, number, speed


def _camera_net(golden: Golden, judge: Judge) -> None:
    weights = golden.under("sd.camera_net.")
    if not weights:
        return
    net = CameraNet(len(weights["camera_in.proj.bias"]), len(weights["final_proj.bias"]))
    net.load_state_dict(weights, strict=True)
    for frames, theirs in golden.under("net.out.f").items():
        judge.inform("CameraNet", net(golden.tensors[f"net.in.f{frames}"]), theirs)
    for latents, theirs in golden.under("dit.out.latent").items():
        judge.inform("added to latents", net.of_latents(golden.tensors["net.in.f33"], int(latents)), theirs)


def _keys(path: Path, judge: Judge) -> None:
    """Build the network for the released keys on the meta device, and compare every name and shape."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    released = {key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()}
    summary = json.loads((path.parent / "keys_summary.json").read_text(encoding="utf-8"))[path.stem]
    try:
        found = recognise(released, name=path.name)
    except ValueError as error:
        judge.fail("keys", str(error))
        return
    count = sum(tensor.numel() for tensor in found.weights.values())
    if (len(found.weights), count) != (summary["tensors"], summary["params"]):
        judge.fail("keys", f"{len(found.weights)} tensors of {count} numbers, expected {summary['tensors']}")
    else:
        judge.passed("keys", f"{len(released)} keys and shapes agree: {found.variant.title}")


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "lingbot_camera": _camera,
    "lingbot_sampler": _sampler,
    "wan22_experts": _experts,
    "block_sparse_mask": _masks,
    "gamecraft1_camera": _gamecraft1,
}
