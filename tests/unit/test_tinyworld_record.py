"""Recordings of Tiny World: what is drawn, what is written, and that it can be trusted.

Shapes: F frames.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.shown.film import film_frames
from worldmodel.storage.pixels import to_bytes
from worldmodel.tinyworld import captions, pilot, record, walk_files, walks
from worldmodel.tinyworld.__main__ import main
from worldmodel.tinyworld.record import Settings
from worldmodel.tinyworld.scene import engine, plans, themes

REPOSITORY = Path(__file__).resolve().parents[2]
FRAMES = 21
SETTINGS = Settings(seed=3, frames=FRAMES, size=(32, 48), depth=True)
COUNT = 5


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five walks."""
    folder = tmp_path_factory.mktemp("recording")
    record.record(folder, COUNT, SETTINGS)
    return folder


def index(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / record.INDEX).read_text(encoding="utf-8").splitlines()]


def written(folder: Path) -> dict[str, bytes]:
    """Return what must not depend on the machine's film encoder: tables, arrays and captions."""
    return {path.name: path.read_bytes() for path in folder.glob("walk_*") if path.suffix != ".mp4"}


def walk_of(keys: tuple[str, ...], turn: float, rows: int, place: tuple[float, float], yaw: float = 0.0) -> walks.Walk:
    """Walk in a world with walls at its rim only."""
    world = engine.build([5])
    cells = torch.zeros_like(world.cells)
    cells[:, [0, -1]] = cells[:, :, [0, -1]] = 1
    start = torch.tensor([place], dtype=torch.float64), torch.tensor([yaw], dtype=torch.float64)
    heights = torch.where(cells > 0, 2.2, 0.0)
    return walks.play(world._replace(cells=cells, heights=heights), start, pilot.hold(keys, turn, 1, rows), "held")


MIDDLE = (plans.SIDE * engine.CELL / 2,) * 2
IN_THE_CORNER = (engine.CELL + engine.RADIUS + 0.01,) * 2


def test_the_table_and_the_arrays_say_the_same(recorded: Path) -> None:
    for line in index(recorded)[1:-1]:
        table = walk_files.read_table(recorded / f"{line['walk']}.csv")
        with np.load(recorded / f"{line['walk']}.npz", allow_pickle=False) as arrays:
            assert arrays["words"].tolist() == list(pilot.WORDS)
            assert torch.equal(torch.from_numpy(arrays["keys"]).float(), table.keys)
            assert torch.equal(torch.from_numpy(arrays["turns"]), table.turns)
            poses = pilot.poses(table.places, table.yaws).numpy()
            assert np.array_equal(arrays["c2w"], poses[:-1]) and np.array_equal(arrays["next_c2w"], poses[1:])
            assert arrays["depth"].shape == (FRAMES, 32, 48) and arrays["depth"].min() > 0
            named = arrays["surfaces"][arrays["materials"]]
            assert named.shape == (FRAMES, 32, 48)
            assert ((arrays["depth"] == np.inf) == np.char.endswith(named, "sky")).all()
            (theme,) = {theme for theme in themes.NAMES if np.char.startswith(named, theme).any()}
            assert np.char.startswith(named, theme).all()
            assert int(arrays["world_seed"]) == line["world_seed"] and float(arrays["fps"]) == line["fps"] == 16


