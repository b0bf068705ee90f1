"""What bounds the authors' code and not ours: rotary tables of 1024 and 7500 latents, the grid, flash attention."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor

from worldmodel.conformance.matrix_game2 import network_from
from worldmodel.conformance.report import Golden, load_golden
from worldmodel.families.begin import begin
from worldmodel.layers.cache import KVCache
from worldmodel.models.matrix_game2.conditions import cut_windows, image_condition, image_then_grey
from worldmodel.models.matrix_game2.network import Step
from worldmodel.rollout.session import bare
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Controls, Start, new_world

REPOSITORY = Path(__file__).resolve().parents[2]
CASE = REPOSITORY / "tests" / "golden" / "matrix_game2" / "dit_gta_drive.safetensors"
VARIANT = VARIANTS["matrix_game_2_gta_drive"]
FAR = 30_000
"""Latents: 10,000 chunks, over an hour of film; the authors' tables end at chunk 341."""


@pytest.fixture(scope="module")
def golden() -> Golden:
    return load_golden(CASE)


@torch.no_grad()
def flows(golden: Golden, offset: int) -> Tensor:
    """Run the golden chunks as if they came `offset` latents later."""
    tensors, sizes = golden.tensors, golden.config["model_config"]
    network = network_from(golden.under("sd."), sizes["num_heads"])
    cache, found = KVCache(sizes["local_attn_size"], 3), []
    for chunk in range(golden.config["n_chunks"]):
        at = torch.arange(3 * chunk, 3 * chunk + 3)
        step = Step(
            timesteps=torch.zeros(1, 3),
            positions=at + offset,
            image_condition=tensors["in.cond_concat"][:, :, at],
            image_tokens=tensors["in.visual_context"],
            keyboard=cut_windows(tensors["in.keyboard_cond"], at),
            mouse=cut_windows(tensors["in.mouse_cond"], at),
            cache=cache,
            commit=True,
        )
        cache.begin_chunk()
        found.append(network(tensors["in.x_clean"][:, :, at], call=step))
    return torch.cat(found, dim=2)


def test_the_authors_numbers_come_out_ten_thousand_chunks_later(golden: Golden) -> None:
    stored = torch.cat([golden.tensors[f"out.chunk{c}.flow_clean"] for c in range(golden.config["n_chunks"])], dim=2)
    assert (flows(golden, 0) - stored).abs().max() < 1e-5
    assert (flows(golden, FAR) - stored).abs().max() < 1e-5


@pytest.mark.parametrize("grid", [(2, 2), (6, 4), (10, 18)])
def test_any_even_grid_rolls_out(golden: Golden, grid: tuple[int, int]) -> None:
    network = network_from(golden.under("sd."), golden.config["model_config"]["num_heads"])
    condition = image_condition(torch.randn(16, 4, *grid))
    session = begin(
        new_world(Start(VARIANT.name, "wan21", condition, torch.randn(5, golden.config["clip_dim"]))), bare(network)
    )
    for chunk in range(3):
        rows = VARIANT.chunking.frames(chunk)
        latents = session.step(Controls(torch.ones(rows, 2), torch.zeros(rows, 2)), 0).latents
        assert latents.shape == (16, 3, *grid) and bool(torch.isfinite(latents).all())


def test_a_picture_is_followed_by_grey_once_for_any_length() -> None:
    picture = torch.rand(16, 32, 3)
    frames = image_then_grey(picture, 30)
    assert frames.shape == (117, 16, 32, 3)  # 30 latents, whatever the length of the rollout
    assert torch.equal(frames[0], picture) and bool((frames[1:] == 0.5).all())
    condition = image_condition(torch.ones(16, 30, 2, 4))
    assert condition.shape == (20, 30, 2, 4)
    assert bool((condition[:4, 0] == 1).all()) and not condition[:4, 1:].any() and bool((condition[4:] == 1).all())


def test_no_attention_package_is_needed() -> None:
    packages = {"flash_attn", "flash_attn_interface", "xformers", "sageattention"}
    for file in [*(REPOSITORY / "worldmodel").rglob("*.py"), *(REPOSITORY / "nodes").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not packages & {name.split(".")[0] for name in names}, file
