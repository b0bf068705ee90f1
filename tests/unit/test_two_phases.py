"""Few steps by two experts: where each one is asked, and how much noise is in what it is given."""

from __future__ import annotations

from itertools import repeat

import pytest
import torch
from torch import Tensor

from worldmodel.rollout.samplers import Renoise
from worldmodel.rollout.two_phases import TwoPhases, out_again

CAUSALWAN = TwoPhases((1000, 850, 700, 550, 350, 275, 200, 125), shift=12.0, boundary=875.0)


def test_a_network_that_knows_what_is_clean_gets_there_by_either_expert() -> None:
    generator = torch.Generator().manual_seed(1)
    clean = torch.randn(4, 2, 3, 3, generator=generator, dtype=torch.float64)
    asked: list[float] = []

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        asked.append(timestep.item())
        if len(asked) == 1:
            return x - clean  # the first level is noise alone
        sigma = 0.875 if 875.0 > timestep and asked[-2] >= 875.0 else timestep.double() / 1000  # as it was handed over
        return (x - clean) / sigma

    draws = (torch.randn(clean.shape, generator=generator, dtype=torch.float64) for _ in repeat(None))
    shown: list[int] = []
    made = CAUSALWAN.sample(predict, draws, lambda number, estimate: shown.append(number))
    assert torch.allclose(made, clean, atol=1e-4)
    assert asked == CAUSALWAN.levels().timesteps.tolist() and shown == list(range(8))
    assert CAUSALWAN.high() == [True] * 4 + [False] * 4


@pytest.mark.parametrize("sigma", [0.9, 0.936, 0.9855])
def test_going_out_again_gives_the_signal_and_the_noise_of_that_level(sigma: float) -> None:
    bound, level = torch.tensor(0.875, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64)
    clean = torch.ones(1)
    assert out_again((1 - bound) * clean, torch.zeros(1), level, bound).item() == pytest.approx(1 - sigma, rel=1e-6)
    old, new = (out_again(*parts, level, bound).item() for parts in (
        (bound * torch.ones(1), torch.zeros(1)), (torch.zeros(1), torch.ones(1))))  # fmt: skip
    assert old**2 + new**2 == pytest.approx(sigma**2, rel=1e-6)


def test_draws_are_taken_behind_steps_of_the_same_phase_alone() -> None:
    taken = [0]

    def draws() -> Tensor:
        while True:
            taken[0] += 1
            yield torch.zeros(1, 1, 1, 1)

    CAUSALWAN.sample(lambda x, timestep: x, draws())
    assert taken[0] == 1 + 3 + 3
    low = TwoPhases((350, 200), 12.0, 875.0)
    noise = [torch.randn(2, 1, 2, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    plain = Renoise((350, 200), 12.0).sample(lambda x, t: x.sin(), iter(noise))
    assert torch.equal(low.sample(lambda x, t: x.sin(), iter(noise)), plain)
