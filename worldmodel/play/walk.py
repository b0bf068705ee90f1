"""A rollout whose next chunk's controls come from outside.

    walk = Walk(world, begin, seed=1, limit=480)   # open; `begin` makes a rollout session behind a world
    chunk = walk.step(piece)                       # a Track of exactly `walk.next_frames` frames
    walk.catch_up()                                # what the next chunk needs first, while nobody waits
    walk.take_back(2)                              # the last chunks never were
    walk.reseed(7)                                 # other noise from here on
    walk.reset(7)                                  # everything never was
    place = walk.save(); walk.fork(place)          # go on from a place that was kept, as often as wished
    walk.world, walk.track()                       # what there is, and what it was told

Nothing of it waits or reads a clock: who holds what, when, is the caller's. Controls are bound as Rollout World binds a
track: all that was told since the walk began, behind the world it began with. So the law holds that the world of a walk
is bit for bit the one that is rolled out from the recorded track and the same seeds, whatever was taken back meanwhile;
turns are thousandths of a degree, as in a track's file, so it holds for the saved track too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..binding.bind import bind_track, chunk_controls
from ..binding.motion import integrate
from ..reading.limits import MAX_FRAMES, all_thousandths
from ..reading.words import counted, shortened
from ..rollout.session import Session
from ..track.edits import join
from ..track.track import Track
from ..variants import Variant
from ..world.chunk_file import Expected
from ..world.journal import parent_key
from ..world.state import Chunk, Controls, World, frames, rewind, variant_of

Begin = Callable[[World], Session]
"""Makes a rollout session behind a world's last chunk."""
Point = tuple[float, float, float]
"""Where the camera stands: metres right and ahead, degrees to the right, from where the walk began."""
MOST_PLACES = 1024
"""That one walk keeps: each keeps its chunks alive."""


class Book(Protocol):
    """Where finished chunks are kept, such as a `world.lineage.Lineage`."""

    def find(self, parent: str, expected: Expected) -> tuple[str, Chunk | None]:
        """Return the key of a chunk, and the chunk where it is there."""
        ...

    def keep(self, chunk: Chunk, parent: str) -> Chunk:
        """Keep a chunk that was made."""
        ...


class Place(NamedTuple):
    """Where a walk stands; chunks are shared, not copied."""

    world: World
    told: tuple[Track, ...]
    """What each chunk of the walk was told."""
    seed: int
    """Of the chunks to come."""
    way: tuple[Point, ...] = ()
    """Of every frame of the walk."""
    poses: tuple[Tensor, ...] = ()
    """(4, 4) of the frame that comes next, behind each chunk of it."""


class Step(NamedTuple):
    """What a step made."""

    chunk: Chunk
    made: bool
    """Whether it was computed; else the journal had it."""


