"""What a rollout shows while it rolls: each chunk's newest frame on the node, and all of them in the film."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from torch import Tensor

from ..worldmodel.layers.beside import Beside
from ..worldmodel.shown.film import FilmWriter
from ..worldmodel.world.state import Chunk, World, latents_of
from .host import decoder, progress, sampling


class Screen:
    """Decodes the chunks that come behind a world.

    Where network and VAE are small, on the CPU, the decoder works in a thread of its own while the next chunk is made,
    each of the two on one CPU thread; the frames are the same bits. It loads nothing, sends no progress and leaves Stop
    to the thread of the rollout, which shows what was decoded after each of its steps.
    """

    def __init__(self, film: FilmWriter, world_vae: Any, world: World, stage: sampling.Stage):
        """Begin behind a world's last chunk."""
        self._film, self._stage = film, stage
        self._stream = decoder.primed(world_vae, world)
        self._cells = world.start.image_condition  # only for its size
        self._stack = ExitStack()
        self._beside: Beside[tuple[Tensor, bool], Tensor] | None = None

    def __enter__(self) -> Screen:
        if self._stage.small and self._stream.is_small(self._cells):
            self._stream.load(self._cells)
            self._stage.reload()
            self._beside = self._stack.enter_context(Beside(lambda given: self._stream.push_loaded(*given)))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def show(self, chunk: Chunk, last: bool, bar: progress.Progress) -> None:
        """Decode a finished chunk and show it; beside the next one, unless it is the last."""
        if self._beside is None:
            self._put([self._stream.push(latents_of(chunk), last=last)], bar)
            self._stage.reload()
            return
        self._beside.give((latents_of(chunk), last))
        self._put(self._beside.take_all(progress.let_stop_through) if last else self._beside.take(), bar)

    def look(self, bar: progress.Progress) -> None:
        """Show what was decoded meanwhile."""
        if self._beside is not None:
            self._put(self._beside.take(), bar)

    def _put(self, pieces: Iterable[Tensor], bar: progress.Progress) -> None:
        for pictures in pieces:
            self._film.append(pictures)
            bar.show(pictures[-1])
