"""The journal through Rollout World: what is there is taken, what is missing is made, and the world is the same."""

from __future__ import annotations

import shutil
import threading
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

from worldmodel.reading.words import counted
from worldmodel.variants import BUILT_IN, VARIANTS

LONG = "forward*20 right+yaw_right*14 idle*11"
"""45 frames: 4 chunks."""
PASSES = len(VARIANTS[BUILT_IN].steps) + 1
"""Of the network for a chunk: its steps, and the clean pass before the next one."""
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
    parse = of_pack("worldmodel.track.track").parse_track

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
    assert journal_line(report) == ""
    sessions: list[int] = []
    model = wrapped(tiny.model, "OUTER_SAMPLE", lambda *_, **__: sessions.append(1))
    second, report = roll(model=model)
    assert journal_line(report) == "4 chunks from the journal on disk, 0 computed."
    assert same(first, second) and not sessions


@pytest.mark.parametrize("calls", [1, PASSES, PASSES + 1, 2 * PASSES + 1, 3 * PASSES + 1])
def test_after_a_stop_exactly_the_missing_chunks_are_made(
    tiny: SimpleNamespace, roll: Roll, folder: Path, calls: int
) -> None:
    whole, _ = roll(graph=None)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        roll(model=stopping(tiny.model, calls), vae=tiny.vae)
    kept = len(list(folder.glob("*.safetensors")))
    assert kept == calls // PASSES
    resumed, report = roll(vae=tiny.vae)
    said = f"{counted(kept, 'chunk')} from the journal on disk, {4 - kept} computed."
    assert journal_line(report) == (said if kept else "")
    assert torch.equal(*(torch.cat([chunk.latents for chunk in world.chunks]) for world in (resumed, whole)))


def test_the_film_of_a_resumed_rollout_is_whole(tiny: SimpleNamespace, roll: Roll, films: list, folder: Path) -> None:
    whole, _ = roll(vae=tiny.vae)
    for lost in (0, 1), (1, 2, 3), (3,), ():
        for number in lost:
            (folder / f"{whole.chunks[number].key}.safetensors").unlink()
        _, report = roll(vae=tiny.vae)
        assert (
            journal_line(report) == f"{counted(4 - len(lost), 'chunk')} from the journal on disk, {len(lost)} computed."
        )
    pictures = [film.get_components().images for film in films]
    assert all(torch.equal(again, pictures[0]) for again in pictures)


def test_an_edited_tail_uses_the_beginning_again(roll: Roll) -> None:
    roll("forward*45")
    edited, report = roll("forward*33 left*12")
    assert journal_line(report) == "3 chunks from the journal on disk, 1 computed."
    longer, report = roll("forward*33 left*24")
    assert journal_line(report) == "4 chunks from the journal on disk, 1 computed."
    assert same(longer._replace(chunks=longer.chunks[:4]), edited)


def test_a_rollout_that_goes_on_is_found_too(roll: Roll) -> None:
    whole, _ = roll("forward*45")
    part, report = roll("forward*21")
    assert journal_line(report) == "2 chunks from the journal on disk, 0 computed."
    rest, report = roll("forward*24", world=part)
    assert journal_line(report) == "2 chunks from the journal on disk, 0 computed."
    assert same(whole, rest)


def test_a_world_made_without_a_journal_is_gone_on_from_with_one(roll: Roll) -> None:
    part, report = roll("forward*21", graph=None)
    assert journal_line(report) == ""
    worlds = [roll("forward*24", world=part) for _ in range(2)]
    assert [journal_line(report)[:1] for _, report in worlds] == ["", "2"]
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
        "model": lambda: {"model": run("WMLoadWorldModel", "Tiny World", "auto", "sub_quad"), "graph": graph},
        "dtype": lambda: {"model": run("WMLoadWorldModel", "Tiny World", "bf16")},
        "world": lambda: {"world": run("WMStartWorld", tiny.model, tiny.vae, tiny.image * 0.5)},
    }
    _, report = roll("forward*9", **changes[change]())
    assert journal_line(report) == ""


