"""Record Tiny World: true walks as films, tables, arrays and captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..worldmodel.binding.bind import bind_track
from ..worldmodel.reading.limits import MAX_FRAMES
from ..worldmodel.tinyworld import pilot, record, walk_files, walks
from ..worldmodel.tinyworld.scene import engine, menu
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.variants import BUILT_IN, VARIANTS
from .host import files, films, progress
from .schema import CATEGORY, INT32, SEED, validated
from .types import Track
from .worlds import known_level

TINY_WORLD = VARIANTS[BUILT_IN]
HEIGHT, WIDTH = TINY_WORLD.picture
PILOTS = {kind.replace("_", " "): kind for kind in (*walks.KINDS, walks.MIXED)}


class Chosen(NamedTuple):
    """The walk to record, how many were turned down before it, and a sentence for what the user should know."""

    walk: walks.Walk
    turned_down: int
    notes: tuple[str, ...]


class RecordTinyWorld(io.ComfyNode):
    """A walk through Tiny World, written down."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRecordTinyWorld",
            display_name="Record Tiny World",
            category=CATEGORY,
            description="Walks through Tiny World itself, rendered and not generated, by a track or as a pilot likes, "
            "and writes film, table, arrays and captions into the output folder: data to train on, or a "
            "reference beside a rollout.",
            search_aliases=[
                "data engine",
                "dataset",
                "export",
                "csv",
                "npz",
                "captions",
                "depth",
                "pilot",
                "tiny world",
            ],
            inputs=_inputs(),
            outputs=[
                io.Video.Output(display_name="film", tooltip="The film that was written."),
                Track.Output(display_name="track", tooltip="What was played; Rollout World can play it too."),
                io.String.Output(display_name="captions", tooltip="What is seen, and what changes, a line each."),
                io.Image.Output(display_name="images", tooltip="The frames as they were rendered."),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, folder: str | None) -> bool | str:
        """Try the folder out when the graph is queued."""
        return validated(files.output_folder, folder)

    @classmethod
    def execute(
        cls, world_seed: int, place: int, pilot: str, frames: int, seed: int, width: int, height: int, depth: bool,
        folder: str, track: DenseTrack | None = None, level: str | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Walk, write the walk down, and show its film."""
        begin = menu.place_in(known_level(level, world_seed), world_seed, place, range(INT32 + 1))
        chosen = walk_track(*begin, track) if track else walk_pilot(*begin, PILOTS[pilot], frames, seed)
        recording = record.Recording(files.output_folder(folder), {}, wait_for_turn(folder))
        frames_seen = Frames(chosen.walk.frames)
        line = recording.add(chosen.walk, (height, width), depth, chosen.turned_down, frames_seen)
        recording.finish()
        report = describe(line, chosen, folder)
        progress.tell(report)
        film, *others = recording.files(line)
        (told,) = files.results([film])["files"]
        shown = ui.PreviewVideo([ui.SavedResult(**{**told, "type": io.FolderType.output})]).as_dict()
        return io.NodeOutput(
            films.kept_film(film, lambda: film_again(chosen.walk, (height, width))),
            played(chosen.walk),
            f"{line['standard']}\n{line['interaction']}",
            frames_seen.images,
            ui={**shown, **files.results(others), "text": [report]},
        )


def _inputs() -> list[io.Input]:
    """Describe what is walked, and how it is written down."""
    side = {"min": record.LEAST_SIDE, "max": record.MOST_SIDE}
    return [
        io.Int.Input(
            "world_seed",
            default=7,
            min=0,
            max=INT32,
            tooltip="Which random layout, read for that alone. The built-in model was trained on layouts from 10000 "
            "on, on none below.",
        ),
        io.Int.Input("place", default=0, min=0, max=INT32, tooltip="Where in it, and facing where."),
        io.Combo.Input(
            "pilot",
            options=list(PILOTS),
            tooltip="Who walks where no track is connected: from goal to goal, at random, with one key held, "
            "there and exactly back, or one of these.",
        ),
        io.Int.Input(
            "frames",
            default=57,
            min=walks.LEAST_FRAMES,
            max=MAX_FRAMES,
            tooltip="Length of the pilot's walk. A rollout has whole chunks: 9, 21, 33, 45, 57 ... frames.",
        ),
        io.Int.Input(
            "seed",
            **SEED,
            control_after_generate=io.ControlAfterGenerate.increment,
            tooltip="The pilot's walk; every run with another seed adds another walk to the folder.",
        ),
        io.Int.Input("width", default=WIDTH, **side, tooltip="Width of the frames in pixels."),
        io.Int.Input("height", default=HEIGHT, **side, tooltip="Height of the frames in pixels."),
        io.Boolean.Input(
            "depth", default=False, tooltip="Adds a depth map and a material map of every frame to the NPZ."
        ),
        io.String.Input(
            "folder",
            default="worldmodel/recording",
            tooltip="Folder inside the output folder. Walks are added to it, none is written over.",
        ),
        io.Combo.Input(
            "level",
            options=list(menu.MENU),
            optional=True,
            tooltip="One of the levels, in whose streets the model was trained, or a random layout.",
        ),
        Track.Input("track", optional=True, tooltip="The walk, instead of the pilot's."),
    ]


class Frames:
    """Gathers a walk's frames while they are rendered, and counts them again while they are checked."""

    def __init__(self, count: int) -> None:
        """Begin: `count` frames are filmed, then checked."""
        self._bar = progress.Progress(2 * count)
        self._pieces: list[Tensor] = []
        self._left = count

    def __call__(self, piece: Tensor) -> None:
        """Take the next piece (f, H, W, 3)."""
        if self._left:
            self._left -= len(piece)
            self._pieces.append(piece)
        self._bar.advance(len(piece))

    @property
    def images(self) -> Tensor:
        """All frames (F, H, W, 3)."""
        return torch.cat(self._pieces)


def film_again(walk: walks.Walk, size: tuple[int, int]) -> Path:
    """Film a recorded walk once more, into the temporary folder: the recording itself is the user's to delete."""
    path = files.new_film("worldmodel/recording")
    walk_files.write_film(walk, path, size, False, lambda frames: None)
    return path


def wait_for_turn(folder: str) -> Callable[[], None]:
    """Return what is done while another process writes into the folder: it is said once, and Stop is obeyed."""
    waiting = False

    def wait() -> None:
        nonlocal waiting
        if not waiting:
            progress.tell(f"Another process records into output/{folder}; this one waits for its turn.")
            waiting = True
        progress.let_stop_through()

    return wait


def walk_track(worlds: engine.Places, start: tuple[Tensor, Tensor], track: DenseTrack) -> Chosen:
    """Walk as the artist asks, whatever comes of it.

    Raises:
        ValueError: the track has but one frame.
    """
    if track.frames < 2:
        raise ValueError(f"track: found {track.frames} frame, expected at least 2; lengthen the track.")
    bound = bind_track(track, TINY_WORLD)
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    return Chosen(walks.play(worlds, start, actions, "track"), 0, bound.report)


def walk_pilot(worlds: engine.Places, start: tuple[Tensor, Tensor], kind: str, frames: int, seed: int) -> Chosen:
    """Let the pilot walk; a walk in which nothing moves is drawn anew."""
    turned_down = 0
    while True:
        walk = walks.pilot_walk(worlds, start, kind, frames, np.random.default_rng([29, seed, turned_down]))
        if not walks.stuck(walk):
            return Chosen(walk, turned_down, ())
        turned_down += 1


def played(walk: walks.Walk) -> DenseTrack:
    """Return the track that was played; recorded again, it gives the same walk."""
    mouse = torch.stack([walk.turns, torch.zeros_like(walk.turns)], 1).float()
    return DenseTrack(pilot.WORDS, walk.keys, mouse)


def describe(line: dict[str, Any], chosen: Chosen, folder: str) -> str:
    """Say what was recorded, one sentence a line."""
    told = [line["kind"].replace("_", " "), f"{line['frames']} frames", *line["tags"]]
    lines = [
        f"{line['walk']} in output/{folder}: {', '.join(told)}.",
        f"{line['agreement']:.0%} of the frames were rendered again from the files bit for bit.",
    ]
    if chosen.turned_down:
        lines.append(f"{chosen.turned_down} walks in which nothing moved were drawn anew.")
    return "\n".join([*lines, *chosen.notes])


NODES = [RecordTinyWorld]
