"""What a rollout shows while it rolls: all frames in the film, and to a page that plays them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..worldmodel.layers.beside import Beside
from ..worldmodel.shown.film import FilmWriter
from ..worldmodel.world.state import Chunk, World, latents_of, variant_of
from .host import beside, decoder, progress, reels, sampling


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

    def __init__(
        self, film: FilmWriter, world_vae: Any, world: World, stage: sampling.Stage, reel: reels.Reel | None = None
    ) -> None:
        """Begin behind a world's last chunk; `reel`: for the page that plays what comes."""
        self._film, self._reel, self._vae, self._stage = film, reel, world_vae, stage
        self._world = world  # as far as all of it is in the film
        self._filmed = 0  # frames of the chunk behind it
        self._cells = world.start.image_condition  # only for its size
        self._stream, seen = decoder.behind(world_vae, world)
        self._seen = torch.cat([*seen], dim=1) if seen else None
        self._newest: Chunk | None = None
        self._given: deque[_Piece] = deque()  # chunks that are not wholly in the film
        self._stack = ExitStack()
        self._aside: beside.Aside | None = None
        self._beside: Beside[_Piece, Tensor | None] | None = None

    def __enter__(self) -> Screen:
        if not variant_of(self._world.start).is_chained:  # else the rollout's thread needs the VAE, too
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
        self._newest = chunk
        self._give(_Piece(latents_of(chunk), chunk, last), bar)

    def finish(self, bar: progress.Progress) -> None:
        """Decode what was held back, as of a rollout of which nobody knew that its last chunk was the last."""
        if self._newest is not None:
            self._give(_Piece(latents_of(self._newest)[:, :0], self._newest, last=True), bar)

    def _give(self, piece: _Piece, bar: progress.Progress) -> None:
        if self._beside is not None:
            self._given.append(piece)
            self._answered(lambda made: made.give(piece, progress.let_stop_through), bar)
            self._answered(lambda made: made.take_all(progress.let_stop_through) if piece.last else made.take(), bar)
            return
        pictures = self._stream.push(piece.latents, last=piece.last)
        if len(pictures):
            self._keep(pictures)
            self._preview(pictures[-1], bar)
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
                    self._preview(picture, bar)
            return
        self._stack.close()
        self._beside = self._aside = self._stream = None
        progress.tell("vae: found no room on the card to decode beside the network; from here on they take turns.")
        self._take_turns()
        for piece in self._given:
            pictures = self._stream.push(piece.latents, last=piece.last)
            self._keep(pictures[self._filmed :])
            self._filmed = 0
            if len(pictures):
                self._preview(pictures[-1], bar)
        self._stage.reload()

    def _keep(self, pictures: Tensor) -> None:
        """Put frames that follow one another into reel and film, in whatever thread; who looks at them comes first."""
        if self._reel is not None:
            self._reel.append(pictures)
        self._film.append(pictures)

    def _preview(self, picture: Tensor, bar: progress.Progress) -> None:
        """Show a chunk's newest frame, unless the page plays all of them in that place."""
        if self._reel is None or self._reel.off:
            bar.show(picture)
        else:
            progress.let_stop_through()

    def _take_turns(self) -> None:
        """Decode in the rollout's thread from here on, behind what is in the film."""
        self._stream = decoder.primed(self._vae, self._world)

    def _decode(self, piece: _Piece) -> Tensor | None:
        """Decode and film a piece, in the decoder's thread; returns its newest picture."""
        newest = None
        for pictures in self._aside.frames(piece.latents, piece.last):
            if piece.chunk is None:
                continue
            self._keep(pictures)
            self._filmed += len(pictures)
            newest = pictures[-1]
            if self._beside.over:
                return None
        if piece.chunk is not None:
            self._world, self._filmed = self._world._replace(chunks=(*self._world.chunks, piece.chunk)), 0
            self._given.popleft()
        return newest
