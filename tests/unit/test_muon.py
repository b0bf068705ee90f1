"""The optimizer of the trainers takes the same steps in either precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldmodel.tinyworld import muon

SETTINGS = {"lr": 0.01, "weight_decay": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (16, 16)])
def test_float32_steps_follow_bfloat16_ones(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "has_bfloat16", lambda device: False)
    begin, gradients = torch.randn(shape), torch.randn(4, *shape)
    ours, theirs = nn.Parameter(begin.clone()), nn.Parameter(begin.clone())
    optimizers = muon.Muon([ours], **SETTINGS), torch.optim.Muon([theirs], **SETTINGS)
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    moved, other = ours.detach() - begin, theirs.detach() - begin
    assert (moved - other).norm() < 0.03 * moved.norm()
    assert optimizers[0].state_dict()["state"].keys() == optimizers[1].state_dict()["state"].keys()


def test_made_orthogonal_singular_values_are_near_one() -> None:
    values = torch.linalg.svdvals(muon.orthogonal(torch.randn(12, 30), 5))
    assert 0.5 < values.min() and values.max() < 1.5
