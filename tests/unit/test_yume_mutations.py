"""Conformance bites: every oddity of Yume 1.5's release that is left out makes a golden file fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from tests.unit.breaking import Mistakes, Patch, with_network, wrap
from worldmodel.binding import spoken
from worldmodel.conformance import __main__ as command
from worldmodel.conformance import yume as judge
from worldmodel.conformance import yume_rollout as rollout
from worldmodel.families import yume as family
from worldmodel.layers import wan
from worldmodel.memory.policy import MemoryPolicy
from worldmodel.models.yume import blocks, conditions, history, network
from worldmodel.models.yume.sizes import EMBEDDINGS
from worldmodel.rollout import euler
from worldmodel.rollout.sampling import Levels
from worldmodel.variants import LAST_CHUNK

GOLDEN = Path(__file__).parents[1] / "golden" / "yume"
MUTATIONS = Mistakes()
mutation = MUTATIONS.seen_by


# ---------------------------------------------------------------- history


@mutation("patchify")
def embeddings_made_of_the_finest(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        for rate, name in EMBEDDINGS.items():
            size = (1, 2 * rate, 2 * rate)
            layer = getattr(built, name)
            layer.weight.data = interpolate(built.patch_embedding.weight, size, mode="trilinear")

    with_network(patch, judge, change)


@mutation("patchify")
def zeros_on_all_sides(patch: Patch) -> None:
    def around(original: Callable, self: nn.Module, name: str, x: Tensor) -> Tensor:
        layer = getattr(self, name)
        (_, high, wide), (rows, columns) = layer.kernel_size, x.shape[3:]
        below, right = -rows % high, -columns % wide
        return layer(pad(x, (right // 2, right - right // 2, below // 2, below - below // 2)))

    wrap(patch, network.Yume, "_filled", around)


@mutation("patchify")
def first_latent_never_coarser(patch: Patch) -> None:
    def around(original: Callable, latents: int) -> history.Plan:
        return tuple(span._replace(rate=1) if span.first == 0 else span for span in original(latents))

    wrap(patch, judge, "plan_of", around)


@mutation("patchify")
def borders_counted_from_the_beginning(patch: Patch) -> None:
    def around(original: Callable, latents: int) -> history.Plan:
        first, *rest = original(latents)
        spans, at = [first], 1
        for span in reversed(rest):
            spans.append(span._replace(first=at, end=at + span.end - span.first))
            at += span.end - span.first
        return tuple(spans)

    wrap(patch, judge, "plan_of", around)


@mutation("patchify")
def single_latents_not_repeated(patch: Patch) -> None:
    wrap(patch, judge, "plan_of", lambda original, n: original(n) if n > 2 else history.uncompressed(n))


@mutation("patchify")
def farthest_never_halved(patch: Patch) -> None:
    def around(original: Callable, self: nn.Module, name: str, x: Tensor) -> Tensor:
        return x[..., ::4, ::4].contiguous() if name == network.HALVING else original(self, name, x)

    wrap(patch, network.Yume, "_filled", around)


@mutation("patchify")
def rows_and_columns_in_the_finest_grid(patch: Patch) -> None:
    def around(original: Callable, latents: Tensor, height: int, width: int, size: int) -> Any:
        rate = max(1, 3 // height)
        made = original(latents, height * rate, width * rate, size)
        turns = made.turns.unflatten(0, (len(latents), height * rate, width * rate))[:, ::rate, ::rate]
        return made._replace(turns=turns.flatten(0, 2))

    wrap(patch, network, "grid_rotation", around)


@mutation("patchify")
def time_counted_anew_in_every_piece(patch: Patch) -> None:
    wrap(patch, network, "grid_rotation", lambda original, times, *rest: original(times - times[0], *rest))


# ---------------------------------------------------------------- network


def with_call(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Let the network see another call than it is given."""

    def forward(original: Callable, *args: Any, call: Any, **kwargs: Any) -> Tensor:
        return original(*args, call=change(call), **kwargs)

    wrap(patch, network.Yume, "forward", forward)


@mutation("dit_short")
def history_at_the_level_of_the_new_latents(patch: Patch) -> None:
    with_call(patch, lambda call: call._replace(timesteps=torch.full_like(call.timesteps, call.timesteps.max())))