def test_depth_intrinsics_and_pose_lead_to_the_worlds_surfaces(recorded: Path) -> None:
    """Every point thrown into the world lies on the floor, one eye's height down, or on a face of a cell."""
    with np.load(recorded / "walk_00000.npz") as arrays:
        fx, fy, cx, cy = arrays["intrinsics"]
        depth, c2w = arrays["depth"][0].astype(float), arrays["c2w"][0]
    height, width = depth.shape
    rays = np.stack(
        [
            ((np.arange(width) + 0.5) / width - cx)[None].repeat(height, 0) / fx,
            ((np.arange(height) + 0.5) / height - cy)[:, None].repeat(width, 1) / fy,
            np.ones((height, width)),
        ],
        -1,
    )
    seen = np.isfinite(depth) & (depth < 50)
    x, y, z = (rays[seen] * depth[seen, None] @ c2w[:3, :3].T + c2w[:3, 3]).T
    on_floor = np.abs(y - engine.EYE) < 1e-3
    to_face = np.minimum(*(np.abs(along - engine.CELL * np.round(along / engine.CELL)) for along in (x, z)))
    assert on_floor.mean() > 0.1 and (~on_floor).mean() > 0.1
    assert to_face[~on_floor].max() < 1e-3 and y.max() < engine.EYE + 1e-3


def test_a_walk_is_rendered_again_bit_for_bit_from_its_files(recorded: Path) -> None:
    summary = index(recorded)[-1]["summary"]
    assert summary["agreement"] == 1 and summary["replay_error"] == 0 and summary["return_error"] <= 1e-9
    for line in index(recorded)[1:-1]:
        assert line["agreement"] == 1 and line["replay_error"] == 0 and line["film_psnr"] > 25


def test_the_check_sees_a_film_of_another_walk(recorded: Path, tmp_path: Path) -> None:
    walk = walks.draw_walk(4, 0, "random", FRAMES, "held-out")
    digests, _ = walk_files.write_film(walk, tmp_path / "a.mp4", (32, 48), False, lambda frames: None)
    walk_files.write_table(walk._replace(yaws=walk.yaws + 0.2), tmp_path / "a.csv")
    seen = walk_files.check(tmp_path / "a.mp4", walk.world_seed, (32, 48), digests, lambda frames: None)
    assert seen["agreement"] == 0 and seen["film_psnr"] < 22


def test_the_film_shows_the_rendered_frames(recorded: Path) -> None:
    line = index(recorded)[1]
    table = walk_files.read_table(recorded / f"{line['walk']}.csv")
    worlds = engine.build([line["world_seed"]])
    true = to_bytes(
        torch.cat([v.pixels for v in walk_files.render(worlds, table.places[:-1], table.yaws[:-1], (32, 48))])
    )
    shown = np.stack(list(film_frames(recorded / f"{line['walk']}.mp4")))
    assert shown.shape == true.shape == (FRAMES, 32, 48, 3)
    errors = [[np.abs(one.astype(float) - other).mean() for other in true] for one in shown[::5]]
    assert all(errors[i][5 * i] <= min(errors[i]) + 1e-9 for i in range(len(errors)))


def test_equal_settings_give_equal_bytes(recorded: Path, tmp_path: Path) -> None:
    record.record(tmp_path, COUNT, SETTINGS)
    assert written(tmp_path) == written(recorded)
    assert index(tmp_path)[:-1] == index(recorded)[:-1]


def test_another_seed_gives_other_walks(recorded: Path, tmp_path: Path) -> None:
    record.record(tmp_path, 1, SETTINGS._replace(seed=4))
    assert written(tmp_path)["walk_00000.csv"] != written(recorded)["walk_00000.csv"]


class Interrupted(Exception):
    """Stands for Ctrl+C."""


def test_an_interrupted_recording_goes_on_and_never_rewrites(recorded: Path, tmp_path: Path) -> None:
    """Cut at every kind of moment: while filming, behind the files, within the index's line, behind the last walk."""
    begun = record.Recording(tmp_path, {**SETTINGS._asdict(), "size": [32, 48]})
    for _ in range(2):
        begun.add(record.draw_next(begun, 0, SETTINGS), (32, 48), depth=True)

    def interrupt(_: torch.Tensor) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        begun.add(record.draw_next(begun, 0, SETTINGS), (32, 48), depth=True, on_frames=interrupt)
    assert not list(tmp_path.glob("*walk_00002*"))
    (tmp_path / ".walk_00002.abc.part.mp4").write_bytes(b"cut off by a kill")
    (tmp_path / "walk_00002.csv").write_bytes(b"cut off")
    with (tmp_path / record.INDEX).open("a", encoding="utf-8") as file:
        file.write('{"walk": "walk_00002", "wor')
    finished = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("walk_0000[01].*")}
    assert len(finished) == 8
    record.record(tmp_path, 4, SETTINGS)
    record.record(tmp_path, COUNT, SETTINGS)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in finished} == finished
    assert written(tmp_path) == written(recorded) and index(tmp_path) == index(recorded)
    assert not list(tmp_path.glob(".*"))
    record.record(tmp_path, 2, SETTINGS)  # fewer than there are: nothing is thrown away
    assert index(tmp_path) == index(recorded)


