"""What may be wished of a rollout: inputs of the nodes that roll worlds out beside Rollout World, which says more."""

from __future__ import annotations

from comfy_api.latest import io

from .rolling import MOST_SHIFT
from .schema import FPS
from .types import Memory, Words


def wished_inputs(of: str, optional: bool = False) -> list[io.Input]:
    """Return `steps`, `shift`, `fps`, `clip`, `memory` and `words`.

    Args:
        of: what has the rate that is asked for, such as "of the films".
        optional: whether a graph may leave the first three out; in the page they stand behind the other inputs then.
    """
    few = {"advanced": True, "optional": optional}
    return [
        io.String.Input(
            "steps",
            default="",
            tooltip="Noise levels to visit, as in Rollout World; fewer are faster. Empty: the model's own.",
            **few,
        ),
        io.Float.Input(
            "shift",
            default=0.0,
            min=0.0,
            max=MOST_SHIFT,
            step=0.1,
            tooltip="As in Rollout World. 0: the model's own.",
            **few,
        ),
        io.Float.Input("fps", **FPS, tooltip=f"Frames per second {of}. 0: the model's own.", **few),
        io.Clip.Input("clip", optional=True, tooltip="Text encoder, where the model reads text on the way."),
        Memory.Input("memory", optional=True, tooltip="Which past frames are looked at again, from World Memory."),
        Words.Input("words", optional=True, tooltip="How keys are put into words, from World Words."),
    ]
