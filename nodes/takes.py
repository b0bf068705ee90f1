"""Take World: the same stretch of a world walked several times, one of which is kept."""

from __future__ import annotations

import operator
import weakref
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from comfy_api.latest import Input, io

from ..worldmodel.binding.spoken import Template
from ..worldmodel.binding.unbind import walked_track
from ..worldmodel.memory.policy import MemoryPolicy
from ..worldmodel.reading.words import counted
from ..worldmodel.rollout.session import CONTEXT_BUDGET
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.world.moments import chunk_near, extent_of, parse_moment
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames as frames_of
from ..worldmodel.world.state import rewind
from .host import files, progress, reels
from .pages import open_pages
from .rolling import Plan, Wishes, check_shift, parse_steps, plan_rollout, roll
from .schema import CATEGORY, SEED, check_fps, validated
from .types import Track, World
from .wishes import wished_inputs

MOST_TAKES = 8


class TakeWorld(io.ComfyNode):
    """Takes of one stretch of a walk."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMTakeWorld",
            display_name="Take World",
            category=CATEGORY,
            description="Goes back in a world and walks on from there several times, each time with another seed; "
            "shows the takes side by side and hands out the one you keep. To keep another one rolls nothing again.",
            search_aliases=[
                "takes",
                "variations",
                "seeds",
                "reroll",
                "try again",
                "retake",
                "pick",
                "branch",
                "choose",
            ],
            inputs=[*_inputs(), *wished_inputs("of the films")],
            outputs=[
                World.Output(display_name="world", tooltip="The world with the take that is kept."),
                io.Video.Output(display_name="film", tooltip="The frames of the take that is kept."),
                io.Int.Output(display_name="seed", tooltip="Of the take that is kept."),
                Track.Output(display_name="track", tooltip="What the takes were told."),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(
        cls, back_to: str | None = None, takes: int | None = None, keep: int | None = None, steps: str | None = None,
        shift: float | None = None, fps: float | None = None,
    ) -> bool | str:  # fmt: skip
        """Name a mistake when the graph is queued."""
        checks = [
            validated(lambda text: parse_moment(text, "back_to"), back_to), validated(parse_steps, steps),
            validated(check_shift, shift), validated(check_fps, fps),
            validated(lambda count: check_kept(keep, count), None if keep is None else takes),
        ]  # fmt: skip
        return next((said for said in checks if said is not True), True)

    @classmethod
    def execute(
        cls, model: Any, world: WorldState, back_to: str, takes: int, seed: int, keep: int, steps: str = "",
        shift: float = 0.0, fps: float = 0.0, vae: Any = None, track: DenseTrack | None = None, clip: Any = None,
        memory: MemoryPolicy | None = None, words: Template | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Check everything, then roll what was not rolled yet, take by take."""
        check_fps(fps)
        check_kept(keep, takes)
        asked = Asked(model, world, vae, track, clip, memory, words, back_to, takes, seed, steps, shift, fps)
        name = cls.hidden.unique_id if cls.hidden else ""
        made = _made.get(name)
        if made is None or not made.are_of(asked):
            made = Takes(asked, *take(asked, cls.hidden))
            _made[name] = made
        kept = made.takes[keep - 1]
        film = copy(kept.film)
        film.takes = made  # as long as the host keeps this result, another take can be kept without rolling
        report = made.said(keep)
        progress.tell(report)
        shown = made.shown(keep)
        written = files.results(one.path for one in made.takes if one.path)
        return io.NodeOutput(kept.world, film, kept.seed, made.track, ui={"text": [report], **written, **shown})


