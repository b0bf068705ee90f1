"""One run of Play World: a walk that somebody plays, chunk by chunk, until they, the limit or Stop end it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from comfy_api.latest import Input
from torch import Tensor

from ..worldmodel.families import family_of
from ..worldmodel.families.begin import begin
from ..worldmodel.play.walk import Walk
from ..worldmodel.reading.words import counted
from ..worldmodel.rollout.session import Progress, Session
from ..worldmodel.shown.film import FilmWriter
from ..worldmodel.track.track import Track
from ..worldmodel.world.chunk_file import Expected
from ..worldmodel.world.journal import fingerprint
from ..worldmodel.world.lineage import Lineage
from ..worldmodel.world.state import Chunk, World, frames
from . import told
from .experts import chained_by
from .game import Film, Game
from .host import files, films, play, progress, runs, sampling
from .pages import lineage_of, not_kept, open_book
from .rolling import FILM, Plan, film_again

FILM_OUTPUT = 1
"""Number of the output whose film is made at once, if anything is linked to it."""


class Played(NamedTuple):
    """What came of a walk."""

    world: World
    film: Input.Video
    track: Track
    report: str


class Kept:
    """The journal's part: a chunk that cannot be kept is told, once, and the walk goes on."""

    def __init__(self, lineage: Lineage):
        """Args: lineage: of the model and its settings."""
        self._lineage, self.trouble = lineage, ""

    def find(self, parent: str, expected: Expected) -> tuple[str, Chunk | None]:
        """Look a chunk up."""
        return self._lineage.find(parent, expected)

    def keep(self, chunk: Chunk, parent: str) -> Chunk:
        """Put a chunk into the journal."""
        try:
            return self._lineage.keep(chunk, parent)
        except OSError as error:
            if not self.trouble:
                self.trouble = not_kept(error)
                progress.tell(self.trouble)
            return chunk


class Asked(NamedTuple):
    """What a walk is played in, checked; the plan has no controls."""

    model: Any
    world: World
    vae: Any
    plan: Plan
    limit: int
    """Frames that may be added; 0: as many as a track can have."""
    clip: Any = None


def play_world(asked: Asked, hidden: Any) -> Played:
    """Let somebody play a walk inside one sampling session of the host.

    Args:
        asked: what was checked.
        hidden: the node's hidden inputs; `None` outside of a graph.

    Raises:
        ValueError: nothing was walked, or the decoder made something that is not finite.
    """
    model, world, world_vae, plan, limit, clip = asked
    book, names, off = open_book(model, hidden)
    kept = None
    if book is None:
        progress.tell(f"journal: off, because {off}; finished chunks are not kept.")
    else:
        book.enter(world)
        kept = Kept(lineage_of(book, names, plan.settings))
    made: list[tuple[World, Track, str]] = []
    with ExitStack() as stack:
        film = Film(FilmWriter(files.new_film(FILM), plan.fps).__enter__())
        stack.callback(film.give_up)
        seat = stack.enter_context(play.TABLE.open())

        def perform(stage: sampling.Stage) -> None:
            walk = Walk(
                world, _behind(stage, model, plan, names.content or names.own), seed=plan.seed, limit=limit, book=kept,
                check=lambda controls: told.check_prompts(controls, plan.variant, clip),
            )  # fmt: skip
            with Game(walk, seat, world_vae, stage, film, plan.fps) as game:
                why = _ended(game)
                if not walk.chunks:
                    raise ValueError(NOTHING[why])
                game.finish()
                seat.end(why, SAID[why])
                made.append((_grown(walk, plan), walk.track(), _report(game, plan, kept, why)))

        shape = (plan.variant.latents.channels, family_of(plan.variant).seen(plan.variant), *world.start.grid)
        sampling.perform(model, plan.levels, shape, perform)
        ((grown, track, report),) = made
        path = film.finished(track.frames)
    make = partial(film_again, world_vae, world._replace(context=None), grown._replace(context=None), plan.fps)
    if path is None and not runs.is_linked(FILM_OUTPUT, hidden.dynprompt if hidden else None):
        return Played(grown, films.late_film(make), track, report)
    return Played(grown, films.kept_film(path or make(), make), track, report)


SAID = {
    "closed": "The walk was ended.",
    "limit": "The limit is reached.",
    "stopped": "The walk was stopped.",
    "left": "The page that played was closed.",
    "idle": "Nobody played any more.",
}
NOTHING = {
    why: f"player: found nothing that was walked ({said[:-1]}), expected at least one chunk; queue again and walk."
    for why, said in SAID.items()
}


def _ended(game: Game) -> str:
    """Run a game; the host's Stop ends the walk alone, and what was walked flows on."""
    try:
        return game.run()
    except progress.Stopped:
        if not game.walk.chunks:
            raise
        return "stopped"


def _grown(walk: Walk, plan: Plan) -> World:
    """Return the world with what the model remembers; without that, where Stop is pressed once more."""
    try:
        return walk.finished(plan.context_bytes)
    except progress.Stopped:
        return walk.world


def _behind(stage: sampling.Stage, model: Any, plan: Plan, name: str) -> Callable[[World], Session]:
    """Return what makes a session behind a world, in the prepared model."""
    texts: dict[str, Tensor] = {}

    def encode(sentence: str) -> Tensor:
        if sentence not in texts:
            texts.update(told.encoded(model, [sentence], plan.encode_text))
            stage.reload()
        return texts[sentence]

    def after_step(_: Progress) -> None:
        progress.let_stop_through()

    return lambda world: begin(
        world, stage.predict, chained=chained_by(plan.chained_by, world, stage.reload), settings=plan.settings,
        model=name, stages=stage.stages, dtype=stage.dtype, device=stage.device,
        encode_text=None if plan.encode_text is None else encode, keep=stage.keep, after_step=after_step,
    )  # fmt: skip


def _report(game: Game, plan: Plan, kept: Kept | None, why: str) -> str:
    """Say what was walked, one sentence a line."""
    walk = game.walk
    first = len(walk.world.chunks) - walk.chunks
    seeds = ", ".join(f"{seed} from chunk {chunk}" if chunk > first else f"{seed}" for chunk, seed in walk.seeds())
    lines = [
        f"{SAID[why]} {counted(walk.chunks, 'chunk')}, {counted(walk.added, 'frame')} walked; the world has "
        f"{counted(frames(walk.world), 'frame')}.",
        f"{plan.settings.sampler.said()}; {plan.fps:g} fps; seed {seeds}.",
        kept.trouble if kept is not None else "",
        *plan.notes,
        f"World id {fingerprint(walk.world)} (a world made again has the same).",
    ]
    return "\n".join(filter(None, lines))
