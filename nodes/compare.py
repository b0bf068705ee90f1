"""Compare Worlds: up to five worlds side by side, of one model or of several, and how near each is to the truth."""

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
from ..worldmodel.shown.side_by_side import (
    Column,
    Errors,
    Span,
    common_size,
    fitted,
    parting,
    side_by_side,
    told_alike,
)
from ..worldmodel.shown.ways import way_words
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames, picture_size, variant_of
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
            description="Shows up to five worlds side by side, frame by frame, with what each was told, those of other "
            "models too; with a reference render it also measures how close each world that walks the same way comes "
            "to it (PSNR).",
            search_aliases=["side by side", "grid", "branches", "psnr", "versus", "diff", "ground truth"],
            inputs=_inputs(),
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames, for Create Video."),
                io.Float.Output(display_name="fps", tooltip="Frames per second of the worlds, for Create Video."),
                io.String.Output(
                    display_name="text",
                    tooltip="How far each world walks and turns, where they part, and the PSNR of each chunk against "
                    "the reference of the same walk.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls, world_1: WorldState, vae: Any, world_2: WorldState | None = None, labels: str = "", length: str = HOLD,
        first_frame: int = 0, last_frame: int = -1, controls: bool = True, scale: int = 0,
        world_3: WorldState | None = None, world_4: WorldState | None = None, truth: Tensor | None = None,
        world_5: WorldState | None = None, vae_2: Any = None, vae_3: Any = None, vae_4: Any = None, vae_5: Any = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Decode all of them in step, one piece of each at a time."""
        given = ((world_1, vae), (world_2, vae_2), (world_3, vae_3), (world_4, vae_4), (world_5, vae_5))
        shown = {f"world_{number}": pair for number, pair in enumerate(given, 1) if pair[0] is not None}
        worlds = {field: world for field, (world, _) in shown.items()}
        vaes = {field: vae if own is None else own for field, (_, own) in shown.items()}
        result = compare(worlds, vaes, truth, Wishes(labels, length, first_frame, last_frame, controls, scale))
        progress.tell("\n".join(result.summary))
        text = "\n".join((*result.summary, *result.chunks))
        return io.NodeOutput(result.images, result.fps, text, ui={"text": [text]})


def _inputs() -> list[io.Input]:
    """Describe what is compared, and how it is shown."""
    return [
        World.Input("world_1", tooltip="The first column. The others are compared with it."),
        World.Input("world_2", optional=True, tooltip="The second column, often another branch of the same world."),
        io.Vae.Input("vae", tooltip="The VAE that belongs to world_1, and to all that have none of their own."),
        io.String.Input(
            "labels",
            default="",
            tooltip="Names of the columns, separated by commas, the reference's last. Empty: world 1, world 2 ...",
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
            tooltip="A reference render as the last column, such as the true film of Tiny World View for world_1: its "
            "frame 0 belongs to frame 0 of the worlds. A world is measured as long as it was told what world_1 was.",
        ),
        World.Input("world_5", optional=True, tooltip="A fifth column."),
        io.Vae.Input("vae_2", optional=True, tooltip="The VAE that belongs to world_2, if vae does not."),
        io.Vae.Input("vae_3", optional=True, tooltip="The VAE that belongs to world_3, if vae does not."),
        io.Vae.Input("vae_4", optional=True, tooltip="The VAE that belongs to world_4, if vae does not."),
        io.Vae.Input("vae_5", optional=True, tooltip="The VAE that belongs to world_5, if vae does not."),
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


def compare(
    worlds: Mapping[str, WorldState], vaes: Mapping[str, Any], truth: Tensor | None, wishes: Wishes
) -> Comparison:
    """Show worlds side by side and measure them against the truth.

    Args:
        worlds: by the inputs they came from, the first one's variant says how long a chunk is.
        vaes: what decodes each of them, by the same names.
        truth: (frames, H, W, channels), shown as a last column.
        wishes: what the widgets say.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    if len(worlds) == 1 and truth is None:
        raise ValueError(
            "world_2, truth: found none, expected something to compare world_1 with; connect another world, or a "
            "reference render as truth."
        )
    sizes = check_worlds(worlds, vaes)
    size = common_size(sizes)
    names = column_names(wishes.labels, [*own_names(worlds), *([] if truth is None else ["reference"])])
    first, *others = worlds.values()
    lengths = [frames(world) for world in worlds.values()] + ([] if truth is None else [len(truth)])
    total = max(lengths) if wishes.length == HOLD else min(lengths)
    span = chosen_span(wishes.first_frame, wishes.last_frame, total)
    alike = [told_alike(first, world) for world in worlds.values()]
    columns = [
        Column(name, length, _decoded(vaes[field], world, _within(span, length), size),
               walked_track(world) if wishes.controls else None, same)
        for name, (field, world), length, same in zip(names, worlds.items(), lengths, alike, strict=False)
    ]  # fmt: skip
    variant, errors = variant_of(first.start), None
    if truth is not None:
        columns.append(Column(names[-1], len(truth), _truth(truth, span, size)))
        errors = Errors(variant, names[:-1]) if len(set(sizes)) == 1 else None
    partings = [parting(first, other, (names[0], name)) for name, other in zip(names[1:], others, strict=False)]
    marks = sorted({part.frame for part in partings if span.first < part.frame <= span.last})
    pictures = side_by_side(columns, span, size, scale=wishes.scale, branches=marks, errors=errors)
    images = gathered((picture[None] for picture in pictures), span)
    measured = errors.lines() if errors else []
    said = [f"{counted(len(worlds), 'world')}, frames {span.first}-{span.last}, {variant.fps:g} fps."]
    said += [f"{name}: {way_words(world)}" for name, world in zip(names, worlds.values(), strict=False)]
    said += [part.said for part in partings] + [
        f"How near to {names[-1]} (PSNR; higher is nearer), {line}" for line in measured[:1]
    ]
    said += _unlike(names, lengths, alike) if measured else []
    if len(set(sizes)) > 1:
        said.append("The pictures have several sizes: they are shown in one, and nothing is measured.")
    return Comparison(images, variant.fps, tuple(said), tuple(measured[1:]))


def _unlike(names: Sequence[str], lengths: Sequence[int], alike: Sequence[int]) -> list[str]:
    """Say which worlds walk another way than the first, whose truth is not theirs."""
    return [
        f"{name} is told something else than {names[0]} from frame {same} on, and is measured up to there."
        for name, length, same in zip(names, lengths, alike, strict=False)
        if same < min(length, lengths[0])
    ]


def own_names(worlds: Mapping[str, WorldState]) -> list[str]:
    """Return what worlds are called without labels: by their models where these differ or one is alone."""
    titles = [variant_of(world.start).title for world in worlds.values()]
    return titles if len(set(titles)) == len(titles) else list(worlds)


def _decoded(world_vae: Any, world: WorldState, span: Span, size: tuple[int, int]) -> Iterator[Tensor]:
    """Yield a world's frames in the cell that they are shown in."""
    for frames_of in decoder.decode_frames(world_vae, world, *span):
        yield fitted(frames_of, size)


def check_worlds(worlds: Mapping[str, WorldState], vaes: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return the (height, width) of each world's pictures.

    Raises:
        ValueError: one has no frames, needs another VAE, or has pictures of another size than those of its own model.
    """
    sizes: dict[str, tuple[int, int]] = {}
    for field, world in worlds.items():
        if not frames(world):
            raise ValueError(
                f"{field}: found no frames, expected a world that was rolled out; put Rollout World before."
            )
        check_vae(world, vaes[field])
        sizes[field] = own = picture_size(world.start)
        for first, size in sizes.items():
            if own != size and worlds[first].start.variant == world.start.variant:
                raise ValueError(
                    f"{field}: found pictures of {own[1]} x {own[0]}, expected {size[1]} x {size[0]} as {first} has; "
                    "compare worlds of one size, or of several models."
                )
    return list(sizes.values())


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
    """Yield the truth frame by frame, stretched to the size of the worlds' pictures."""
    first, last = _within(span, len(truth))
    for picture in truth[first : last + 1, ..., :3]:
        if tuple(picture.shape[:2]) != size:
            planes = picture.float().movedim(-1, 0)[None]
            picture = interpolate(planes, size=size, mode="bicubic", antialias=True)[0].movedim(0, -1).clamp(0, 1)
        yield picture[None]


NODES = [CompareWorlds]
