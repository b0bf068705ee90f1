"""Save Camera Set: a world's frames with the cameras that see them, for 3-D tools."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from comfy_api.latest import io
from torch import Tensor

from ..worldmodel.binding.world_camera import camera_of_world
from ..worldmodel.camera.poses import Poses
from ..worldmodel.formats.camera_set import DEPTH, ENDING, CameraSet
from ..worldmodel.reading.words import counted
from ..worldmodel.shown.side_by_side import Span
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames
from .frames import FIRST_FRAME, LAST_FRAME, chosen_span
from .host import decoder, files, progress
from .rolling import check_vae
from .schema import CATEGORY, INT32, validated
from .types import Track, World

_PIECE = 16
"""Pictures that are taken from an image input at a time."""


class SaveCameraSet(io.ComfyNode):
    """Frames, poses and lens, as a data set."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMSaveCameraSet",
            display_name="Save Camera Set",
            category=CATEGORY,
            description="Writes a world's frames with the camera of each into a folder that COLMAP, nerfstudio and "
            "Blender open: for splats, NeRFs, camera tracking and compositing.",
            search_aliases=[
                "dataset", "colmap", "nerfstudio", "gaussian splatting", "nerf", "blender", "export cameras", "poses",
                "intrinsics", "depth", "png sequence",
            ],
            inputs=_inputs(),
            outputs=[
                io.String.Output(display_name="folder", tooltip="The folder's path, for tools that read it."),
            ],
            is_output_node=True,
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        """Try the prefix out when the graph is queued."""
        return validated(lambda prefix: files.check_prefix(prefix, ENDING), filename_prefix)

    @classmethod
    def execute(
        cls, world: WorldState, filename_prefix: str = "worldmodel/cameras", first_frame: int = 0, last_frame: int = -1,
        every: int = 1, field_of_view: float = 0.0, vae: Any = None, images: Tensor | None = None,
        depth: Tensor | None = None, track: DenseTrack | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Write the pictures as they are decoded, then the cameras, and say what they are worth."""
        chosen = choose(world, Wishes(first_frame, last_frame, every, field_of_view), images, depth, track)
        if images is None:
            check_pictures(world, vae)
            pieces = decoder.decode_frames(vae, world, chosen.span.first, chosen.span.last)
        else:
            pieces = images[chosen.span.first : chosen.span.last + 1].split(_PIECE)
        with CameraSet(files.new_file(filename_prefix, ENDING), chosen.poses, chosen.numbers) as written:
            fill(written, pieces, chosen, depth)
            paths = written.finish()
        folder = paths[0].parent
        lines = [f"Saved {counted(chosen.poses.frames, 'picture')} with cameras:", files.said_name(folder)]
        lines += [f"Depth in {DEPTH}/: 16 bits, millimetres."] * (depth is not None)
        report = "\n".join([*lines, *chosen.said])
        progress.tell(report)
        return io.NodeOutput(str(folder), ui={"text": [report], **files.results(paths)})


def _inputs() -> list[io.Input]:
    """Describe whose frames are written, and which."""
    return [
        World.Input("world", tooltip="A world with frames. What it was told says where its camera stands."),
        io.String.Input(
            "filename_prefix",
            default="worldmodel/cameras",
            tooltip="Name of the folder inside the output folder; a number is added.",
        ),
        io.Int.Input("first_frame", **FIRST_FRAME, tooltip="The first frame to write."),
        io.Int.Input("last_frame", **LAST_FRAME, tooltip="The last one. -1: the last there is."),
        io.Int.Input(
            "every",
            default=1,
            min=1,
            max=INT32,
            tooltip="Writes every n-th frame. Splats need no 16 pictures a second: 4 to 8 is plenty.",
        ),
        io.Float.Input(
            "field_of_view",
            default=0.0,
            min=0.0,
            max=170.0,
            step=0.1,
            tooltip="Of the camera, in degrees from left to right. 0: the model's own; the report says if it is "
            "assumed.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="The VAE that belongs to the world; decodes its frames."),
        io.Image.Input(
            "images",
            optional=True,
            tooltip="The frames themselves, in place of the VAE: frame 0 is the world's frame 0. They may be enlarged, "
            "not cropped. The true film of Tiny World View goes here too.",
        ),
        io.Mask.Input(
            "depth",
            optional=True,
            tooltip="Depth of every frame in metres, as Tiny World View gives it of its true film.",
        ),
        Track.Input(
            "track",
            optional=True,
            tooltip="A track with a camera of its own that counts before what the world was told, such as Tiny World "
            "View's walk, which stops at walls.",
        ),
    ]


class Wishes(NamedTuple):
    """What the node's widgets say."""

    first_frame: int = 0
    last_frame: int = -1
    every: int = 1
    field_of_view: float = 0.0


class Chosen(NamedTuple):
    """Frames to write, a camera for each, and what is to be known of it."""

    span: Span
    every: int
    poses: Poses
    said: tuple[str, ...]

    @property
    def numbers(self) -> range:
        """Of the frames, in the world."""
        return range(self.span.first, self.span.last + 1, self.every)


def choose(
    world: WorldState, wishes: Wishes, images: Tensor | None, depth: Tensor | None, track: DenseTrack | None
) -> Chosen:
    """Say which frames are written, and where their cameras stand.

    Raises:
        ValueError: the world has no frames, there are none of that range, or an input is shorter.
    """
    total = frames(world)
    if not total:
        raise ValueError("world: found no frames, expected a world that was rolled out; put Rollout World before.")
    if wishes.every < 1:
        raise ValueError(f"every: found {wishes.every}, expected 1 or more; change it.")
    span = chosen_span(wishes.first_frame, wishes.last_frame, total)
    filmed = camera_of_world(world, wishes.field_of_view, track)
    lengths = {"images": images, "depth": depth, "track": filmed.poses.c2w}
    for name, given in lengths.items():
        if given is not None and len(given) <= span.last:
            raise ValueError(
                f"{name}: found {counted(len(given), 'frame')}, expected at least {span.last + 1}, as frame 0 is the "
                "world's frame 0; choose an earlier last_frame."
            )
    if images is not None and depth is not None and depth.shape[1:3] != images.shape[1:3]:
        raise ValueError(
            f"depth: found {depth.shape[2]} x {depth.shape[1]} pixels, expected {images.shape[2]} x {images.shape[1]} "
            "as the images have; resize neither alone."
        )
    poses = filmed.poses
    c2w = poses.c2w[span.first : span.last + 1 : wishes.every]
    return Chosen(span, wishes.every, poses._replace(c2w=c2w, fps=poses.fps and poses.fps / wishes.every), filmed.said)


def check_pictures(world: WorldState, vae: Any) -> None:
    """Check that a world's frames can be decoded.

    Raises:
        ValueError: there is no VAE, or not the one that belongs to the world.
    """
    if vae is None:
        raise ValueError("vae, images: found neither, expected one of them; connect the VAE that belongs to the world.")
    check_vae(world, vae)


def fill(written: CameraSet, pieces: Iterator[Tensor], chosen: Chosen, depth: Tensor | None) -> None:
    """Write pictures as they come; of each piece those that are wished."""
    bar = progress.Progress(chosen.span.last + 1 - chosen.span.first)
    frame = count(chosen.span.first)
    for piece in pieces:
        numbers = [next(frame) for _ in piece]
        rows = [row for row, number in enumerate(numbers) if number in chosen.numbers]
        if rows:
            wanted = [numbers[row] for row in rows]
            written.add(piece[rows][..., :3], None if depth is None else depth[wanted])
        bar.advance(len(piece))


NODES = [SaveCameraSet]
