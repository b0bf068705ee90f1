"""The journal through Rollout World: what is there is taken, what is missing is made, and the world is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import folder_paths
import pytest
import torch
from comfy_api.latest import io
from comfy_execution.graph import DynamicPrompt

LONG = "forward*20 right+yaw_right*14 idle*11"
"""45 frames: 4 chunks."""
GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World"}},
    "6": {"class_type": "WMRolloutWorld", "inputs": {"model": ["1", 0], "seed": 0}},
}
Roll = Callable[..., tuple[Any, str]]


@pytest.fixture
def folder(of_pack: Callable[[str], ModuleType]) -> Iterator[Path]:
    """The journal's folder, not there yet."""
    path = of_pack("nodes.host.journal").journal_folder()
    yield path
    if path.is_file():
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def films() -> list[Any]:
    """The films of a test's rollouts, in order."""
    return []


@pytest.fixture
def roll(tiny: SimpleNamespace, nodes: dict, folder: Path, films: list, of_pack: Callable[[str], ModuleType]) -> Roll:
    """`roll("forward*9", seed=1)`: run Rollout World in a graph; returns the grown world and the report."""
    parse = of_pack("worldmodel.track").parse_track

    def run(track: str = LONG, graph: dict | None = GRAPH, **changes: Any) -> tuple[Any, str]:
        hidden = {} if graph is None else {io.Hidden.dynprompt: DynamicPrompt(graph), io.Hidden.unique_id: "6"}
        node = nodes["WMRolloutWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        inputs = {"model": tiny.model, "world": tiny.world, "seed": 0} | changes
        result = node.execute(track=parse(track), **inputs)
        films.append(result.args[1])
        return result.args[0], result.ui["text"][0]

    return run


def journal_line(report: str) -> str:
    return next((line for line in report.splitlines() if "from the journal" in line), "")


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.chunks, other.chunks, strict=True)
    return all(torch.equal(a.latents, b.latents) and a.key == b.key for a, b in pairs)


def wrapped(model: Any, kind: str, wrapper: Callable) -> Any:
    clone = model.clone()
    clone.add_wrapper_with_key(getattr(comfy.patcher_extension.WrappersMP, kind), "test", wrapper)
    return clone


