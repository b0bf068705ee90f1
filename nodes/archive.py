"""Save, Load and Rewind World, World Info: a world kept, taken up again, and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..worldmodel.binding.unbind import told_track, walked_track
from ..worldmodel.reading.json_text import shown
from ..worldmodel.reading.words import counted
from ..worldmodel.shown.world_sheet import Sheet, draw_world, shown_chunks
from ..worldmodel.shown.world_words import describe_world, summary
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.track.track import write_track
from ..worldmodel.world.archive import SUFFIX, is_world_file, load_told, load_world, save_world
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames, rewind, variant_of
from .host import decoder, files, progress
from .host.vae import kind_of
from .rolling import check_vae
from .schema import CATEGORY, INT32, SEED, validated
from .types import Track, World

WORLDS = files.SavedFiles(
    files.Kind("a world", "world_file: found no world file", (SUFFIX,), "Save World", is_world_file)
)
SAME, NEW = "same seed", "new seed"


class SaveWorld(io.ComfyNode):
    """A world as a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMSaveWorld",
            display_name="Save World",
            category=CATEGORY,
            description="Writes a world into the output folder, bit for bit, and hands it on. Load World takes it up "
            "again at any time.",
            search_aliases=["save state", "checkpoint", "keep world", "archive", "export world"],
            inputs=[
                World.Input("world", tooltip="A world, with frames or without."),
                io.String.Input(
                    "filename_prefix",
                    default="worldmodel/world",
                    tooltip="Name inside the output folder; a number and .world.safetensors are added.",
                ),
            ],
            outputs=[World.Output(display_name="world", tooltip="The same world.")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        """Try the prefix out when the graph is queued, long before there is a world to write."""
        return validated(lambda prefix: files.check_prefix(prefix, SUFFIX), filename_prefix)

    @classmethod
    def execute(cls, world: WorldState, filename_prefix: str = "worldmodel/world") -> io.NodeOutput:
        """Write the file and say where it is."""
        path = save_world(world, files.new_file(filename_prefix, SUFFIX))
        saved = f"Saved {counted(len(world.chunks), 'chunk')}, {counted(frames(world), 'frame')}:"
        report = f"{saved}\n{files.listed_name(path)}"
        progress.tell(report)
        return io.NodeOutput(world, ui={"text": [report], **files.results([path])})


class LoadWorld(io.ComfyNode):
    """A world out of a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorld",
            display_name="Load World",
            category=CATEGORY,
            description="Reads a world that Save World wrote. Rollout World goes on as if it had never stopped.",
            search_aliases=["load state", "resume", "go on", "restore world", "import world"],
            inputs=[
                io.Combo.Input(
                    "world_file",
                    options=WORLDS.names(),
                    default=files.NEWEST,
                    tooltip="A file that Save World wrote, from the output folder, or put into the input folder. "
                    "the newest: of those that read as a world, the one written last.",
                )
            ],
            outputs=[World.Output(display_name="world")],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(cls, world_file: str | None) -> bool | str:
        """Name a missing file when the graph is queued; a linked name is known only later."""
        return validated(WORLDS.check, world_file)

    @classmethod
    def fingerprint_inputs(cls, world_file: str) -> str:
        """Load again when the file changed, or another one is the newest."""
        return WORLDS.fingerprint(world_file)

    @classmethod
    def execute(cls, world_file: str = files.NEWEST) -> io.NodeOutput:
        """Read the file, check all of it, and say what is in it."""
        path, world, notes = WORLDS.read(world_file, load_world)
        report = "\n".join((f"{path.name}:", *summary(world), *notes))
        progress.tell(report)
        return io.NodeOutput(world, ui={"text": [report]})


class RewindWorld(io.ComfyNode):
    """A world as it was some chunks ago."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRewindWorld",
            display_name="Rewind World",
            category=CATEGORY,
            description="Takes a world back to an earlier chunk, so that it can walk on another way, or the same way "
            "with another seed. The world that went in stays as it was.",
            search_aliases=["undo", "fork", "branch", "go back", "trim", "try again", "reroll"],
            inputs=[
                World.Input("world", tooltip="A world that has been rolled out."),
                io.Int.Input(
                    "chunks",
                    default=-1,
                    min=-INT32,
                    max=INT32,
                    tooltip="How many chunks to keep. Negative counts from the end: -1 drops the last chunk, -2 the "
                    "last two. 0 keeps only the start.",
                ),
                io.Combo.Input(
                    "seed",
                    options=[SAME, NEW],
                    default=SAME,
                    tooltip="Which seed goes out. same seed: the one the removed chunks were made with, which makes "
                    "them again under the same track. new seed: the one below.",
                ),
                io.Int.Input(
                    "new_seed",
                    **SEED,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Goes out where new seed is chosen.",
                ),
            ],
            outputs=[
                World.Output(display_name="world", tooltip="The world without the removed chunks."),
                io.Int.Output(display_name="seed", tooltip="For the seed of the next Rollout World."),
                Track.Output(display_name="track", tooltip="What the removed chunks were told."),
                io.Int.Output(display_name="frame", tooltip="The first removed frame, counted from the world's start."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(cls, world: WorldState, chunks: int = -1, seed: str = SAME, new_seed: int = 0) -> io.NodeOutput:
        """Drop the chunks and say which."""
        rewound = rewind_to(world, chunks, new_seed if seed == NEW else None)
        progress.tell(rewound.report)
        return io.NodeOutput(
            rewound.world, rewound.seed, rewound.track, frames(rewound.world), ui={"text": [rewound.report]}
        )


class WorldInfo(io.ComfyNode):
    """What is in a world."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMWorldInfo",
            display_name="World Info",
            category=CATEGORY,
            description="Shows what is in a world: chunks, frames, seeds, what was held when, the path from above, and "
            "with a VAE a picture of every chunk.",
            search_aliases=["inspect", "contact sheet", "timeline", "statistics", "map", "describe world"],
            inputs=[
                World.Input("world", tooltip="Any world."),
                io.Vae.Input(
                    "vae", optional=True, tooltip="The VAE that belongs to it; adds the last frame of every chunk."
                ),
            ],
            outputs=[
                io.String.Output(display_name="text", tooltip="A line for each run of chunks that were told the same."),
                io.Image.Output(display_name="image", tooltip="The drawing that the node shows."),
                Track.Output(display_name="track", tooltip="What the world was told, from its first frame on."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, world: WorldState, vae: Any = None) -> io.NodeOutput:
        """Draw it and say it."""
        sheet = None
        if vae is not None:
            check_vae(world, vae)
            shown = shown_chunks(len(world.chunks))
            sheet = Sheet(shown, last_frames(vae, world, shown)) if shown else None
        picture = draw_world(world, sheet)
        progress.tell(summary(world)[0])
        text = describe_world(world)
        shown = ui.PreviewImage(picture, cls=cls).as_dict()
        return io.NodeOutput(text, picture, walked_track(world), ui={**shown, "text": [text]})


class Rewound(NamedTuple):
    """An earlier world, and what is needed to walk on from it."""

    world: WorldState
    seed: int
    track: DenseTrack
    report: str


def rewind_to(world: WorldState, chunks: int, new_seed: int | None) -> Rewound:
    """Drop chunks from a world's end.

    Args:
        world: stays as it is.
        chunks: how many to keep; negative counts from the end.
        new_seed: `None`: that of the first removed chunk, or of the last one where none is removed.

    Raises:
        ValueError: the world has not so many chunks, or none.
    """
    total = len(world.chunks)
    if not total:
        raise ValueError("world: found no chunk, expected a world that was rolled out; put Rollout World before.")
    if not -total <= chunks <= total:
        raise ValueError(
            f"chunks: found {chunks}, expected {-total} to {total} for a world of {counted(total, 'chunk')}; change it."
        )
    kept = chunks if chunks >= 0 else total + chunks
    removed = world.chunks[kept:]
    seed = (removed or world.chunks[-1:])[0].seed if new_seed is None else new_seed
    earlier = rewind(world, kept)
    lines = [
        f"Kept {counted(kept, 'chunk')}, {counted(frames(earlier), 'frame')}; removed "
        f"{counted(len(removed), 'chunk')}, {counted(frames(world) - frames(earlier), 'frame')}. Seed {seed}."
    ]
    made = sorted({chunk.seed for chunk in removed})
    if new_seed is None and len(made) > 1:
        same = next(i for i, chunk in enumerate(removed) if chunk.seed != seed)
        lines.append(
            f"The removed chunks were made with {len(made)} seeds; this one makes the first {counted(same, 'chunk')} "
            "of them again."
        )
    return Rewound(earlier, seed, walked_track(world, kept), "\n".join(lines))


def last_frames(world_vae: Any, world: WorldState, chunks: Sequence[int]) -> Tensor:
    """Decode the last frame of some chunks, without decoding what lies far from all of them.

    Args:
        world_vae: belongs to the world.
        chunks: rising.

    Returns:
        (chunks, H, W, 3) in 0..1.
    """
    variant = variant_of(world.start)
    together = 1 + kind_of(world_vae).reach // variant.chunking.later  # nearer ones share the frames before them
    runs: list[list[int]] = []
    for index in chunks:
        if runs and index - runs[-1][-1] <= together:
            runs[-1].append(index)
        else:
            runs.append([index])
    pictures = []
    bar = progress.Progress(len(chunks))
    for run in runs:
        ends = [variant.chunking.first_frame(index + 1) - 1 for index in run]
        frame = ends[0]
        for piece in decoder.decode_frames(world_vae, world, ends[0], ends[-1]):
            wanted = [end - frame for end in ends if frame <= end < frame + len(piece)]
            pictures.extend(piece[wanted])
            frame += len(piece)
            bar.advance(len(wanted))
    return torch.stack(pictures)


def world_behind(asked: dict[str, Any]) -> dict[str, Any]:
    """Say what a track goes on from that a loaded world walks: {world_file} -> {chunks, track}.

    The chunks are null where no such file can be read: that is for Load World to say when it runs.
    """
    name = asked.get("world_file")
    if not isinstance(name, str):
        raise ValueError(f"world_file must be the name of a file, not {shown(name)}")
    try:
        variant, told = load_told(WORLDS.path(name))
    except ValueError:
        return {"chunks": None, "track": ""}
    return {"chunks": len(told), "track": write_track(told_track(told, variant)) if told else ""}


QUESTIONS = {"world": world_behind}
NODES = [SaveWorld, LoadWorld, RewindWorld, WorldInfo]
