"""Conformance bites: every mistake whose size was measured with the authors' code makes a rollout fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from tests.unit.breaking import Patch, wrap
from worldmodel.conformance import __main__ as command
from worldmodel.conformance import matrix_game2 as judge
from worldmodel.layers import cache
from worldmodel.models import action
from worldmodel.models.matrix_game2 import conditions
from worldmodel.models.matrix_game2 import network as network

CASE = Path(__file__).parents[1] / "golden" / "matrix_game2" / "rollout_gta_drive.safetensors"
MUTATIONS: dict[str, Callable[[Patch], None]] = {}


def mutation(break_it: Callable[[Patch], None]) -> Callable[[Patch], None]:
    MUTATIONS[break_it.__name__] = break_it
    return break_it


def with_step(patch: Patch, change: Callable[[network.Step], network.Step]) -> None:
    """Let the network see another step than it is given."""

    def forward(original: Callable, *args: Any, call: network.Step, **kwargs: Any) -> Tensor:
        return original(*args, call=change(call), **kwargs)

    wrap(patch, network.MatrixGame2, "forward", forward)


def with_network(patch: Patch, change: Callable[[nn.Module], None]) -> None:
    """Change the network after it is built."""

    def build(original: Callable, *args: Any) -> nn.Module:
        built = original(*args)
        change(built)
        return built

    wrap(patch, judge, "network_from", build)


@mutation
def action_norm_weights_applied(patch: Patch) -> None:
    wrap(patch, action.HeadNorm, "forward", lambda original, self, x: original(self, x) * self.weight)


@mutation
def action_rope_without_offset(patch: Patch) -> None:
    wrap(patch, network, "action_turns", lambda original, latents: original(latents - latents[0]))


@mutation
def action_rope_missing(patch: Patch) -> None:
    wrap(patch, network, "action_turns", lambda original, latents: original(latents * 0))


@mutation
def self_attention_rope_without_offset(patch: Patch) -> None:
    wrap(patch, network, "grid_rotation", lambda original, latents, *size: original(latents - latents[0], *size))


@mutation
def feed_forward_gelu_exact(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        for block in built.blocks:
            block.ffn[1] = nn.GELU()

    with_network(patch, change)


@mutation
def image_gelu_tanh(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        built.img_emb.proj[2] = nn.GELU(approximate="tanh")

    with_network(patch, change)


@mutation
def attention_sees_only_the_current_chunk(patch: Patch) -> None:
    wrap(patch, cache.KVCache, "__init__", lambda original, self, window, chunk: original(self, chunk, chunk))


@mutation
def window_three_latents_longer(patch: Patch) -> None:
    wrap(patch, cache.KVCache, "__init__", lambda original, self, window, chunk: original(self, window + 3, chunk))


@mutation
def window_of_the_other_variants(patch: Patch) -> None:
    wrap(patch, cache.KVCache, "__init__", lambda original, self, window, chunk: original(self, 6, chunk))


@mutation
def actions_one_frame_late(patch: Patch) -> None:
    wrap(patch, conditions, "window_index", lambda original, *args: (original(*args) - 1).clamp_min(0))


@mutation
def actions_one_frame_early(patch: Patch) -> None:
    wrap(patch, conditions, "window_index", lambda original, *args: original(*args) + 1)


@mutation
def image_before_mask(patch: Patch) -> None:
    with_step(patch, lambda step: step._replace(image_condition=step.image_condition.roll(-4, dims=1)))


@mutation
def mouse_components_swapped(patch: Patch) -> None:
    with_step(patch, lambda step: step._replace(mouse=step.mouse.flip(-1)))


@mutation
def action_input_normed(patch: Patch) -> None:
    def forward(original: Callable, self: nn.Module, x: Tensor, *args: Any) -> Tensor:
        normed = layer_norm(x, x.shape[-1:])
        return x - normed + original(self, normed, *args)

    wrap(patch, action.ActionModule, "forward", forward)


@mutation
def keyboard_queries_before_the_mouse(patch: Patch) -> None:
    def keyboard(original: Callable, self: nn.Module, x: Tensor, inputs: Any, block: int) -> Tensor:
        before = x - self.proj_mouse(self._mouse(x, inputs, inputs.mouse, block))
        return original(self, before, inputs, block)

    wrap(patch, action.ActionModule, "_keyboard", keyboard)


@mutation
def history_of_the_last_noisy_pass(patch: Patch) -> None:
    def change(step: network.Step) -> network.Step:
        return step._replace(timesteps=torch.full_like(step.timesteps, 714.0)) if step.commit else step

    with_step(patch, change)


def test_the_unbroken_code_passes() -> None:
    assert command.main([str(CASE)]) == 0


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_seen(name: str, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    MUTATIONS[name](monkeypatch)
    assert command.main([str(CASE)]) == 1
    line, total = capsys.readouterr().out.splitlines()
    assert "out.latents  abs  error" in line and total == "0 passed, 1 failed"
