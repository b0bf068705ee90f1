"""What a rollout shows while it rolls: each chunk's newest frame on the node, and all of them in the film."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..worldmodel.layers.beside import Beside
from ..worldmodel.shown.film import FilmWriter
from ..worldmodel.world.state import Chunk, World, latents_of
from .host import beside, decoder, progress, sampling


class _Piece(NamedTuple):
    """Latents (C, T, h, w) to be decoded; `chunk` whose they are, or `None` of those that are only to be seen."""

    latents: Tensor
    chunk: Chunk | None = None
    last: bool = False


class Screen:
    """Decodes the chunks that come behind a world.

    Where there is room for both, the decoder works in a thread of its own while the next chunk is made, and writes the
    film; the frames are the same bits. It loads nothing, sends no progress and leaves Stop to the thread of the
    rollout, which shows what was decoded after each of its steps. Else the two take turns.
    """

    def __init__(self, film: FilmWriter, world_vae: Any, world: World, stage: sampling.Stage):
        """Begin behind a world's last chunk."""
        self._film, self._vae, self._stage = film, world_vae, stage
        self._world = world  # as far as all of it is in the film
        self._filmed = 0  # frames of the chunk behind it
        self._cells = world.start.image_condition  # only for its size
        self._stream, seen = decoder.behind(world_vae, world)
        self._seen = torch.cat([*seen], dim=1) if seen else None
        self._given: deque[_Piece] = deque()  # chunks that are not wholly in the film
        self._stack = ExitStack()
        self._aside: beside.Aside | None = None
        self._beside: Beside[_Piece, Tensor | None] | None = None

    def __enter__(self) -> Screen:
        self._aside = beside.find_place(self._stream, self._cells, self._stage)
        if self._aside is None:
            self._take_turns()
            if self._seen is not None:
                self._stage.reload()
            return self
        self._stack.callback(self._aside.leave)
        self._beside = self._stack.enter_context(Beside(self._decode, self._aside.threads(self._cells)))
        if self._seen is not None:
            self._beside.give(_Piece(self._seen))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def show(self, chunk: Chunk, last: bool, bar: progress.Progress) -> None:
        """Decode a finished chunk and show it; beside the next one, unless it is the last."""
        piece = _Piece(latents_of(chunk), chunk, last)
        if self._beside is not None:
            self._given.append(piece)
            self._answered(lambda made: made.give(piece, progress.let_stop_through), bar)
            self._answered(lambda made: made.take_all(progress.let_stop_through) if last else made.take(), bar)
            return
        pictures = self._stream.push(piece.latents, last=last)
        self._film.append(pictures)
        bar.show(pictures[-1])
        self._stage.reload()

    def look(self, bar: progress.Progress) -> None:
        """Show what was decoded meanwhile."""
        if self._beside is not None:
            self._answered(lambda made: made.take(), bar)

    def _answered(self, ask: Callable[[Beside], list[Tensor | None] | None], bar: progress.Progress) -> None:
        """Ask the decoder's thread and show what it made; where the card is full, go on in turns."""
        if self._beside is None:
            return
        try:
            with beside.stop_heard_here():
                pictures = ask(self._beside)
        except torch.OutOfMemoryError:
            pass  # dealt with below, because the error holds on to what lies on the card
        else:
            for picture in pictures or ():
                if picture is not None:
                    bar.show(picture)
            return
        self._stack.close()
        self._beside = self._aside = self._stream = None
        progress.tell("vae: found no room on the card to decode beside the network; from here on they take turns.")
        self._take_turns()
        for piece in self._given:
            pictures = self._stream.push(piece.latents, last=piece.last)
            self._film.append(pictures[self._filmed :])
            self._filmed = 0
            bar.show(pictures[-1])
        self._stage.reload()

    def _take_turns(self) -> None:
        """Decode in the rollout's thread from here on, behind what is in the film."""
        self._stream = decoder.primed(self._vae, self._world)

    def _decode(self, piece: _Piece) -> Tensor | None:
        """Decode and film a piece, in the decoder's thread; returns its newest picture."""
        newest = None
        for pictures in self._aside.frames(piece.latents, piece.last):
            if piece.chunk is None:
                continue
            self._film.append(pictures)
            self._filmed += len(pictures)
            newest = pictures[-1]
            if self._beside.over:
                return None
        if piece.chunk is not None:
            self._world, self._filmed = self._world._replace(chunks=(*self._world.chunks, piece.chunk)), 0
            self._given.popleft()
        return newest
