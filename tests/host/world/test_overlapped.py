"""Decoding beside the network: the same film bit for bit, whatever goes wrong, and whenever the user stops."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_management
import pytest
import torch
from comfy_api.latest import io
from comfy_execution.graph import DynamicPrompt

from worldmodel.variants import BUILT_IN, VARIANTS

LONG = "forward*20 right+yaw_right*14 idle*11"
"""45 frames: 4 chunks."""
SHORT = "forward*20 right+yaw_right*13"
"""33 frames: 3 chunks."""
STEPS = len(VARIANTS[BUILT_IN].steps)
GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World"}},
    "6": {"class_type": "WMRolloutWorld", "inputs": {"model": ["1", 0], "seed": 0}},
}


@pytest.fixture
def folder(of_pack: Callable[[str], ModuleType]) -> Iterator[Path]:
    """The journal's folder, not there yet."""
    path = of_pack("nodes.host.journal").journal_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def roll(tiny: SimpleNamespace, nodes: dict, folder: Path, of_pack: Callable[[str], ModuleType]) -> Callable[..., Any]:
    """Run Rollout World in a graph; returns the grown world and the film."""
    parse = of_pack("worldmodel.track.track").parse_track

    def run(track: str = LONG, **changes: Any) -> Any:
        hidden = {io.Hidden.dynprompt: DynamicPrompt(GRAPH), io.Hidden.unique_id: "6"}
        node = nodes["WMRolloutWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        inputs = {"model": tiny.model, "world": tiny.world, "seed": 0, "vae": tiny.vae} | changes
        with torch.inference_mode():  # as the host runs nodes
            return node.execute(track=parse(track), **inputs).args

    return run


def latents(world: Any) -> torch.Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def alone() -> bool:
    """Whether no thread of ours is left, and no Stop either."""
    ours = any(thread.name == "worldmodel-beside" for thread in threading.enumerate())
    return not ours and not comfy.model_management.processing_interrupted()


@pytest.mark.parametrize("behind", [0, 2])
@pytest.mark.parametrize("way", ["beside", "with weights of its own"])
def test_the_film_is_that_of_taking_turns_bit_for_bit(
    roll: Callable, run: Callable, tiny: SimpleNamespace, filmed: list, folder: Path, place: Callable, way: str,
    behind: int,
) -> None:  # fmt: skip
    world = tiny.world if not behind else roll("forward*21")[0]
    place("in turns")
    filmed.clear()
    plain, film = roll(world=world)
    in_turns = torch.cat(filmed)
    shutil.rmtree(folder)
    filmed.clear()
    decided = place(way)
    grown, other = roll(world=world)
    assert decided[0] is not None and alone()
    assert torch.equal(latents(grown), latents(plain)) and torch.equal(torch.cat(filmed), in_turns)
    assert torch.equal(in_turns, run("WMDecodeWorld", grown, tiny.vae)[-len(in_turns) :])
    assert film.get_frame_count() == other.get_frame_count() == len(in_turns)


def test_networks_that_are_not_small_decode_beside_it_where_the_cores_suffice(
    roll: Callable, of_pack: Callable, filmed: list, folder: Path, place: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nodes.host.sampling", "nodes.host.decoder"):
        monkeypatch.setattr(of_pack(module), "is_small", lambda *_: False)
    decided, before, films = place("beside"), torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        for count in (4, 3):
            monkeypatch.setattr(of_pack("nodes.host.beside"), "cores", lambda count=count: count)
            filmed.clear()
            roll("forward*21")
            films.append(torch.cat(filmed))
            shutil.rmtree(folder)
    finally:
        torch.set_num_threads(before)
    assert decided[0] is not None and decided[1] is None and torch.equal(*films)


def test_where_two_threads_may_not_compute_at_once_they_take_turns(
    tiny: SimpleNamespace, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, sampling = of_pack("nodes.host.beside"), of_pack("nodes.host.sampling")
    stream, cells = of_pack("nodes.host.decoder").StreamingDecoder(tiny.vae), tiny.world.start.image_condition
    stage = sampling.without_network(tiny.model)
    assert beside.find_place(stream, cells, stage) is None  # there is no network to be beside
    assert beside.find_place(stream, cells, stage._replace(threads=1)) is not None
    assert beside.find_place(stream, cells, stage._replace(threads=0, device=torch.device("mps"))) is None
    # on a card: there must be room for weights that are not there yet, and for what decoding takes
    weights = sum(weight.nbytes for weight in tiny.vae.first_stage_model.decoder.parameters())
    card = torch.device("cuda", 0)
    monkeypatch.setattr(tiny.vae, "device", card)
    placed: list[int] = []
    monkeypatch.setattr(beside, "resident", lambda vae, room: placed.append(room))
    needed = stream.needed(cells)
    beside.find_place(stream, cells, stage._replace(threads=0, device=card, room=needed + weights))
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device: 10**12)
    beside.find_place(stream, cells, stage._replace(threads=0, device=torch.device("cuda", 1), room=0))
    assert placed[0] == weights and placed[1] > 9 * 10**11  # a second card has room of its own
    monkeypatch.undo()
    monkeypatch.setattr(beside, "_same", lambda *_: False)
    assert beside.resident(tiny.vae, weights - 1) is None and beside.resident(tiny.vae, weights) is not None


def test_weights_of_its_own_are_shared_where_they_lie_already_and_stay_when_the_vae_is_moved(
    tiny: SimpleNamespace, of_pack: Callable
) -> None:
    own = of_pack("nodes.host.beside").resident(tiny.vae, 0)
    theirs = tiny.vae.first_stage_model.decoder.stem.weight
    assert own.decoder.stem.weight.data_ptr() == theirs.data_ptr()
    kept = theirs.clone()
    theirs.data = torch.zeros_like(theirs)  # what moving a network does to its weights
    assert torch.equal(own.decoder.stem.weight, kept)


@pytest.mark.parametrize("at", [1, 3])
def test_a_decoder_that_fails_says_so_and_the_chunks_until_then_are_kept(
    tiny: SimpleNamespace, roll: Callable, folder: Path, at: int
) -> None:
    whole, _ = roll()
    shutil.rmtree(folder)
    calls, kept = [], []

    def fail(*_: Any) -> None:
        calls.append(1)
        if len(calls) == at:  # a chunk is decoded in one call
            kept.append(len(list(folder.glob("*.safetensors"))))
            raise ValueError("the decoder's own words")

    hook = tiny.vae.decoding.out.register_forward_pre_hook(fail)
    with pytest.raises(ValueError, match="the decoder's own words"):
        roll()
    hook.remove()
    assert alone() and at <= kept[0] <= len(list(folder.glob("*.safetensors")))
    again, film = roll()
    assert torch.equal(latents(again), latents(whole)) and film.get_frame_count() == 45


@pytest.mark.parametrize("behind", [0, 2])
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_card_that_runs_out_of_room_takes_turns_from_there_on(
    tiny: SimpleNamespace, roll: Callable, filmed: list, folder: Path, of_pack: Callable, place: Callable,
    monkeypatch: pytest.MonkeyPatch, at: int, behind: int,
) -> None:  # fmt: skip
    world = tiny.world if not behind else roll("forward*21")[0]
    filmed.clear()
    whole, _ = roll(world=world)
    frames, told, calls = torch.cat(filmed), [], []
    shutil.rmtree(folder)
    filmed.clear()
    monkeypatch.setattr(of_pack("nodes.host.progress"), "tell", told.append)
    place("with weights of its own")

    def full(*_: Any) -> None:
        if threading.current_thread().name == "worldmodel-beside":
            calls.append(1)
            if len(calls) == at:
                raise torch.OutOfMemoryError("CUDA out of memory")

    ready = tiny.vae.ready

    def watched(network: Any) -> Any:
        made = ready(network)
        made.middle[1].register_forward_pre_hook(full)
        return made

    monkeypatch.setattr(tiny.vae, "ready", watched)
    grown, film = roll(world=world)
    assert len(calls) == at and any("they take turns" in text for text in told) and alone()
    assert torch.equal(latents(grown), latents(whole)) and torch.equal(torch.cat(filmed), frames)
    assert film.get_frame_count() == len(frames)


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what `work` returned, or the Stop that it raised, in a thread of its own, which must end."""
    told: list[Any] = []

    def run() -> None:
        try:
            told.append(work())
        except BaseException as error:  # noqa: BLE001 - asserted below
            told.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return told[0]


def test_a_stop_at_random_moments_loses_nothing_and_never_hangs(
    tiny: SimpleNamespace, roll: Callable, folder: Path, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments are calls of layers, of the network and of the decoder, each in its thread."""
    turn, left, pages = threading.Lock(), [0], of_pack("nodes.rolling").Pages
    keep, kept = pages.keep, []
    monkeypatch.setattr(pages, "keep", lambda self, *told: (keep(self, *told), kept.append(1))[0])

    def passes(*_: Any) -> None:
        with turn:
            left[0] -= 1
            if left[0] == 0:
                comfy.model_management.interrupt_current_processing()

    network, decoder = tiny.model.model.diffusion_model, tiny.vae.decoding
    for layer in (*network.blocks, *decoder.coarse, *decoder.middle, *decoder.fine):
        layer.register_forward_pre_hook(passes)
    whole, _ = within(60, lambda: roll(SHORT))
    moments, draw, temp = -left[0], random.Random(12), Path(of_pack("nodes.host.files").new_film("x")).parent
    films = sorted(temp.iterdir())
    for number in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        left[0] = draw.randint(1, moments - 1)
        kept.clear()
        told = within(60, lambda: roll(SHORT))
        assert isinstance(told, comfy.model_management.InterruptProcessingException), told
        assert alone() and sorted(temp.iterdir()) == films  # half a film is no film, as ever
        assert {path.stem for path in folder.glob("*.safetensors")} == {
            chunk.key for chunk in whole.chunks[: len(kept)]
        }
        if number % 5 == 0:
            again, film = within(60, lambda: roll(SHORT))
            assert sum(kept) == 3  # those that were there were not made again
            assert torch.equal(latents(again), latents(whole)) and film.get_frame_count() == 33
            films = sorted(temp.iterdir())


def test_a_stop_that_the_decoders_layers_hear_ends_the_pass_that_the_network_is_in(
    tiny: SimpleNamespace, roll: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hears a Stop first takes it from everybody else, and the decoder's thread must not keep it."""
    held, put_back, calls, after = threading.Event(), threading.Event(), [], []
    interrupt = comfy.model_management.interrupt_current_processing

    def watched(*told: Any) -> None:
        interrupt(*told)
        put_back.set()

    def stop(*_: Any) -> None:
        assert held.wait(30)
        monkeypatch.setattr(comfy.model_management, "interrupt_current_processing", watched)
        interrupt()
        comfy.model_management.throw_exception_if_processing_interrupted()  # as each of the host's layers does

    def network(*_: Any) -> None:
        calls.append(1)
        if len(calls) > STEPS:  # of the first chunk
            held.set()
            assert put_back.wait(30)
            after.append(1)

    tiny.vae.decoding.coarse[0].register_forward_pre_hook(stop)
    tiny.model.model.diffusion_model.blocks[0].register_forward_pre_hook(network)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        roll()
    assert len(after) == 1 and alone()
