"""Compare Worlds: two to four worlds side by side, and how near each is to the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from comfy_api.latest import io
from torch import Tensor
from torch.nn.functional import interpolate

from ..worldmodel.binding.unbind import walked_track
from ..worldmodel.reading.words import counted
from ..worldmodel.shown.overlay import MAX_SCALE
from ..worldmodel.shown.side_by_side import Column, Errors, Span, parting, side_by_side, told_alike
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames, variant_of
from .frames import FIRST_FRAME, LAST_FRAME, chosen_span, gathered
from .host import decoder, progress
from .rolling import check_vae
from .schema import CATEGORY
from .types import World

HOLD, CUT = "hold the last frame", "cut to the shortest"


class CompareWorlds(io.ComfyNode):
    """Worlds beside each other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMCompareWorlds",
            display_name="Compare Worlds",
            category=CATEGORY,
            description="Shows two to four worlds side by side, frame by frame, with what each was told; beside the "
            "truth of the first, where there is one, it also measures how near each comes that walks the same way.",
            search_aliases=["side by side", "grid", "branches", "psnr", "versus", "diff", "ground truth"],
            inputs=_inputs(),
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames, for Create Video."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the worlds, for Create Video."),
                io.String.Output(
                    display_name="text",
                    tooltip="Where the worlds part, and the PSNR of each chunk against the truth of the same walk.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls, world_1: WorldState, world_2: WorldState, vae: Any, labels: str = "", length: str = HOLD,
        first_frame: int = 0, last_frame: int = -1, controls: bool = True, scale: int = 0,
        world_3: WorldState | None = None, world_4: WorldState | None = None, truth: Tensor | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Decode all of them in step, one piece of each at a time."""
        given = {1: world_1, 2: world_2, 3: world_3, 4: world_4}
        worlds = {f"world_{number}": world for number, world in given.items() if world is not None}
        result = compare(worlds, vae, truth, Wishes(labels, length, first_frame, last_frame, controls, scale))
        progress.tell("\n".join(result.summary))
        text = "\n".join((*result.summary, *result.chunks))
        return io.NodeOutput(result.images, result.fps, text, ui={"text": [text]})


def _inputs() -> list[io.Input]:
    """Describe what is compared, and how it is shown."""
    return [
        World.Input("world_1", tooltip="The first column. The others are compared with it."),
        World.Input("world_2", tooltip="The second column, often another branch of the same world."),
        io.Vae.Input("vae", tooltip="The VAE that belongs to all of them."),
        io.String.Input(
            "labels",
            default="",
            tooltip="Names of the columns, separated by commas, the truth's last. Empty: world 1, world 2 ...",
        ),
        io.Combo.Input(
            "length",
            options=[HOLD, CUT],
            tooltip="What happens where one ends first: its last frame stays, darker, or all end there.",
        ),
        io.Int.Input("first_frame", **FIRST_FRAME, tooltip="The first frame to show."),
        io.Int.Input("last_frame", **LAST_FRAME, tooltip="The last one. -1: the last of all."),
        io.Boolean.Input("controls", default=True, tooltip="Draws the keys and the mouse of each world."),
        io.Int.Input(
            "scale",
            default=0,
            min=0,
            max=MAX_SCALE,
            tooltip="Enlarges the pictures. 0: small ones until readable, all together at most 1280 wide.",
        ),
        World.Input("world_3", optional=True, tooltip="A third column."),
        World.Input("world_4", optional=True, tooltip="A fourth column."),
        io.Image.Input(
            "truth",
            optional=True,
            tooltip="A last column, such as the true film of Tiny World View for world_1: its frame 0 belongs to "
            "frame 0 of the worlds. A world is measured as long as it was told what world_1 was.",
        ),
    ]


class Wishes(NamedTuple):
    """What the node's widgets say."""

    labels: str = ""
    length: str = HOLD
    first_frame: int = 0
    last_frame: int = -1
    controls: bool = True
    scale: int = 0


class Comparison(NamedTuple):
    """Pictures, and what was found."""

    images: Tensor
    """(frames, H, W, 3) in 0..1."""
    fps: float
    summary: tuple[str, ...]
    chunks: tuple[str, ...]
    """A line for each chunk that was measured."""


def compare(worlds: Mapping[str, WorldState], world_vae: Any, truth: Tensor | None, wishes: Wishes) -> Comparison:
    """Show worlds side by side and measure them against the truth.

    Args:
        worlds: by the inputs they came from, the first one's variant says how long a chunk is.
        world_vae: belongs to all of them.
        truth: (frames, H, W, channels), shown as a last column.
        wishes: what the widgets say.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    size = check_worlds(worlds, world_vae)
    names = column_names(wishes.labels, [*worlds, *([] if truth is None else ["truth"])])
    first, *others = worlds.values()
    lengths = [frames(world) for world in worlds.values()] + ([] if truth is None else [len(truth)])
    total = max(lengths) if wishes.length == HOLD else min(lengths)
    span = chosen_span(wishes.first_frame, wishes.last_frame, total)
    alike = [told_alike(first, world) for world in worlds.values()]
    columns = [
        Column(name, length, decoder.decode_frames(world_vae, world, *_within(span, length)),
               walked_track(world) if wishes.controls else None, same)
        for name, world, length, same in zip(names, worlds.values(), lengths, alike, strict=False)
    ]  # fmt: skip
    variant, errors = variant_of(first.start), None
    if truth is not None:
        columns.append(Column(names[-1], len(truth), _truth(truth, span, size)))
        errors = Errors(variant, names[:-1])
    partings = [parting(first, other, (names[0], name)) for name, other in zip(names[1:], others, strict=False)]
    marks = sorted({part.frame for part in partings if span.first < part.frame <= span.last})
    pictures = side_by_side(columns, span, size, scale=wishes.scale, branches=marks, errors=errors)
    images = gathered((picture[None] for picture in pictures), span)
    measured = errors.lines() if errors else []
    said = [f"{counted(len(worlds), 'world')}, frames {span.first}-{span.last}, {variant.fps:g} fps."]
    said += [part.said for part in partings] + [f"PSNR against {names[-1]}, {line}" for line in measured[:1]]
    said += _unlike(names, lengths, alike) if measured else []
    return Comparison(images, variant.fps, tuple(said), tuple(measured[1:]))


def _unlike(names: Sequence[str], lengths: Sequence[int], alike: Sequence[int]) -> list[str]:
    """Say which worlds walk another way than the first, whose truth is not theirs."""
    return [
        f"{name} is told something else than {names[0]} from frame {same} on, and is measured up to there."
        for name, length, same in zip(names, lengths, alike, strict=False)
        if same < min(length, lengths[0])
    ]


def check_worlds(worlds: Mapping[str, WorldState], world_vae: Any) -> tuple[int, int]:
    """Return the (height, width) of all worlds' pictures.

    Raises:
        ValueError: one has no frames, needs another VAE, or has pictures of another size.
    """
    sizes = {}
    for field, world in worlds.items():
        if not frames(world):
            raise ValueError(
                f"{field}: found no frames, expected a world that was rolled out; put Rollout World before."
            )
        check_vae(world, world_vae)
        pixels = variant_of(world.start).latents.pixels
        sizes[field] = tuple(pixels * side for side in world.start.grid)
    (first, size), *others = sizes.items()
    for field, other in others:
        if other != size:
            raise ValueError(
                f"{field}: found pictures of {other[1]} x {other[0]}, expected {size[1]} x {size[0]} as {first} has; "
                "compare worlds of one size."
            )
    return size


def column_names(labels: str, fields: Sequence[str]) -> list[str]:
    """Return the name of every column; without a label it is called after its input.

    Raises:
        ValueError: there are more names than columns.
    """
    names = [field.replace("_", " ") for field in fields]
    given = [label.strip() for label in labels.split(",")] if labels.strip() else []
    if len(given) > len(names):
        raise ValueError(
            f"labels: found {len(given)} names, expected at most {len(names)}, one for each column; shorten the list."
        )
    return [label or name for label, name in zip_longest(given, names, fillvalue="")]


def _within(span: Span, length: int) -> Span:
    """The part of a span that a column has, at least its last frame."""
    return Span(min(span.first, length - 1), min(span.last, length - 1))


def _truth(truth: Tensor, span: Span, size: tuple[int, int]) -> Iterator[Tensor]:
    """Yield the truth frame by frame, in the size of the worlds' pictures."""
    first, last = _within(span, len(truth))
    for picture in truth[first : last + 1, ..., :3]:
        if tuple(picture.shape[:2]) != size:
            planes = picture.float().movedim(-1, 0)[None]
            picture = interpolate(planes, size=size, mode="bicubic", antialias=True)[0].movedim(0, -1).clamp(0, 1)
        yield picture[None]


NODES = [CompareWorlds]