def test_a_killed_command_loses_no_finished_walk(recorded: Path, tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--walks", str(COUNT), "--frames", str(FRAMES), "--seed", "3", "--size", "32x48"]
    command = subprocess.Popen(
        [sys.executable, "-m", "worldmodel.tinyworld", "record", *words, "--depth"],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
    )
    try:
        while command.poll() is None and not (tmp_path / "walk_00002.mp4").exists():
            time.sleep(0.01)
    finally:
        command.kill()
        command.wait()
    finished = [line["walk"] for line in index(tmp_path) if "walk" in line]
    assert finished[:2] == ["walk_00000", "walk_00001"]
    record.record(tmp_path, COUNT, SETTINGS)
    assert written(tmp_path) == written(recorded) and index(tmp_path) == index(recorded)


def test_many_who_record_into_one_folder_take_turns(tmp_path: Path) -> None:
    def add() -> None:
        for _ in range(3):  # as the node does it
            recording = record.Recording(tmp_path, {}, waiting=lambda: None)
            recording.add(walk_of(("forward",), 0.0, 9, MIDDLE), (16, 16), depth=False)
            recording.finish()

    workers = [threading.Thread(target=add) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    names = [f"walk_{number:05}" for number in range(9)]
    assert [line.get("walk") for line in index(tmp_path)] == [None, *names, None]
    assert index(tmp_path)[-1]["summary"]["walks"] == 9
    made = {f"{name}{ending}" for name in names for ending in (".mp4", ".csv", ".npz", ".txt")}
    assert {path.name for path in tmp_path.iterdir()} == {*made, record.INDEX}


def test_what_another_added_meanwhile_is_kept(tmp_path: Path) -> None:
    first, second = (record.Recording(tmp_path, {}) for _ in range(2))
    for recording in (first, second, first):
        recording.add(walk_of(("forward",), 0.0, 9, MIDDLE), (16, 16), depth=False)
        recording.finish()
    assert [line.get("walk") for line in index(tmp_path)] == [None, "walk_00000", "walk_00001", "walk_00002", None]


def test_the_command_does_not_record_where_another_does(recorded: Path) -> None:
    with record.FolderLock(recorded, "folder"), pytest.raises(ValueError, match="--out: found another process that"):
        record.record(recorded, COUNT, SETTINGS)


def test_a_folder_of_other_settings_is_refused(recorded: Path) -> None:
    before = (recorded / record.INDEX).read_bytes()
    with pytest.raises(ValueError, match=r"found version 1, seed 3, .* expected version 1, seed 3, frames 33"):
        record.record(recorded, COUNT, SETTINGS._replace(frames=33))
    assert (recorded / record.INDEX).read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        '{"some": "thing"}\n', "not json\n", "[]\n", "5\n", "null\n", '{"recording": 1}\n', "[" * 9999 + "\n",
        '{"recording": {"version": 1}}\n{"walk": "walk_00000"}\n', '{"recording": {"version": 1}}\n"walk"\n',
    ],
)  # fmt: skip
def test_a_foreign_index_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / record.INDEX).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="choose another folder"):
        record.record(tmp_path, 1, SETTINGS)
    assert (tmp_path / record.INDEX).read_text(encoding="utf-8") == text


