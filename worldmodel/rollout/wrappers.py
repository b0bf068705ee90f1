"""What stands around a network's `Predict`: guidance, and two networks that share the levels of noise."""

from __future__ import annotations

from torch import Tensor

from .contexts import ExpertCall, GuidedCall
from .guidance import guided
from .session import Predict

HIGH, LOW = "high", "low"
"""Names of two experts: for much noise, and for little."""


def away_from_null(predict: Predict, scale: float) -> Predict:
    """Return a prediction that is led away from that of the call's `null`; see `guided`.

    Args:
        predict: the network.
        scale: 1 is no guidance.
    """

    def both(x: Tensor, call: GuidedCall) -> Tensor:
        told, untold = (lambda x, _, call=call: predict(x, call)), (lambda x, _: predict(x, call.null()))
        return guided(told, untold, scale)(x, call.timesteps)

    return both


def by_level(high: Predict, low: Predict, boundary: float) -> Predict:
    """Return a prediction by one of two experts; a clean pass runs through both, since each remembers by itself.

    Args:
        high: for much noise, from the boundary on.
        low: for little.
        boundary: a timestep in [0, 1000].
    """

    def predict(x: Tensor, call: ExpertCall) -> Tensor:
        level = float(call.timesteps.max())
        if level == 0:  # nobody asks for this velocity but whether it is finite, which holds for both
            return high(x, call.of_expert(HIGH)) + low(x, call.of_expert(LOW))
        return high(x, call.of_expert(HIGH)) if is_high(level, boundary) else low(x, call.of_expert(LOW))

    return predict


def is_high(timestep: float | Tensor, boundary: float) -> bool:
    """Tell whether a timestep is the expert's for much noise; the boundary itself is."""
    return float(timestep) >= boundary
