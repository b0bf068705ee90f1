"""The authors' whole rollout through the nodes: from a picture and their noise to latents and frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.sd
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from worldmodel.conformance.__main__ import main

from .conftest import GOLDEN, write

CASE = GOLDEN.with_name("rollout_universal.safetensors")
LATENTS, PIXELS = 5e-5, 2e-4
"""Largest absolute errors on a CPU, that another implementation of the model keeps."""


@pytest.fixture
def case(
    of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable[..., str], tmp_path: Path
) -> SimpleNamespace:
    """The case's files under the names they are released with, its picture, noise and track."""
    with safe_open(CASE, "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key).float() for key in file.keys()}

    def under(prefix: str, new: str = "") -> dict[str, Tensor]:
        return {new + key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    write(
        tmp_path / "universal.safetensors", under("sd.dit.", "model."), {"heads": config["model_config"]["num_heads"]}
    )
    write(tmp_path / "clip.safetensors", under("sd.clip."), {"heads": config["clip"]["heads"]})
    torch.save(under("sd.vae."), tmp_path / "Wan2.1_tiny.pth")
    variant = of_pack("worldmodel.variants").VARIANTS[f"matrix_game_2_{config['variant']}"]
    degrees = tensors["in.mouse_cond"][0].flip(1) * variant.mouse.degrees_per_unit
    return SimpleNamespace(
        model=run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / "universal.safetensors"), "fp32"),
        vae=run("WMLoadWorldVAE", place_file("vae", tmp_path / "Wan2.1_tiny.pth")),
        clip=run("WMLoadWorldCLIPVision", place_file("clip_vision", tmp_path / "clip.safetensors")),
        vae_weights=under("sd.vae."),
        image=tensors["in.image"][0].movedim(0, -1) / 2 + 0.5,
        noise=of_pack("worldmodel.world.state").RecordedNoise(tensors["in.noise"][0], tensors["in.renoise"]),
        track=of_pack("worldmodel.track.track").Track(variant.keyboard.words, tensors["in.keyboard_cond"][0], degrees),
        tensors=tensors,
        chunks=config["n_chunks"],
    )


def rolled(case: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType], vae: Any) -> tuple[Any, Tensor]:
    """Start from the picture, let the authors' noise in through the start, roll out and decode."""
    state, (height, width) = of_pack("worldmodel.world.state"), case.image.shape[1:3]
    world = run("WMStartWorld", case.model, vae, case.image, case.clip, width, height)
    world = state.new_world(world.start._replace(noise=case.noise))
    grown, film = run("WMRolloutWorld", case.model, world, case.track, 0, vae=vae)
    frames = run("WMDecodeWorld", grown, vae)
    assert film.get_frame_count() == len(frames) == len(case.track.keys)
    return grown, frames


def check(case: SimpleNamespace, grown: Any, frames: Tensor) -> None:
    latents = torch.cat([chunk.latents for chunk in grown.chunks], dim=1)
    assert (latents - case.tensors["out.latents"][0]).abs().max() <= LATENTS
    pieces = [case.tensors[f"out.video.chunk{chunk}"][0] for chunk in range(case.chunks)]
    pixels = torch.cat(pieces).movedim(1, -1)  # (frames, 3, h, w) -> (frames, h, w, 3)
    assert (frames * 2 - 1 - pixels).abs().max() <= PIXELS


def test_the_authors_film_comes_out_of_the_nodes(case: SimpleNamespace, run: Callable, of_pack: Callable) -> None:
    grown, frames = rolled(case, run, of_pack, case.vae)
    check(case, grown, frames)
    start = grown.start
    stored = case.tensors["mid.cond_concat"][0]
    conditions = of_pack("worldmodel.models.matrix_game2.conditions")
    ours = conditions.image_condition_at(start.image_condition, torch.arange(stored.shape[1]))
    assert (ours - stored).abs().max() <= 1e-5
    assert (start.visual_context - case.tensors["mid.visual_context"][0]).abs().max() <= 1e-5


def test_the_hosts_own_vae_gives_the_same_film(case: SimpleNamespace, run: Callable, of_pack: Callable) -> None:
    hosts = comfy.sd.VAE(sd=dict(case.vae_weights))
    assert type(hosts) is comfy.sd.VAE
    check(case, *rolled(case, run, of_pack, hosts))


def test_every_file_of_the_tower_sees_the_same(
    case: SimpleNamespace, run: Callable, of_pack: Callable, place_file: Callable[..., str], tmp_path: Path
) -> None:
    clip, tensors = of_pack("nodes.host.clip"), case.tensors
    picture, stored = case.image[0], tensors["mid.visual_context"][0]
    released = {key.removeprefix("sd.clip."): value for key, value in tensors.items() if key.startswith("sd.clip.")}
    hosts = of_pack("worldmodel.checkpoints.clip_tower").tower_weights(released)
    write(tmp_path / "clip_hosts.safetensors", hosts, {"heads": case.clip.config["num_attention_heads"]})
    again = run("WMLoadWorldCLIPVision", place_file("clip_vision", tmp_path / "clip_hosts.safetensors"))
    for tower in (case.clip, again):
        assert (clip.image_tokens(tower, picture) - stored).abs().max() <= 1e-5
    # the host's own preparation crops, smooths and rounds to 8 bits: another picture
    theirs = case.clip.encode_image(case.image, crop=False)["penultimate_hidden_states"][0]
    assert (theirs - stored).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["clip_preprocess", "rollout_universal", "keys_clip"])
def test_with_a_host_nothing_is_skipped(comfyui: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = GOLDEN.parent.glob(f"{name}.*")
    assert main([str(path), "--host", str(comfyui)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 0 failed" and not any("skipped" in line for line in lines)
