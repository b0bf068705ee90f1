"""Load and Save Track, Join, Repeat, Reverse and Retime Track: walks as files, and walks made from walks."""

from __future__ import annotations

import math

from comfy_api.latest import io

from ..worldmodel import track_edits
from ..worldmodel.follow import AS_WRITTEN, UPS, Reading, follow_file
from ..worldmodel.geometry import Poses
from ..worldmodel.motion import integrate
from ..worldmodel.timeline import MAX_FRAMES
from ..worldmodel.track import Track as DenseTrack
from ..worldmodel.track import write_track
from ..worldmodel.track_files import FORMATS, OF_TRACKS, Content, read_track_file, write_track_file
from ..worldmodel.variants import TITLES, Variant
from .host import progress, track_files, world_files
from .types import Track

WALKERS = {title: variant for title, variant in TITLES.items() if variant.mouse is not None}
"""Models that walk with keys and turn with the mouse, Tiny World first."""
FILED, WALKED = "as in the file", "the model's own speed"
BOTH, BACK = "there and back", "only back"


class LoadTrack(io.ComfyNode):
    """A walk, or a camera, out of a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadTrack",
            display_name="Load Track",
            category="World Model",
            description="Reads keys and mouse from JSON, CSV or NPZ, or follows a camera from TUM, COLMAP, nerfstudio, "
            "Blender or NPZ with a model's keys and mouse, and says what the model cannot follow.",
            search_aliases=["import camera", "trajectory", "camera path", "csv", "colmap", "tum", "transforms.json"],
            inputs=[
                io.Combo.Input(
                    "track_file",
                    options=track_files.track_names(),
                    default=world_files.NEWEST,
                    tooltip="A file from the output folder, or put into the input folder. the newest: the one written "
                    "last. COLMAP: images.txt, with cameras.txt beside it.",
                ),
                io.Combo.Input(
                    "model",
                    options=list(WALKERS),
                    tooltip="Whose keys and step follow a camera; files of keys and mouse fit every model.",
                ),
                io.Combo.Input(
                    "timing",
                    options=[FILED, WALKED],
                    tooltip="Of a camera: its own time, or the speed the model walks, in as many frames as it takes.",
                ),
                io.Float.Input(
                    "metres",
                    default=1.0,
                    min=1e-6,
                    max=1e6,
                    step=0.01,
                    round=False,
                    tooltip="Length of the camera file's unit. COLMAP's is arbitrary: change it until the walk fits.",
                ),
                io.Combo.Input(
                    "up",
                    options=list(UPS),
                    tooltip="What is up in the camera's world. TUM and COLMAP do not say: try the others if it climbs.",
                ),
            ],
            outputs=[
                Track.Output(display_name="track"),
                io.String.Output(display_name="json", tooltip="The same track as text, for Action Track."),
                io.String.Output(display_name="report", tooltip="How well a camera is followed, and what was dropped."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(cls, track_file: str) -> bool | str:
        """Name a missing file when the graph is queued."""
        try:
            track_files.track_path(track_file)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, track_file: str, **_: object) -> str:
        """Load again when the file changed, or another one is the newest."""
        return track_files.fingerprint(track_file)

    @classmethod
    def execute(
        cls, track_file: str, model: str, timing: str = FILED, metres: float = 1.0, up: str = AS_WRITTEN
    ) -> io.NodeOutput:
        """Read the file; follow the camera where it has no keys."""
        path = track_files.track_path(track_file)
        content = read_track_file(path)
        if content.track is not None:
            track, report = content.track, f"{path.name}: {content.track.frames} frames of keys and mouse."
        else:
            try:
                followed = follow_file(content.poses, WALKERS[model], Reading(metres, up, timing == WALKED))
            except ValueError as error:
                raise ValueError(f"{path.name}: {error}") from None
            track, report = followed.track, "\n".join((f"{path.name}:", *followed.report))
        progress.tell(report)
        return io.NodeOutput(track, write_track(track), report, ui={"text": [report]})


class SaveTrack(io.ComfyNode):
    """A walk as a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMSaveTrack",
            display_name="Save Track",
            category="World Model",
            description="Writes a track into the output folder: its keys and mouse, or the camera that a model walks "
            "with them, for TUM, COLMAP, nerfstudio or Blender.",
            search_aliases=["export camera", "trajectory", "blender", "csv", "npz", "colmap", "nerfstudio"],
            inputs=[
                Track.Input("track", tooltip="Any track."),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    tooltip="JSON and CSV hold keys and mouse, NPZ these and the camera, the others the camera alone.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="worldmodel/track",
                    tooltip="Name inside the output folder; a number and the format's ending are added.",
                ),
                io.Combo.Input(
                    "model",
                    options=list(WALKERS),
                    tooltip="Whose step and frame rate the camera has, if the track brings none; keys and mouse are "
                    "written as they are.",
                ),
                io.Float.Input(
                    "field_of_view",
                    default=60.0,
                    min=1.0,
                    max=170.0,
                    step=0.1,
                    tooltip="Of the camera, in degrees from left to right. Tiny World's is 79.6.",
                ),
            ],
            outputs=[Track.Output(display_name="track", tooltip="The same track.")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        """Name a prefix that leads elsewhere when the graph is queued."""
        try:
            world_files.check_prefix("linked" if filename_prefix is None else filename_prefix)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls, track: DenseTrack, format: str, filename_prefix: str, model: str, field_of_view: float = 60.0
    ) -> io.NodeOutput:
        """Write the file and say where it is."""
        path = track_files.new_track_file(filename_prefix, format)
        poses = None if format in OF_TRACKS else camera_of(track, WALKERS[model], field_of_view)
        write_track_file(Content(track, poses), path, format)
        report = f"Saved {track.frames} frames as {format}:\n{world_files.listed_name(path)}"
        progress.tell(report)
        return io.NodeOutput(track, ui={"text": [report]})


class JoinTracks(io.ComfyNode):
    """Walks one after another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMJoinTracks",
            display_name="Join Tracks",
            category="World Model",
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
            category="World Model",
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
            category="World Model",
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
            category="World Model",
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


def camera_of(track: DenseTrack, variant: Variant, field_of_view: float) -> Poses:
    """Return a track's camera: the one that was asked for, or else the one that walks it from the origin.

    What it does not say is the variant's rate, and a lens of some degrees from left to right.
    """
    height, width = variant.picture
    focal = 0.5 / math.tan(math.radians(field_of_view) / 2)
    lens = (focal, focal * width / height, 0.5, 0.5)
    if track.camera is None:
        return Poses(integrate(track, variant.step_metres), lens, variant.fps)
    return track.camera._replace(intrinsics=track.camera.intrinsics or lens, fps=track.camera.fps or variant.fps)


NODES = [LoadTrack, SaveTrack, JoinTracks, RepeatTrack, ReverseTrack, RetimeTrack]
