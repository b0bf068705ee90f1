"""World Memory and Memory Inspector: which past frames a model looks at again, chosen, and seen before it rolls."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..worldmodel.binding.bind import bind_track
from ..worldmodel.camera.poses import poses_of, rotations
from ..worldmodel.families import family_of
from ..worldmodel.families.begin import check_memory
from ..worldmodel.memory.asked import read_frames, read_ranges
from ..worldmodel.memory.frames import spans_of
from ..worldmodel.memory.index import PoseIndex
from ..worldmodel.memory.pictures import Picture, check_pose
from ..worldmodel.memory.policy import CORRECTED, MOST_SLOTS, RELEASED, MemoryPolicy, check_policy
from ..worldmodel.memory.survey import survey
from ..worldmodel.reading.limits import MAX_FRAMES
from ..worldmodel.shown.memory_sheet import draw_memory
from ..worldmodel.shown.memory_words import memory_summary, memory_table
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.variants import AS_RELEASED, HISTORIES, VARIANTS, Variant, variant_named
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import picture_size
from .host import progress
from .host import vae as vae_host
from .schema import CATEGORY, validated
from .types import Memory, Track, World

FORMS = {"exact overlap": "exact", "as released": "released", **{name: name for name in HISTORIES}}
"""What the widget says, and what a policy does."""
NO_LIMIT = -1
_BYTES = 2
"""Of a number of a latent, where nothing is made yet that tells: models of this size compute in 16 bits."""


class WorldMemory(io.ComfyNode):
    """A policy: which past frames a model looks at again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMWorldMemory",
            display_name="World Memory",
            category=CATEGORY,
            description="Says which past frames Matrix-Game 3 looks at again while it makes the next ones: how they "
            "are found, which are always looked at, and which never; and how much of the past Yume 1.5 is given. For "
            "Rollout World and Memory Inspector.",
            search_aliases=["memory", "retrieval", "matrix game 3", "pin", "recall", "frustum", "overlap"],
            inputs=_inputs(),
            outputs=[Memory.Output(display_name="memory")],
        )

    @classmethod
    def validate_inputs(cls, pins: str | None = None, drops: str | None = None) -> bool | str:
        """Name a mistake when the graph is queued."""
        checks = [
            validated(lambda text: read_frames(text, "pins"), pins),
            validated(lambda text: read_ranges(text, "drops"), drops),
        ]
        return next((said for said in checks if said is not True), True)

    @classmethod
    def execute(
        cls, form: str, slots: int, distinct: bool, sink: int, pins: str = "", drops: str = "",
        budget_frames: int = NO_LIMIT, budget_mb: float = NO_LIMIT,
    ) -> io.NodeOutput:  # fmt: skip
        """Read the texts, and check what can be checked without a world."""
        policy = MemoryPolicy(
            form=FORMS[form],
            slots=slots,
            sink=None if sink < 0 else sink,
            distinct=distinct,
            pinned=read_frames(pins, "pins"),
            dropped=read_ranges(drops, "drops"),
            budget_frames=None if budget_frames == NO_LIMIT else budget_frames,
            budget_megabytes=None if budget_mb == NO_LIMIT else budget_mb,
        )
        check_policy(policy, MAX_FRAMES + 1, latent_bytes=1)  # a world will say how large its latents are
        return io.NodeOutput(policy)


def _inputs() -> list[io.Input]:
    """Describe how past moments are chosen."""
    return [
        io.Combo.Input(
            "form",
            options=list(FORMS),
            default="exact overlap",
            tooltip="How the past frame that saw most of a view is found: by the volume that both see, or by 1000 "
            "points, as the release does. For Yume 1.5, where nothing else counts: all of the past, or the last chunk.",
        ),
        io.Int.Input(
            "slots",
            default=5,
            min=1,
            max=MOST_SLOTS,
            tooltip="Past moments a chunk looks at. The model was trained with 5.",
        ),
        io.Boolean.Input(
            "distinct",
            default=True,
            tooltip="No two slots look at the same moment. The release lets them.",
        ),
        io.Int.Input(
            "sink",
            default=4,
            min=NO_LIMIT,
            max=MAX_FRAMES,
            tooltip="A frame that the last slot always looks at; the release has 4, the world's first moment. "
            "-1: that slot is chosen like the others.",
        ),
        io.String.Input(
            "pins",
            default="",
            tooltip="Frames that are always looked at once they lie in the past, such as 12, 480. Each takes a slot.",
        ),
        io.String.Input(
            "drops",
            default="",
            tooltip="Frames that are never looked at again, such as 100-160, 300: what went wrong.",
        ),
        io.Int.Input(
            "budget_frames",
            default=NO_LIMIT,
            min=NO_LIMIT,
            max=MAX_FRAMES,
            optional=True,
            advanced=True,
            tooltip="How many past frames may be looked at, the newest besides those pinned. -1: all.",
        ),
        io.Float.Input(
            "budget_mb",
            default=NO_LIMIT,
            min=NO_LIMIT,
            max=1e6,
            step=0.1,
            optional=True,
            advanced=True,
            tooltip="The same by the size of their latents, in MB. -1: all.",
        ),
    ]


