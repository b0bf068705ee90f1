"""The optimizer Muon in the precision that the machine multiplies in.

Shapes: a matrix is (O, I).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.precision import has_bfloat16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that draws singular values towards 1 (Muon, kellerjordan.github.io/posts/muon)."""


class Muon(torch.optim.Muon):
    """Muon for matrices; where bfloat16 would be imitated, momenta are made orthogonal in float32.

    In bfloat16 one step of a small model's matrices takes seven seconds on such a CPU, in float32 a third of one.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update every matrix that has a gradient."""
        matrices = [matrix for group in self.param_groups for matrix in group["params"]]
        if not matrices or has_bfloat16(matrices[0].device):
            super().step(closure)
            return
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._update(matrix, group)

    def _update(self, matrix: Tensor, group: dict) -> None:
        state, keep = self.state[matrix], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - keep)
        ahead = matrix.grad.lerp(momentum, keep) if group["nesterov"] else momentum
        # steps as large as AdamW's, whatever the matrix's shape
        size = 0.2 * max(matrix.shape) ** 0.5
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.sub_(orthogonal(ahead, group["ns_steps"], group["eps"]), alpha=group["lr"] * size)


def orthogonal(matrix: Tensor, steps: int, least: float = 1e-7) -> Tensor:
    """Return the matrix (O, I) with its singular values drawn near 1, in its own precision."""
    tall = matrix.shape[0] > matrix.shape[1]
    made = matrix.T if tall else matrix
    made = made / made.norm().clamp(min=least)
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        square = made @ made.T
        made = torch.addmm(made, torch.addmm(square, square, square, beta=b, alpha=c), made, beta=a)
    return made.T if tall else made
