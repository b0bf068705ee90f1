"""Load and Save Track: walks as files."""

from __future__ import annotations

from collections.abc import Sequence

from comfy_api.latest import io

from ..worldmodel.binding.follow import AS_WRITTEN, UPS, Reading, follow_file
from ..worldmodel.binding.track_camera import camera_of, lens_sentence
from ..worldmodel.formats.files import (
    BESIDE,
    FORMATS,
    OF_TRACKS,
    SUFFIXES,
    WITHOUT_LENS,
    Content,
    lies_beside,
    read_track_file,
    write_track_file,
)
from ..worldmodel.formats.glance import may_be_walk
from ..worldmodel.formats.lens import listed
from ..worldmodel.reading.asked import ALL, Asked
from ..worldmodel.reading.no_search import READING
from ..worldmodel.reading.words import counted
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.track.track import write_track
from .host import files, progress
from .schema import CATEGORY, FPS, WALKERS, validated
from .types import Track

_COLMAP = (*BESIDE.values(), "points3D.txt")  # neither of the two is offered
TRACKS = files.SavedFiles(
    files.Kind("a track", "track_file: found no track file", SUFFIXES, "Save Track", may_be_walk, _COLMAP),
    lies_beside,
)
_LONGEST = max(FORMATS.values(), key=len)
"""Ending of the formats' names."""
FILED, WALKED = "as in the file", "the model's own speed"


class LoadTrack(io.ComfyNode):
    """A walk, or a camera, out of a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadTrack",
            display_name="Load Track",
            category=CATEGORY,
            description="Reads keys and mouse from JSON, CSV, NPZ or logs of actions, or follows a camera from TUM, "
            "COLMAP, nerfstudio, Blender, KITTI, EuRoC and others with a model's keys and mouse, and says what the "
            "model cannot follow.",
            search_aliases=[
                "import camera",
                "trajectory",
                "csv",
                "colmap",
                "tum",
                "transforms.json",
                "kitti",
                "euroc",
                "slam",
            ],
            inputs=[
                io.Combo.Input(
                    "track_file",
                    options=TRACKS.names(),
                    default=files.NEWEST,
                    tooltip="A file from the output folder, or from ComfyUI/input, into which the button below copies "
                    "yours. the newest: of those that read as a track, the one written last. COLMAP: images.txt, with "
                    "cameras.txt beside it.",
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
                io.String.Input(
                    "camera",
                    default="",
                    optional=True,
                    tooltip="Of a file with several cameras: the name or number of one, as the report lists them; "
                    f"empty: the one with the most pictures; {ALL}: all of them as one walk.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=FPS["step"],
                    optional=True,
                    tooltip="Poses a second of a camera file that has no time for every pose, or numbers its frames; "
                    "0: as the file says, or else the model's own.",
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
    def validate_inputs(cls, track_file: str | None) -> bool | str:
        """Name a missing file when the graph is queued; a linked name is known only later."""
        return validated(TRACKS.check, track_file)

    @classmethod
    def fingerprint_inputs(cls, track_file: str, **_: object) -> str:
        """Load again when the file changed, or another one is the newest."""
        return TRACKS.fingerprint(track_file)

    @classmethod
    @READING
    def execute(
        cls,
        track_file: str,
        model: str,
        timing: str = FILED,
        metres: float = 1.0,
        up: str = AS_WRITTEN,
        camera: str = "",
        fps: float = 0.0,
    ) -> io.NodeOutput:
        """Read the file; follow the camera where it has no keys."""
        asked = Asked(camera, fps, progress.let_stop_through)
        plain = Asked(check=progress.let_stop_through)
        path, content, notes = TRACKS.read(
            track_file, lambda path: read_track_file(path, asked), lambda path: read_track_file(path, plain)
        )
        if content.track is not None:
            track = content.track
            report = told(path.name, content, (f"{counted(track.frames, 'frame')} of keys and mouse.",))
        else:
            reading = Reading(metres, up, timing == WALKED)
            try:
                followed = follow_file(content.poses, WALKERS[model], reading, progress.let_stop_through)
            except ValueError as error:
                cause = f"{content.notes[0]} " if content.notes else ""
                raise ValueError(f"{path.name}: {cause}{error}") from None
            track = followed.track
            report = told(path.name, content._replace(notes=(*followed.causes, *content.notes)), followed.report)
        report = "\n".join((report, *notes))
        progress.tell(report)
        return io.NodeOutput(track, write_track(track), report, ui={"text": [report]})


def told(name: str, content: Content, lines: Sequence[str]) -> str:
    """Return the report on a file: what its reader has to say stands first, behind the file's name.

    Args:
        name: of the file.
        content: what was read.
        lines: what became of it.
    """
    first = (*content.notes, *lines[:1]) if content.track is not None else content.notes
    rest = lines[1:] if content.track is not None else lines
    unused = [f"Not used of the file: {listed(content.unused)}."] if content.unused else []
    return "\n".join((f"{name}: {first[0]}" if first else f"{name}:", *first[1:], *rest, *unused))


class SaveTrack(io.ComfyNode):
    """A walk as a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMSaveTrack",
            display_name="Save Track",
            category=CATEGORY,
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
                    tooltip="Whose step, frame rate, picture and lens the camera has, if the track brings none; keys "
                    "and mouse are written as they are.",
                ),
                io.Float.Input(
                    "field_of_view",
                    default=0.0,
                    min=0.0,
                    max=170.0,
                    step=0.1,
                    tooltip="Of the camera, in degrees from left to right. 0: its own if it came from a file that says "
                    "it, else the model's.",
                ),
            ],
            outputs=[Track.Output(display_name="track", tooltip="The same track.")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        """Try the prefix out when the graph is queued."""
        return validated(lambda prefix: files.check_prefix(prefix, _LONGEST), filename_prefix)

    @classmethod
    def execute(
        cls, track: DenseTrack, format: str, filename_prefix: str, model: str, field_of_view: float = 0.0
    ) -> io.NodeOutput:
        """Write the file and say where it is."""
        variant, target = WALKERS[model], files.new_file(filename_prefix, FORMATS[format])
        poses = None if format in OF_TRACKS else camera_of(track, variant, field_of_view)
        paths = write_track_file(Content(track, poses), target, format)
        report = f"Saved {counted(track.frames, 'frame')} as {format}:\n{files.listed_name(paths[0])}"
        if format not in (*OF_TRACKS, *WITHOUT_LENS):
            report += f"\n{lens_sentence(track, variant, field_of_view)}"
        progress.tell(report)
        return io.NodeOutput(track, ui={"text": [report], **files.results(paths)})


NODES = [LoadTrack, SaveTrack]
