"""Camera Path: a way drawn from above, walked with a model's keys and mouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ..worldmodel.binding.bind import bind_followed, binding_report
from ..worldmodel.binding.follow import follow_poses
from ..worldmodel.camera.path_poses import begin_at, parse_path, path_poses, write_path
from ..worldmodel.camera.poses import Poses
from ..worldmodel.formats import three_camera
from ..worldmodel.reading.no_search import READING
from ..worldmodel.track.track import write_track
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import variant_of
from .host import progress
from .schema import CATEGORY, FPS, WALKERS, check_fps, edited_by, shown_by_editor, validated, validated_text
from .types import Track, World


class CameraPath(io.ComfyNode):
    """Where the camera goes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMCameraPath",
            display_name="Camera Path",
            category=CATEGORY,
            description="A camera's way, drawn from above and in profile, as the keys and the mouse that walk it; says "
            "what the model cannot follow.",
            search_aliases=["trajectory", "spline", "draw", "dolly", "orbit", "camera motion", "keyframes", "track"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(WALKERS),
                    tooltip="Whose keys, step and chunks count. The camera goes with the track, so another model "
                    "follows it anew with its own.",
                ),
                io.Float.Input(
                    "fps",
                    **FPS,
                    tooltip="Frames a second that the path is drawn at. 0: the model's own.",
                ),
                io.Load3DCamera.Input(
                    "start_camera",
                    optional=True,
                    tooltip="Where the path begins and which way it goes: a camera of Load 3D. One unit is a metre.",
                ),
                io.String.Input(
                    "path",
                    **edited_by("WM_PATH_EDITOR"),
                    tooltip="The path. Linked in, it is the JSON of a path.",
                ),
                World.Input(
                    "world",
                    optional=True,
                    tooltip="The world that the path goes on in, whose chunks the report counts on from; without it, "
                    "a new one.",
                ),
            ],
            outputs=[
                Track.Output(display_name="track"),
                io.String.Output(display_name="json", tooltip="Keys and mouse as text, for Action Track."),
                io.String.Output(display_name="report", tooltip="How well the path is followed, and what was dropped."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(cls, path: str | None, fps: float | None = None) -> bool | str:
        """Name a mistake when the graph is queued; what a link brings is known only later."""
        said = validated(check_fps, fps)
        return validated_text(parse_path, path) if said is True else said

    @classmethod
    @READING
    def execute(
        cls, model: str, fps: float, path: str, start_camera: Mapping[str, Any] | None = None,
        world: WorldState | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Play the path, and find the keys and the mouse that walk it."""
        check_fps(fps)
        drawn, variant = parse_path(path), WALKERS[model]
        c2w = path_poses(drawn)
        if start_camera is not None:
            c2w = begin_at(c2w, three_camera.read(start_camera))
        followed = follow_poses(Poses(c2w, fps=fps or variant.fps), variant)
        track = followed.track
        said = f"{drawn.frames} frames at {fps or variant.fps:g} a second -> {track.frames} for {variant.title}."
        chunks = 0 if world is None else len(world.chunks)
        behind = world if world is not None and variant_of(world.start) == variant else None
        bound = binding_report(bind_followed(followed, variant, behind, chunks), variant, chunks)
        report = f"{said}\n{bound.text()}"
        progress.tell(report)
        return io.NodeOutput(track, write_track(track), report, ui=shown_by_editor(write_path(drawn), report))


NODES = [CameraPath]
