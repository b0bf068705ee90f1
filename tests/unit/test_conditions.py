"""Windows of actions, slices of the image condition, rotary positions, the cache, noise of a chunk."""

from __future__ import annotations

import pytest
import torch

from worldmodel.layers import attention
from worldmodel.layers.cache import KVCache
from worldmodel.layers.rope import (
    axis_angles,
    complex_product,
    grid_rotation,
    head_bases,
    headwise_grid_turns,
    real_product,
    rotate,
    rotate_anew,
    rotate_grid,
    rotate_part,
    rotation,
    turn_matrices,
    turned,
)
from worldmodel.models.matrix_game2.conditions import cut_windows, image_condition_at, window_index
from worldmodel.variants import VARIANTS


def test_a_latent_reads_the_twelve_frames_that_end_before_its_last() -> None:
    index = window_index(torch.tensor([0, 1, 2, 3, 100]))
    assert index[0].tolist() == [0] * 12
    assert index[1].tolist() == [0] * 8 + [0, 1, 2, 3]
    assert index[3].tolist() == list(range(12))
    assert index[4].tolist() == list(range(388, 400))


def test_windows_of_a_chunk_need_only_the_rows_of_the_chunk_before() -> None:
    variant = VARIANTS["matrix_game_2_universal"]
    rows = torch.arange(12 * 6 - 3.0)[:, None].expand(-1, 4)
    for chunk in range(1, 6):
        positions = torch.arange(3 * chunk, 3 * chunk + 3)
        first, last = variant.chunking.first_frame(chunk - 1), variant.chunking.first_frame(chunk + 1)
        near = cut_windows(rows[first:last], positions, first_row=first)
        assert torch.equal(near, cut_windows(rows, positions))
        assert near.shape == (3, 12, 4)


def test_an_image_condition_goes_on_with_its_last_latent() -> None:
    condition = torch.arange(4.0)[None, :, None, None].expand(20, 4, 2, 2)
    assert image_condition_at(condition, torch.tensor([0, 3, 4, 99]))[0, :, 0, 0].tolist() == [0, 3, 3, 3]


def test_rotation_keeps_lengths_and_depends_on_distance() -> None:
    q, k = torch.randn(2, 1, 8, dtype=torch.float64).float()

    def product(a: int, b: int) -> torch.Tensor:
        turns = rotation(axis_angles(torch.tensor([a, b]), 8, 256.0), torch.device("cpu")).turns
        return rotate(q, turns[:1]) @ rotate(k, turns[1:]).T

    torch.testing.assert_close(product(5, 2), product(100_005, 100_002), atol=1e-4, rtol=0)
    turns = rotation(axis_angles(torch.tensor([9]), 8, 256.0), torch.device("cpu")).turns
    torch.testing.assert_close(rotate(q, turns).norm(), q.norm())
    longer = torch.cat((q, k), dim=1)
    assert torch.equal(rotate(longer, turns)[:, 8:], k)


def test_pairs_turn_the_same_written_out_and_as_complex_numbers() -> None:
    turns = rotation(axis_angles(torch.tensor([3, 2000]), 8, 256.0), torch.device("cpu")).turns
    pairs = [torch.randn(5, 2, 4, 2, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2)]
    made = [product(one, turns) for product, one in zip((real_product, complex_product), pairs, strict=True)]
    torch.testing.assert_close(*made)
    for one in made:
        one.square().cumsum(0).sum().backward()
    torch.testing.assert_close(*(one.grad for one in pairs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_every_way_to_rotate_gives_what_the_plain_one_gives(dtype: torch.dtype) -> None:
    x = torch.randn(1, 6, 2, 28, generator=torch.Generator().manual_seed(2)).to(dtype)
    close = {"rtol": 0, "atol": 1e-6 if dtype == torch.float32 else 2**-6}
    turns = grid_rotation(torch.tensor([4]), 2, 3, 28).turns[:, None]
    torch.testing.assert_close(rotate_anew(x, turns), rotate(x, turns), **close)
    torch.testing.assert_close(turned(x.clone(), turns), rotate(x, turns), **close)
    angles = axis_angles(torch.arange(6), 8, 256.0)
    some, part = rotation(angles, x.device).turns[:, None], x.clone()
    assert rotate_part(part, turn_matrices(angles, x.device)[:, None]) is part
    torch.testing.assert_close(part, rotate(x, some), **close)
    time, places = headwise_grid_turns(torch.tensor([4]), 2, 3, 28, head_bases(2, 0.0))
    torch.testing.assert_close(rotate_grid(x.clone(), (time, places)), rotate(x, turns), **close)


@torch.inference_mode()
def test_attention_at_places_is_attention_at_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (torch.randn(2, count, 5, 3, 8, generator=torch.Generator().manual_seed(3)) for count in (2, 4, 4))
    mask = torch.ones(2, 4, dtype=torch.bool).tril(2)
    alone = [attention.attention(q[:, :, at], k[:, :, at], v[:, :, at], mask=mask) for at in range(5)]
    for most in (65535, 6):  # heads that a card takes at once
        monkeypatch.setattr(attention, "MOST_HEADS", most)
        torch.testing.assert_close(attention.attention_at_places(q, k, v, mask=mask), torch.stack(alone, dim=2))


def test_a_grid_of_positions_repeats_with_its_latents() -> None:
    turns = grid_rotation(torch.tensor([4, 7, 4]), 2, 3, 28).turns
    assert turns.shape == (18, 14, 2)
    assert torch.equal(turns[:6], turns[12:]) and not torch.equal(turns[:6], turns[6:12])


def test_the_oldest_latents_leave_the_window_and_only_committing_writes() -> None:
    cache = KVCache(window=4, chunk=3)

    def entries(chunk: int) -> torch.Tensor:
        return torch.arange(chunk * 6, chunk * 6 + 6.0).view(1, 6, 1, 1)  # two entries a latent

    for chunk in range(3):
        for commit in (False, False, True):
            keys, values = cache.extend("self", entries(chunk), -entries(chunk), per_latent=2, commit=commit)
            kept = [chunk * 6 - 2, chunk * 6 - 1] if chunk else []
            assert keys.flatten().tolist() == kept + list(range(chunk * 6, chunk * 6 + 6))
            assert torch.equal(values, -keys)
    assert cache.history_bytes() == 2 * 2 * 4
    assert cache.emptied().bytes() == 0


def test_a_window_of_one_chunk_remembers_nothing() -> None:
    cache, entry = KVCache(window=3, chunk=3), torch.ones(1, 3, 1, 1)
    for _ in range(2):
        assert cache.extend("self", entry, entry, per_latent=1, commit=True)[0].shape[1] == 3


@torch.no_grad()
def test_what_lasts_a_chunk_is_forgotten_with_it() -> None:
    cache, made = KVCache(6, 3), []
    for _ in range(2):
        for _ in range(3):
            cache.of_chunk("a", lambda: made.append("chunk"))
            cache.of_rollout("a", lambda: made.append("rollout"))
        cache.begin_chunk()
    assert made == ["chunk", "rollout", "chunk"]


def test_under_gradients_nothing_is_reused() -> None:
    cache, made = KVCache(6, 3), []
    for _ in range(2):
        cache.of_rollout("a", lambda: made.append(1))
    assert made == [1, 1]