@mutation("dit_short")
def history_always_at_0(patch: Patch) -> None:
    with_call(patch, lambda call: call.at(call.timesteps[0, -1]))


@mutation("dit_short")
def timesteps_of_whole_numbers(patch: Patch) -> None:
    with_call(patch, lambda call: call._replace(timesteps=call.timesteps.round()))


@mutation("dit_short")
def empty_words_hidden(patch: Patch) -> None:
    with_call(patch, lambda call: call._replace(text=call.text[:, call.text[0].any(dim=1)]))


@mutation("dit_short")
def sines_before_cosines(patch: Patch) -> None:
    wrap(patch, wan, "timestep_features", lambda original, *args: original(*args).roll(16, -1))


@mutation("dit_short")
def stream_replaced_by_its_norm(patch: Patch) -> None:
    def around(original: Callable, x: Tensor, change: Tensor) -> Tensor:
        size = x.shape[-1:]
        return x.copy_(torch.nn.functional.layer_norm(x, size)).add_(change)

    wrap(patch, blocks, "added", around)


@mutation("dit_short")
def feed_forward_gelu_exact(patch: Patch) -> None:
    def change(built: nn.Module) -> None:
        for block in built.blocks:
            block.ffn[1] = nn.GELU()

    with_network(patch, judge, change)


@mutation("dit_short")
def norms_over_each_head(patch: Patch) -> None:
    def around(original: Callable, layer: nn.Module, x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (2, -1))
        return (heads * (heads.square().mean(-1, keepdim=True) + layer.eps).rsqrt()).flatten(-2) * layer.weight

    wrap(patch, blocks, "lean_norm_by", around)


@mutation("dit_short")
def scales_taken_for_gains(patch: Patch) -> None:
    patch.setattr(wan, "GAINS", (0.0,) * 6)


@mutation("dit_short")
def history_not_attended_to(patch: Patch) -> None:
    wrap(
        patch, blocks, "attention",
        lambda original, q, k, v, **rest: original(q, k[:, -q.shape[1] // 2 :], v[:, -q.shape[1] // 2 :], **rest),
    )  # fmt: skip


# ---------------------------------------------------------------- sampler and sentences


@mutation("sampler")
def levels_down_to_0(patch: Patch) -> None:
    def around(original: Callable, sampler: euler.Euler) -> Levels:
        u = torch.linspace(1, 0, sampler.count, dtype=torch.float64)
        sigmas = sampler.shift * u / (1 + (sampler.shift - 1) * u)
        return Levels(1000 * sigmas, sigmas)

    wrap(patch, euler.Euler, "levels", around)


@mutation("sampler")
def timesteps_rounded(patch: Patch) -> None:
    wrap(patch, euler.Euler, "levels", lambda original, own: Levels(original(own)[0].round(), original(own)[1]))


@mutation("prompts_webapp")
def a_space_behind_the_first_full_stop(patch: Patch) -> None:
    patch.setattr(spoken, "_BEGIN", "First-person perspective. ")


@mutation("prompts_webapp")
def stillness_said(patch: Patch) -> None:
    patch.setattr(spoken, "STILL", None)


# ---------------------------------------------------------------- rollouts


@mutation("rollout_t2v")
def captions_in_time(patch: Patch) -> None:
    patch.setattr(family, "lagging", lambda told, before, form: told)


@mutation("rollout_i2v")
def history_of_the_last_chunk(patch: Patch) -> None:
    memory = MemoryPolicy(form=LAST_CHUNK)
    wrap(patch, rollout, "settings_of", lambda original, *args, **more: original(*args, **more, memory=memory))


@mutation("rollout_i2v")
def the_usual_shift_of_wan(patch: Patch) -> None:
    wrap(patch, rollout, "settings_of", lambda original, *args, **more: original(*args, **more, shift=5.0))


@mutation("rollout_t2v")
def history_that_is_not_clean(patch: Patch) -> None:
    def around(original: Callable, call: Any, timestep: Any) -> Any:
        return original(call, timestep)._replace(timesteps=torch.full_like(call.timesteps, float(timestep)))

    wrap(patch, conditions.Call, "at", around)


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
    assert (
        failed
        and all(any(word in line for word in ("error", "shape", "KeyError")) for line in failed)
        and total == "0 passed, 1 failed"
    )
