"""Guidance and experts, which stand around a network, on networks of one line."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from worldmodel.rollout.wrappers import away_from_null, by_level


class Told(NamedTuple):
    timesteps: Tensor
    prompt: float = 0.0

    def null(self) -> Told:
        return self._replace(prompt=0.0)

    def of_expert(self, name: str) -> Told:
        return self._replace(prompt={"high": 1.0, "low": 2.0}[name])


def said(x: Tensor, call: Told) -> Tensor:
    return x + call.prompt


def test_guidance_goes_on_from_what_is_predicted_without_the_prompt() -> None:
    x, call = torch.ones(2), Told(torch.zeros(1, 1), 2.0)
    assert away_from_null(said, 1.0)(x, call).tolist() == [3.0, 3.0]
    assert away_from_null(said, 2.5)(x, call).tolist() == [6.0, 6.0]
    assert away_from_null(said, 2.5)(x, call.null()).tolist() == [1.0, 1.0]


def test_each_expert_has_its_levels_and_both_remember() -> None:
    asked: list[str] = []

    def expert(name: str) -> object:
        return lambda x, call: (asked.append(name), x)[1]

    predict = by_level(expert("high"), expert("low"), 900.0)
    for timestep in (1000.0, 900.0, 899.0, 1.0, 0.0):
        predict(torch.zeros(1), Told(torch.tensor([[0.0, timestep]])))
    assert asked == ["high", "high", "low", "low", "high", "low"]
    one = by_level(said, said, 900.0)  # each asks with what is its own
    assert [one(torch.zeros(1), Told(torch.tensor([[level]]))).item() for level in (950.0, 50.0)] == [1.0, 2.0]


def test_a_clean_pass_tells_of_either_expert_that_is_not_finite() -> None:
    for broken in ("high", "low"):
        experts = [lambda x, call, bad=name == broken: x * (torch.nan if bad else 1.0) for name in ("high", "low")]
        assert not by_level(*experts, 900.0)(torch.ones(1), Told(torch.zeros(1, 1))).isfinite().all()