def test_splits_share_no_world() -> None:
    for candidate in range(12):
        train, held_out, level = (walks.draw_walk(0, candidate, "held", 9, split).world_seed for split in walks.SPLITS)
        assert -len(plans.NAMES) <= level < 0 <= held_out < engine.HELD_OUT_SEEDS <= train
        assert [walks.split_of(seed) for seed in (train, held_out, level)] == list(walks.SPLITS)


@pytest.mark.parametrize("frames", [9, 10, 33])
@pytest.mark.parametrize("candidate", range(4))
def test_there_and_back_ends_where_it_began(frames: int, candidate: int) -> None:
    walk = walks.draw_walk(1, candidate, "there_and_back", frames, "train")
    assert walk.frames == frames and not walk.bumped[: frames - 1].any()
    assert (walk.places[frames - 1] - walk.places[0]).abs().max() <= 1e-9
    assert (walk.yaws[frames - 1] - walk.yaws[0]).abs() <= 1e-9


@pytest.mark.parametrize("kind", walks.KINDS)
def test_any_walk_undone_in_the_open_returns(kind: str) -> None:
    """Float64 throughout: float32 would be off by more than a thousand times the bar."""
    walk = walks.draw_walk(2, 0, kind, 33, "train")
    assert walks.return_error(walk) <= 1e-9
    assert walk.places.dtype == walk.yaws.dtype == walk.turns.dtype == torch.float64


@pytest.mark.parametrize("kind", walks.KINDS)
def test_a_walk_is_what_its_rows_do(kind: str) -> None:
    walk = walks.draw_walk(2, 1, kind, 33, "train")
    again = walks.play(
        walk.worlds, (walk.places[:1], walk.yaws[:1]), pilot.Actions(walk.keys[None], walk.turns[None]), kind
    )
    assert walk.kind == kind and all(torch.equal(a, b) for a, b in zip(walk[2:], again[2:], strict=True))
    assert torch.equal((walk.turns * 1000).round() / 1000, walk.turns)


def test_mixed_walks_are_of_every_kind() -> None:
    kinds = {walks.draw_walk(0, candidate, walks.MIXED, 9, "train").kind for candidate in range(30)}
    assert kinds == set(walks.KINDS)


def test_who_walks_into_a_corner_is_turned_down_and_who_stands_is_kept() -> None:
    assert walks.stuck(walk_of(("back", "left"), 0.0, 12, IN_THE_CORNER))
    assert not walks.stuck(walk_of(("back", "left"), 1.5, 12, IN_THE_CORNER))
    assert not walks.stuck(walk_of(("forward",), 0.0, 12, IN_THE_CORNER))
    still = walk_of((), 0.0, 12, IN_THE_CORNER)
    assert not walks.stuck(still) and walks.tags(still) == ["idle"]


def test_the_share_of_rejected_walks_is_counted(tmp_path: Path) -> None:
    recording = record.Recording(tmp_path, {})
    recording.add(walk_of(("forward",), 0.0, 9, MIDDLE), (16, 16), depth=False, turned_down=3)
    assert recording.candidates == 4 and recording.finish()["rejected"] == 0.75
    assert record.Recording(tmp_path, {}).candidates == 4


@pytest.mark.parametrize(
    ("keys", "turn", "place", "named"),
    [
        (("forward",), 0.0, MIDDLE, []),
        ((), 1.5, MIDDLE, ["look"]),
        (("back",), 0.0, MIDDLE, ["back"]),
        (("left",), 0.0, MIDDLE, ["strafe"]),
        (("back", "left"), 0.0, IN_THE_CORNER, ["back", "bump", "blocked"]),
    ],
)
def test_tags_name_what_happens(keys: tuple[str, ...], turn: float, place: tuple, named: list[str]) -> None:
    assert walks.tags(walk_of(keys, turn, 12, place)) == named


