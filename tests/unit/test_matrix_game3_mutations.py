"""Conformance bites: every oddity of Matrix-Game 3.0's release that is left out makes a golden file fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.unit.breaking import Mistakes, Patch, with_network, wrap
from worldmodel.binding import stances
from worldmodel.conformance import __main__ as command
from worldmodel.conformance import matrix_game3 as judge
from worldmodel.layers import camera_rays
from worldmodel.models.matrix_game3 import action, blocks, conditions, network

GOLDEN = Path(__file__).parents[1] / "golden" / "matrix_game3"
MUTATIONS = Mistakes()
mutation = MUTATIONS.seen_by


def with_call(patch: Patch, change: Callable[[conditions.Call], conditions.Call]) -> None:
    """Let the network see another call than it is given."""

    def forward(original: Callable, *args: Any, call: conditions.Call, **kwargs: Any) -> Tensor:
        return original(*args, call=change(call), **kwargs)

    wrap(patch, network.MatrixGame3, "forward", forward)


# ---------------------------------------------------------------- network


@mutation("dit_forward")
def stream_kept_beside_its_norm(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        for block in built.blocks:
            seen: list[Tensor] = []
            block.norm3.register_forward_hook(lambda module, given, out, seen=seen: seen.append(given[0] - out))
            block.cross_attn.register_forward_hook(lambda module, given, out, seen=seen: out + seen.pop())

    with_network(patch, judge, change)


@mutation("dit_forward")
def one_rotary_base_for_all_heads(patch: Patch) -> None:
    wrap(patch, network, "head_bases", lambda original, heads, spread: original(heads, 0.0))


@mutation("dit_forward")
def memories_counted_from_0(patch: Patch) -> None:
    def change(call: conditions.Call) -> conditions.Call:
        return call._replace(positions=torch.cat((torch.arange(call.memories), call.positions[call.memories :])))

    with_call(patch, change)


@mutation("dit_forward")
def memories_at_the_level_of_the_new_latents(patch: Patch) -> None:
    with_call(patch, lambda call: call._replace(timesteps=torch.full_like(call.timesteps, call.timesteps.max())))


@mutation("dit_forward")
def actions_counted_on_from_the_memories(patch: Patch) -> None:
    wrap(
        patch,
        network,
        "action_turns",
        lambda original, memories, latents, *rest: original(0, memories + latents, *rest),
    )


@mutation("dit_forward")
def timesteps_never_rounded(patch: Patch) -> None:
    wrap(patch, conditions.Call, "at", lambda original, call, level: original(call._replace(rounded=False), level))


@mutation("dit_forward")
def timesteps_always_rounded(patch: Patch) -> None:
    wrap(patch, conditions.Call, "at", lambda original, call, level: original(call._replace(rounded=True), level))


@mutation("dit_forward")
def guidance_from_a_still_mouse(patch: Patch) -> None:
    patch.setattr(conditions, "NO_MOUSE", 0.0)


@mutation("dit_forward")
def guidance_from_keys_that_are_up(patch: Patch) -> None:
    patch.setattr(conditions, "NO_KEYS", 0.0)


@mutation("dit_forward")
def guidance_with_memory(patch: Patch) -> None:
    wrap(patch, conditions.Call, "null", lambda original, call: call._replace(text=call.negative))


@mutation("dit_forward")
def empty_words_hidden(patch: Patch) -> None:
    with_call(patch, lambda call: call._replace(text=call.text[:, call.text[0].any(dim=1)]))


@mutation("dit_forward")
def rays_by_place_before_number(patch: Patch) -> None:
    wrap(
        patch, judge, "ray_tokens",
        lambda original, rays: original(rays).unflatten(-1, (-1, 4)).transpose(-1, -2).flatten(-2),
    )  # fmt: skip


@mutation("dit_forward")
def camera_scale_taken_for_the_gain(patch: Patch) -> None:
    def around(original: Callable, self: nn.Module, camera: Tensor) -> tuple[Tensor, Tensor]:
        shift, gain = original(self, camera)
        return shift, gain - 1

    wrap(patch, camera_rays.CameraInjector, "camera_modulation", around)


@mutation("dit_forward")
def feed_forward_gelu_exact(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        for block in built.blocks:
            block.ffn[1] = nn.GELU()

    with_network(patch, judge, change)


@mutation("dit_forward")
def last_block_blind_to_what_is_given(patch: Patch) -> None:
    def around(original: Callable, self: nn.Module, x: Tensor, turns: tuple, options: dict, first: int = 0) -> Tensor:
        skipped = first * x.shape[1] // len(turns[0])
        return original(self, x[:, skipped:], (turns[0][first:], *turns[1:]), options)

    wrap(patch, blocks.HeadwiseSelfAttention, "forward", around)


# ---------------------------------------------------------------- actions


@mutation("action_module")
def action_norm_weights_applied(patch: Patch) -> None:
    def around(original: Callable, self: nn.Module, *args: Any) -> Tensor:
        with pytest.MonkeyPatch.context() as inner:
            wrap(inner, action, "lean_unit_norm", lambda norm, x, eps: norm(x, eps) * self.img_attn_q_norm.weight)
            return original(self, *args)

    wrap(patch, action.ClipActionModule, "_mouse", around)


@mutation("action_module")
def windows_of_later_clips_a_latent_early(patch: Patch) -> None:
    wrap(
        patch, conditions, "window_index",
        lambda original, latents, frames: (original(latents, frames) - 4 * (frames % 4 == 0)).clamp_min(0),
    )  # fmt: skip


@mutation("action_module")
def action_rope_missing(patch: Patch) -> None:
    wrap(patch, judge, "action_turns", lambda original, *args: original(*args) * 0 + torch.eye(2))


# ---------------------------------------------------------------- camera


@mutation("camera")
def poses_seen_from_the_first(patch: Patch) -> None:
    def around(original: Callable, c2w: Tensor) -> Tensor:
        seen = camera_rays.seen_from(c2w[:1], c2w)
        seen[:, :3, 3] /= seen[:, :3, 3].norm(dim=-1).max().clamp_min(1e-9)
        return seen.float()

    wrap(patch, judge, "framewise_poses", around)


@mutation("camera")
def steps_in_metres(patch: Patch) -> None:
    def around(original: Callable, c2w: Tensor) -> Tensor:
        steps = original(c2w)
        steps[1:] = camera_rays.seen_from(c2w[:-1], c2w[1:]).float()
        return steps

    wrap(patch, judge, "framewise_poses", around)


@mutation("camera")
def memories_at_their_distance(patch: Patch) -> None:
    wrap(patch, judge, "memory_poses", lambda original, *poses: camera_rays.seen_from(*poses))


@mutation("camera")
def moments_for_origins(patch: Patch) -> None:
    def around(original: Callable, *args: Any, **kwargs: Any) -> Tensor:
        rays = original(*args, **kwargs).unflatten(0, (2, 3, -1))
        return torch.stack((torch.linalg.cross(rays[0], rays[1], dim=0), rays[1])).flatten(0, 2)

    wrap(patch, judge, "packed_rays", around)


@mutation("camera")
def square_pixels(patch: Patch) -> None:
    def around(original: Callable, poses: Tensor, height: int, width: int) -> Tensor:
        return original(poses, height, width, intrinsics=(0.5, 0.5 * width / height, 0.5, 0.5))

    wrap(patch, judge, "packed_rays", around)


@mutation("camera")
def no_step_backwards(patch: Patch) -> None:
    wrap(patch, judge, "walk_stances", lambda original, *rows: original(*rows, released=False))


@mutation("camera")
def no_dead_zone(patch: Patch) -> None:
    patch.setattr(stances, "LEAST_UNITS", 0.0)


# ---------------------------------------------------------------- 8 bits


@mutation("int8_linear")
def activations_rounded(patch: Patch) -> None:
    def around(original: Callable, x: Tensor) -> tuple[Tensor, Tensor]:
        scale = original(x)[1]
        return (x.float() / scale).round().to(torch.int8), scale

    wrap(patch, judge, "truncated_rows", around)


@pytest.mark.parametrize("case", MUTATIONS.cases)
def test_the_unbroken_code_passes(case: str) -> None:
    assert command.main([str(GOLDEN / f"{case}.safetensors")]) == 0


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_seen(name: str, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    case, break_it = MUTATIONS[name]
    break_it(monkeypatch)
    assert command.main([str(GOLDEN / f"{case}.safetensors")]) == 1
    *lines, total = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if line.endswith("failed")]
    assert failed and all("error" in line for line in failed) and total == "0 passed, 1 failed"