class Walk:
    """One walk behind a world, which stays as it is; not to be used from two threads at once."""

    def __init__(
        self,
        world: World,
        begin: Begin,
        *,
        seed: int = 0,
        limit: int = 0,
        book: Book | None = None,
        check: Callable[[Sequence[Controls]], None] = lambda _: None,
    ):
        """Open a walk.

        Args:
            world: where it begins.
            begin: makes a session behind it, and behind any other world of this walk.
            seed: of its chunks, until another is asked for.
            limit: frames that it may add; 0: as many as a track can have.
            book: keeps finished chunks; `None`: nobody does.
            check: refuses controls before they are rolled out, by raising ValueError.

        Raises:
            ValueError: the limit leaves no room for one chunk, or no track can be so long.
        """
        self.variant: Variant = variant_of(world.start)
        self._begins, self._begin, self._book, self._check = world, begin, book, check
        self._first_seed = seed
        self._places: dict[int, Place] = {}
        self._kept = 0
        self.turn = 0
        """Counts how often what was walked became another walk: taken back, reset, or gone on from a place."""
        self.limit = _limit(limit, self.variant.chunking.frames(len(world.chunks)), self.variant.title)
        self._place = Place(world, (), seed)
        self._session: Session | None = begin(world)

    @property
    def world(self) -> World:
        """The world as far as it was walked; what it carries of a context is not in it, see `finished`."""
        return self._place.world

    @property
    def seed(self) -> int:
        """Of the chunks to come."""
        return self._place.seed

    @property
    def chunks(self) -> int:
        """That were added."""
        return len(self._place.told)

    @property
    def added(self) -> int:
        """Frames that were added."""
        return frames(self.world) - frames(self._begins)

    @property
    def next_frames(self) -> int:
        """Frames of the next chunk; 0 where the limit leaves no room for it."""
        wanted = self.variant.chunking.frames(len(self.world.chunks))
        return wanted if self.added + wanted <= self.limit else 0

    @property
    def waiting(self) -> int:
        """Clean passes that the next chunk needs first."""
        return self._live().waiting

    def step(self, piece: Track) -> Step:
        """Roll out the next chunk.

        Args:
            piece: what it is told; turns are rounded to thousandths of a degree. A text at its first frame holds from
                this chunk on, one at a later frame from the next.

        Returns:
            The finished chunk; `world` has grown by it.

        Raises:
            ValueError: the limit is reached, the piece has another length, holds a key that the model does not know or
                a text that it cannot read, or the chunk is not finite. The walk stands where it stood.
        """
        piece = self._checked(piece)
        told = (*self._place.told, piece)
        controls = self._bound(told)
        self._check([controls])
        chunk, made = self._rolled(controls)
        world, (points, pose) = self._live().world._replace(context=None), self._walked(piece)
        way, poses = (*self._place.way, *points), (*self._place.poses, *pose)
        self._place = self._place._replace(world=world, told=told, way=way, poses=poses)
        return Step(chunk, made)

    def catch_up(self) -> None:
        """Run the clean passes that the next chunk needs first, while nobody waits for it."""
        self._live().catch_up()

    def take_back(self, chunks: int) -> None:
        """Forget the last chunks of the walk, and what they were told; the seed stays.

        Raises:
            ValueError: the walk has fewer.
        """
        if not 1 <= chunks <= self.chunks:
            raise ValueError(
                f"chunks: found {chunks}, expected 1 to {self.chunks}, the chunks that were walked here; take fewer "
                "back."
                if self.chunks
                else f"chunks: found {chunks}, expected none, because nothing was walked yet; walk first."
            )
        left, kept = self.chunks - chunks, rewind(self.world, len(self.world.chunks) - chunks)
        now, walked = self._place, frames(kept) - frames(self._begins)
        self._go(Place(kept, now.told[:left], self.seed, now.way[:walked], now.poses[:left]))

    def reseed(self, seed: int) -> None:
        """Make the chunks to come with another seed."""
        self._place = self._place._replace(seed=seed)

    def reset(self, seed: int | None = None) -> None:
        """Go back to where the walk began; seed: of what comes, `None`: the one it began with."""
        self._go(Place(self._begins, (), self._first_seed if seed is None else seed))

    def save(self) -> int:
        """Keep the place where the walk stands, for `fork`.

        Raises:
            ValueError: too many are kept.
        """
        if len(self._places) >= MOST_PLACES:
            raise ValueError(
                f"save: found {MOST_PLACES} places that are kept, expected fewer; drop those that are not needed."
            )
        self._kept += 1
        self._places[self._kept] = self._place
        return self._kept

    def drop(self, place: int) -> None:
        """Forget a place that was kept.

        Raises:
            ValueError: there is no such place.
        """
        self._kept_place(place)
        del self._places[place]

    def fork(self, place: int, seed: int | None = None) -> None:
        """Go on from a place that was kept.

        Args:
            place: what `save` returned.
            seed: of the chunks to come; `None`: the one that held there.

        Raises:
            ValueError: there is no such place.
        """
        kept = self._kept_place(place)
        self._go(kept if seed is None else kept._replace(seed=seed))

    def track(self) -> Track:
        """Return what the walk was told, from its first frame on.

        Raises:
            ValueError: nothing was walked.
        """
        if not self._place.told:
            raise ValueError("track: found nothing that was walked, expected at least one chunk; walk first.")
        return join(self._place.told)

    def way(self, first: int = 0) -> tuple[Point, ...]:
        """Return where the camera stands at every frame of the walk from `first` on, as if nothing stood in its way;
        nothing where the model's keys do not walk."""
        return self._place.way[first:]

    def finished(self, context_bytes: int) -> World:
        """Return the world that was walked, with what the model remembers behind it where that fits a budget."""
        if not self.chunks:
            return self._begins
        return self._live().world._replace(context=self._live().snapshot(context_bytes))

    def seeds(self) -> list[tuple[int, int]]:
        """Return the seeds of the walk, as (chunk it begins with, seed), the first chunk of the world being 0."""
        runs: list[tuple[int, int]] = []
        first = len(self._begins.chunks)
        for index, chunk in enumerate(self.world.chunks[first:], first):
            if not runs or runs[-1][1] != chunk.seed:
                runs.append((index, chunk.seed))
        return runs

    def _go(self, place: Place) -> None:
        self._place, self._session = place, None
        self.turn += 1

    def _live(self) -> Session:
        """Return the session behind the place; made anew where the walk has gone elsewhere."""
        if self._session is None:
            self._session = self._begin(self.world)
        return self._session

    def _kept_place(self, place: int) -> Place:
        if place not in self._places:
            raise ValueError(f"place: found {place}, expected one that save returned and that was not dropped since.")
        return self._places[place]

    def _rolled(self, controls: Controls) -> tuple[Chunk, bool]:
        session, seed = self._live(), self.seed
        if self._book is None:
            return session.step(controls, seed), True
        last = session.world.chunks[-1].key if session.world.chunks else ""
        parent = last or parent_key(session.world)
        expected = Expected(session.world.start, len(session.world.chunks), controls, seed)
        key, chunk = self._book.find(parent, expected)
        if chunk is not None:
            session.adopt(chunk)
            return chunk, False
        chunk = self._book.keep(session.step(controls, seed, key), parent)
        session.settle(chunk)
        return chunk, True

    def _bound(self, told: tuple[Track, ...]) -> Controls:
        """Return the controls of the last chunk, as Rollout World cuts them out of all that was told.

        They hang on no more than the chunk before, whose last text may hold from this one on; a camera's way hangs on
        all of them.
        """
        last = len(told) if self.variant.camera is not None else min(2, len(told))
        behind, whole = self._begins, join(told[-last:])
        if last < len(told):
            behind = rewind(self.world, len(self.world.chunks) + 1 - last)
        bound = bind_track(whole, self.variant, behind)
        prompt = behind.chunks[-1].controls.prompt if behind.chunks else ""
        first = len(behind.chunks)
        pieces, _ = chunk_controls(bound.controls, first, self.variant, bound.events, prompt, whole.frames)
        return pieces[-1]

    def _walked(self, piece: Track) -> tuple[list[Point], list[Tensor]]:
        """Return the way of a piece that comes next, and the pose behind it; neither where keys do not walk."""
        if not self.variant.walks:
            return [], []
        still = Track(piece.words, torch.zeros_like(piece.keys[:1]), torch.zeros_like(piece.mouse[:1]))
        motion = self.variant.motion_of(self._begins.start.form)
        begins = self._place.poses[-1] if self._place.poses else None
        poses = integrate(join((piece, still)), motion, begins)
        headings = torch.atan2(poses[:-1, 0, 2], poses[:-1, 2, 2]).rad2deg()
        points = zip(poses[:-1, 0, 3].tolist(), poses[:-1, 2, 3].tolist(), headings.tolist(), strict=True)
        return list(points), [poses[-1]]

    def _checked(self, piece: Track) -> Track:
        """Return a piece as the walk keeps it."""
        title, index, wanted = self.variant.title, len(self.world.chunks), self.next_frames
        if not wanted:
            raise ValueError(
                f"limit: found {counted(self.added, 'frame')} walked, which is all; take some back, or end."
            )
        if piece.frames != wanted:
            raise ValueError(
                f"controls: found {counted(piece.frames, 'frame')}, expected {wanted}, the frames of chunk {index} of "
                f"{title}; send as many."
            )
        check_words(piece, self.variant)
        if not bool(torch.isfinite(piece.keys).all() and torch.isfinite(piece.mouse).all()):
            raise ValueError("controls: found NaN or infinity, expected finite numbers; correct them.")
        mouse = torch.from_numpy(all_thousandths(piece.mouse.double().numpy())).float()
        return piece._replace(mouse=mouse, camera=None)


