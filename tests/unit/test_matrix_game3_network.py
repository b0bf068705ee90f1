"""Matrix-Game 3.0's network: laws that hold at any size; the authors' numbers are judged in test_conformance."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from worldmodel.checkpoints.key_names import released_names
from worldmodel.layers.attention import attention
from worldmodel.layers.kept import Kept
from worldmodel.models.matrix_game3.conditions import (
    NO_KEYS,
    NO_MOUSE,
    Call,
    Clip,
    Fetched,
    action_windows,
    clip_call,
    window_index,
)
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import Sizes, sizes_of
from worldmodel.models.shapes import network_of

KEYS = Path(__file__).parents[1] / "golden" / "matrix_game3" / "keys_dit.json"
SIZES = Sizes(
    dim=48, ffn_dim=64, freq_dim=32, layers=3, text_dim=20, channels=48, cell=16, keyboard_dim=6, keyboard_width=8,
    action_heads=2, action_head_size=16, action_blocks=(0, 1), heads=3, action_rotated=4,
)  # fmt: skip
MEMORIES, PAST, LATENTS, GRID, WORDS = 3, 2, 4, (4, 6), 7
"""LATENTS are new; a token is 2 x 2 cells of the grid."""
TOKENS = GRID[0] * GRID[1] // 4


def built(sizes: Sizes = SIZES, dtype: torch.dtype = torch.float32, operations: Any = nn, seed: int = 0) -> MatrixGame3:
    """A network all of whose parameters matter."""
    torch.manual_seed(seed)
    network = MatrixGame3(sizes, operations=operations)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.to(dtype).eval().requires_grad_(False)


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clip_of(past: int = PAST, first: int = 11, seed: int = 1) -> Clip:
    latents = past + LATENTS
    rows = 4 * latents - 3 * (first == 0)
    return Clip(
        past=numbers(seed, 1, 48, past, *GRID),
        positions=torch.arange(first, first + latents),
        keyboard=numbers(seed + 1, 1, rows, 6),
        mouse=numbers(seed + 2, 1, rows, 2),
        rays=numbers(seed + 3, 1, 1536, latents, *GRID) * 0.1,
    )


def fetched(seed: int = 5) -> Fetched:
    rays = numbers(seed + 1, 1, 1536, MEMORIES, *GRID) * 0.1
    return Fetched(numbers(seed, 1, 48, MEMORIES, *GRID), torch.tensor([7, 2, 1]), rays)


def text(seed: int = 8) -> Tensor:
    return numbers(seed, 1, WORDS, SIZES.text_dim)


def call_of(**changes: Any) -> Call:
    return clip_call(clip_of(), text(), fetched(), negative=text(3), **changes)


X = numbers(9, 1, 48, LATENTS, *GRID)


def close(ours: Tensor, theirs: Tensor, tolerance: float = 2e-5) -> bool:
    return bool((ours - theirs).norm() <= tolerance * theirs.norm())


# ---------------------------------------------------------------- kept and anew


@pytest.mark.parametrize("budget", [None, 0, 20_000, 60_000])
@torch.no_grad()
def test_what_is_kept_changes_no_bit(budget: int | None) -> None:
    network, anew, kept = built(), call_of(), call_of(kept=Kept(budget))
    for level in (908.84, 713.97, 20.0):
        for one, other in ((anew, kept), (anew.null(), kept.null())):
            assert torch.equal(network(X, call=one.at(level)), network(X, call=other.at(level)))
    assert kept.kept is not None and (budget is None or kept.kept.bytes <= budget)
    assert bool(kept.kept.bytes) == (budget != 0)


@torch.no_grad()
def test_a_pass_after_the_first_makes_nothing_of_the_clip_again() -> None:
    network, kept = built(), Kept()
    asked: list[str] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda module, given, name=name: asked.append(name))
    call = call_of(kept=kept)
    network(X, call=call.at(900.0))
    first = len(asked)
    network(X, call=call.at(700.0))
    again = asked[first:]
    of_the_clip = ("cam_", "c2ws", "wancamctrl", "text_embedding", "cross_attn.k", "cross_attn.v", "keyboard_embed")
    assert any("cam_scale" in name for name in asked[:first])
    assert not [name for name in again if any(part in name for part in (*of_the_clip, "keyboard_attn_kv"))]
    most = 4 * network.kept_numbers(MEMORIES + PAST + LATENTS, *GRID, WORDS)
    assert 0.6 * most < kept.bytes < most + 10_000  # the last block keeps the new latents' alone; positions are short


# ---------------------------------------------------------------- what is given


@torch.no_grad()
def test_given_latents_are_part_of_the_pass_and_their_velocity_is_left_out() -> None:
    network, call = built(), call_of().at(908.0)
    whole = call._replace(past=call.past[:, :, :0])  # all but the memory is predicted, at the same timesteps
    out = network(torch.cat((call.past, X), dim=2), call=whole)
    assert out.shape[2] == PAST + LATENTS
    assert close(network(X, call=call), out[:, :, PAST:])


@torch.no_grad()
def test_a_worlds_first_clip_has_its_picture_in_front_and_no_memory() -> None:
    call = clip_call(clip_of(past=1, first=0), text()).at(908.0)
    assert call.memory is None and call.timesteps.tolist() == [[0.0] + [908.0] * LATENTS]
    network = built()
    other = call._replace(past=call.past + 1)
    assert not close(network(X, call=call), network(X, call=other), 1e-3)


def test_timesteps_of_what_is_given_stay_0_and_the_release_rounds_the_others() -> None:
    call = call_of(rounded=True)
    for level, rounded in ((999, 1000), (908, 908), (713, 712)):
        assert call.at(level).timesteps.unique().tolist() == [0, rounded]
        assert call._replace(rounded=False).at(torch.tensor(level)).timesteps.unique().tolist() == [0, level]
    assert call.at(5.0).timesteps[0].count_nonzero() == LATENTS and not call.timesteps.any()


@torch.no_grad()
def test_the_time_is_embedded_once_for_each_timestep() -> None:
    network, seen = built(), []
    network.time_embedding[0].register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    network(X, call=call_of().at(908.0))
    assert seen == [2]
    call = call_of()
    each = torch.tensor([[0.0, 3, 3, 7, 0, 5, 900, 900, 1]])
    out = network(X, call=call._replace(timesteps=each))
    assert seen == [2, 6] and out.isfinite().all()


@torch.no_grad()
def test_the_pass_of_guidance_sees_neither_memory_nor_actions() -> None:
    network, null = built(), call_of().null().at(500.0)
    other = clip_call(clip_of(), text(), Fetched(*(part + 1 for part in fetched())), negative=text(3)).null().at(500.0)
    assert torch.equal(network(X, call=null), network(X, call=other))
    assert null.memories == 0 and (null.mouse == NO_MOUSE).all() and (null.keyboard == NO_KEYS).all()
    clip = clip_of()
    nobody = clip._replace(keyboard=torch.full_like(clip.keyboard, -1), mouse=torch.ones_like(clip.mouse))
    assert torch.equal(network(X, call=null), network(X, call=clip_call(nobody, text(3)).at(500.0)))


@torch.no_grad()
def test_every_condition_changes_the_velocity() -> None:
    network, call = built(), call_of().at(700.0)
    out = network(X, call=call)
    for name in ("past", "memory", "keyboard", "mouse", "rays", "text"):
        assert not close(network(X, call=call._replace(**{name: getattr(call, name) * 1.5})), out, 1e-4), name
    later = call._replace(positions=call.positions + torch.tensor([5] * MEMORIES + [0] * (PAST + LATENTS)))
    assert not close(network(X, call=later), out, 1e-4)


# ---------------------------------------------------------------- positions


def without_actions(network: MatrixGame3) -> MatrixGame3:
    for block in network.blocks:
        if block.acts:
            block.action_model.proj_mouse.weight.zero_()
            block.action_model.proj_keyboard.weight.zero_()
    return network


@torch.no_grad()
def test_the_order_of_memories_matters_to_the_action_modules_alone() -> None:
    order = [2, 0, 1]
    given = fetched()
    turned = Fetched(given.latents[:, :, order], given.positions[order], given.rays[:, :, order])
    calls = [clip_call(clip_of(), text(), memory).at(800.0) for memory in (given, turned)]
    network = built()
    assert not close(network(X, call=calls[0]), network(X, call=calls[1]), 1e-5)
    network = without_actions(network)
    assert close(network(X, call=calls[0]), network(X, call=calls[1]))


@pytest.mark.parametrize("far", [2048, 30_000])
@torch.no_grad()
def test_there_is_no_last_latent(far: int) -> None:
    network, call = built(), call_of().at(800.0)
    out = network(X, call=call._replace(positions=call.positions + far))
    assert close(out, network(X, call=call), 1e-3)  # only distances matter
    assert not torch.equal(out, network(X, call=call))


# ---------------------------------------------------------------- what is computed


@torch.no_grad()
def test_attention_goes_through_the_hosts_over_real_tokens_alone() -> None:
    seen: list[tuple[int, int, int, int]] = []

    def override(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Any, transformer_options: dict) -> Tensor:
        assert mask is None and transformer_options["mark"] == "kept"
        options = transformer_options
        seen.append((q.shape[1], k.shape[1], options["block_index"], options["total_blocks"]))
        return attention(*(part.unflatten(-1, (heads, -1)) for part in (q, k, v)))

    layers = {name: getattr(nn, name) for name in ("Linear", "LayerNorm", "RMSNorm", "Conv3d")}
    network, plain = built(operations=SimpleNamespace(attention=override, **layers)), built()
    call = call_of().at(800.0)
    out = network(X, call=call, transformer_options={"mark": "kept"})
    assert torch.equal(out, plain(X, call=call))
    whole, new = (MEMORIES + PAST + LATENTS) * TOKENS, LATENTS * TOKENS
    # the last block answers for the new latents alone, of which it sees all
    assert seen == [
        *(entry for index in (0, 1) for entry in ((whole, whole, index, 3), (whole, WORDS, index, 3))),
        (new, whole, 2, 3), (new, WORDS, 2, 3),
    ]  # fmt: skip


@torch.no_grad()
def test_an_action_module_in_the_last_block_still_sees_all_latents() -> None:
    network = built(SIZES._replace(action_blocks=(0, 2)))
    call = call_of().at(800.0)
    whole = network(torch.cat((call.past, X), dim=2), call=call._replace(past=call.past[:, :, :0]))
    assert close(network(X, call=call), whole[:, :, PAST:])


@torch.no_grad()
def test_a_batch_is_its_parts() -> None:
    network, other = built(), clip_call(clip_of(seed=20), text(21), fetched(22), negative=text(23))
    calls = (call_of().at(300.0), other.at(600.0))
    both = Call(*(
        None if one is None else one if name in ("positions", "rounded") else torch.cat((one, two))
        for name, one, two in zip(Call._fields, *calls, strict=True)
    ))  # fmt: skip
    x = torch.cat((X, X.flip(2)))
    apart = torch.cat([network(x[index : index + 1], call=call) for index, call in enumerate(calls)])
    assert close(network(x, call=both), apart)


def test_training_sees_the_same_numbers_and_reaches_every_parameter_that_is_used() -> None:
    network, call = built(), call_of().at(500.0)
    with torch.no_grad():
        plain = network(X, call=call)
    network.requires_grad_(True)
    out = network(X, call=call)
    assert close(out, plain)
    out.square().mean().backward()
    without = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert all("_attn_q_norm.weight" in name or "_attn_k_norm.weight" in name for name in without)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@torch.no_grad()
def test_other_precisions_agree(dtype: torch.dtype) -> None:
    call = call_of().at(500.0)
    out = built(dtype=dtype)(X.to(dtype), call=call)
    assert out.dtype == dtype
    assert close(out.float(), built()(X, call=call), 3e-2 if dtype == torch.bfloat16 else 1e-5)


def test_a_sampler_of_the_host_is_turned_away() -> None:
    with pytest.raises(ValueError, match="use Rollout World"):
        built()(X, torch.tensor([1.0]), text())


# ---------------------------------------------------------------- action windows


def test_a_latent_reads_its_frames_and_the_eight_before() -> None:
    assert window_index(3, 9)[0].tolist() == [0] * 12
    assert window_index(3, 9)[1].tolist() == [0] * 9 + [1, 2, 3]
    assert window_index(3, 12)[0].tolist() == [0] * 9 + [1, 2, 3]
    assert window_index(3, 12)[2].tolist() == list(range(12))
    with pytest.raises(ValueError, match="found 10 rows of actions for 3 latents, expected 12 or 9"):
        window_index(3, 10)


def test_memories_see_one_row_each() -> None:
    rows, memory = numbers(0, 1, 8, 2), numbers(1, 1, 3, 2)
    windows = action_windows(rows, 2, memory)
    assert windows.shape == (1, 5, 12, 2)
    assert torch.equal(windows[:, :3], memory[:, :, None].expand(-1, -1, 12, -1))
    assert torch.equal(windows[:, 3:], action_windows(rows, 2))


# ---------------------------------------------------------------- checkpoints


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def test_sizes_are_read_off_the_released_file() -> None:
    released = {key: tuple(shape) for key, shape in json.loads(KEYS.read_text(encoding="utf-8"))["keys"].items()}
    sizes = sizes_of(released)
    assert sizes == Sizes(3072, 14336, 256, 30, 4096, 48, 16, 6, 128, 16, 64, tuple(range(15)), 24)
    assert shapes(MatrixGame3(sizes, device="meta")) == released
    assert Sizes(**json.loads(json.dumps(sizes._asdict()))) == sizes._replace(action_blocks=list(range(15)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.bfloat16])
@torch.no_grad()
def test_any_precision_and_prefix_is_loaded(dtype: torch.dtype) -> None:
    network = built(dtype=dtype)
    file = {f"model.{key}": value for key, value in network.state_dict().items()}
    weights = released_names(file)
    sizes = sizes_of({key: tuple(value.shape) for key, value in weights.items()}, heads=3, action_rotated=4)
    assert sizes == SIZES
    loaded = network_of(MatrixGame3, weights, sizes)
    assert torch.equal(loaded(X, call=call_of().at(1.0)), network.float()(X, call=call_of().at(1.0)))
    weights.pop("head.head.bias")
    with pytest.raises(RuntimeError, match=r"head\.head\.bias"):
        network_of(MatrixGame3, weights, sizes)


@pytest.mark.parametrize(
    ("key", "shape", "said"),
    [
        ("patch_embedding.weight", None, "found no patch_embedding.weight"),
        ("patch_embedding.weight", (48, 48), "expected 5 dimensions"),
        ("blocks.1.modulation", None, ""),
        ("blocks.7.modulation", (1, 6, 48), "found 4 blocks"),
        ("time_embedding.0.weight", (48, 31), "31 numbers for a timestep"),
        ("blocks.0.action_model.mouse_mlp.0.weight", (32, 70), "22 numbers of the mouse"),
        ("blocks.0.action_model.key_attn_q_norm.weight", (2,), "16 heads of 2"),
        ("patch_embedding_wancamctrl.weight", (48, 20), "rays of 0 pixels"),
    ],
)
def test_odd_checkpoints_are_refused(key: str, shape: tuple[int, ...] | None, said: str) -> None:
    known = shapes(MatrixGame3(SIZES, device="meta"))
    if shape is None:
        del known[key]
    else:
        known[key] = shape
    if not said:  # a tensor that no size is read from: loading misses it
        assert shapes(MatrixGame3(sizes_of(known, heads=3, action_rotated=4), device="meta")).keys() - known.keys()
        return
    with pytest.raises(ValueError, match=f"checkpoint: .*{said}.*; choose another file"):
        sizes_of(known, heads=3, action_rotated=4)


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="found 5 heads for a network 48 wide"):
        sizes_of(shapes(MatrixGame3(SIZES, device="meta")), heads=5, action_rotated=4)