class AddPictureToMemory(io.ComfyNode):
    """A picture that a model looks at as at a past frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMAddPictureToMemory",
            display_name="Add Picture to Memory",
            category=CATEGORY,
            description="Puts a picture into what Matrix-Game 3 may look at again, at the place where its camera "
            "stood: a photo of what lies behind the corner, or a view that no frame has shown yet.",
            search_aliases=["reference image", "inject", "photo", "memory", "view", "camera pose", "matrix game 3"],
            inputs=_picture_inputs(),
            outputs=[Memory.Output(display_name="memory")],
        )

    @classmethod
    def execute(
        cls, image: Tensor, vae: Any, world: WorldState, right: float, up: float, ahead: float, yaw: float,
        pitch: float, memory: MemoryPolicy | None = None, track: DenseTrack | None = None, frame: int = 0,
    ) -> io.NodeOutput:  # fmt: skip
        """Find the camera, encode the picture, and put both beside what was there."""
        variant = _variant_of(world)
        c2w = standing(track, frame, variant) @ turned((right, up, ahead), yaw, pitch)
        check_pose(c2w)
        vae_host.kind_for(vae, variant, world.start.latent_format)
        family = family_of(variant)
        size = picture_size(world.start)
        latent = family.picture(image, size, lambda frames: vae_host.encode_video(vae, frames, family.manner))
        policy = memory or _policy_of(world.start.form)
        return io.NodeOutput(policy._replace(pictures=(*policy.pictures, Picture(latent, c2w))))


def _picture_inputs() -> list[io.Input]:
    """Describe a picture, and where its camera stood."""
    metres = {"default": 0.0, "min": -10_000.0, "max": 10_000.0, "step": 0.01}
    degrees = {"default": 0.0, "min": -360.0, "max": 360.0, "step": 0.1}
    return [
        io.Image.Input("image", tooltip="One picture, as seen by a camera of 90 degrees from left to right."),
        io.Vae.Input("vae", tooltip="The VAE that belongs to the world; it encodes the picture."),
        World.Input("world", tooltip="The world, from Start World or further on: for its model and size."),
        io.Float.Input("right", **metres, tooltip="Where the camera stood: metres to the right of the first frame."),
        io.Float.Input("up", **metres, tooltip="Metres above it."),
        io.Float.Input("ahead", **metres, tooltip="Metres before it; a key held walks 12 cm a frame."),
        io.Float.Input("yaw", **degrees, tooltip="Degrees that the camera was turned right."),
        io.Float.Input("pitch", **degrees, tooltip="Degrees that it looked up."),
        Memory.Input(
            "memory",
            optional=True,
            tooltip="From World Memory, or from another node like this one. Without it as the world's form says.",
        ),
        Track.Input(
            "track",
            optional=True,
            tooltip="A walk from the world's first frame on. The camera then stood where the walk is at that frame, "
            "and the fields above count from there.",
        ),
        io.Int.Input("frame", default=0, min=0, max=MAX_FRAMES, optional=True, tooltip="The frame of that walk."),
    ]


def turned(place: tuple[float, float, float], yaw: float, pitch: float) -> Tensor:
    """Return (4, 4) of a camera at metres to the right, up and ahead, turned right and then up by degrees."""
    right, up, ahead = place
    angles = torch.tensor([yaw, pitch], dtype=torch.float64).deg2rad()
    return poses_of(rotations(*angles), torch.tensor([right, -up, ahead], dtype=torch.float64))


def standing(track: DenseTrack | None, frame: int, variant: Variant) -> Tensor:
    """Return (4, 4) where the camera stands at a frame of a walk from a world's first frame on.

    Raises:
        ValueError: the walk has no such frame.
    """
    if track is None:
        return torch.eye(4, dtype=torch.float64)
    c2w = bind_track(track, variant).controls.c2w
    if not 0 <= frame < len(c2w):
        raise ValueError(
            f"frame: found {frame}, expected 0 to {len(c2w) - 1}, the frames of the track; change it, or lengthen the "
            "track."
        )
    return c2w[frame].double()


class MemoryInspector(io.ComfyNode):
    """What a walk's chunks will look at again, before anything is rendered."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMMemoryInspector",
            display_name="Memory Inspector",
            category=CATEGORY,
            description="Shows which past frames each chunk of a walk will look at, and why; where the walk comes back "
            "to what it saw, and where it turns to what nothing has shown. No model is loaded and nothing is made.",
            search_aliases=["memory", "look before you render", "retrieval", "overlap", "loop closure", "coverage"],
            inputs=[
                Track.Input("track", optional=True, tooltip="The walk. Its frame 0 is the first new frame."),
                World.Input(
                    "world",
                    optional=True,
                    tooltip="Where it goes on. Without one: a fresh world of Matrix-Game 3.0.",
                ),
                Memory.Input(
                    "memory",
                    optional=True,
                    tooltip="From World Memory. Without it as the world's form says: by exact overlap, none twice.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawing that the node shows."),
                io.String.Output(display_name="table", tooltip="Each chunk's slots, loops that close, and bare views."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, track: DenseTrack | None = None, world: WorldState | None = None, memory: MemoryPolicy | None = None
    ) -> io.NodeOutput:
        """Reckon the walk's cameras, plan its chunks, and draw that."""
        seen = look_ahead(track, world, memory)
        progress.tell(seen.summary)
        shown = ui.PreviewImage(seen.picture, cls=cls).as_dict()
        return io.NodeOutput(seen.picture, seen.table, ui={**shown, "text": [seen.table]})


class Seen(NamedTuple):
    """What an inspection found."""

    picture: Tensor
    """(1, H, W, 3) in 0..1."""
    table: str
    summary: str


def look_ahead(track: DenseTrack | None, world: WorldState | None, policy: MemoryPolicy | None) -> Seen:
    """Plan a walk's memory.

    Args:
        track: `None`: no more than what the world has walked.
        world: `None`: a fresh one.
        policy: `None`: that of the world's form.

    Raises:
        ValueError: the world's model looks at no past frames, the walk is shorter than a chunk, or the policy does not
            fit it.
    """
    variant, form = _variant_of(world), world.start.form if world is not None else ""
    check_memory(variant, policy)
    spans, chunks = spans_of(variant), len(world.chunks) if world is not None else 0
    policy = policy or _policy_of(form)
    c2w = _cameras(track, world, variant)
    if len(c2w) < spans.first:
        raise ValueError(
            f"track: found {len(c2w)} frames, expected at least {spans.first}, the first whole chunk of "
            f"{variant.title}; lengthen the track."
        )
    found = survey(PoseIndex(c2w), policy, spans, _latent_bytes(world, variant))
    walked = c2w[: spans.end(len(found.memories) - 1)]
    picture = draw_memory(walked, found, spans, variant.title, chunks)
    return Seen(picture, memory_table(found, spans, chunks), memory_summary(found))


def _policy_of(form: str) -> MemoryPolicy:
    return RELEASED if form == AS_RELEASED else CORRECTED


def _variant_of(world: WorldState | None) -> Variant:
    if world is None:
        return next(variant for variant in VARIANTS.values() if variant.memories is not None)
    variant = variant_named(world.start.variant)
    if variant.memories is None:
        known = " or ".join(each.title for each in VARIANTS.values() if each.memories is not None)
        raise ValueError(
            f"world: found one of {variant.title}, which looks at no past frames again, expected one of {known}; "
            "connect such a world, or none."
        )
    return variant


def _cameras(track: DenseTrack | None, world: WorldState | None, variant: Variant) -> Tensor:
    """Return (frames, 4, 4): where the camera stood in a world, and where a track leads on."""
    parts: list[Any] = [chunk.controls.c2w for chunk in world.chunks] if world is not None else []
    if track is not None:
        parts.append(bind_track(track, variant, world).controls.c2w)
    return torch.cat(parts) if parts else torch.zeros(0, 4, 4)


def _latent_bytes(world: WorldState | None, variant: Variant) -> int:
    if world is not None and world.chunks:
        latents = world.chunks[0].latents
        return latents[:, 0].numel() * latents.element_size()
    if world is not None:
        (height, width) = world.start.grid
    else:
        height, width = (side // variant.latents.pixels for side in variant.picture)
    return variant.latents.channels * height * width * _BYTES


NODES = [WorldMemory, AddPictureToMemory, MemoryInspector]
