"""What stands around a network's `Predict`: guidance, and two networks that share the levels of noise."""

from __future__ import annotations

from torch import Tensor

from .contexts import Call, GuidedCall
from .guidance import guided
from .session import Predict


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

    def predict(x: Tensor, call: Call) -> Tensor:
        level = float(call.timesteps.max())
        if level == 0:
            high(x, call)
        return (high if level >= boundary else low)(x, call)

    return predict
