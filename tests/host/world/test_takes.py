"""Take World: takes of one stretch, one of which is kept; what was rolled once is never rolled again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import pytest
import torch
from comfy_api.latest import io
from comfy_execution.graph import DynamicPrompt

GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World"}},
    "9": {"class_type": "WMTakeWorld", "inputs": {"model": ["1", 0]}},
}
WALK = "forward*20 right+yaw_right*14 idle*11"
"""45 frames: 4 chunks, from 0, 9, 21 and 33."""


@pytest.fixture(params=["journal", "no journal"])
def journal(request: pytest.FixtureRequest, of_pack: Callable[[str], ModuleType], monkeypatch: Any) -> Iterator[str]:
    module = of_pack("nodes.host.journal")
    if request.param == "no journal":
        monkeypatch.setattr(module, "budget_bytes", lambda: 0)
    yield request.param
    shutil.rmtree(module.journal_folder(), ignore_errors=True)


@pytest.fixture
def walked(tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    parse = of_pack("worldmodel.track.track").parse_track
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, parse(WALK), 7)
    return SimpleNamespace(world=world, model=tiny.model, vae=tiny.vae, parse=parse, calls=[0])


@pytest.fixture
def take(walked: SimpleNamespace, nodes: dict) -> Callable[..., SimpleNamespace]:
    """`take(keep=2)`: run Take World in a graph, counting the network's calls."""

    def count(executor: Any, *args: Any, **kwargs: Any) -> Any:
        walked.calls[0] += 1
        if walked.calls[0] == walked.stop:
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    model, walked.stop = walked.model.clone(), 0
    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test", count)

    def run(**inputs: Any) -> SimpleNamespace:
        hidden = {io.Hidden.dynprompt: DynamicPrompt(GRAPH), io.Hidden.unique_id: "9"}
        node = nodes["WMTakeWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        asked = {"model": model, "world": walked.world, "vae": walked.vae, "back_to": "-0.5s", "takes": 3, "seed": 6}
        result = node.execute(**asked | {"keep": 1} | inputs)
        world, film, seed, track = result.args
        return SimpleNamespace(world=world, film=film, seed=seed, track=track, ui=result.ui, said=result.ui["text"][0])

    return run


def latents(world: Any) -> torch.Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def test_keeping_another_take_rolls_nothing_again_and_each_is_what_a_rollout_makes(
    take: Callable, walked: SimpleNamespace, run: Callable, journal: str
) -> None:
    first = take()
    calls = walked.calls[0]
    assert calls and first.seed == 6 and first.track.frames == 12
    second, third = take(keep=2), take(keep=3)
    assert walked.calls[0] == calls, "another take was rolled again"
    assert (second.seed, third.seed) == (7, 8) and second.ui["files"] == first.ui["files"]
    assert torch.equal(latents(second.world), latents(walked.world)), "with the world's own seed it walks as before"
    assert len({latents(one.world).sum().item() for one in (first, second, third)}) == 3
    back, _, track, _ = run("WMRewindWorld", walked.world, back_to="-0.5s")
    rolled, film = run("WMRolloutWorld", walked.model, back, track, 8, vae=walked.vae)
    assert torch.equal(latents(rolled), latents(third.world))
    assert torch.equal(film.get_components().images, third.film.get_components().images)
    lines = first.said.splitlines()
    assert lines[0] == "-0.5s is frame 37 (2.31 s); rounded to frame 33 (2.06 s), where chunk 3 begins."
    assert lines[1] == "Each take has 1 chunk, 12 frames, 0.75 s." and "Take 1 is kept." in lines
    assert [line.partition(";")[0] for line in lines[2:5]] == [f"take {i}: seed {5 + i}" for i in (1, 2, 3)]
    take(keep=2, seed=9)
    assert walked.calls[0] > calls


def test_after_a_stop_the_takes_go_on_where_they_were(take: Callable, walked: SimpleNamespace) -> None:
    whole = take(seed=20, takes=2, keep=2, back_to="c2")
    walked.stop = walked.calls[0] + walked.calls[0] // 2 - 1  # at the end of the one that was not made before
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        take(seed=21, takes=2, back_to="c2")
    again = take(seed=21, takes=2, back_to="c2")
    assert "take 1: seed 21; 2 chunks from the journal on disk, 0 computed." in again.said
    assert "take 2: seed 22; 1 chunk from the journal on disk, 1 computed." in again.said
    assert torch.equal(latents(again.world), latents(whole.world))


def test_a_track_is_walked_in_place_of_what_was_done_there_or_behind_the_end(
    take: Callable, walked: SimpleNamespace
) -> None:
    other = take(track=walked.parse("left*24"), takes=1)
    assert len(other.world.chunks) == 5 and other.track.frames == 24 and other.film.get_frame_count() == 24
    behind = take(track=walked.parse("left*12"), takes=1, back_to="45")
    assert len(behind.world.chunks) == 5 and torch.equal(latents(behind.world)[:, :12], latents(walked.world))
    kept = take(back_to="45", takes=1)
    assert len(kept.world.chunks) == 4, "without a track, at least the last chunk is walked again"


def test_without_a_vae_there_is_no_film_and_it_says_so(take: Callable) -> None:
    taken = take(vae=None, takes=2, keep=2)
    assert len(taken.world.chunks) == 4 and "files" not in taken.ui
    with pytest.raises(ValueError, match=r"^film: found none"):
        taken.film.get_components()


def test_takes_of_what_is_gone_are_not_those_of_none(of_pack: Callable[[str], ModuleType], walked: Any) -> None:
    class Encoder:
        pass

    module, clip = of_pack("nodes.takes"), Encoder()
    track = walked.parse("left*12")
    asked = module.Asked(walked.model, walked.world, walked.vae, track, clip, None, None, "-1s", 1, 0, "", 0.0, 0.0)
    made, without = module.Takes(asked, [], track, ()), asked._replace(clip=None)
    assert made.are_of(asked) and not made.are_of(without)
    del asked, clip
    assert not made.are_of(without), "the encoder that they were made with is gone"
    assert module.Takes(without, [], track, ()).are_of(without)


def test_what_cannot_be_taken_is_refused(take: Callable, tiny: SimpleNamespace, nodes: dict) -> None:
    for inputs, sentence in (
        ({"keep": 4}, "keep: found 4, expected 1 to 3"), ({"back_to": "-9s"}, "back_to: found -9s, expected a place"),
        ({"takes": 0}, "takes: found 0, expected 1 to 8"), ({"takes": 9}, "takes: found 9, expected 1 to 8"),
        ({"back_to": ""}, "back_to: found nothing"), ({"world": tiny.world}, "world: found no chunk"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{sentence}"):
            take(**inputs)
    check = nodes["WMTakeWorld"].validate_inputs
    assert check(back_to="-2s", takes=3, keep=3, steps="", shift=0.0, fps=0.0) is True and check() is True
    assert check(takes=2, keep=3).startswith("keep: found 3") and check(keep=3) is True and check(takes=2) is True
    assert check(back_to="soon").startswith("back_to: found 'soon'")
    assert check(steps="5, 6").startswith("steps:")


def test_takes_leave_with_the_results_that_the_host_lets_go(
    take: Callable, walked: SimpleNamespace, of_pack: Callable[[str], ModuleType]
) -> None:
    made = of_pack("nodes.takes")._made
    result = take(takes=1)
    assert "9" in made
    del result
    assert "9" not in made, "what nobody has any more is kept"


def test_a_place_to_go_back_to_wins_over_chunks(walked: SimpleNamespace, run: Callable, nodes: dict) -> None:
    world, seed, track, frame = run("WMRewindWorld", walked.world, back_to="1.2s")
    assert (len(world.chunks), seed, track.frames, frame) == (2, 7, 24, 21)
    said = nodes["WMRewindWorld"].execute(walked.world, back_to="1.2s").ui["text"][0].splitlines()
    assert said[0] == "1.2s is frame 19 (1.19 s); rounded to frame 21 (1.31 s), where chunk 2 begins."
    assert said[1].startswith("Kept 2 chunks, 21 frames; removed 2 chunks, 24 frames.")
    assert nodes["WMRewindWorld"].validate_inputs(back_to="c9x").startswith("back_to: found 'c9x'")
