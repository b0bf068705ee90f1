"""Noise levels, draws and the re-noising sampler."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from worldmodel.rollout.sampling import (
    LEAST_SHIFT,
    Levels,
    clean_from_velocity,
    nearest_level,
    renoise_sample,
    seeded_draws,
    shifted_levels,
    warped_steps,
)


def test_released_steps_are_warped_to_the_published_levels() -> None:
    levels = warped_steps((1000, 666, 333), 5.0)
    torch.testing.assert_close(levels.timesteps, torch.tensor([1000, 908.8427124, 713.9794312]))
    torch.testing.assert_close(levels.sigmas * 1000, levels.timesteps)
    assert levels.timesteps.dtype == torch.float32


@pytest.mark.parametrize("shift", [LEAST_SHIFT, 0.1, 1.0, 100.0, 1e20])
def test_under_any_shift_that_is_taken_the_levels_are_shares_that_never_rise(shift: float) -> None:
    sigmas = warped_steps(range(1000, 0, -1), shift).sigmas
    assert torch.isfinite(sigmas).all() and (sigmas > 0).all() and (sigmas < 1.0001).all()
    assert (sigmas.diff() <= 0).all()


@pytest.mark.parametrize("shift", [0.0, 5e-8, 1e-4, -1.0, 1e39, float("inf"), float("nan")])
def test_a_shift_that_gives_no_levels_is_refused(shift: float) -> None:
    with pytest.raises(ValueError, match="^shift: found .*, expected .*\\.$"):
        warped_steps((1000, 666, 333), shift)


def test_every_level_is_nearest_to_itself() -> None:
    levels = shifted_levels(5.0)
    assert torch.equal(nearest_level(levels.timesteps, 5.0), torch.arange(len(levels.timesteps)))


def test_a_perfect_velocity_gives_the_clean_picture_from_any_noise() -> None:
    clean = torch.randn(16, 3, 4, 6)
    levels = warped_steps((1000, 666, 333), 5.0)
    sigma_of = dict(zip(levels.timesteps.tolist(), levels.sigmas.tolist(), strict=True))

    def predict(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return (x - clean) / sigma_of[timestep.item()]

    out = renoise_sample(predict, seeded_draws(1, 0, clean.shape), levels)
    torch.testing.assert_close(out, clean)


def test_clean_is_computed_in_float64() -> None:
    x, velocity, sigma = torch.tensor(1.0), torch.tensor(1.0 + 2.0**-23), torch.tensor(1.0 - 2.0**-24)
    expected = x.double() - sigma.double() * velocity.double()
    assert clean_from_velocity(x, velocity, sigma) == expected.float()


def test_draws_depend_on_seed_and_chunk_alone() -> None:
    def three(seed: int, chunk: int) -> torch.Tensor:
        return torch.stack(list(islice(seeded_draws(seed, chunk, (2, 5)), 3)))

    state = torch.get_rng_state()
    assert torch.equal(three(7, 1), three(7, 1))
    assert torch.equal(torch.get_rng_state(), state)
    draws = [three(7, 1), three(7, 2), three(8, 1), three(2**64 - 1, 0)]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == len(draws)
    assert len({tuple(draw.flatten().tolist()) for draw in draws[0]}) == 3


def test_each_step_tells_its_number_and_estimate() -> None:
    told = []
    levels = Levels(torch.tensor([1000.0, 500.0]), torch.tensor([1.0, 0.5]))
    out = renoise_sample(lambda x, t: x * 0, seeded_draws(0, 0, (2,)), levels, lambda n, clean: told.append((n, clean)))
    assert [number for number, _ in told] == [0, 1] and told[-1][1] is out
