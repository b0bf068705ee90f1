"""A decoder beside the network: whether there is room for both, and what its thread does in its own way.

All that asks the host for memory, or gives it back, happens in the rollout's thread, before the decoder's begins and
after it ended. On the CPU the VAE is where it always is. On a card the thread decodes with weights of its own, or with
those that lie there already: whatever the host moves meanwhile, and however it brings the network's weights, is none of
its business.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import comfy.model_management
import torch
from torch import Tensor, nn

from ...worldmodel.layers.threads import hosts_threads
from .decoder import StreamingDecoder
from .sampling import Stage
from .vae import WorldVAE

KNOWN = {"cpu", "cuda"}
"""Kinds of devices on which two threads may compute at once."""
ENCODERS = ("encoder.", "conv1.")
"""How the names of weights begin that no decoder needs."""
TWO = 2
"""Threads that may compute at once wherever there are fewer cores: two that take turns on one lose nothing."""


class Aside:
    """A stream of frames that is decoded in another thread than the network's."""

    def __init__(self, stream: StreamingDecoder, network: nn.Module | None = None):
        """Begin in the rollout's thread.

        Args:
            stream: of which nothing has been decoded.
            network: decodes in place of the VAE's own, on a card; `None`: that one, on the CPU.
        """
        self._stream, self._queue = stream, None
        if network is None:
            return
        stream.network = stream.vae.ready(network)
        if stream.device.type == "cuda":
            self._queue = torch.cuda.Stream(stream.device)
            self._queue.wait_stream(torch.cuda.current_stream(stream.device))  # the weights must have arrived

    def threads(self, latents: Tensor) -> int | None:
        """Return the CPU threads to decode such latents with; `None`: as many as the host's."""
        return 1 if self._stream.is_small(latents) else None

    def frames(self, latents: Tensor, last: bool) -> Iterator[Tensor]:
        """Decode what is ready, as `StreamingDecoder.pieces`; in the decoder's thread.

        The host's layers hear Stop in whatever thread they run, and whoever hears it first takes it from all others:
        so it is put back for the rollout's thread.
        """
        with nullcontext() if self._queue is None else torch.cuda.stream(self._queue):
            try:
                yield from self._stream.pieces(latents, last)
            except comfy.model_management.InterruptProcessingException:
                comfy.model_management.interrupt_current_processing()
                raise

    def leave(self) -> None:
        """Give the weights back, after the decoder's thread ended."""
        if self._queue is not None:
            self._queue.synchronize()
        self._stream.network = None


def find_place(stream: StreamingDecoder, latents: Tensor, stage: Stage) -> Aside | None:
    """Return a stream as one that decodes beside the network; `None` where the two must take turns.

    Args:
        stream: of which nothing has been decoded.
        latents: (C, T, h, w), like those that will come.
        stage: of the rollout.
    """
    if stage.threads is None or {stream.device.type, stage.device.type} - KNOWN:
        return None
    if stream.device.type == "cpu":
        if stage.threads and stage.threads + _threads(stream, latents) > max(TWO, cores()):
            return None
        stream.load(latents)
        stage.reload()
        return Aside(stream)
    free = stage.room if _same(stream.device, stage.device) else _free(stream.device)
    network = resident(stream.vae, free - stream.needed(latents))
    return None if network is None else Aside(stream, network)


def resident(vae: WorldVAE, room: int) -> nn.Module | None:
    """Return the decoder of a VAE with weights that stay on its device; `None` where they do not fit there.

    Args:
        vae: of which those that lie there already are shared.
        room: bytes that are free for the others.
    """
    if getattr(vae, "again", None) is None:
        return None
    weights = {
        name: weight
        for name, weight in vae.first_stage_model.state_dict().items()
        if not name.startswith(ENCODERS)
    }  # fmt: skip
    away = sum(weight.nbytes for weight in weights.values() if not _same(weight.device, vae.device))
    if away > room:
        return None
    network = vae.again(device="meta").eval()
    moved = {name: weight.to(vae.device, vae.vae_dtype) for name, weight in weights.items()}
    network.load_state_dict(moved, strict=False, assign=True)
    return network.requires_grad_(False)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def stop_heard_here() -> Iterator[None]:
    """Raise a Stop that comes from the decoder's thread as the rollout's own, which takes back what was put back."""
    try:
        yield
    except comfy.model_management.InterruptProcessingException:
        comfy.model_management.throw_exception_if_processing_interrupted()
        raise


def _threads(stream: StreamingDecoder, latents: Tensor) -> int:
    return 1 if stream.is_small(latents) else hosts_threads()


def _free(device: torch.device) -> int:
    return int(comfy.model_management.get_free_memory(device)) - comfy.model_management.minimum_inference_memory()


def _same(one: torch.device, other: torch.device) -> bool:
    return (one.type, one.index or 0) == (other.type, other.index or 0)
