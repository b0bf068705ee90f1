"""Join, Repeat, Reverse and Retime Track: walks made from walks."""

from __future__ import annotations

from comfy_api.latest import io

from ..worldmodel.reading.limits import MAX_FRAMES
from ..worldmodel.track import edits as track_edits
from ..worldmodel.track.track import Track as DenseTrack
from .schema import CATEGORY
from .types import Track

BOTH, BACK = "there and back", "only back"


class JoinTracks(io.ComfyNode):
    """Walks one after another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMJoinTracks",
            display_name="Join Tracks",
            category=CATEGORY,
            description="Plays up to four tracks one after another.",
            search_aliases=["concatenate tracks", "append", "sequence", "combine walks"],
            inputs=[
                Track.Input("track_1", tooltip="Is played first."),
                Track.Input("track_2", tooltip="Goes on where the first one ends."),
                Track.Input("track_3", optional=True, tooltip="Goes on after the second."),
                Track.Input("track_4", optional=True, tooltip="Goes on after the third."),
            ],
            outputs=[Track.Output(display_name="track")],
        )

    @classmethod
    def execute(
        cls,
        track_1: DenseTrack,
        track_2: DenseTrack,
        track_3: DenseTrack | None = None,
        track_4: DenseTrack | None = None,
    ) -> io.NodeOutput:
        """Join what is connected."""
        tracks = [track for track in (track_1, track_2, track_3, track_4) if track is not None]
        return io.NodeOutput(track_edits.join(tracks))


class RepeatTrack(io.ComfyNode):
    """A walk again and again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRepeatTrack",
            display_name="Repeat Track",
            category=CATEGORY,
            description="Plays a track several times, one after another.",
            search_aliases=["loop track", "cycle", "duplicate walk", "again"],
            inputs=[
                Track.Input("track", tooltip="Any track."),
                io.Int.Input("times", default=2, min=1, max=MAX_FRAMES, tooltip="How often it is played in all."),
            ],
            outputs=[Track.Output(display_name="track")],
        )

    @classmethod
    def execute(cls, track: DenseTrack, times: int = 2) -> io.NodeOutput:
        """Repeat it."""
        return io.NodeOutput(track_edits.repeat(track, times))


class ReverseTrack(io.ComfyNode):
    """A walk and its way back."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMReverseTrack",
            display_name="Reverse Track",
            category=CATEGORY,
            description="Walks a track back, step by step, with the same looks: what was seen is seen again, which "
            "shows what a model remembers.",
            search_aliases=["there and back", "backwards", "return", "boomerang", "revisit"],
            inputs=[
                Track.Input("track", tooltip="Any track."),
                io.Combo.Input(
                    "way",
                    options=[BOTH, BACK],
                    tooltip="there and back: the track, then its way back. only back: the way back alone.",
                ),
            ],
            outputs=[Track.Output(display_name="track")],
        )

    @classmethod
    def execute(cls, track: DenseTrack, way: str = BOTH) -> io.NodeOutput:
        """Turn it round."""
        return io.NodeOutput(track_edits.there_and_back(track) if way == BOTH else track_edits.reverse(track))


class RetimeTrack(io.ComfyNode):
    """A walk in another number of frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRetimeTrack",
            display_name="Retime Track",
            category=CATEGORY,
            description="Plays a track in more or fewer frames: the same turns, longer or shorter ways between them.",
            search_aliases=["stretch track", "track length", "speed", "resample walk", "fit to chunks"],
            inputs=[
                Track.Input("track", tooltip="Any track."),
                io.Int.Input(
                    "frames",
                    default=57,
                    min=1,
                    max=MAX_FRAMES,
                    tooltip="Its new length. Whole chunks of Matrix-Game 2 and Tiny World are 9, 21, 33, 45, 57 ...",
                ),
            ],
            outputs=[Track.Output(display_name="track")],
        )

    @classmethod
    def execute(cls, track: DenseTrack, frames: int = 57) -> io.NodeOutput:
        """Stretch or shrink it."""
        return io.NodeOutput(track_edits.retime(track, frames))


NODES = [JoinTracks, RepeatTrack, ReverseTrack, RetimeTrack]