def test_the_films_speed_and_the_contexts_budget_change_no_chunk(tiny: SimpleNamespace, roll: Roll) -> None:
    roll("forward*9")
    _, report = roll("forward*9", fps=30.0, vae=tiny.vae, context_budget=1)
    assert journal_line(report) == "1 chunk from the journal on disk, 0 computed."


def test_one_damaged_chunk_is_the_one_that_is_made_again(roll: Roll, folder: Path) -> None:
    whole, _ = roll()
    for number in range(4):
        path = folder / f"{whole.chunks[number].key}.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        again, report = roll()
        assert journal_line(report) == "3 chunks from the journal on disk, 1 computed."
        assert same(whole, again)
    assert journal_line(roll()[1]) == "4 chunks from the journal on disk, 0 computed."


def test_latents_on_disk_are_the_same_world_film_and_keys(
    tiny: SimpleNamespace, roll: Roll, run: Callable, films: list, folder: Path
) -> None:
    whole, _ = roll(vae=tiny.vae)
    shutil.rmtree(folder)
    left, report = roll(vae=tiny.vae, keep_latents="on disk")
    found, again = roll(vae=tiny.vae, keep_latents="on disk")
    assert [journal_line(said)[:2] for said in (report, again)] == ["", "4 "] and "keep_latents" not in report
    frames = [film.get_components().images for film in films]
    for world, shown in ((left, frames[1]), (found, frames[2])):
        assert same(whole, world) and torch.equal(shown, frames[0])
        assert all(chunk.place.path.parent == folder for chunk in world.chunks)
        assert torch.equal(run("WMDecodeWorld", world, tiny.vae), run("WMDecodeWorld", whole, tiny.vae))
    ahead = [roll("forward*24", world=world, keep_latents="on disk")[0] for world in (whole, left)]
    assert same(*ahead) and whole.chunks[0].place is ahead[0].chunks[0].place is None
    shutil.rmtree(folder)  # as the button in the settings does
    assert torch.equal(run("WMDecodeWorld", left, tiny.vae), run("WMDecodeWorld", whole, tiny.vae))


def test_latents_that_were_changed_on_disk_are_named_and_made_anew(
    tiny: SimpleNamespace, roll: Roll, run: Callable
) -> None:
    left, _ = roll(keep_latents="on disk")
    for number, cut in ((1, True), (3, False)):
        path = left.chunks[number].place.path
        data = bytearray(path.read_bytes())
        data[-1500] ^= 1
        with path.open("r+b") as file:  # the same file, not another in its place
            file.truncate(200) if cut else file.write(data)
    for use in (lambda: run("WMDecodeWorld", left, tiny.vae), lambda: run("WMSaveWorld", left, "worldmodel/left")):
        with pytest.raises(ValueError, match="latents: found .* of the journal, expected .* with keep_latents in memo"):
            use()
    again, report = roll(keep_latents="in memory")
    assert journal_line(report) == "2 chunks from the journal on disk, 2 computed."
    run("WMDecodeWorld", again, tiny.vae)


