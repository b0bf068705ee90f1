"""Guidance: away from what the network predicts when it is told nothing, towards what it is told."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x, timestep) -> velocity."""


def guided(told: Predict, untold: Predict, scale: float) -> Predict:
    """Return a prediction that goes `scale` times as far from the untold one as the told one does.

    The two may look at different things and at different lengths of it; only their velocities meet. At scale 1 the
    untold one is not asked. Source: classifier-free guidance (arXiv:2207.12598).

    Args:
        told: with the prompt, the controls and the memory.
        untold: without them.
        scale: 1 is no guidance.
    """
    if scale == 1:
        return told

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        without = untold(x, timestep)
        return without + scale * (told(x, timestep) - without)

    return predict
