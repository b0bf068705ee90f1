"""Save, Load and Rewind World: a world kept, and taken up again."""

from __future__ import annotations

from typing import Any, NamedTuple

from comfy_api.latest import io

from ..worldmodel.binding.unbind import told_track, walked_track
from ..worldmodel.reading.json_text import shown
from ..worldmodel.reading.words import counted
from ..worldmodel.shown.world_words import summary
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.track.track import write_track
from ..worldmodel.world.archive import SUFFIX, is_world_file, load_told, load_world, save_world
from ..worldmodel.world.cards import made_picture
from ..worldmodel.world.moments import chunk_near, extent_of, parse_moment
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames, rewind
from .frames import last_frames
from .host import files, progress
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
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="The VAE that belongs to it: the file then holds its last frame as a small picture, by "
                    "which Load World shows it.",
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
    def execute(cls, world: WorldState, filename_prefix: str = "worldmodel/world", vae: Any = None) -> io.NodeOutput:
        """Write the file and say where it is."""
        picture = None
        if vae is not None and world.chunks:
            check_vae(world, vae)
            picture = made_picture(last_frames(vae, world, [len(world.chunks) - 1])[0])
        path = save_world(world, files.new_file(filename_prefix, SUFFIX), picture)
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
            description="Reads a world that Save World wrote, chosen by its picture. Rollout World goes on as if it "
            "had never stopped.",
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
            description="Takes a world back to an earlier chunk, frame or second, so that it can walk on another "
            "way, or the same way with another seed. The world that went in stays as it was.",
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
                io.String.Input(
                    "back_to",
                    default="",
                    optional=True,
                    tooltip="Where to go back to, in place of chunks: a frame such as 33, a second such as 2.5s, or "
                    "-2s, which is 2 seconds before the end; rounded to where a chunk begins.",
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
    def validate_inputs(cls, back_to: str | None = None) -> bool | str:
        """Name a mistake when the graph is queued."""
        return validated(lambda text: parse_moment(text, "back_to"), back_to)

    @classmethod
    def execute(
        cls, world: WorldState, chunks: int = -1, seed: str = SAME, new_seed: int = 0, back_to: str = ""
    ) -> io.NodeOutput:
        """Drop the chunks and say which."""
        moment, said = parse_moment(back_to, "back_to"), ""
        if moment is not None and world.chunks:
            chunks, said = chunk_near(moment, extent_of(world), "back_to", len(world.chunks))
        rewound = rewind_to(world, chunks, new_seed if seed == NEW else None)
        rewound = rewound._replace(report="\n".join(filter(None, (said, rewound.report))))
        progress.tell(rewound.report)
        return io.NodeOutput(
            rewound.world, rewound.seed, rewound.track, frames(rewound.world), ui={"text": [rewound.report]}
        )


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


def world_behind(asked: dict[str, Any]) -> dict[str, Any]:
    """Say what a track goes on from that a loaded world walks: {world_file} -> {chunks, track, begun}.

    How it began, {form, image}, says how it is cut into chunks. Both are null where no such file can be read: that is
    for Load World to say when it runs.
    """
    name = asked.get("world_file")
    if not isinstance(name, str):
        raise ValueError(f"world_file must be the name of a file, not {shown(name)}")
    try:
        variant, form, pictured, told = load_told(WORLDS.path(name))
    except ValueError:
        return {"chunks": None, "track": "", "begun": None}
    track = write_track(told_track(told, variant)) if told else ""
    return {"chunks": len(told), "track": track, "begun": {"form": form, "image": pictured}}


QUESTIONS = {"world": world_behind}
NODES = [SaveWorld, LoadWorld, RewindWorld]