def test_latents_stay_in_memory_where_the_journal_cannot_keep_them(roll: Roll, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file in the folder's place")
    world, report = roll("forward*9", keep_latents="on disk")
    assert world.chunks[0].place is None
    assert "keep_latents: those that the journal could not keep stay in memory." in report.splitlines()


def test_a_folder_that_cannot_be_written_to_costs_a_sentence_and_no_chunk(roll: Roll, folder: Path) -> None:
    whole, _ = roll(graph=None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()
    grown, report = roll()
    assert torch.equal(grown.chunks[-1].latents, whole.chunks[-1].latents)
    assert journal_line(report) == ""
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
    assert "journal: off, because its size in ComfyUI's settings is 0; " in report


@pytest.mark.parametrize(
    ("settings", "gigabytes"),
    [
        (None, 4.0), ("{}", 4.0), ('{"wm.journal.gigabytes": 0.5}', 0.5), ('{"wm.journal.gigabytes": -1}', 4.0),
        ('{"wm.journal.gigabytes": null}', 4.0), ('{"wm.journal.gigabytes": Infinity}', 4.0), ("{half", 4.0),
        ("[]", 4.0), ("null", 4.0), ('"text"', 4.0), ("7", 4.0), ('{"wm.journal.gigabytes": 1e308}', 4.0),
        ('{"wm.journal.gigabytes": "8"}', 4.0), ('{"wm.journal.gigabytes": true}', 4.0), ("[" * 100_000, 4.0),
        ('{"wm.journal.gigabytes": 1' + "0" * 400 + "}", 4.0),
    ],
)  # fmt: skip
def test_the_users_size_is_read_and_what_is_none_is_logged(
    of_pack: Callable[[str], ModuleType], caplog: pytest.LogCaptureFixture, settings: str | None, gigabytes: float
) -> None:
    path = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if settings is not None:
        path.write_text(settings, encoding="utf-8")
    try:
        with caplog.at_level("WARNING"):
            assert of_pack("nodes.host.journal").budget_bytes() == gigabytes * 1e9
    finally:
        path.unlink(missing_ok=True)
    told = settings not in (None, "{}", '{"wm.journal.gigabytes": null}') and gigabytes == 4.0
    said = [record.getMessage() for record in caplog.records if "usual size" in record.getMessage()]
    assert len(said) == told and all(len(line) < 600 for line in said)


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


VALUE = {"6": {"class_type": "WMRolloutWorld", "inputs": {"model": None, "seed": 0}}}
"""A loop or an expansion handed the model in."""
SWITCH = {
    **GRAPH,
    "4": {"class_type": "Switch", "inputs": {"first": ["1", 0], "which": 1}},
    "6": {"class_type": "WMRolloutWorld", "inputs": {"model": ["4", 0], "seed": 0}},
}


@pytest.mark.parametrize(("first", "then"), [
    (GRAPH, SWITCH), (SWITCH, GRAPH), (GRAPH, VALUE), (VALUE, GRAPH), (VALUE, SWITCH), (VALUE, VALUE),
])  # fmt: skip
def test_an_equal_model_finds_what_it_made_however_it_comes(roll: Roll, first: dict, then: dict) -> None:
    half, report = roll("forward*21", graph=first)
    assert journal_line(report) == ""
    whole, report = roll("forward*45", graph=then)
    assert journal_line(report) == "2 chunks from the journal on disk, 2 computed."
    again, report = roll("forward*45", graph=first)
    assert journal_line(report) == "4 chunks from the journal on disk, 0 computed."
    assert same(whole, again) and same(whole._replace(chunks=whole.chunks[:2]), half)


def test_what_is_found_by_another_name_never_changes_what_a_plain_graph_calls_its_chunks(
    roll: Roll, folder: Path
) -> None:
    plain, _ = roll("forward*21")
    shutil.rmtree(folder)
    roll("forward*9", graph=SWITCH)
    roll("forward*9", graph=VALUE)
    shutil.rmtree(folder)
    again, _ = roll("forward*21")
    assert same(plain, again)


def test_a_context_is_used_however_an_equal_model_comes(roll: Roll) -> None:
    """Else every turn of a loop would read again what the turn before it has just made: `Session` asks for the name."""
    first, _ = roll("forward*21", graph=GRAPH)
    for seed, graph in enumerate((SWITCH, VALUE)):
        assert first.context.model == roll("idle*12", world=first, graph=graph, seed=seed)[0].context.model


def test_a_model_that_nothing_tells_turns_the_journal_off_and_says_so_on_the_node_and_in_the_report(
    tiny: SimpleNamespace, roll: Roll, folder: Path, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(of_pack("nodes.host.progress"), "tell", told.append)
    lock = threading.Lock()

    class Wrapper:
        def __init__(self) -> None:
            self.lock = lock

        def __call__(self, executor: Any, *args: Any, **kwargs: Any) -> Any:
            return executor(*args, **kwargs)

    world, report = roll("forward*9", graph=VALUE, model=wrapped(tiny.model, "DIFFUSION_MODEL", Wrapper()))
    (said,) = [line for line in report.splitlines() if line.startswith("journal: off, because the model comes as a")]
    assert said.endswith("finished chunks are not kept, and Stop loses them.") and "lock" in said
    assert told[0] == said and world.chunks[0].key == "" and not folder.exists()


def test_a_chunk_that_is_not_finite_is_not_there(roll: Roll, folder: Path, of_pack: Callable) -> None:
    """Releases up to 35f7552 kept such chunks, under these keys."""
    whole, _ = roll()
    journal = of_pack("worldmodel.world.journal").Journal(folder, 1 << 30)
    for number, value in ((0, float("nan")), (2, float("inf"))):
        chunk = whole.chunks[number]
        bad = chunk.latents.clone()
        bad[5, 1, 2, 3] = value
        journal.keep(chunk._replace(latents=bad), "ab" * 32)
        again, report = roll()
        assert journal_line(report) == "3 chunks from the journal on disk, 1 computed."
        assert same(whole, again)


def overflowing(model: Any, at: int) -> Any:
    """The model, and a patch that gives infinity at one call of the network."""
    left = [at]

    def wrapper(executor: Any, *args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        return executor(*args, **kwargs) * (float("inf") if left[0] == 0 else 1.0)

    return wrapped(model, "DIFFUSION_MODEL", wrapper)


@pytest.mark.parametrize(("at", "kept"), [(1, 0), (3, 0), (PASSES, 1)])
def test_a_network_that_overflows_is_refused_and_the_same_graph_runs_when_the_cause_is_gone(
    tiny: SimpleNamespace, roll: Roll, folder: Path, films: list, of_pack: Callable, at: int, kept: int
) -> None:
    whole, _ = roll(graph=None)
    temp = Path(of_pack("nodes.host.files").new_film("worldmodel/rollout")).parent
    before = sorted(temp.iterdir())
    with pytest.raises(ValueError, match=r"^model: found NaN or infinity .*, expected finite numbers; .*\.$") as error:
        roll(model=overflowing(tiny.model, at), vae=tiny.vae)
    assert "a diffusion_model wrapper" in str(error.value) and "\n" not in str(error.value)
    assert len(list(folder.glob("*.safetensors"))) == kept and sorted(temp.iterdir()) == before
    resumed, _ = roll(vae=tiny.vae)
    assert torch.equal(*(torch.cat([chunk.latents for chunk in world.chunks]) for world in (resumed, whole)))
    assert films[-1].get_frame_count() == 45


def test_half_precision_that_overflows_is_named(roll: Roll, run: Callable, folder: Path) -> None:
    """Weights that a wider type holds: the first layer's outputs lie above 65504."""
    model = run("WMLoadWorldModel", "Tiny World", "fp16").clone()
    model.set_model_compute_dtype(torch.float16)  # the host does it itself where a device can
    key = "diffusion_model.patch_embedding.weight"
    weight = torch.full_like(model.model.state_dict()[key], 2e4)
    model.add_patches({key: ("diff", (weight,))})
    with pytest.raises(ValueError, match="half precision .* choose bf16 or fp32 as weight_dtype of Load World Model"):
        roll(model=model)
    assert not list(folder.glob("*.safetensors"))


def test_a_shift_below_the_least_is_refused_at_the_queue_and_in_the_node(roll: Roll, nodes: dict) -> None:
    node = nodes["WMRolloutWorld"]
    for shift in (1e-9, 4e-8, 0.0009, -1.0, 100.5, float("nan"), float("inf")):
        said = node.validate_inputs("", shift)
        assert isinstance(said, str) and said.startswith("shift: found ") and said.endswith(".")
    assert all(node.validate_inputs("", shift) is True for shift in (0.0, 0.001, 5.0, 100.0, None))
    with pytest.raises(ValueError, match="^shift: found 4e-08, expected"):
        roll("forward*9", shift=4e-8)


@pytest.mark.parametrize("threads", [(1, 2), (2, 1), (2, 5)])
def test_another_number_of_threads_finds_the_walk(
    tiny: SimpleNamespace, roll: Roll, run: Callable, threads: tuple[int, int]
) -> None:
    before, reports = torch.get_num_threads(), []
    torch.manual_seed(3)
    picture = torch.rand(1, 64, 96, 3)
    try:
        for count in threads:
            torch.set_num_threads(count)
            reports.append(roll("forward*9", world=run("WMStartWorld", tiny.model, tiny.vae, picture))[1])
    finally:
        torch.set_num_threads(before)
    assert [journal_line(report)[:1] for report in reports] == ["", "1"]
