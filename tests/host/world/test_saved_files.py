"""Files that nodes write and read: told in the history, chosen by content, refused in one wording, never lost."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import folder_paths
import pytest
import torch

from worldmodel.shown.film import read_film

TEXT = "forward*9 right+yaw_right*12"
LOADED = {"model": "Tiny World"}
TUM = "0 0 0 0 0 0 0 1\n0.0625 0 0 0.05 0 0 0 1\n0.125 0 0 0.1 0 0 0 1\n"
BEFORE = time.time() - 100
PASSED = "and passed over because they do not read as"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Empty input, output and temp folders, for this test alone."""
    names = ("input", "output", "temp")
    before = {name: getattr(folder_paths, f"get_{name}_directory")() for name in names}
    made = SimpleNamespace(**{name: tmp_path / name for name in names})
    for name in names:
        (tmp_path / name).mkdir()
        getattr(folder_paths, f"set_{name}_directory")(str(tmp_path / name))
    yield made
    for name in names:
        getattr(folder_paths, f"set_{name}_directory")(before[name])


@pytest.fixture
def track(of_pack: Callable[[str], ModuleType]) -> Any:
    return of_pack("worldmodel.track.track").parse_track(TEXT)


def record(nodes: dict, folder: str = "rec", seed: int = 1) -> Any:
    return nodes["WMRecordTinyWorld"].execute(7, 2, "random", 9, seed, 32, 32, False, folder)


def load_track(nodes: dict, name: str = "the newest") -> Any:
    return nodes["WMLoadTrack"].execute(name, "Tiny World")


def offered(nodes: dict, node: str = "WMLoadTrack") -> list[str]:
    return nodes[node].GET_SCHEMA().inputs[0].options


def written(result: Any, folders: SimpleNamespace) -> list[Path]:
    """Return what a node says that it wrote."""
    items = [item for value in result.ui.values() for item in value if isinstance(item, dict)]
    return [getattr(folders, item["type"]) / item["subfolder"] / item["filename"] for item in items]


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_the_history_names_every_file_that_is_written(
    nodes: dict, tiny: SimpleNamespace, track: Any, folders: SimpleNamespace
) -> None:
    forms = nodes["WMSaveTrack"].GET_SCHEMA().inputs[1].options
    results = [nodes["WMSaveTrack"].execute(track, form, f"deep/er/{form}", "Tiny World") for form in forms]
    results += [nodes["WMSaveWorld"].execute(tiny.world, "world"), record(nodes, "a b//c/"), record(nodes, ".", seed=2)]
    results += [nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, track, 0, vae=tiny.vae)]
    for result in results:
        files = written(result, folders)
        assert files and all(path.is_file() for path in files) and len(set(files)) == len(files)
        json.dumps(result.ui)
    everything = files_in(folders.output) | files_in(folders.temp)
    assert {path for result in results for path in written(result, folders)} == everything
    assert results[-1].ui["files"][0]["type"] == "temp" and results[-1].ui["files"][0]["subfolder"] == "worldmodel"
    without = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, track, 0)
    assert "files" not in without.ui


