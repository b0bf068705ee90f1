"""Conformance bites: what trips whoever builds a causal Wan world makes a golden file fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.unit.breaking import Mistakes, Patch, wrap
from worldmodel.conformance import __main__ as command
from worldmodel.conformance import gamecraft2 as tables
from worldmodel.conformance import gamecraft2_rollout as rollouts
from worldmodel.layers import sink_cache
from worldmodel.layers.camera_rays import CameraInjector
from worldmodel.memory.kept_keys import WINDOW, WINDOW_AND_SINK
from worldmodel.models.causal_wan import blocks, conditions, network, rays
from worldmodel.rollout import lookups, sink_context

GOLDEN = Path(__file__).parents[1] / "golden" / "gamecraft2"
MUTATIONS = Mistakes()
mutation = MUTATIONS.seen_by


# ---------------------------------------------------------------- levels, walks and sizes


@mutation("lingbot_rollout")
def levels_of_the_listed_rows(patch: Patch) -> None:
    def around(original: Callable, steps: tuple[int, ...], shift: float) -> lookups.Looked:
        rows = torch.tensor([1000 - step for step in steps])
        return original(steps, shift)._replace(clean=rows, noise=rows)

    wrap(patch, lookups, "looked_up", around)


@mutation("lingbot_sampler")
def noise_again_from_the_first_row(patch: Patch) -> None:
    def around(original: Callable, *args: Any) -> lookups.Looked:
        rows = original(*args)
        return rows._replace(noise=rows.clean)

    wrap(patch, tables, "looked_up", around)


@mutation("lingbot_rollout")
def poses_cut_instead_of_stretched(patch: Patch) -> None:
    wrap(patch, rollouts, "resampled", lambda original, c2w, latents: c2w[::4][:latents])


@mutation("lingbot_camera")
def poses_seen_from_the_first_one(patch: Patch) -> None:
    def around(original: Callable, c2w: Tensor, latents: int) -> Tensor:
        between = rollouts.resampled(c2w, latents)
        moved = torch.linalg.inv(between[:1]) @ between
        moved[:, :3, 3] /= moved[:, :3, 3].norm(dim=-1).max()
        return moved.float()

    wrap(patch, tables, "released_steps", around)


@mutation("lingbot_sampler")
def sides_rounded_up(patch: Patch) -> None:
    def around(original: Callable, width: int, height: int, area: int) -> tuple[int, int]:
        ratio = height / width
        return round((area * ratio) ** 0.5 / 16) * 2, round((area / ratio) ** 0.5 / 16) * 2

    wrap(patch, tables, "released_grid", around)


# ---------------------------------------------------------------- the cache


def with_cache(patch: Patch, change: Callable[[sink_context.Window], sink_context.Window]) -> None:
    """Give the rollouts a cache of another kind."""
    wrap(patch, sink_context, "cache_of", lambda original, window: original(change(window)))


@mutation("causal_rollout")
def sink_beside_the_window(patch: Patch) -> None:
    def wider(window: sink_context.Window) -> sink_context.Window:
        return window._replace(latents=window.latents + window.sink if window.latents else 0)

    with_cache(patch, wider)


@mutation("lingbot_rollout")
def no_sink(patch: Patch) -> None:
    with_cache(patch, lambda window: window._replace(sink=0))


@mutation("lingbot_rollout")
def sink_never_written_again(patch: Patch) -> None:
    """As LongLive keeps it, which a sink larger than a block does not bear."""

    def around(original: Callable, block: Any, current: Any, per_latent: int, window: int, sink: int, commit: bool):
        first, old = block.committed, [part[:, : sink * per_latent].clone() for part in block.parts]
        before = getattr(block, "reached", 0)
        seen = original(block, current, per_latent, window, sink, commit)
        block.reached = max(before, first + current[0].shape[1])
        for part, kept in zip(block.parts, old, strict=False):
            same = min(before, sink * per_latent, kept.shape[1])
            part[:, first:same] = kept[:, first:same]
        return seen

    patch.setattr(sink_cache.SinkCache, "place", lambda *told, **named: None)  # else it is written before
    wrap(patch, sink_cache._Block, "write", around)


@mutation("recache_camera")
def whole_blocks_leave(patch: Patch) -> None:
    def around(original: Callable, block: Any, count: int, first: int) -> None:
        each = 2 * block.per_latent
        original(block, -(-count // each) * each if count > 0 else 0, first)

    wrap(patch, sink_cache._Block, "_drop", around)


@mutation("lingbot_rollout")
def no_clean_pass(patch: Patch) -> None:
    wrap(patch, conditions.Call, "clean", lambda original, call: call.at(1000)._replace(commit=True))


@mutation("lingbot_rollout")
def positions_within_the_window(patch: Patch) -> None:
    def around(original: Callable, *args: Any, call: Any, **kwargs: Any) -> Tensor:
        return original(*args, call=call._replace(relative=True), **kwargs)

    wrap(patch, network.CausalWan, "forward", around)


# ---------------------------------------------------------------- a new prompt


@mutation("causal_rollout")
def window_made_again_block_by_block(patch: Patch) -> None:
    def around(original: Callable, context: Any, world: Any, sentence: str, index: int) -> None:
        count = min(index, context.window.latents // context._block)
        context._cache.rewind(count * context._block)
        for again in range(index - count, index):
            context._run(again, context._with_cache(context._call_again(world, sentence, again)))

    wrap(patch, sink_context.SinkContext, "_make_window_again", around)


@mutation("causal_rollout")
def sink_stays_though_the_window_begins_with_it(patch: Patch) -> None:
    def around(original: Callable, context: Any, world: Any, sentence: str, index: int) -> None:
        keep, skip = context._cache.keep, context._cache.skip
        stays = context.window.recache == WINDOW
        context._cache.keep = lambda latents: keep(context.window.sink if stays else latents)
        sink = iter([context.window.sink, 0])  # for the pass, and behind it
        context._cache.skip = lambda latents: skip(next(sink) if stays else latents)
        original(context, world, sentence, index)
        del context._cache.keep, context._cache.skip

    wrap(patch, sink_context.SinkContext, "_make_window_again", around)


@mutation("causal_rollout")
def sink_made_again_with_the_window(patch: Patch) -> None:
    wrap(patch, rollouts, "KeptKeys", lambda original, recache, **more: original(WINDOW_AND_SINK, **more))


@mutation("causal_rollout")
def sink_kept_where_it_is_to_be_made_again(patch: Patch) -> None:
    wrap(patch, rollouts, "KeptKeys", lambda original, recache, **more: original(WINDOW, **more))


@mutation("recache_camera")
def text_kept_though_it_changed(patch: Patch) -> None:
    patch.setattr(sink_cache.SinkCache, "begin_sentence", lambda cache: None)


# ---------------------------------------------------------------- the network


@mutation("lingbot_rollout")
def moments_in_place_of_origins(patch: Patch) -> None:
    def around(original: Callable, poses: Tensor, *args: Any) -> Tensor:
        told = original(poses, *args)
        cells = told.shape[1] // 6
        origin, direction = (part.unflatten(1, (3, cells)) for part in told.split(3 * cells, dim=1))
        return torch.cat((torch.linalg.cross(origin, direction, dim=1), direction), dim=1).flatten(1, 2)

    wrap(patch, rays, "packed", around)


@mutation("lingbot_camera")
def injector_without_its_own_input(patch: Patch) -> None:
    def around(original: Callable, block: nn.Module, camera: Tensor) -> tuple[Tensor, Tensor]:
        hidden = block.cam_injector_layer2(torch.nn.functional.silu(block.cam_injector_layer1(camera)))
        return block.cam_shift_layer(hidden), 1 + block.cam_scale_layer(hidden)

    wrap(patch, CameraInjector, "camera_modulation", around)


@mutation("lingbot_camera")
def scales_taken_for_gains(patch: Patch) -> None:
    def around(original: Callable, block: nn.Module, camera: Tensor) -> tuple[Tensor, Tensor]:
        shift, gain = original(block, camera)
        return shift, gain - 1

    wrap(patch, CameraInjector, "camera_modulation", around)


@mutation("lingbot_rollout")
def empty_words_hidden(patch: Patch) -> None:
    wrap(patch, rollouts, "text_of", lambda original, golden, text: text)


@mutation("wan22_experts")
def picture_before_its_mask(patch: Patch) -> None:
    wrap(patch, tables, "image_condition", lambda original, latents: original(latents).roll(-4, 0))


@mutation("wan22_experts")
def boundary_belongs_to_little_noise(patch: Patch) -> None:
    patch.setattr(tables, "is_high", lambda timestep, boundary: float(timestep) > boundary)


@mutation("recache_camera")
def text_not_attended_to(patch: Patch) -> None:
    wrap(patch, blocks, "added", lambda original, x, change: x)


@pytest.mark.parametrize("case", MUTATIONS.cases)
def test_the_unbroken_code_passes(case: str) -> None:
    assert command.main([str(GOLDEN), "--only", case]) == 0


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_seen(name: str, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    case, break_it = MUTATIONS[name]
    break_it(monkeypatch)
    assert command.main([str(GOLDEN), "--only", case]) == 1
    *lines, total = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if "failed" in line]
    assert failed and all("error" in line or "shape" in line for line in failed) and total == "0 passed, 1 failed"
