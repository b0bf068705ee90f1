"""Small networks roll and decode on one CPU thread each, side by side, and the host's own number stays what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_management
import pytest
import torch

HOSTS = 3
"""CPU threads that the host computes with here; no default is that."""


@pytest.fixture(autouse=True)
def hosts_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(HOSTS)
    yield
    torch.set_num_threads(before)


class Seen:
    """Which threads a network ran in, and on how many CPU threads."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.threads: set[int] = set()
        self.counts: set[int] = set()
        network.register_forward_pre_hook(self._look)

    def _look(self, *_: Any) -> None:
        self.threads.add(threading.get_ident())
        self.counts.add(torch.get_num_threads())


def test_network_and_decoder_run_side_by_side_on_one_thread_each(tiny: SimpleNamespace, run: Callable) -> None:
    network, decoder = Seen(tiny.model.model.diffusion_model), Seen(tiny.vae.decoding.stem)
    run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 1, vae=tiny.vae)
    assert network.counts == decoder.counts == {1}
    assert network.threads == {threading.get_ident()}
    assert len(decoder.threads) == 1 and decoder.threads != network.threads
    assert torch.get_num_threads() == HOSTS


def test_decode_world_shares_the_work_between_two_threads_of_one(tiny: SimpleNamespace, run: Callable) -> None:
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 1)
    decoder = tiny.vae.decoding
    first, second = Seen(decoder.stem), Seen(decoder.out)
    run("WMDecodeWorld", world, tiny.vae)
    assert first.counts == second.counts == {1}
    assert second.threads == {threading.get_ident()}
    assert len(first.threads) == 1 and first.threads != second.threads
    assert torch.get_num_threads() == HOSTS


def test_shared_work_gives_the_same_frames_bit_for_bit(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    long = of_pack("worldmodel.track.track").parse_track("forward*30 right+yaw_right*27")
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, long, 1)
    stream = of_pack("nodes.host.decoder").StreamingDecoder(tiny.vae)
    whole = torch.cat([stream.push(chunk.latents) for chunk in world.chunks])
    assert torch.equal(run("WMDecodeWorld", world, tiny.vae), whole)
    assert torch.equal(run("WMDecodeWorld", world, tiny.vae, 20, 33), whole[20:34])


@pytest.mark.parametrize("where", ["network", "decoder"])
def test_the_hosts_number_comes_back_after_a_stop(tiny: SimpleNamespace, run: Callable, where: str) -> None:
    stopping = {"network": tiny.model.model.diffusion_model, "decoder": tiny.vae.decoding.stem}[where]
    stopping.register_forward_pre_hook(lambda *_: comfy.model_management.interrupt_current_processing())
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 1, vae=tiny.vae)
    assert torch.get_num_threads() == HOSTS
    assert not any(thread.name == "worldmodel-beside" for thread in threading.enumerate())


def test_a_decoder_that_fails_ends_the_rollout_with_its_own_words(tiny: SimpleNamespace, run: Callable) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("the decoder's own words")

    tiny.vae.decoding.out.register_forward_pre_hook(fail)
    with pytest.raises(ValueError, match="the decoder's own words"):
        run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 1, vae=tiny.vae)
    assert torch.get_num_threads() == HOSTS


def test_the_same_walk_is_rolled_whatever_number_of_threads_the_host_has(tiny: SimpleNamespace, run: Callable) -> None:
    worlds = []
    for count in (1, 2, HOSTS):
        torch.set_num_threads(count)
        worlds.append(run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 1, vae=tiny.vae)[0])
    for world in worlds[1:]:
        for chunk, first in zip(world.chunks, worlds[0].chunks, strict=True):
            assert torch.equal(chunk.latents, first.latents)


class Reel:
    """Keeps the frames that a film would get, as they are."""

    def __init__(self) -> None:
        self.pieces: list[torch.Tensor] = []

    def append(self, frames: torch.Tensor) -> None:
        self.pieces.append(frames)


@pytest.mark.parametrize("beside", [True, False])
def test_the_film_gets_the_frames_of_decode_world_bit_for_bit_and_in_order(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType], beside: bool
) -> None:
    sampling, progress = of_pack("nodes.host.sampling"), of_pack("nodes.host.progress")
    long = of_pack("worldmodel.track.track").parse_track("forward*30 right+yaw_right*27")
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, long, 1)
    stage = sampling.without_network(tiny.model)._replace(threads=1 if beside else None)
    reel, bar, last = Reel(), progress.Progress(1), len(world.chunks) - 1
    with of_pack("nodes.screen").Screen(reel, tiny.vae, tiny.world, stage) as screen:
        for number, chunk in enumerate(world.chunks):
            screen.show(chunk, number == last, bar)
            screen.look(bar)
    assert torch.equal(torch.cat(reel.pieces), run("WMDecodeWorld", world, tiny.vae))
