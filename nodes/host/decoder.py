"""Frames from latents, piece by piece, with the VAE's memory carried along.

Pieces begin and end at fixed latents whatever the caller hands in, so any chunking gives the same bits.

Shapes: T latents of C numbers and h x w, F frames of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import comfy.model_management
import comfy.sd
import torch
from comfy.ldm.wan.vae import count_cache_layers
from torch import Tensor, nn

from ...worldmodel.families import family_of
from ...worldmodel.layers.beside import WAITING, Beside
from ...worldmodel.layers.threads import few_threads, is_small
from ...worldmodel.models.matrix_game2.conditions import image_then_grey
from ...worldmodel.vae.causal import STOCK, Manner
from ...worldmodel.vae.tiny import TinyVAE
from ...worldmodel.variants import THREES, Chunking
from ...worldmodel.world.state import Chunk, World, latents_of, variant_of
from .vae import Kind, WorldVAE, encode_video, kind_of, not_finite

HOSTS_PIECE = 3
"""Latents of one call of the host's own Wan 2.1 network: it remembers only its last call, which must not be a lone
latent. How many ours take says their `Kind`."""


class StreamingDecoder:
    """Decodes one stream of latents; make a new one for each film."""

    def __init__(self, vae: comfy.sd.VAE, first: int = 0, manner: Manner = STOCK, chunking: Chunking = THREES):
        """Begin a stream.

        Args:
            vae: from Load World VAE, or the host's Wan 2.1.
            first: absolute index of the first latent that will come; where a piece begins, see `_first_latent`.
            manner: how the family of the latents runs the VAE.
            chunking: of the latents. Where it restarts, each call of `push` is handed in a stream of its own.

        Raises:
            ValueError: another VAE.
        """
        self.kind: Kind = kind_of(vae)
        self.vae, self._manner, self._chunking = vae, manner, chunking
        self.network: nn.Module | None = None
        """Decodes in place of the VAE's own, with the same weights."""
        self._ours = isinstance(vae, WorldVAE)
        self._next, self._fresh = first, True
        self._waiting: Tensor | None = None
        self._memory = self._new_memory()

    def _new_memory(self) -> Any:
        return {} if self._ours else [None] * count_cache_layers(self.vae.first_stage_model.decoder)

    @property
    def device(self) -> torch.device:
        """Where it decodes."""
        return self.vae.device

    def needed(self, latents: Tensor) -> int:
        """Return the bytes that decoding takes besides weights, for latents (C, T, h, w) like its own."""
        return int(self.vae.memory_used_decode((1, *latents[:, : self._piece()].shape), self.vae.vae_dtype))

    def is_small(self, latents: Tensor) -> bool:
        """Return whether decoding one of these latents (C, T, h, w) is so little work that one CPU thread is best."""
        cells = latents.shape[2] * latents.shape[3]
        return self.vae.device.type == "cpu" and is_small(self.vae.first_stage_model, cells)

    def load(self, latents: Tensor) -> None:
        """Bring the VAE to its device, as `push` does unless told otherwise; latents (C, T, h, w) are like its own."""
        comfy.model_management.load_models_gpu([self.vae.patcher], memory_required=self.needed(latents))

    def push(self, latents: Tensor, last: bool = False) -> Tensor:
        """Decode what is ready, hearing Stop before each piece.

        Args:
            latents: (C, T, h, w) in model space, which follow those of the call before.
            last: nothing follows, so hold nothing back.

        Returns:
            (F, H, W, 3) in 0..1 on the host's device for pictures. The stream's first latent gives 1 frame, every
            other one 4.
        """
        with few_threads() if self.is_small(latents) else nullcontext():
            frames = list(self.pieces(latents, last, self._prepare))
        height, width = (self.kind.format.pixels * side for side in latents.shape[2:])
        return torch.cat(frames) if frames else torch.zeros(0, height, width, 3)

    def pieces(
        self, latents: Tensor, last: bool = False, prepare: Callable[[Tensor], None] = lambda _: None
    ) -> Iterator[Tensor]:
        """Do what `push` does, piece by piece, with a VAE that is loaded and in whatever thread: Stop is another's.

        Args:
            latents, last: see `push`.
            prepare: called with what is left before each piece.

        Yields:
            (F, H, W, 3), as `push`.
        """
        if self._chunking.restarts:
            self._memory, self._waiting, self._fresh = self._new_memory(), None, True
        waiting = latents if self._waiting is None else torch.cat((self._waiting, latents), dim=1)
        while waiting.shape[1] >= self._piece() or (last and waiting.shape[1]):
            prepare(waiting)
            size = min(self._piece(), waiting.shape[1])
            piece, waiting = waiting[:, :size], waiting[:, size:]
            frames = self._decode(piece)
            if self._chunking.restarts and self._fresh and self._next:
                frames = frames[self._chunking.repeated :]
            self._next, self._fresh = self._next + size, False
            yield frames
        self._waiting = waiting

    def _prepare(self, latents: Tensor) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self.load(latents)

    def _piece(self) -> int:
        """Latents from here to a fixed border: of the host's 0 | 1 2 | 3 4 5 | 6 7 8 ..., of ours see `_cut`."""
        if self._ours:
            return _cut(self._next, self.kind, self._chunking)[1]
        return 1 if self._fresh else HOSTS_PIECE - self._next % HOSTS_PIECE

    def stream(self, pieces: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the frames of latents (C, T, h, w) that follow each other and end there, some at a time."""
        if isinstance(self.vae.first_stage_model, TinyVAE) and self.is_small(pieces[0]):
            yield from self._in_halves([piece for latents in pieces for piece in self._cuts(latents)])
            return
        for number, latents in enumerate(pieces, 1):
            yield self.push(latents, last=number == len(pieces))

    def _cuts(self, latents: Tensor) -> Iterator[Tensor]:
        """Cut latents (C, T, h, w), which follow those before and end at a border, at the fixed borders."""
        while latents.shape[1]:
            size = self._piece()
            yield latents[:, :size]
            latents, self._next = latents[:, size:], self._next + size

    def _in_halves(self, pieces: Sequence[Tensor]) -> Iterator[Tensor]:
        """Decode piece by piece; the first half of the network works on the next ones in a thread of its own."""
        model, memory, device = self.vae.decoding, self._memory, self.vae.device

        def begin(piece: Tensor) -> tuple[Tensor, bool]:
            first = not memory
            latents = self.kind.latents.process_out(piece[None].float()).to(device, self.vae.vae_dtype)
            return model.begin_decode(latents, memory), first

        def finish(begun: Tensor, first: bool) -> Tensor:
            comfy.model_management.throw_exception_if_processing_interrupted()
            with few_threads():
                return self._pictures(model.finish_decode(begun, memory, first))

        self.load(pieces[0])
        with Beside(begin) as beside:
            for piece in pieces[:WAITING]:
                beside.give(piece)
            for piece in pieces[WAITING:]:
                beside.give(piece)
                yield finish(*beside.next())
            for _ in pieces[:WAITING]:
                yield finish(*beside.next())

    def _pictures(self, pixels: Tensor) -> Tensor:
        """Return pixels (1, 3, F, H, W) as the host has pictures, (F, H, W, 3) in 0..1."""
        pixels = pixels.to(self.vae.output_device, self.vae.vae_output_dtype(), copy=True)
        if not bool(torch.isfinite(pixels).all()):  # asked here, because the next step makes colours of infinity
            raise ValueError(not_finite(self.vae, "the frames it decoded"))
        return self.vae.process_output(pixels)[0].movedim(0, -1)

    def _decode(self, latents: Tensor) -> Tensor:
        vae = self.vae
        latents = self.kind.latents.process_out(latents[None].float())
        with comfy.model_management.cuda_device_context(vae.device):
            latents = latents.to(vae.device, vae.vae_dtype)
            if self._ours:
                model = self.network or (vae.decoding if self.is_small(latents[0]) else vae.first_stage_model)
                pixels = model.decode(latents, self._memory, self._manner)
            else:
                model = vae.first_stage_model
                pixels = torch.cat(model.decoder(model.conv2(latents), feat_cache=self._memory, feat_idx=[0]), dim=2)
            return self._pictures(pixels)


def _begin(vae: comfy.sd.VAE, world: World, first: int) -> StreamingDecoder:
    variant = variant_of(world.start)
    chunking = variant.chunking
    return StreamingDecoder(vae, first, family_of(variant).manner, chunking)


def behind(vae: comfy.sd.VAE, world: World) -> tuple[StreamingDecoder, Sequence[Tensor]]:
    """Return a decoder, and the world's last latents, which it must see so that it can go on behind it."""
    chunking = variant_of(world.start).chunking
    end = chunking.preceded + chunking.first_latent(len(world.chunks))
    if not end or chunking.restarts:
        return _begin(vae, world, end), []
    first = _first_latent(end, kind_of(vae), chunking)
    return _begin(vae, world, first), _latents_from(world, first, chunking)


def primed(vae: comfy.sd.VAE, world: World) -> StreamingDecoder:
    """Return a decoder that has seen a world's last latents, so that it can go on behind it."""
    decoder, seen = behind(vae, world)
    for latents in seen:
        decoder.push(latents)
    return decoder


def chained(vae: comfy.sd.VAE, world: World, latents: Tensor) -> Tensor:
    """Return the last frame of a clip, and nothing behind it, as latents (C, L, h, w) in model space.

    Args:
        vae: decodes and encodes.
        world: of the clip.
        latents: (C, c, h, w) of the clip.
    """
    frame = _begin(vae, world, 0).push(latents, last=True)[-1]
    manner = family_of(variant_of(world.start)).manner
    return encode_video(vae, image_then_grey(frame, kind_of(vae).settles), manner)


def decode_frames(vae: comfy.sd.VAE, world: World, first: int, last: int) -> Iterator[Tensor]:
    """Decode absolute frames first ... last of a world, some at a time.

    Yields:
        (F, H, W, 3) in 0..1, together last - first + 1 frames.
    """
    chunking = variant_of(world.start).chunking
    if chunking.restarts:
        begin = chunking.first_latent(chunking.chunk_of(first))
        position = chunking.first_frame(chunking.chunk_of(first))
    else:
        begin = _first_latent(chunking.preceded + chunking.latent_of(first), kind_of(vae), chunking)
        position = chunking.frames_per_latent * begin  # of the stream's first frame; a latent ends with it
        position -= max(0, chunking.frames_per_latent * (chunking.preceded - 1) + 1)
    decoder = _begin(vae, world, begin)
    shown = world._replace(chunks=world.chunks[: chunking.chunk_of(last) + 1])
    for frames in decoder.stream(_latents_from(shown, begin, chunking)):
        wanted = frames[max(0, first - position) : max(0, last + 1 - position)]
        position += len(frames)
        if len(wanted):
            yield wanted


def _first_latent(latent: int, kind: Kind, chunking: Chunking) -> int:
    """The latent at which a decoder must begin so that this one comes out as if it had begun at the start."""
    first = max(0, latent - kind.reach)
    return _cut(first, kind, chunking)[0] if kind.piece > 1 else first - first % HOSTS_PIECE


def _cut(latent: int, kind: Kind, chunking: Chunking) -> tuple[int, int]:
    """Where the piece that a latent lies in begins, and how many latents from this one to its end.

    A chunk is cut from its first latent on, and so is what precedes them all; the last piece is what is left. So
    nothing waits for the next chunk.
    """
    place, length = latent, chunking.preceded
    if latent >= chunking.preceded:
        chunk = chunking.chunk_of_latent(latent - chunking.preceded)
        place = latent - chunking.preceded - chunking.first_latent(chunk)
        length = chunking.latents(chunk)
    past = place % kind.piece
    return latent - past, min(kind.piece - past, length - place)


class _Pieces(Sequence[Tensor]):
    """The latents of chunks, each read when it is asked for; in front of them what precedes the first chunk."""

    def __init__(self, chunks: Sequence[Chunk], first: int, before: Tensor | None = None):
        """Take chunks; first: the latent of the first of them to begin with; before: latents (C, T, h, w)."""
        self._chunks, self._first = chunks, first
        self._before = () if before is None else (before,)

    def __len__(self) -> int:
        return len(self._before) + len(self._chunks)

    def __getitem__(self, number: int) -> Tensor:
        if number < len(self._before):
            return self._before[number]
        number -= len(self._before)
        return latents_of(self._chunks[number], slice(0 if number else self._first, None))


def _latents_from(world: World, first: int, chunking: Chunking) -> Sequence[Tensor]:
    """The latents of a world's stream from one on, chunk by chunk; in front of them what precedes the first chunk."""
    if first < chunking.preceded:
        return _Pieces(world.chunks, 0, world.start.image_condition[:, first:])
    first -= chunking.preceded
    chunk = chunking.chunk_of_latent(first)
    return _Pieces(world.chunks[chunk:], first - chunking.first_latent(chunk))