def check_words(piece: Track, variant: Variant) -> None:
    """Check that a model knows the keys that are held, and reads text where there is some.

    Raises:
        ValueError: it does not.
    """
    known = words_of(variant)
    for column, word in enumerate(piece.words):
        if word not in known and bool(piece.keys[:, column].any()):
            raise ValueError(
                f"keys: found {shortened(word)!r}, expected {', '.join(known)} for {variant.title}; leave it out."
            )
    if piece.prompts and variant.text is None:
        said = shortened(piece.prompts[0][1])
        raise ValueError(f"text: found {said!r}, expected none, because {variant.title} reads no text; leave it out.")


def words_of(variant: Variant) -> tuple[str, ...]:
    """Return the words of the keys that a player holds; a model that has none is walked with its camera."""
    keyboard = variant.keyboard
    if keyboard is None:
        return ("forward", "back", "left", "right")
    return tuple(word for column, word in enumerate(keyboard.words) if column != keyboard.idle)


def check_limit(limit: int) -> None:
    """Check how many frames may be walked; 0 is as many as a track can have.

    Raises:
        ValueError: no track can be so long.
    """
    if not 0 <= limit <= MAX_FRAMES:
        raise ValueError(f"limit: found {limit}, expected 0 to {MAX_FRAMES} frames; change it.")


def _limit(limit: int, first: int, title: str) -> int:
    check_limit(limit)
    if not limit:
        return MAX_FRAMES
    if limit < first:
        raise ValueError(
            f"limit: found {limit}, expected 0 or at least {first} frames, the next chunk of {title}; raise it."
        )
    return limit
