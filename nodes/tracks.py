"""Action Track: keys, mouse and prompts on a frame axis, drawn in the editor or fed as text."""

from __future__ import annotations

from comfy_api.latest import io

from ..worldmodel.binding.bind import bind_track, binding_report
from ..worldmodel.reading.no_search import READING
from ..worldmodel.reading.words import shortened
from ..worldmodel.track.track import parse_timeline, sample, write_track
from ..worldmodel.variants import TITLES
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import variant_of
from .schema import CATEGORY, FPS, edited_by, shown_by_editor, validated_text
from .types import Track, World

_FROM_TEXT = "from the text"
"""What graphs of the first release say in their `preset` where the text counts."""


class ActionTrack(io.ComfyNode):
    """What the player does, frame by frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMActionTrack",
            display_name="Action Track",
            category=CATEGORY,
            description="Keys and mouse, frame by frame: painted, recorded, picked from the presets, or fed as text.",
            search_aliases=["keyboard", "mouse", "controls", "actions", "wasd", "walk", "track", "timeline"],
            # none is required: a graph from before there were `model` and `fps` still runs
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(TITLES),
                    default=next(iter(TITLES)),
                    optional=True,
                    tooltip="Whose keys, chunks and limits the editor shows, and whom the report is about; the track "
                    "fits every model.",
                ),
                io.Float.Input(
                    "fps",
                    **FPS,
                    optional=True,
                    tooltip="Frames a second while recording, playing and in what is shown. 0: the model's own.",
                ),
                io.String.Input(
                    "track",
                    **edited_by("WM_TRACK_EDITOR"),
                    optional=True,
                    tooltip="The track. Linked in: its JSON, or a short text such as forward*24 right*12.",
                ),
                World.Input(
                    "world",
                    optional=True,
                    tooltip="The world that the track goes on in, whose chunks the report counts on from; without it, "
                    "a new one.",
                ),
            ],
            outputs=[
                Track.Output(display_name="track"),
                io.String.Output(display_name="json", tooltip="The same track as text; equal tracks give equal text."),
                io.String.Output(display_name="report", tooltip="What the model does not get as it was asked."),
            ],
            has_intermediate_output=True,
            accept_all_inputs=True,  # else the host drops an old graph's preset without a word
        )

    @classmethod
    def validate_inputs(cls, track: str | None = None, preset: str | None = None) -> bool | str:
        """Name a mistake when the graph is queued; a linked text is known only later."""
        if preset not in (None, _FROM_TEXT):
            return (
                f"preset: found {shortened(str(preset))!r}, expected the track's text alone; choose the preset in the "
                "node's editor, or send its JSON as track."
            )
        return validated_text(parse_timeline, track)

    @classmethod
    @READING
    def execute(
        cls, track: str | None = None, model: str = next(iter(TITLES)), world: WorldState | None = None, **_: object
    ) -> io.NodeOutput:
        """Hand out the dense track, its canonical JSON, and what the model gets of it."""
        timeline, variant = parse_timeline(track), TITLES[model]
        dense, text = sample(timeline), write_track(timeline)
        chunks = 0 if world is None else len(world.chunks)
        behind = world if world is not None and variant_of(world.start) == variant else None
        report = binding_report(bind_track(dense, variant, behind, chunks), variant, chunks)
        return io.NodeOutput(dense, text, report.text(), ui=shown_by_editor(text))


NODES = [ActionTrack]
