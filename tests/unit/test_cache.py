"""The cache writes in place and makes things once; a plain form that does neither gives the same bits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldmodel.layers.cache import KVCache, PlainCache
from worldmodel.layers.int8_cache import Int8Cache
from worldmodel.layers.sink_cache import SinkCache

CHUNK, PER_LATENT = 3, 2


def entries(chunk: int, pass_: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(10 * chunk + pass_)
    return torch.randn(batch, CHUNK * PER_LATENT, 2, 4, generator=generator)


@pytest.mark.parametrize("window", [3, 4, 5, 6, 7, 9, 12, 13])
@torch.no_grad()
def test_writing_in_place_gives_what_concatenating_gives(window: int) -> None:
    fast, plain = KVCache(window, CHUNK), PlainCache(window, CHUNK)
    for chunk in range(9):
        for number in range(3):
            current = entries(chunk, number)
            for a, b in zip(
                fast.extend("self", current, -current, per_latent=PER_LATENT, commit=number == 2),
                plain.extend("self", current, -current, per_latent=PER_LATENT, commit=number == 2),
                strict=True,
            ):
                assert torch.equal(a, b)


@pytest.mark.parametrize("window", [4, 6, 9, 13])
@pytest.mark.parametrize("chunks", range(1, 6))
@torch.no_grad()
def test_a_restored_history_goes_on_like_the_one_it_was_taken_from(window: int, chunks: int) -> None:
    first, second = KVCache(window, CHUNK), KVCache(window, CHUNK)
    for chunk in range(chunks):
        first.extend("self", entries(chunk, 0), entries(chunk, 1), per_latent=PER_LATENT, commit=True)
    snapshot = first.snapshot()
    assert snapshot[0][1].shape[1] == min(window - CHUNK, chunks * CHUNK) * PER_LATENT
    second.restore(snapshot, "cpu")
    before = [part.clone() for part in snapshot[0][1:]]
    for chunk in range(chunks, chunks + 4):
        pairs = [
            one.extend("self", entries(chunk, 0), entries(chunk, 1), per_latent=PER_LATENT, commit=True)
            for one in (first, second)
        ]
        assert all(torch.equal(a, b) for a, b in zip(*pairs, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot[0][1:], strict=True))


@torch.no_grad()
def test_memory_is_taken_once() -> None:
    cache, seen = KVCache(6, CHUNK), set()
    for chunk in range(6):
        keys, _ = cache.extend("self", entries(chunk, 0), entries(chunk, 1), per_latent=PER_LATENT, commit=True)
        seen.add((keys.untyped_storage().data_ptr(), cache.bytes()))
    assert len(seen) == 1
    assert cache.bytes() == 2 * 4 * 2 * 6 * PER_LATENT * 2 * 4
    assert cache.history_bytes() == cache.bytes() // 2


def test_a_cache_made_in_inference_mode_can_be_used_outside_of_it() -> None:
    cache = KVCache(6, CHUNK)
    with torch.inference_mode():
        cache.extend("self", entries(0, 0), entries(0, 1), per_latent=PER_LATENT, commit=True)
    with torch.no_grad():
        keys, _ = cache.extend("self", entries(1, 0), entries(1, 1), per_latent=PER_LATENT, commit=False)
    assert torch.equal(keys, torch.cat((entries(0, 0), entries(1, 0)), 1))


def test_gradients_flow_through_a_pass_although_the_history_is_overwritten_later() -> None:
    cache = KVCache(6, CHUNK)
    with torch.no_grad():
        cache.extend("self", entries(0, 0), entries(0, 1), per_latent=PER_LATENT, commit=True)
    current = entries(1, 0).requires_grad_()
    keys, values = cache.extend("self", current, current, per_latent=PER_LATENT, commit=False)
    loss = (keys * values).sum()
    with torch.no_grad():
        for chunk in (1, 2):
            cache.extend("self", entries(chunk, 0), entries(chunk, 1), per_latent=PER_LATENT, commit=True)
    loss.backward()
    assert torch.equal(current.grad, 2 * current.detach())


@torch.no_grad()
def test_what_was_made_of_old_weights_is_forgotten_and_the_history_is_not() -> None:
    cache, made = KVCache(6, CHUNK), []
    cache.extend("self", entries(0, 0), entries(0, 1), per_latent=PER_LATENT, commit=True)
    for _ in range(2):
        cache.of_rollout("a", lambda: made.append("rollout"))
        cache.of_chunk("a", lambda: made.append("chunk"))
        cache.begin_weights()
    assert made == ["rollout", "chunk"] * 2
    assert len(cache.snapshot()) == 1


@pytest.mark.parametrize("window", [4, 6, 9, 13])
@torch.no_grad()
def test_what_is_written_where_it_belongs_is_what_would_have_been_copied(window: int) -> None:
    copied, placed = KVCache(window, CHUNK), KVCache(window, CHUNK)
    for chunk in range(6):
        for number in range(3):
            current, told = entries(chunk, number), {"per_latent": PER_LATENT, "commit": number == 2}
            room = placed.place("self", current, per_latent=PER_LATENT)
            for part, new in zip(room, (current, -current), strict=True):
                part.copy_(new)
            pairs = copied.extend("self", current, -current, **told), placed.extend("self", *room, **told)
            assert all(torch.equal(a, b) for a, b in zip(*pairs, strict=True))


def test_there_is_no_place_where_gradients_are_wanted_or_nothing_is_kept() -> None:
    assert KVCache(6, CHUNK).place("self", entries(0, 0), per_latent=PER_LATENT) is None
    with torch.no_grad():
        assert KVCache(CHUNK, CHUNK).place("self", entries(0, 0), per_latent=PER_LATENT) is None
        assert PlainCache(6, CHUNK).place("self", entries(0, 0), per_latent=PER_LATENT) is None


@pytest.mark.parametrize("window", [0, 4, 7])
@torch.no_grad()
def test_a_cache_with_a_sink_has_a_place_for_what_would_have_been_copied(window: int) -> None:
    placing, copying = SinkCache(window, 1), SinkCache(window, 1)
    for chunk in range(6):
        for commit in (False, True):
            current = entries(chunk, commit), -entries(chunk, commit)
            room = placing.place("slot", current[0], per_latent=2)
            for part, new in zip(room, current, strict=True):
                part.copy_(new)
            found = placing.extend("slot", *room, per_latent=2, commit=commit)
            expected = copying.extend("slot", *current, per_latent=2, commit=commit)
            assert all(torch.equal(*both) for both in zip(found, expected, strict=True))
    placing.skip(1)
    assert placing.place("slot", entries(0, 0), per_latent=2) is None
    assert Int8Cache(window, 1).place("slot", entries(0, 0), per_latent=2) is None