def test_a_place_that_is_left_and_entered_again_is_a_revisit() -> None:
    out = walk_of(("forward",), 0.0, 30, MIDDLE)
    actions = walks.undone(pilot.Actions(out.keys[None], out.turns[None]), 64)
    back = walks.play(out.worlds, (out.places[:1], out.yaws[:1]), actions, "held")
    assert "revisit" in walks.tags(back) and "revisit" not in walks.tags(out)


def test_captions_name_what_is_played_and_what_changes() -> None:
    said = captions.describe(walk_of(("forward",), 1.5, 33, MIDDLE))
    assert said.interaction.startswith("The viewer walks forward while turning right.")
    assert "facing 48 degrees to its right" in said.interaction and "stops" not in said.interaction
    assert captions.describe(walk_of((), 0.0, 12, MIDDLE)).interaction.startswith(
        "The viewer stands still. The view at the end is that of the beginning"
    )
    assert "A wall stops" in captions.describe(walk_of(("back", "left"), 0.0, 12, IN_THE_CORNER)).interaction
    assert said.standard.startswith("First-person view of a winter town among zigzag walls, mostly white, on a rippled")
    level = walks.draw_walk(0, 1, "held", 9, "levels")
    assert plans.NAMES[-1 - level.world_seed] in captions.describe(level).standard


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((1.0, 0, 0), "red"), ((1.0, 0.5, 0), "orange"), ((0.5, 0.25, 0), "brown"), ((0, 1.0, 0), "green"),
        ((0, 1.0, 1.0), "teal"), ((0, 0, 1.0), "blue"), ((0, 0, 0.4), "dark blue"), ((0.8, 0.8, 1.0), "pale blue"),
        ((1.0, 1.0, 1.0), "white"), ((0.5, 0.5, 0.5), "grey"), ((0.1, 0.1, 0.1), "black"),
    ],
)  # fmt: skip
def test_colours_have_names(rgb: tuple[float, float, float], name: str) -> None:
    assert captions.colour_name(torch.tensor(rgb)) == name


def test_the_captions_file_holds_both_lines(recorded: Path) -> None:
    for line in index(recorded)[1:-1]:
        text = (recorded / f"{line['walk']}.txt").read_text(encoding="utf-8")
        assert text.splitlines() == [line["standard"], line["interaction"]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--walks", "0"], "--walks: found 0"),
        (["--frames", "8"], "--frames: found 8, expected 9 to 100000"),
        (["--seed", "-1"], "--seed: found -1"),
        (["--size", "64"], "--size: found '64', expected HEIGHTxWIDTH"),
        (["--size", "64x9000"], "--size: found 64x9000, expected sides of 16 to 2160"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], sentence: str, tmp_path: Path, capsys) -> None:
    assert command(["--out", str(tmp_path / "new"), *words]) == 1
    said = capsys.readouterr().err.strip()
    assert sentence in said and "\n" not in said and not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    for words in (["record", "--walks", "1"], ["train", "vae", "--minutes", "1"]):
        option = "--out" if words[0] == "record" else "--run"
        assert main([*words, option, str(tmp_path / "file" / "new")]) == 1
        said = capsys.readouterr().err.strip()
        assert "found a file, " in said and "in the way" in said and "\n" not in said


def test_the_command_records_and_prints_the_summary(tmp_path: Path, capsys) -> None:
    assert (
        command(["--out", str(tmp_path), "--walks", "1", "--frames", "9", "--size", "17x31", "--split", "held-out"])
        == 0
    )
    summary = index(tmp_path)[-1]["summary"]
    assert summary["walks"] == 1 and summary["agreement"] == 1
    assert "agreement        1.0" in capsys.readouterr().out
    assert next(iter(film_frames(tmp_path / "walk_00000.mp4"))).shape == (18, 32, 3)  # H.264 has even sides
    assert index(tmp_path)[1]["split"] == "held-out" and index(tmp_path)[1]["size"] == [17, 31]


def command(words: list[str]) -> int:
    return main(["--threads", str(torch.get_num_threads()), "record", *words])
