"""UniPC and guidance: laws, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from worldmodel.rollout.guidance import guided
from worldmodel.rollout.unipc import UniPC

SHAPE = (1, 4, 3, 2, 3)


def noise(seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)).to(dtype)


def towards(clean: Tensor, sampler: UniPC) -> Callable[[Tensor, Tensor], Tensor]:
    """A network that always estimates the same clean latents."""
    levels = sampler.levels()
    at = dict(zip(levels.timesteps.tolist(), levels.sigmas, strict=True))
    return lambda x, timestep: (x.float() - clean) / at[float(timestep)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("shift", [1.0, 5.0, 12.0])
def test_a_network_that_knows_leads_to_what_it_knows(count: int, shift: float) -> None:
    sampler, clean = UniPC(count, shift), noise(1)
    found = sampler.sample(towards(clean, sampler), iter([noise()]))
    torch.testing.assert_close(found, clean, atol=2e-5, rtol=0)


def test_more_steps_come_closer_to_the_flow() -> None:
    """Latents of one Gaussian of width 0.5 around a mean: the flow from each noise is known."""
    mean, width = noise(2), 0.5

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        sigma = timestep / 1000
        spread = (1 - sigma) ** 2 * width**2 + sigma**2
        away = x - (1 - sigma) * mean
        return away * (sigma - (1 - sigma) * width**2) / spread - mean

    errors = []
    for count in (5, 10, 20, 40, 100):
        sampler = UniPC(count)
        first = sampler.levels().sigmas[0]
        given = noise() * first + (1 - first) * mean  # on the flow
        errors.append(float((sampler.sample(predict, iter([given])) - (mean + width * noise())).abs().max()))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.02


def test_steps_are_told_and_may_stop() -> None:
    told: list[tuple[int, Tensor]] = []
    timesteps: list[float] = []
    sampler, clean = UniPC(4), noise(1)
    know = towards(clean, sampler)

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        timesteps.append(float(timestep))
        return know(x, timestep)

    sampler.sample(predict, iter([noise()]), lambda number, estimate: told.append((number, estimate)))
    assert [number for number, _ in told] == [0, 1, 2, 3] and timesteps == [999, 937, 833, 624]
    for _, estimate in told:
        torch.testing.assert_close(estimate, clean, atol=1e-5, rtol=0)

    def stop(number: int, estimate: Tensor) -> None:
        raise InterruptedError

    timesteps.clear()
    with pytest.raises(InterruptedError):
        sampler.sample(predict, iter([noise()]), stop)
    assert len(timesteps) == 1


def test_only_the_first_draw_is_taken_and_nothing_is_written_into_it() -> None:
    draws = iter([noise(), noise(1)])
    given = noise()
    UniPC(3).sample(lambda x, timestep: 0.3 * x, iter([given]))
    UniPC(3).sample(lambda x, timestep: 0.3 * x, draws)
    assert torch.equal(given, noise()) and torch.equal(next(draws), noise(1))


def test_samples_keep_the_type_of_the_noise_and_estimates_do_not_lose_by_it() -> None:
    sampler, seen = UniPC(3), []

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        seen.append((x.dtype, timestep.dtype))
        return 0.3 * x.float()

    found = sampler.sample(predict, iter([noise(dtype=torch.bfloat16)]))
    assert found.dtype == torch.bfloat16 and seen == [(torch.bfloat16, torch.float32)] * 3
    exact = sampler.sample(lambda x, timestep: 0.3 * x, iter([noise()]))
    assert 0 < (found.float() - exact).abs().max() < 0.03


def test_the_first_level_is_a_little_less_than_noise() -> None:
    levels = UniPC(3, 5.0).levels()
    assert levels.timesteps.tolist() == [999, 908, 713]
    torch.testing.assert_close(levels.sigmas, torch.tensor([0.9997998, 0.9088428, 0.7139794]), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (UniPC(0), "steps: found 0, expected 1 to 1000, such as 3 or 50; change it."),
        (UniPC(1001), "steps: found 1001, expected 1 to 1000"),
        (UniPC(3, 0.0), "shift: found 0.0, expected a number from 0.001 to 1000, such as 5; change it."),
        (UniPC(3, float("nan")), "shift: found nan, expected a number from 0.001"),
        (UniPC(3, float("inf")), "shift: found inf"),
    ],
)
def test_settings_without_levels_are_refused(sampler: UniPC, sentence: str) -> None:
    for ask in (sampler.levels, lambda: sampler.sample(lambda x, timestep: x, iter([noise()]))):
        with pytest.raises(ValueError) as caught:
            ask()
        assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("shift", [0.001, 1.0, 1000.0])
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_every_setting_that_is_let_through_gives_numbers(shift: float, count: int) -> None:
    assert UniPC(count, shift).sample(lambda x, timestep: 0.1 * x, iter([noise()])).isfinite().all()


def test_guidance_goes_from_the_untold_through_the_told() -> None:
    asked: list[str] = []

    def told(x: Tensor, timestep: Tensor) -> Tensor:
        asked.append("told")
        return x + timestep

    def untold(x: Tensor, timestep: Tensor) -> Tensor:
        asked.append("untold")
        return x - timestep

    x, timestep = noise(), torch.tensor(2.0)
    assert torch.equal(guided(told, untold, 0.0)(x, timestep), x - 2)
    torch.testing.assert_close(guided(told, untold, 5.0)(x, timestep), x - 2 + 5 * 4)
    assert sorted(asked) == ["told", "told", "untold", "untold"]
    asked.clear()
    assert torch.equal(guided(told, untold, 1.0)(x, timestep), x + 2) and asked == ["told"]
