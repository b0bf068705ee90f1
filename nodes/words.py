"""World Words: how keys and mouse are put into the sentences that a model is told."""

from __future__ import annotations

from comfy_api.latest import io

from ..worldmodel.binding.spoken import CAPTION_FILE, INTERACTIVE, MOST_METRIC, OWN, Template, check_template
from .schema import CATEGORY
from .types import Words

_NUMBER = {"default": OWN, "min": OWN, "max": MOST_METRIC, "step": 0.1}


class WorldWords(io.ComfyNode):
    """A way to put keys into words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMWorldWords",
            display_name="World Words",
            category=CATEGORY,
            description="Says how keys and mouse become the sentence that Yume 1.5 is told for each chunk: as its "
            "authors' page writes it, or as their file of captions does, with how far and how fast. For Rollout World.",
            search_aliases=["yume", "caption", "prompt template", "action prompt", "keys to text"],
            inputs=[
                io.Combo.Input(
                    "template",
                    options=[INTERACTIVE, CAPTION_FILE],
                    default=INTERACTIVE,
                    tooltip="interactive: perspective, movement, turn, event; what rests is left out. caption file: "
                    "all of it is said, then numbers.",
                ),
                io.Boolean.Input(
                    "metrics",
                    default=True,
                    tooltip="Whether the caption file's way says its three numbers at all.",
                ),
                io.Float.Input(
                    "distance",
                    **_NUMBER,
                    tooltip="Distance moved, 0 to 10. -1: 4 where the camera moves and does not turn, else 0.",
                ),
                io.Float.Input(
                    "turn",
                    **_NUMBER,
                    tooltip="Speed of the turn, 0 to 10. -1: 4 where the camera turns, else 0.",
                ),
                io.Float.Input(
                    "view",
                    **_NUMBER,
                    tooltip="Speed of the view's rotation, 0 to 10. -1: 4 where the camera turns, else 0.",
                ),
            ],
            outputs=[Words.Output(display_name="words")],
        )

    @classmethod
    def execute(
        cls, template: str, metrics: bool = True, distance: float = OWN, turn: float = OWN, view: float = OWN
    ) -> io.NodeOutput:
        """Check the numbers, which may come through links."""
        made = Template(template, metrics, float(distance), float(turn), float(view))
        check_template(made)
        return io.NodeOutput(made)


NODES = [WorldWords]
