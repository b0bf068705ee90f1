"""What is measured of causal Wan worlds: a cache in 8 bits, and a block beside the least that it could cost."""

from __future__ import annotations

import torch

from worldmodel.bench import causal_wan as bench
from worldmodel.bench.counting import counted
from worldmodel.bench.released import Form
from worldmodel.bench.released_causal_wan import lingbot_1_3b
from worldmodel.layers.int8_cache import packed, unpacked
from worldmodel.variants import VARIANTS


def test_8_bits_take_half_the_memory_and_lose_little() -> None:
    assert bench.cache_share() <= 0.52
    setting = bench.Setting(
        bench.TINY, VARIANTS["lingbot_2_1_3b"], bench.TINY_GRID, torch.device("cpu"), torch.float32, 12
    )
    found = bench.errors(setting, 9, every=4)
    assert [row[0] for row in found["given"]] == [4, 8] and 0 < found["ratio"] <= 3
    assert all(0 < off < 1e-3 for _, off in found["free"])


def test_any_numbers_survive_8_bits() -> None:
    draw = torch.Generator().manual_seed(1)
    for x in (torch.randn(50, 128, generator=draw) * 1e3, torch.randn(50, 28, generator=draw) * 1e-3):
        assert (unpacked(*packed(x), torch.float32) - x).norm() <= 0.006 * x.norm()
    assert not unpacked(*packed(torch.zeros(2, 16)), torch.float32).any()


def test_a_block_is_counted_within_its_bound() -> None:
    model = lingbot_1_3b(Form((32, 48)), bench.TINY._replace(text_dim=32), vae_width=8)
    (one,) = model.passes
    with counted() as counter:
        one.before()
        before = counter.cost
        one.run()
    assert 1 <= (counter.cost - before).flop / one.bound <= 1.02