def test_the_newest_is_the_walk_that_was_recorded_and_not_its_captions(
    nodes: dict, of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    played = record(nodes).args[1]
    (folders.output / "later.json").write_text('{"3": {"inputs": {"keys": 1}, "class_type": "WMSaveTrack"}}')
    loaded = load_track(nodes)
    assert of_pack("worldmodel.track.track").same_track(loaded.args[0], played)
    said = loaded.ui["text"][0]
    assert f"the newest is rec/walk_00000.npz [output]; newer, {PASSED} a track: " in said
    assert "later.json [output]" in said and "rec/walk_00000.txt [output]" in said and loaded.args[2] == said
    assert offered(nodes) == ["the newest", "rec/walk_00000.csv [output]", "rec/walk_00000.npz [output]"]


def test_the_newest_passes_over_what_looks_like_a_walk_and_is_none(
    nodes: dict, track: Any, of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    nodes["WMSaveTrack"].execute(track, "CSV", "mine", "Tiny World")
    node, broken = nodes["WMLoadTrack"], folders.input / "broken.tum"
    broken.write_text("0 0 0 0 0 0 0 1\nnot a pose 1 2 3 4 5 6 7\n")
    first = node.fingerprint_inputs("the newest", **LOADED)
    for _ in range(2):
        loaded = load_track(nodes)
        assert of_pack("worldmodel.track.track").same_track(loaded.args[0], track)
        assert loaded.ui["text"][0].endswith("do not read as a track: broken.tum.")
    other = node.fingerprint_inputs("the newest", **LOADED)
    assert other != first and str(folders.output / "mine_00001_.csv") in other
    assert node.validate_inputs("the newest") is True and "broken.tum" in offered(nodes)
    with pytest.raises(ValueError, match=r"^broken.tum: line 2"):
        load_track(nodes, "broken.tum")
    broken.write_text(TUM)  # mended
    assert load_track(nodes).ui["text"][0].startswith("broken.tum:\n3 poses")
    assert str(broken) in node.fingerprint_inputs("the newest", **LOADED)


def test_where_nothing_reads_the_newest_is_named(nodes: dict, folders: SimpleNamespace) -> None:
    (folders.input / "old.tum").write_text("0 0 0 0 0 0 0 3\n")
    os.utime(folders.input / "old.tum", (BEFORE, BEFORE))
    (folders.input / "new.tum").write_text("0 0 0 0 0 0 0 2\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^new.tum: line 1: the quaternion"):
            load_track(nodes)


def test_a_camera_waits_for_the_file_beside_it(nodes: dict, track: Any, folders: SimpleNamespace) -> None:
    nodes["WMSaveTrack"].execute(track, "CSV", "old", "Tiny World")
    nodes["WMSaveTrack"].execute(track, "COLMAP", "c", "Tiny World")
    cameras = folders.output / "c_00001_" / "cameras.txt"
    text = cameras.read_text()
    cameras.unlink()
    assert load_track(nodes).ui["text"][0].startswith("old_00001_.csv: 21 frames")
    cameras.write_text(text)
    assert load_track(nodes).ui["text"][0].startswith("images.txt:\n21 poses")


def test_the_newest_world_is_one_that_reads(nodes: dict, tiny: SimpleNamespace, folders: SimpleNamespace) -> None:
    nodes["WMSaveWorld"].execute(tiny.world, "good")
    data = (folders.output / "good_00001_.world.safetensors").read_bytes()
    (folders.output / "cut.world.safetensors").write_bytes(data[:-9])
    (folders.output / "other.world.safetensors").write_bytes(data.replace(b"worldmodel_", b"somethings_"))
    (folders.output / "empty.world.safetensors").touch()
    loaded = nodes["WMLoadWorld"].execute("the newest")
    assert loaded.args[0].digest == tiny.world.digest
    said = loaded.ui["text"][0].splitlines()[-1]
    assert said.startswith(f"the newest is good_00001_.world.safetensors [output]; newer, {PASSED} a world: ")
    assert "cut.world" in said and "other.world" in said and "empty.world" in said
    assert offered(nodes, "WMLoadWorld") == [
        "the newest", "cut.world.safetensors [output]", "good_00001_.world.safetensors [output]"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("WALK.CSV", "CSV"), ("Walk.Tum", "TUM"), ("TRANSFORMS.JSON", "nerfstudio"), ("Walk.Npz", "NPZ"),
        ("walk.TXT", "TUM"), ("a/Images.TXT", "COLMAP"),
    ],
)  # fmt: skip
def test_capitals_count_for_nothing(name: str, form: str, nodes: dict, track: Any, folders: SimpleNamespace) -> None:
    saved = written(nodes["WMSaveTrack"].execute(track, form, "lower", "Tiny World"), folders)
    target = folders.input / name
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(saved[0], target)
    if form == "COLMAP":
        cameras = next(path for path in saved if path.name == "cameras.txt")
        shutil.copyfile(cameras, target.with_name("CAMERAS.txt"))
    assert name in offered(nodes) and "a/CAMERAS.txt" not in offered(nodes)
    assert nodes["WMLoadTrack"].validate_inputs(name) is True
    assert load_track(nodes, name).args[0].frames == 21
    before = nodes["WMLoadTrack"].fingerprint_inputs(name, **LOADED)
    os.utime(target.with_name("CAMERAS.txt") if form == "COLMAP" else target, (BEFORE, BEFORE))
    assert nodes["WMLoadTrack"].fingerprint_inputs(name, **LOADED) != before


def test_capitals_count_for_nothing_in_a_worlds_name(
    nodes: dict, tiny: SimpleNamespace, folders: SimpleNamespace
) -> None:
    (saved,) = written(nodes["WMSaveWorld"].execute(tiny.world, "lower"), folders)
    saved.rename(folders.input / "X.World.Safetensors")
    assert offered(nodes, "WMLoadWorld") == ["the newest", "X.World.Safetensors"]
    for name in offered(nodes, "WMLoadWorld"):
        assert nodes["WMLoadWorld"].execute(name).args[0].digest == tiny.world.digest


def test_what_is_no_file_is_neither_offered_nor_opened(nodes: dict, folders: SimpleNamespace) -> None:
    for folder in (folders.input, folders.output):
        (folder / "broken.csv").symlink_to(folder / "nowhere")
        (folder / "folder.csv").mkdir()
        os.mkfifo(folder / "pipe.csv")
        os.mkfifo(folder / "pipe.world.safetensors")
    assert offered(nodes) == offered(nodes, "WMLoadWorld") == ["the newest"]
    for name in ("the newest", "broken.csv", "pipe.csv", "folder.csv"):
        with pytest.raises(ValueError, match="track_file: found no track file"):
            load_track(nodes, name)
        assert nodes["WMLoadTrack"].validate_inputs(name).startswith("track_file: found no track file")
    with pytest.raises(ValueError, match="world_file: found no world file in"):
        nodes["WMLoadWorld"].execute("the newest")


def test_a_file_that_goes_while_it_is_read_is_passed_over(
    nodes: dict, track: Any, of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    nodes["WMSaveTrack"].execute(track, "CSV", "old", "Tiny World")
    (folders.input / "new.tum").write_text(TUM)
    files, read = of_pack("nodes.track_files").TRACKS, of_pack("worldmodel.formats.files").read_track_file

    def late(path: Path) -> Any:
        (folders.input / "new.tum").unlink(missing_ok=True)
        return read(path)

    assert files.read("the newest", late).path.name == "old_00001_.csv"
    (folders.input / "new.tum").write_text(TUM)
    with pytest.raises(ValueError, match=r"^new.tum: found it gone, expected it to stay"):
        files.read("new.tum", late)


PREFIXES = {
    "x" * 300: "letters, number and ending counted, expected one that the disk takes; shorten it.",
    "x" * 240: "letters, number and ending counted, expected one that the disk takes; shorten it.",
    f"new/{'x' * 300}/a": "found a name of 300 letters, expected one that the disk takes; shorten it.",
    "a\0b": r"found the letter '\x00' in a name, expected one that file names may have; leave it out.",
    "a\ud800": r"found the letter '\ud800' in a name",
    "file/walk": "in the way, expected a folder or nothing of that name; move it away, or choose another name.",
    "file/new/walk": "in the way, expected a folder",
    "../" + "y" * 4000: "expected a name inside the host's output folder",
    "y" * 30_000_000: "found a name of 30000000 letters, expected one that the disk takes; shorten it.",
}


@pytest.mark.parametrize("prefix", PREFIXES, ids=range(len(PREFIXES)))
def test_a_prefix_is_tried_when_it_is_queued(
    prefix: str, nodes: dict, tiny: SimpleNamespace, track: Any, folders: SimpleNamespace
) -> None:
    (folders.output / "file").touch()
    with pytest.raises(ValueError) as of_world:
        nodes["WMSaveWorld"].execute(tiny.world, prefix)
    with pytest.raises(ValueError) as of_track:
        nodes["WMSaveTrack"].execute(track, "nerfstudio", prefix, "Tiny World")
    queued = (nodes[node].validate_inputs(prefix) for node in ("WMSaveWorld", "WMSaveTrack"))
    for sentence in (*queued, str(of_world.value), str(of_track.value)):
        assert sentence.startswith("filename_prefix: ") and PREFIXES[prefix] in sentence, sentence
        assert "\n" not in sentence and len(sentence) < 500
    assert [path.name for path in folders.output.iterdir()] == ["file"]


@pytest.mark.parametrize("folder", ["x" * 300, "a\0b", "file", "file/new", "a\ud800", "../" + "y" * 5000])
def test_a_folder_is_tried_when_it_is_queued(folder: str, nodes: dict, folders: SimpleNamespace) -> None:
    (folders.output / "file").touch()
    sentence = nodes["WMRecordTinyWorld"].validate_inputs(folder)
    assert sentence.startswith("folder: found ") and "\n" not in sentence and len(sentence) < 500
    with pytest.raises(ValueError) as caught:
        record(nodes, folder)
    assert str(caught.value) == sentence and [path.name for path in folders.output.iterdir()] == ["file"]


def test_a_name_that_just_fits_is_taken(nodes: dict, tiny: SimpleNamespace, track: Any) -> None:
    prefix = "%year%" + "x" * 222
    assert nodes["WMSaveWorld"].validate_inputs(prefix) is True
    nodes["WMSaveWorld"].execute(tiny.world, prefix)
    nodes["WMSaveTrack"].execute(track, "CSV", "x" * 244, "Tiny World")
    assert len(offered(nodes, "WMLoadWorld")) == len(offered(nodes)) == 2


def test_an_output_folder_that_is_gone_is_made_again(
    nodes: dict, tiny: SimpleNamespace, track: Any, folders: SimpleNamespace
) -> None:
    shutil.rmtree(folders.output)
    assert nodes["WMSaveTrack"].validate_inputs("a/b") is True and not folders.output.exists()
    nodes["WMSaveTrack"].execute(track, "CSV", "a/b", "Tiny World")
    assert (folders.output / "a" / "b_00001_.csv").is_file()


@pytest.mark.parametrize("fps", [1e-9, 0.009, 241.0, -1.0, float("nan"), float("inf")])
def test_a_rate_without_meaning_is_refused_before_anything_runs(
    fps: float, nodes: dict, tiny: SimpleNamespace, track: Any
) -> None:
    for node in ("WMRolloutWorld", "WMCameraPath"):
        given = {"path": ""} if node == "WMCameraPath" else {"steps": ""}
        sentence = nodes[node].validate_inputs(**given, fps=fps)
        assert sentence == f"fps: found {fps:g}, expected 0, which is the model's own, or 0.01 to 240; change it."
    with pytest.raises(ValueError, match="^fps: found"):
        nodes["WMRolloutWorld"].execute(None, None, None, 0, fps=fps)
    assert nodes["WMRolloutWorld"].validate_inputs(steps="", fps=0.0) is True
    assert nodes["WMRolloutWorld"].validate_inputs(steps="1", fps=23.976, vae=None) is True


def test_a_temp_folder_that_takes_no_film_is_told_when_queued_and_before_the_rollout(
    nodes: dict, tiny: SimpleNamespace, track: Any, folders: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders.temp / "worldmodel").touch()
    said = nodes["WMRolloutWorld"].validate_inputs(steps="", vae=None)
    assert said.startswith("film: found a file, ") and "in the way" in said
    assert nodes["WMRolloutWorld"].validate_inputs(steps="") is True  # without a VAE there is no film
    monkeypatch.setattr(tiny.model, "clone", lambda *_, **__: pytest.fail("it rolled"))
    with pytest.raises(ValueError) as caught:
        nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, track, 0, vae=tiny.vae)
    assert str(caught.value) == said


def test_a_film_that_is_begun_has_a_name_no_other_gets(
    of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    files, film = of_pack("nodes.host.files"), of_pack("worldmodel.shown.film")
    begun = [film.FilmWriter(files.new_film("worldmodel/rollout"), 16).__enter__() for _ in range(6)]
    for level, writer in enumerate(begun):
        writer.append(torch.full((9, 32, 32, 3), level / 6))
    for writer in begun:
        writer.close()
    assert len({writer.path for writer in begun}) == 6
    for level, writer in enumerate(begun):
        assert read_film(writer.path).frames.mean() == pytest.approx(level / 6, abs=0.05)
    assert files_in(folders.temp) == {writer.path for writer in begun}


def test_nodes_that_save_at_once_lose_nothing(
    nodes: dict, tiny: SimpleNamespace, track: Any, folders: SimpleNamespace
) -> None:
    results: list[Any] = []

    def save(worker: int) -> None:
        with torch.inference_mode():
            for turn in range(2):
                results.append(nodes["WMSaveWorld"].execute(tiny.world, "same/name"))
                results.append(nodes["WMSaveTrack"].execute(track, "CSV", "same/name", "Tiny World"))
                results.append(nodes["WMSaveTrack"].execute(track, "COLMAP", "same/name", "Tiny World"))
                results.append(record(nodes, "same", seed=10 * worker + turn))

    workers = [threading.Thread(target=save, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    index = folders.output / "same" / "index.jsonl"
    named = [path for result in results for path in written(result, folders) if path != index]
    assert len(results) == 24 and len(named) == len(set(named)) and {*named, index} == files_in(folders.output)
    assert json.loads(index.read_text().splitlines()[-1])["summary"]["walks"] == 6


def test_who_waits_for_a_folder_obeys_stop(
    nodes: dict, of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    import comfy.model_management as management

    (folders.output / "rec").mkdir()
    with of_pack("worldmodel.storage.locks").FolderLock(folders.output / "rec", "folder"):
        management.interrupt_current_processing()
        with pytest.raises(management.InterruptProcessingException):
            record(nodes)
    record(nodes)


def test_forty_thousand_pictures_are_looked_through_once(
    nodes: dict,
    track: Any,
    folders: SimpleNamespace,
    of_pack: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = folders.output / "pictures"
    pictures.mkdir()
    nodes["WMSaveTrack"].execute(track, "CSV", "walks/a", "Tiny World")
    for number in range(40_000):
        os.close(os.open(pictures / f"{number:05}_.png", os.O_CREAT | os.O_WRONLY))
    for folder in (pictures, folders.output / "walks", folders.output, folders.input):
        os.utime(folder, (BEFORE, BEFORE))
    listing, read = of_pack("worldmodel.storage.listing"), []
    scandir = os.scandir
    monkeypatch.setattr(listing.os, "scandir", lambda path: read.append(Path(path)) or scandir(path))
    node = nodes["WMLoadTrack"]
    for _ in range(3):  # as the host asks, for the page and for one queue
        node.INPUT_TYPES()
        assert node.validate_inputs("the newest") is True
        node.fingerprint_inputs("the newest", **LOADED)
        load_track(nodes)
    assert read.count(pictures) == 1 and offered(nodes) == ["the newest", "walks/a_00001_.csv [output]"]


def test_of_very_many_candidates_only_some_are_looked_into_at_a_time(
    of_pack: Callable[[str], ModuleType], folders: SimpleNamespace
) -> None:
    for number in range(2500):
        (folders.input / f"{number:04}.txt").write_text("A hall with red walls.")
    (folders.input / "a.txt").write_text(TUM)
    looked: list[Path] = []
    files, glance = of_pack("nodes.host.files"), of_pack("worldmodel.formats.glance").may_be_walk
    kind = files.Kind("a track", "none", (".txt",), "", lambda path: looked.append(path) or glance(path))
    saved = files.SavedFiles(kind)
    assert [len(saved.names()) for _ in range(3)] == [2203, 1903, 1603] and len(looked) == 900  # as the host's loop
    saved.check("the newest")
    with ThreadPoolExecutor(1) as pool:  # as its worker
        assert pool.submit(saved.names).result() == ["the newest", "a.txt"]
    assert saved.path("the newest") == folders.input / "a.txt" and len(looked) == 2501


def test_a_file_that_is_gone_is_forgotten(of_pack: Callable[[str], ModuleType], folders: SimpleNamespace) -> None:
    files = of_pack("nodes.host.files")
    kind = files.Kind("a track", "none", (".txt",), "", lambda path: True)
    saved = files.SavedFiles(kind)
    for name in "ab":
        (folders.input / f"{name}.txt").write_text(TUM)
    assert saved.names() == ["the newest", "a.txt", "b.txt"] and len(saved._glances) == 2
    (folders.input / "a.txt").unlink()
    assert saved.path("the newest") == folders.input / "b.txt"
    assert [*saved._glances] == [str(folders.input / "b.txt")]


def test_worlds_are_listed_though_another_page_asks_at_the_same_time(
    nodes: dict, tiny: SimpleNamespace, folders: SimpleNamespace, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(dict):
        """What another page's listing does to ours, at the worst moment."""

        def __setitem__(self, key: Any, value: Any) -> None:
            pass

    shelf = of_pack("nodes.shelf")
    monkeypatch.setattr(shelf, "_kept", Forgetful())
    nodes["WMSaveWorld"].execute(tiny.world, "worldmodel/mine")
    (world,) = shelf.worlds({})["worlds"]
    assert world["readable"] and world["title"].startswith("mine_")