def stopping(model: Any, calls: int) -> Any:
    """The model, and the user's Stop after so many calls of the network."""
    left = [calls]

    def wrapper(executor: Any, *args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    return wrapped(model, "DIFFUSION_MODEL", wrapper)


def test_what_is_there_is_taken_without_loading_the_model(tiny: SimpleNamespace, roll: Roll) -> None:
    first, report = roll()
    assert journal_line(report) == "0 chunks taken from the journal, 4 computed."
    sessions: list[int] = []
    model = wrapped(tiny.model, "OUTER_SAMPLE", lambda *_, **__: sessions.append(1))
    second, report = roll(model=model)
    assert journal_line(report) == "4 chunks taken from the journal, 0 computed."
    assert same(first, second) and not sessions


@pytest.mark.parametrize("calls", [1, 4, 5, 9, 13])
def test_after_a_stop_exactly_the_missing_chunks_are_made(
    tiny: SimpleNamespace, roll: Roll, folder: Path, calls: int
) -> None:
    whole, _ = roll(graph=None)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        roll(model=stopping(tiny.model, calls), vae=tiny.vae)
    kept = len(list(folder.glob("*.safetensors")))
    assert kept == calls // 4  # three steps, and the clean pass before the next chunk
    resumed, report = roll(vae=tiny.vae)
    assert journal_line(report) == f"{kept} chunks taken from the journal, {4 - kept} computed."
    assert torch.equal(*(torch.cat([chunk.latents for chunk in world.chunks]) for world in (resumed, whole)))


def test_the_film_of_a_resumed_rollout_is_whole(tiny: SimpleNamespace, roll: Roll, films: list, folder: Path) -> None:
    whole, _ = roll(vae=tiny.vae)
    for lost in (0, 1), (1, 2, 3), (3,), ():
        for number in lost:
            (folder / f"{whole.chunks[number].key}.safetensors").unlink()
        _, report = roll(vae=tiny.vae)
        assert journal_line(report) == f"{4 - len(lost)} chunks taken from the journal, {len(lost)} computed."
    pictures = [film.get_components().images for film in films]
    assert all(torch.equal(again, pictures[0]) for again in pictures)


def test_an_edited_tail_uses_the_beginning_again(roll: Roll) -> None:
    roll("forward*45")
    edited, report = roll("forward*33 left*12")
    assert journal_line(report) == "3 chunks taken from the journal, 1 computed."
    longer, report = roll("forward*33 left*24")
    assert journal_line(report) == "4 chunks taken from the journal, 1 computed."
    assert same(longer._replace(chunks=longer.chunks[:4]), edited)


def test_a_rollout_that_goes_on_is_found_too(roll: Roll) -> None:
    whole, _ = roll("forward*45")
    part, report = roll("forward*21")
    assert journal_line(report) == "2 chunks taken from the journal, 0 computed."
    rest, report = roll("forward*24", world=part)
    assert journal_line(report) == "2 chunks taken from the journal, 0 computed."
    assert same(whole, rest)


def test_a_world_made_without_a_journal_is_gone_on_from_with_one(roll: Roll) -> None:
    part, report = roll("forward*21", graph=None)
    assert journal_line(report) == ""
    worlds = [roll("forward*24", world=part) for _ in range(2)]
    assert [journal_line(report)[0] for _, report in worlds] == ["0", "2"]
    assert same(worlds[0][0], worlds[1][0])


@pytest.mark.parametrize("change", ["seed", "steps", "shift", "model", "dtype", "world"])
def test_another_rollout_takes_nothing(
    tiny: SimpleNamespace, roll: Roll, run: Callable, of_pack: Callable[[str], ModuleType], change: str
) -> None:
    roll("forward*9")
    graph = {**GRAPH, "1": {**GRAPH["1"], "inputs": {"model_name": "Tiny World", "attention": "sub_quad"}}}
    changes = {
        "seed": lambda: {"seed": 1},
        "steps": lambda: {"steps": "1000, 500"},
        "shift": lambda: {"shift": 4.0},
        "model": lambda: {"graph": graph},
        "dtype": lambda: {"model": run("WMLoadWorldModel", "Tiny World", "bf16")},
        "world": lambda: {"world": run("WMStartWorld", tiny.model, tiny.vae, tiny.image * 0.5)},
    }
    _, report = roll("forward*9", **changes[change]())
    assert journal_line(report) == "0 chunks taken from the journal, 1 computed."


def test_the_films_speed_and_the_contexts_budget_change_no_chunk(tiny: SimpleNamespace, roll: Roll) -> None:
    roll("forward*9")
    _, report = roll("forward*9", fps=30.0, vae=tiny.vae, context_budget=1)
    assert journal_line(report) == "1 chunks taken from the journal, 0 computed."


def test_one_damaged_chunk_is_the_one_that_is_made_again(roll: Roll, folder: Path) -> None:
    whole, _ = roll()
    for number in range(4):
        path = folder / f"{whole.chunks[number].key}.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        again, report = roll()
        assert journal_line(report) == "3 chunks taken from the journal, 1 computed."
        assert same(whole, again)
    assert journal_line(roll()[1]) == "4 chunks taken from the journal, 0 computed."


def test_a_folder_that_cannot_be_written_to_costs_a_sentence_and_no_chunk(roll: Roll, folder: Path) -> None:
    whole, _ = roll(graph=None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()
    grown, report = roll()
    assert torch.equal(grown.chunks[-1].latents, whole.chunks[-1].latents)
    assert journal_line(report) == "0 chunks taken from the journal, 4 computed."
    told = [line for line in report.splitlines() if line.startswith("journal: found no way to keep finished chunks")]
    assert len(told) == 1 and told[0].endswith(".")


def test_a_size_of_nothing_turns_the_journal_off(roll: Roll, folder: Path) -> None:
    settings = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"wm.journal.gigabytes": 0}', encoding="utf-8")
    try:
        world, report = roll("forward*9")
    finally:
        settings.unlink()
    assert journal_line(report) == "" and world.chunks[0].key == "" and not folder.exists()


@pytest.mark.parametrize(
    ("settings", "gigabytes"),
    [
        (None, 4.0), ("{}", 4.0), ('{"wm.journal.gigabytes": 0.5}', 0.5), ('{"wm.journal.gigabytes": -1}', 4.0),
        ('{"wm.journal.gigabytes": null}', 4.0), ('{"wm.journal.gigabytes": Infinity}', 4.0), ("{half", 4.0),
    ],
)  # fmt: skip
def test_the_users_size_is_read(of_pack: Callable[[str], ModuleType], settings: str | None, gigabytes: float) -> None:
    path = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if settings is not None:
        path.write_text(settings, encoding="utf-8")
    try:
        assert of_pack("nodes.host.journal").budget_bytes() == gigabytes * 1e9
    finally:
        path.unlink(missing_ok=True)


def test_a_context_is_carried_within_its_budget_and_changes_no_bit(roll: Roll, folder: Path) -> None:
    carried, _ = roll("forward*21")
    assert carried.context is not None
    numbers = [part.numel() * part.element_size() for _, *parts in carried.context.entries for part in parts]
    assert 100_000 < sum(numbers) < 1_000_000  # so that a budget of 1 MB carries it
    shutil.rmtree(folder)
    again, _ = roll("forward*21", context_budget=1)
    assert again.context is not None
    shutil.rmtree(folder)
    one, _ = roll("idle*24", world=carried)
    shutil.rmtree(folder)
    other, _ = roll("idle*24", world=carried._replace(context=None))
    assert same(one, other)
