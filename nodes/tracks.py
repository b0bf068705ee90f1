"""Action Track: keys, mouse and prompts on a frame axis, typed or ready made."""

from __future__ import annotations

from comfy_api.latest import io

from ..worldmodel.presets import PRESETS
from ..worldmodel.presets import preset as ready_made
from ..worldmodel.timeline import DEFAULT_FRAMES, MAX_FRAMES
from ..worldmodel.track import parse_timeline, sample, write_track
from .types import Track

FROM_TEXT = "from the text"


def _options() -> list[io.DynamicCombo.Option]:
    frames = io.Int.Input(
        "frames",
        default=DEFAULT_FRAMES,
        min=1,
        max=MAX_FRAMES,
        tooltip="Length of the track. Whole chunks of Matrix-Game 2 and Tiny World are 9, 21, 33, 45, 57 ... frames.",
    )
    seed = io.Int.Input("seed", default=0, min=0, max=2**32 - 1, tooltip="The same seed gives the same walk.")
    options = [io.DynamicCombo.Option(FROM_TEXT, [])]
    return options + [
        io.DynamicCombo.Option(name, [frames, seed] if kind.seeded else [frames]) for name, kind in PRESETS.items()
    ]


class ActionTrack(io.ComfyNode):
    """What the player does, frame by frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMActionTrack",
            display_name="Action Track",
            category="World Model",
            description="Keys and mouse, frame by frame: typed, fed as the JSON of a track, or a ready-made walk.",
            search_aliases=["keyboard", "mouse", "controls", "actions", "wasd", "walk", "track"],
            inputs=[
                io.String.Input(
                    "track",
                    default="forward*33",
                    multiline=True,
                    tooltip="forward*24 right+yaw_right*12: keys held together with +, for * frames; yaw_right is "
                    "1.5 degrees a frame, yaw_right(2.5) another angle; idle waits. Or the JSON of a track.",
                ),
                io.DynamicCombo.Input(
                    "preset",
                    options=_options(),
                    tooltip="A ready-made track instead of the text, which is then not read.",
                ),
            ],
            outputs=[
                Track.Output(display_name="track"),
                io.String.Output(display_name="json", tooltip="The same track as text; equal tracks give equal text."),
            ],
        )

    @classmethod
    def validate_inputs(cls, track: str | None, preset: dict | None = None) -> bool | str:
        """Name a mistake when the graph is queued; a linked text is known only later."""
        try:
            if chosen(preset) == FROM_TEXT:
                parse_timeline(track)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, track: str, preset: dict | None = None) -> io.NodeOutput:
        """Hand out the dense track and its canonical JSON; called without a preset, of the text."""
        if preset is None or chosen(preset) == FROM_TEXT:
            timeline = parse_timeline(track)
        else:
            timeline = ready_made(preset["preset"], preset["frames"], preset.get("seed", 0))
        return io.NodeOutput(sample(timeline), write_track(timeline))


def chosen(preset: dict | None) -> str:
    """Return the name of the chosen preset.

    Raises:
        ValueError: there is none; the host leaves out a choice that is not in the list.
    """
    name = (preset or {}).get("preset")
    if name != FROM_TEXT and name not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join([FROM_TEXT, *PRESETS])}; choose one")
    return name


NODES = [ActionTrack]
