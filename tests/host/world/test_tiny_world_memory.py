"""Tiny World with memory through the nodes: loaded by name, started, walked, looked into; and the laws, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

NAME = "Tiny World with memory"
WALK = "forward*30 yaw_right(3)*30 forward*37"
"""97 frames: a chunk of 25, and three of 24."""


@pytest.fixture
def case(built_in: Path, run: Callable, of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """Model, VAE, world and track, through the nodes."""
    model, vae = run("WMLoadWorldModel", NAME), run("WMLoadWorldVAE", "Tiny World")
    image, *_ = run("WMTinyWorldView", 3, 0)
    track = of_pack("worldmodel.track.track").parse_track(WALK)
    world = run("WMStartWorld", model, vae, image)
    return SimpleNamespace(model=model, vae=vae, track=track, world=world)


def rolled(case: SimpleNamespace, run: Callable, track: Any = None, world: Any = None, **inputs: Any) -> Any:
    world, _ = run("WMRolloutWorld", case.model, world or case.world, track or case.track, 5, **inputs)
    return world


def codes(world: Any) -> torch.Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], 1)


def test_the_nodes_start_walk_and_show_it(case: SimpleNamespace, run: Callable) -> None:
    assert case.world.start.variant == "tiny_world_2_memory" and case.world.start.text is None
    assert tuple(case.world.start.image_condition.shape) == (16, 1, 8, 12)
    world = rolled(case, run)
    assert [chunk.latents.shape[1] for chunk in world.chunks] == [7, 6, 6, 6] and codes(world).isfinite().all()
    images = run("WMDecodeWorld", world, case.vae, 0, -1)
    assert tuple(images.shape) == (97, 64, 96, 3)


def test_split_branch_resume(case: SimpleNamespace, run: Callable, of_pack: Callable, tmp_path: Path) -> None:
    whole, parse = rolled(case, run), of_pack("worldmodel.track.track").parse_track
    first = rolled(case, run, parse("forward*30 yaw_right(3)*19"))
    before = codes(first).clone()
    rest = parse("yaw_right(3)*11 forward*37")
    assert torch.equal(codes(rolled(case, run, rest, first)), codes(whole))
    other = rolled(case, run, parse("back*48"), first)
    assert torch.equal(codes(first), before) and not torch.equal(codes(other), codes(whole))
    archive = of_pack("worldmodel.world.archive")
    loaded = archive.load_world(archive.save_world(first, tmp_path / f"walk{archive.SUFFIX}"))
    assert torch.equal(codes(rolled(case, run, rest, loaded)), codes(whole))


def test_memory_is_used_and_said(case: SimpleNamespace, run: Callable) -> None:
    whole = rolled(case, run)
    asked = run("WMWorldMemory", "exact overlap", 5, True, 4)
    assert torch.equal(codes(rolled(case, run, memory=asked)), codes(whole))
    fewer = run("WMWorldMemory", "exact overlap", 1, True, -1)
    found = codes(rolled(case, run, memory=fewer))
    assert torch.equal(found[:, :7], codes(whole)[:, :7]) and not torch.equal(found[:, 7:], codes(whole)[:, 7:])
    picture, table = run("WMMemoryInspector", case.track, case.world)
    assert picture.shape[3] == 3 and "chunk 3  frames 73 to 96" in table
    text, *_ = run("WMWorldInfo", whole)
    assert NAME in text


def test_a_text_encoder_is_not_asked_for_and_a_prompt_is_not_read(
    case: SimpleNamespace, run: Callable, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(of_pack("nodes.host.progress"), "tell", told.append)
    image, *_ = run("WMTinyWorldView", 3, 0)
    world = run("WMStartWorld", case.model, case.vae, image, prompt="rain")
    assert world.digest == case.world.digest
    assert any(f"prompt: {NAME} reads no text" in line for line in told)