def _inputs() -> list[io.Input]:
    """Describe what is taken again, and how often."""
    return [
        io.Model.Input("model", tooltip="The world model, from Load World Model, patched as you like."),
        World.Input("world", tooltip="A world that has been rolled out. It stays as it is."),
        io.String.Input(
            "back_to",
            default="-2s",
            tooltip="Where the takes begin: a second such as 2.5s, a frame such as 33, a chunk such as c3; -2s is 2 "
            "seconds before the end. Rounded to where a chunk begins; the report says where that is.",
        ),
        io.Int.Input("takes", default=3, min=1, max=MOST_TAKES, tooltip="How many."),
        io.Int.Input(
            "seed",
            default=1,
            min=SEED["min"],
            max=SEED["max"],
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="Of the first take; each further one has the next. With the world's own, it walks as before.",
        ),
        io.Int.Input(
            "keep",
            default=1,
            min=1,
            max=MOST_TAKES,
            tooltip="Which take goes out, from 1. To change it rolls nothing again.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="Decodes the takes, so that you see them. Without it: no films."),
        Track.Input(
            "track", optional=True, tooltip="What the player does in the takes. Without it: what was done there before."
        ),
    ]


class Asked(NamedTuple):
    """What the takes hang on: all inputs but the one that says which is kept."""

    model: Any
    world: WorldState
    vae: Any
    track: DenseTrack | None
    clip: Any
    memory: MemoryPolicy | None
    words: Template | None
    back_to: str
    takes: int
    seed: int
    steps: str
    shift: float
    fps: float

    def given(self) -> tuple:
        """Return what came through wires, besides the world."""
        return self.model, self.vae, self.track, self.clip, self.memory, self.words

    def plain(self) -> tuple:
        """Return the values of the widgets."""
        return self[7:]


class Taken(NamedTuple):
    """One take."""

    world: WorldState
    film: Input.Video
    seed: int
    path: Path | None
    """Of its film."""
    reel: reels.Reel | None
    journal: tuple[str, ...]
    """What the journal did."""


class Takes:
    """The takes of a node's last run. The host keeps them with the result that it keeps; nothing else does."""

    def __init__(self, asked: Asked, takes: list[Taken], track: DenseTrack, notes: tuple[str, ...]) -> None:
        """Take them; of what they were made with, models are not kept alive."""
        self.takes, self.track, self.notes = takes, track, notes
        self._plain, self._world = asked.plain(), asked.world._replace(context=None)
        self._given = [_held(value) for value in asked.given()]

    def are_of(self, asked: Asked) -> bool:
        """Tell whether these are what is asked for: the host hands out the same objects while nothing has changed."""
        one, other = self._world, asked.world
        chunks = len(one.chunks) == len(other.chunks) and all(map(operator.is_, one.chunks, other.chunks))
        given = zip(self._given, asked.given(), strict=True)
        same = one.start is other.start and chunks and all(held(value) for held, value in given)
        return same and self._plain == asked.plain()

    def said(self, keep: int) -> str:
        """Say what was done, one sentence a line."""
        lines = [
            "; ".join([f"take {number}: seed {one.seed}", *one.journal]) for number, one in enumerate(self.takes, 1)
        ]
        return "\n".join([*self.notes[:2], *lines, f"Take {keep} is kept.", *self.notes[2:]])

    def shown(self, keep: int) -> dict[str, list[str]]:
        """Return what the page plays side by side."""
        told = [
            {**one.reel.told(), "note": f"seed {one.seed}", "picked": number == keep}
            for number, one in enumerate(self.takes, 1) if one.reel is not None
        ]  # fmt: skip
        return reels.results(*told)


def _held(value: Any) -> Any:
    """Return what tells whether it is given that value; nothing large that the host counts as its own is kept alive."""
    try:
        there = weakref.ref(value)
    except TypeError:  # None, and tuples such as a track
        return lambda other: other is value
    return lambda other: other is not None and other is there()  # one that is gone is not the same as none


_made: weakref.WeakValueDictionary[str, Takes] = weakref.WeakValueDictionary()
"""By the node that made them."""


def check_kept(keep: int, takes: int) -> None:
    """Check how many takes there are, and which is kept.

    Raises:
        ValueError: there is no such take, or a link brings more takes than there may be.
    """
    if not 1 <= takes <= MOST_TAKES:
        raise ValueError(f"takes: found {takes}, expected 1 to {MOST_TAKES}; change it.")
    if not 1 <= keep <= takes:
        raise ValueError(f"keep: found {keep}, expected 1 to {takes}, the takes there are; change it.")


def take(asked: Asked, hidden: Any) -> tuple[list[Taken], DenseTrack, tuple[str, ...]]:
    """Roll all takes, chunk by chunk and with the journal, as Rollout World does.

    Args:
        asked: what the node was given.
        hidden: its hidden inputs; `None` outside of a graph.

    Returns:
        The takes, what they were told, and a sentence for each thing the user should know.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    earlier, track, said = beginning(asked)
    budget = max(1, CONTEXT_BUDGET // asked.takes // 1_000_000)
    seeds = [(asked.seed + number) % (SEED["max"] + 1) for number in range(asked.takes)]
    wishes = Wishes(seeds[0], asked.steps, asked.shift, asked.fps, budget, asked.clip, asked.memory, asked.words)
    plan = plan_rollout(asked.model, earlier, track, asked.vae, wishes)
    takes = []
    for number, seed in enumerate(seeds, 1):
        if asked.takes > 1:
            progress.tell(f"Take {number} of {asked.takes}, seed {seed}.")
        takes.append(_rolled(asked, earlier, plan._replace(seed=seed), hidden, number - 1))
    chunks, added = counted(len(plan.controls), "chunk"), frames_of(takes[0].world) - frames_of(earlier)
    length = f"Each take has {chunks}, {counted(added, 'frame')}, {added / plan.fps:.2f} s."
    return takes, track, (said, length, *plan.notes)


def beginning(asked: Asked) -> tuple[WorldState, DenseTrack, str]:
    """Return the world that the takes go on from, what they are told, and a sentence that says where they begin.

    Raises:
        ValueError: the world has no such place, or nothing is told from there on.
    """
    world, moment = asked.world, parse_moment(asked.back_to, "back_to")
    total = len(world.chunks)
    if moment is None:
        raise ValueError("back_to: found nothing, expected where the takes begin, such as -2s or c3; write it.")
    if not total and asked.track is None:
        raise ValueError("world: found no chunk, expected a world that was rolled out; put Rollout World before.")
    most = total if asked.track is not None else total - 1
    chunk, said = chunk_near(moment, extent_of(world), "back_to", most)
    track = asked.track if asked.track is not None else walked_track(world, chunk)
    return rewind(world, chunk), track, said


def _rolled(asked: Asked, earlier: WorldState, plan: Plan, hidden: Any, part: int) -> Taken:
    pages = open_pages(asked.model, earlier, plan, hidden)
    grown, film, reel = roll(asked.model, earlier, asked.vae, plan, pages, part)
    path = None if asked.vae is None else Path(film.get_stream_source())
    return Taken(grown, film, plan.seed, path, reel, tuple(pages.sentences()))


NODES = [TakeWorld]
