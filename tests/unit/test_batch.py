"""A batch without a host: what is read, refused, handed out, kept and shown."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import sys
import threading
import time
import urllib.error
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from worldmodel.batch import host as hosts
from worldmodel.batch import station as station_module
from worldmodel.batch import tethered
from worldmodel.batch.api import Client, HostError, PromptRefused
from worldmodel.batch.cluster import Cluster, Place
from worldmodel.batch.factory import Stations, Task
from worldmodel.batch.made import FOLDER, Made, Saved, made_of, prefixed, writers
from worldmodel.batch.own import Wishes
from worldmodel.batch.page import Line, write_page
from worldmodel.batch.progress import Progress
from worldmodel.batch.results import Results
from worldmodel.batch.sheet import PICTURES, sheet_of
from worldmodel.batch.station import Lost, Station
from worldmodel.batch.sweep import Refused, read_sweep
from worldmodel.batch.values import kind_of, read_value
from worldmodel.batch.work import MOST_TRIES, Work, serve
from worldmodel.batch.workflow import Job, Mistake, Workflow, check_jobs, job_id, read_workflow, resolve
from worldmodel.storage.troubles import Unwritable

TOKEN = "12345678-1234-5678-1234-567812345678"
REPOSITORY = Path(__file__).resolve().parents[2]
GRAPH = {
    "1": {"class_type": "Load", "inputs": {"model_name": "Tiny World"}, "_meta": {"title": "Load World Model"}},
    "2": {"class_type": "Roll", "inputs": {"model": ["1", 0], "seed": 0, "note": ""}, "_meta": {"title": "Roll 2.0"}},
    "3": {"class_type": "Save", "inputs": {"video": ["2", 0], "filename_prefix": "film"}, "_meta": {"title": "Save"}},
}
LISTED: dict[str, Any] = {
    "Load": {"input": {"required": {"model_name": [["Tiny World", "other.safetensors"]]}}},
    "Roll": {
        "input": {
            "required": {"model": ["MODEL", {}], "seed": ["INT", {"min": 0, "max": 2**64 - 1}]},
            "optional": {
                "note": ["STRING", {}],
                "fps": ["FLOAT", {"min": 0.0, "max": 240.0}],
                "loop": ["BOOLEAN", {}],
                "picture": ["COMBO", {"options": ["a.png"], "image_upload": True}],
                "format": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {"options": [{"key": "mp4", "inputs": {"required": {"crf": ["INT", {"min": 0, "max": 51}]}}}]},
                ],
            },
        }
    },
    "Save": {"input": {"required": {"video": ["VIDEO", {}], "filename_prefix": ["STRING", {}]}}},
}


def sweep_of(folder: Path, text: str, grid: bool = False, name: str = "sweep.csv") -> Any:
    (folder / name).write_text(text, encoding="utf-8")
    return read_sweep(folder / name, grid)


def jobs_of(folder: Path, text: str, grid: bool = False, name: str = "sweep.csv") -> list[Job]:
    return resolve(Workflow(GRAPH), sweep_of(folder, text, grid, name), LISTED)


def refusal(act: Any, *given: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        act(*given)
    return caught.value.sentences


def test_rows_become_graphs_and_the_first_workflow_stays_as_it_was(tmp_path: Path) -> None:
    jobs = jobs_of(
        tmp_path, "Roll 2.0.seed;#2.fps;Load World Model.model_name\n18446744073709551615;12.5;\n7;;Tiny World\n"
    )
    first, second = (job.graph for job in jobs)
    assert first["2"]["inputs"] == {"model": ["1", 0], "seed": 2**64 - 1, "note": "", "fps": 12.5}
    assert second["2"]["inputs"] == {"model": ["1", 0], "seed": 7, "note": ""}
    assert "_meta" not in first["2"] and GRAPH["2"]["inputs"]["seed"] == 0
    assert jobs[0].values == {"Roll 2.0.seed": 2**64 - 1, "#2.fps": 12.5} and jobs[0].rows == (1,)


def test_a_jobs_id_is_its_graphs_and_equal_rows_are_one_job(tmp_path: Path) -> None:
    lines = '{"Roll 2.0.seed": 7}\n\n{"Roll 2.0.seed": 8}\n{"Roll 2.0.seed": 7.0, "Roll 2.0.note": null}\n'
    jobs = jobs_of(tmp_path, lines, name="sweep.jsonl")
    assert [job.rows for job in jobs] == [(1, 3), (2,)]
    assert jobs[0].id == jobs_of(tmp_path, "Roll 2.0.seed\n 7 \n")[0].id == job_id(jobs[0].graph)
    assert job_id({"b": {"x": 1, "a": 2}}) == job_id({"b": {"a": 2, "x": 1}}) == "2f0fbe40b707"


def test_a_grid_multiplies_columns_out(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "Roll 2.0.seed,Roll 2.0.note\n1,a\n2,\n1,b\n", grid=True)
    assert [[cell.value for cell in row.cells.values()] for row in sweep.rows] == [
        ["1", "a"], ["1", "b"], ["2", "a"], ["2", "b"]
    ]  # fmt: skip
    huge = "Roll 2.0.seed,Roll 2.0.note\n" + "".join(f"{number},n{number}\n" for number in range(400))
    assert refusal(sweep_of, tmp_path, huge, True) == [
        "--grid: found 160000 rows, expected at most 100000; take values out."
    ]


@pytest.mark.parametrize(
    "text, said",
    [
        ("Rol 2.0.seed\n1\n", "column Rol 2.0.seed: found no node titled 'Rol 2.0'; did you mean Roll 2.0?"),
        ("seed\n1\n", "column seed: found no dot, expected Title.input, such as Rollout World.seed; write it so."),
        ("Roll 2.0.sed\n1\n", "column Roll 2.0.sed: found no input 'sed' on that node; did you mean seed?"),
        ("Roll 2.0.model\n1\n", "column Roll 2.0.model: found an input that takes a wire, expected one with a value; "
         "name another."),
        ("Roll 2.0.seed,#2.seed\n1,1\n", "column #2.seed: found its input in another column too; take one out."),
        ("Roll 2.0.seed,Roll 2.0.seed\n1,1\n", "column Roll 2.0.seed: found it twice, expected it once; take one out."),
        ("Roll 2.0.seed\n1\n2.5\n", 'row 2 (line 3), Roll 2.0.seed: found "2.5", expected a whole number from 0 to '
         "18446744073709551615; change the cell."),
        ("Roll 2.0.fps\n-1\n", 'row 1 (line 2), Roll 2.0.fps: found "-1", expected a number from 0.0 to 240.0; change '
         "the cell."),
        ("Roll 2.0.loop\nmaybe\n", 'row 1 (line 2), Roll 2.0.loop: found "maybe", expected true or false; change the '
         "cell."),
        ("Load World Model.model_name\nx.pt\n", 'row 1 (line 2), Load World Model.model_name: found "x.pt", expected '
         "one of Tiny World, other.safetensors; change the cell."),
        ("Roll 2.0.format.crf\n99\n", 'row 1 (line 2), Roll 2.0.format.crf: found "99", expected a whole number from 0 '
         "to 51; change the cell."),
        ("Roll 2.0.seed\n1,2\n", "row 1 (line 2): found 2 cells, expected one for each of 1 column; put a text with "
         "commas into quotes."),
        ("Roll 2.0.seed\n", "SWEEP: found no row in sweep.csv, expected names of columns and a row for each film."),
        ('Roll 2.0.seed\n"1\n', "line 2: found no CSV (unexpected end of data); check its quotes."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_row_and_column(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(jobs_of, tmp_path, text) == [said]


def test_every_mistake_is_found_at_once(tmp_path: Path) -> None:
    assert len(refusal(jobs_of, tmp_path, "Roll 2.0.seed,Roll 2.0.fps\na,b\n1,c\n-1,1\n")) == 4
    lines = refusal(sweep_of, tmp_path, '{"a.b": 1}\nno\n[1]\n{"a.b": 1, "a.b": 2}\n{"a.b": NaN}', False, "s.jsonl")
    assert [line.split(":")[0] for line in lines] == [f"row {n} (line {n})" for n in range(2, 6)]
    assert refusal(sweep_of, tmp_path, "", False, "sweep.xlsx")[0].startswith(
        "SWEEP: found sweep.xlsx, expected a name"
    )
    assert "unreadable" in refusal(read_sweep, tmp_path / "none.csv")[0]


def test_values_keep_their_types(tmp_path: Path) -> None:
    kind = kind_of(LISTED["Roll"]["input"], "picture")
    assert (
        read_value(kind, "folder/b.png", typed=False) == "folder/b.png"
    )  # only the host knows the folders of a folder
    assert kind_of(LISTED["Roll"]["input"], "format.codec") is None
    for name, value in (("seed", "7"), ("seed", True), ("note", 7), ("loop", "yes"), ("fps", "1")):
        with pytest.raises(ValueError, match="found .*, expected"):
            read_value(kind_of(LISTED["Roll"]["input"], name), value, typed=True)


def test_a_workflow_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "walk.json"
    for text, said in (('{"nodes": []}', "Workflow > Export \\(API\\)"), ("{", "no JSON"), ("{}", "no graph")):
        file.write_text(text)
        with pytest.raises(Refused, match=said):
            read_workflow(file)
    twins = {"8": GRAPH["1"], "9": GRAPH["1"]}
    assert refusal(Workflow(twins).slots, ("Load World Model.model_name",)) == [
        "column Load World Model.model_name: found 2 nodes of that title, expected one; rename them, or write "
        "#8.model_name or #9.model_name."
    ]
    assert refusal(resolve, Workflow(GRAPH), sweep_of(tmp_path, "Roll 2.0.seed\n1\n"), {}) != []


def test_what_the_host_refuses_is_said_of_its_cell_and_once_where_no_cell_says_it(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "Roll 2.0.seed,Roll 2.0.note\n1,a\n2,b\n3,\n")
    jobs = resolve(Workflow(GRAPH), sweep, LISTED)
    told = [Mistake("2", "note", "note: found  b\n, expected c"), Mistake("1", "model_name", "no such file.")]
    assert refusal(check_jobs, Workflow(GRAPH), sweep, jobs, lambda graph: told) == [
        "row 1 (line 2), Roll 2.0.note: note: found b , expected c.",
        "row 2 (line 3), Roll 2.0.note: note: found b , expected c.",
        "row 1 and perhaps others, Load World Model.model_name: no such file.",
        "row 3 and perhaps others, Roll 2.0.note: note: found b , expected c.",
    ]
    check_jobs(Workflow(GRAPH), sweep, jobs, lambda graph: [])


JOBS = [Job(f"{number:012x}", prefixed(GRAPH, "x"), (number,), {"Roll 2.0.seed": number}) for number in range(1, 6)]


class FakeHost:
    """A host that is asked as `serve` asks, and goes away when it is told to."""

    own, name = None, "fake"

    def __init__(self, away: Any = lambda job: False, refuses: Any = lambda job: False, gone: str = "") -> None:
        self.away, self.refuses, self.gone = away, refuses, gone
        self.queued: list[str] = []
        self.withdrawn: list[str] = []

    def queue(self, job: Job, attempt: int) -> str:
        if self.refuses(job):
            raise PromptRefused({"error": {"message": "no"}})
        self.queued.append(f"{job.id} {attempt}")
        return job.id

    def ended(self, prompt: str) -> dict[str, Any] | None:
        if self.away(prompt):
            raise http.client.IncompleteRead(b"")
        return {"id": prompt}

    def made(self, job: Job, history: dict[str, Any]) -> Made:
        return Made("", 1.0)

    def forget(self, job: Job, prompt: str) -> None: ...

    def revive(self, is_over: Any) -> str:
        return self.gone

    def withdraw(self, prompts: list[str]) -> None:
        self.withdrawn += prompts


def served(*stations: FakeHost) -> dict[str, str]:
    """Let hosts make all jobs, one after another's end; return what came of each."""
    kept: dict[str, str] = {}
    work = Work(JOBS, lambda job, made: kept.setdefault(job.id, made.error))
    reasons = [serve(work, station, lambda text: None) for station in stations]
    if work.left:
        work.give_up("; ".join(filter(None, reasons)))
    assert work.trouble is None and not work.left
    return kept


def test_all_jobs_are_made_by_whoever_is_there() -> None:
    assert served(FakeHost()) == {job.id: "" for job in JOBS}
    flaky = iter([False, True, False, True])
    station = FakeHost(away=lambda prompt: next(flaky, False))
    assert served(station) == {job.id: "" for job in JOBS} and len(station.queued) == len(JOBS) + 4
    assert served(FakeHost(away=lambda _: True, gone="it burnt"), FakeHost()) == {job.id: "" for job in JOBS}


def test_a_job_that_takes_hosts_down_fails_and_the_others_go_on() -> None:
    kept = served(FakeHost(away=lambda prompt: prompt == JOBS[1].id))
    assert kept.pop(JOBS[1].id).startswith(f"The host went away {MOST_TRIES} times while it made this: IncompleteRead")
    assert set(kept.values()) == {""}
    kept = served(FakeHost(refuses=lambda job: job is JOBS[4]), FakeHost())
    assert kept[JOBS[4].id] == "The host refused this: {'message': 'no'}"


def test_without_a_host_all_that_is_left_fails_with_its_reason() -> None:
    assert set(served(FakeHost(away=lambda _: True, gone="it burnt")).values()) == {
        "No host was left to make this: it burnt"
    }


def test_a_full_disk_ends_the_batch_and_stopping_takes_jobs_back() -> None:
    def keep(job: Job, made: Made) -> None:
        raise Unwritable("no room")

    work, station = Work(JOBS, keep), FakeHost()
    assert serve(work, station, lambda text: None) == "" and str(work.trouble) == "no room" and work.left == len(JOBS)
    assert station.withdrawn == [job.id for job in JOBS[:2]]
    work, station = Work(JOBS, keep), FakeHost()
    station.ended = lambda prompt: work.stop()
    thread = threading.Thread(target=serve, args=(work, station, lambda text: None))
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and station.withdrawn == [job.id for job in JOBS[:2]]


class FakeClient:
    """An API that answers with what it is given: values, or errors that it raises."""

    address, id = "fake:1", "me"

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self.answers, self.asked = answers, []

    def call(self, path: str, body: Any = None, timeout: float = 60) -> Any:
        self.asked.append((path, body))
        answers = next(found for start, found in self.answers.items() if path.startswith(start))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_busy_host_is_waited_for_and_one_that_is_gone_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 100.0, 300.0, 1000.0, 1000.0])
    monkeypatch.setattr(station_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    busy = urllib.error.URLError(TimeoutError("timed out"))
    histories = [
        busy,
        {"p": {"ends": 1}},
        TimeoutError("timed out"),
        TimeoutError("timed out"),
        ConnectionRefusedError(),
    ]
    station = Station(FakeClient({"/history": histories, "/queue": [{}]}), {}, TOKEN)
    assert station.ended("p") is None and station.ended("p") == {"ends": 1} and station.ended("p") is None
    with pytest.raises(TimeoutError):
        station.ended("p")
    with pytest.raises(ConnectionRefusedError):
        station.ended("p")


def test_a_job_that_a_host_has_forgotten_is_lost_and_one_it_knows_is_not_queued_again() -> None:
    forgets = Station(FakeClient({"/history": [{}], "/queue": [{"queue_running": [], "queue_pending": []}]}), {}, TOKEN)
    with pytest.raises(Lost):
        forgets.ended("p")
    first = str(uuid.uuid5(uuid.UUID(TOKEN), f"{JOBS[0].id} 0"))
    client = FakeClient(
        {"/queue": [{"queue_pending": [[0, first]]}], "/history": [{}], "/prompt": [{"prompt_id": "new"}]}
    )
    assert Station(client, {}, TOKEN).queue(JOBS[0], 2) == first and not [p for p, body in client.asked if body]
    assert Station(client, {}, TOKEN).queue(JOBS[1], 0) == "new"
    assert client.asked[-1][1]["prompt"]["3"]["inputs"]["filename_prefix"] == f"worldmodel-batch/{JOBS[1].id}/3"


def test_what_a_job_left_on_our_own_host_is_gone_folders_of_pictures_too(tmp_path: Path) -> None:
    folder = tmp_path / "worldmodel-batch" / JOBS[0].id
    (folder / "film_00001_" / "images").mkdir(parents=True)
    (folder / "film_00001_" / "images" / "frame_000000.png").write_bytes(b"x")
    (folder / "film_00002_.mp4").write_bytes(b"x")
    own = SimpleNamespace(client=FakeClient({"/history": [{}]}), output=tmp_path)
    Station(own.client, {}, TOKEN, own).forget(JOBS[0], "p")
    assert not folder.exists() and folder.parent.exists()


def history_of(status: str, outputs: dict[str, Any] | None = None, **end: Any) -> dict[str, Any]:
    messages = [["execution_start", {"timestamp": 1000}], [f"execution_{status}", {"timestamp": 3500, **end}]]
    return {"status": {"messages": messages}, "outputs": outputs or {}}


def test_the_hosts_account_becomes_files_fingerprints_and_sentences() -> None:
    titles, client, job = Workflow(GRAPH).titles, Client("nowhere.invalid"), JOBS[0]
    video = {"filename": "2_00001_.mp4", "subfolder": "x", "type": "output"}
    outputs = {
        "2": {"text": ["3 chunks.\nWorld id 0123456789abcdef (a world"], "files": [{**video, "type": "temp"}]},
        "3": {"images": [video, video], "animated": [True], "files": [
            {"filename": "w.x_1_.world.safetensors", "subfolder": "", "type": "output"}]},
        "1": {"images": [{"filename": "sheet.PNG", "subfolder": "", "type": "temp"}]},
    }  # fmt: skip
    made = made_of(client, job, titles, history_of("success", outputs))
    assert [saved.name for saved in made.files] == [
        f"{job.id}-load-world-model.png", f"{job.id}-save.mp4", f"{job.id}-save.world.safetensors"
    ]  # fmt: skip
    assert made.seconds == 2.5 and made.fingerprints == {"Roll 2.0": "0123456789abcdef"} and not made.error
    failed = made_of(client, job, titles, history_of("error", node_id="2", exception_message="fps: found 1\n, so."))
    assert failed.error == "Roll 2.0: fps: found 1 , so." and not failed.files
    assert made_of(client, job, titles, history_of("interrupted")).error == "It was stopped on the host."
    assert prefixed(GRAPH, "abc")["3"]["inputs"]["filename_prefix"] == "worldmodel-batch/abc/3"
    assert GRAPH["3"]["inputs"]["filename_prefix"] == "film"


class Folders(FakeClient):
    """A host whose output holds files, in folders."""

    def __init__(self, folders: dict[str, list[str]] | None) -> None:
        super().__init__({"/wm/written": [urllib.error.HTTPError("", 404, "", {}, None)]})
        self.folders = folders

    def call(self, path: str, body: Any = None, timeout: float = 60) -> Any:
        if path == "/wm/written" and self.folders is not None:
            return {"files": self.folders[body["folder"]]}
        return super().call(path, body)

    def download(self, item: dict[str, str]) -> Iterator[bytes]:
        yield "/".join((item["type"], item["subfolder"], item["filename"])).encode()


def written(job: Job, client: Any, page: Path) -> tuple[Made, dict[str, str]]:
    """Let a host tell of two folders and two files of one node, and return what came of it, and what was fetched."""
    root = f"worldmodel-batch/{job.id}"
    said = [
        (f"{root}/3_00001_/sparse/0", "cameras.txt"), (f"{root}/3_00001_", "transforms.json"), (root, "3_00001_.json"),
        (f"{root}/3_00002_", "transforms.json"), ("elsewhere/deep/down", "x.json"),
    ]  # fmt: skip
    outputs = {"3": {"files": [{"filename": name, "subfolder": at, "type": "output"} for at, name in said]}}
    made = made_of(client, job, Workflow(GRAPH).titles, history_of("success", outputs))
    with Results(page, {}) as results:
        results.keep(job, made)
    return made, {saved.name: (page / saved.name).read_text() for saved in made.files}


def test_folders_that_nodes_wrote_are_fetched_whole(tmp_path: Path) -> None:
    job, root = JOBS[0], f"worldmodel-batch/{JOBS[0].id}"
    folders = {f"{root}/3_00001_": ["images/frame_000000.png", "transforms.json"], f"{root}/3_00002_": ["a.mp4"]}
    left = tmp_path / f"{job.id}-save" / "images" / "of an attempt that was killed.png"
    left.parent.mkdir(parents=True)
    left.touch()
    made, found = written(job, Folders(folders), tmp_path)
    assert not left.exists() and not made.error
    assert found == {
        f"{job.id}-save/images/frame_000000.png": f"output/{root}/3_00001_/images/frame_000000.png",
        f"{job.id}-save/transforms.json": f"output/{root}/3_00001_/transforms.json",
        f"{job.id}-save.json": f"output/{root}/3_00001_.json",
        f"{job.id}-save-2/a.mp4": f"output/{root}/3_00002_/a.mp4",
        f"{job.id}-save-2.json": "output/elsewhere/deep/down/x.json",
    }
    with Results(tmp_path, {}) as results:
        assert results.is_done(job)
        page = results.write_index([job], "", ()).read_text(encoding="utf-8")
        assert f'<a href="{job.id}-save/">save/</a> (2 files)' in page and "<video" not in page
        (tmp_path / f"{job.id}-save" / "images" / "frame_000000.png").unlink()
        assert not results.is_done(job)
    _, found = written(job, Folders(None), tmp_path / "old")  # of an older pack: what is named
    assert len(found) == 5 and f"{job.id}-save-4.json" in found


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../b", "a\\b", "C:x", "", "a/b\n"])
def test_a_folders_files_stay_in_the_folder_of_results(tmp_path: Path, name: str) -> None:
    made, found = written(JOBS[0], Folders({f"worldmodel-batch/{JOBS[0].id}/3_00001_": ["ok.txt", name]}), tmp_path)
    assert made.error.startswith("A folder that a node wrote cannot be fetched: found a file named ") and not found


def test_a_host_that_would_keep_a_folders_pictures_is_refused(tmp_path: Path) -> None:
    def graph(kind: str, **inputs: Any) -> dict[str, Any]:
        return {"1": {"class_type": kind, "inputs": inputs, "_meta": {"title": "Sets"}}}

    assert writers(graph("WMSaveCameraSet")) == writers(graph("WMFilmWorld", format="PNG sequence")) == ["1"]
    assert writers(graph("WMFilmWorld", format=["2", 0])) == ["1"]
    assert not writers(graph("WMFilmWorld", format="mp4")) and not writers(graph("WMSaveWorld"))
    (tmp_path / "sweep.csv").write_text("Sets.note\na\n")
    task = Task(Workflow(graph("WMSaveCameraSet", note="")), read_sweep(tmp_path / "sweep.csv"))
    listed = {"WMSaveCameraSet": {"input": {"required": {"note": ["STRING", {}]}}}}
    for folders in (None, {FOLDER: []}):
        client = Folders(folders)
        client.answers |= {"/object_info": [listed], "/wm/check": [{"version": "", "built_in": {}, "mistakes": []}]}
        stations = Stations(task, [Station(client, {}, TOKEN)])
        if folders:
            assert len(stations.jobs()) == 1
        else:
            assert refusal(stations.jobs) == [
                "--host: found an older World Model pack at fake:1, expected one that hands out the folders of Sets; "
                "update it there, or leave the host out."
            ]


def broken() -> Iterator[bytes]:
    yield b"half"
    raise ConnectionResetError("gone")


def test_a_job_is_finished_when_its_sidecar_has_its_name(tmp_path: Path) -> None:
    job, whole = JOBS[0], Saved(f"{JOBS[0].id}-save.txt", "Save", (b"a", b"b"))
    with Results(tmp_path, {"workflow": "w"}) as results:
        token = results.token
        with pytest.raises(HostError, match="could not be fetched"):
            results.keep(job, Made("", 1.0, (whole, whole._replace(name="x.bin", pieces=broken()))))
        assert not results.is_done(job) and not (tmp_path / "x.bin").exists()
        assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
        line = results.keep(
            job, Made("", 1.0, (whole,), {"Roll": "f"}, {}, {"host": "h", "versions": {}, "models": []})
        )
        assert line["files"][0]["sha256"] == "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"
        assert line["row"] == job.values and line["graph"] == job.graph and line["fingerprints"] == {"Roll": "f"}
        results.keep(JOBS[1], Made("It broke."))
        with pytest.raises(ValueError, match="--out: found another process that writes into"), Results(tmp_path, {}):
            pass
    with Results(tmp_path, {}) as results:
        assert results.token == token and results.is_done(job) and not results.is_done(JOBS[1])
        assert results.line(JOBS[1])["error"] == "It broke."
        (tmp_path / whole.name).unlink()
        assert not results.is_done(job)
        (tmp_path / f"{job.id}.json").write_text("half of")
    with Results(tmp_path, {}) as results:
        assert not results.line(job)


class Tags(HTMLParser):
    """Collects a page's tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_escapes_all_and_asks_nobody_for_anything() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    files = [{"name": name} for name in (f"a{evil}.mp4", "b c-sheet.jpg", f"{evil}.bin")]
    made = {
        "state": "done", "error": evil, "seconds": 1.5, "frames_per_second": 6.0, "size": [96, 64],
        "fingerprints": {evil: evil}, "files": files,
    }  # fmt: skip
    page = write_page(evil, (evil, "x"), [Line(1, "0" * 12, {evil: evil, "x": None}, made), Line(2, "1" * 12, {}, {})])
    tags = Tags(page).tags
    assert not [tag for tag, _ in tags if tag in ("script", "iframe", "link", "object")]
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    asked = [attrs[name] for _, attrs in tags for name in ("src", "href", "poster") if attrs.get(name)]
    assert asked and not [link for link in asked if "//" in link or ":" in link or "<" in link]
    assert "default-src 'none'" in page and "1 of 2 rows done" in page and page.count(">waiting<") == 1


def test_the_page_links_a_film_by_its_whole_name() -> None:
    made = {"state": "done", "files": [{"name": "0a1b-film <2>.mp4"}]}
    page = write_page("", (), [Line(3, "0a1b", {}, made)])
    assert '<a href="0a1b-film%20%3C2%3E.mp4">0a1b-film &lt;2&gt;.mp4</a>' in page


def test_a_sheet_has_frames_of_the_whole_film_however_long() -> None:
    for count in (1, 5, 8, 57, 1000):
        shades = (np.full((4, 6, 3), round(255 * frame / max(1, count - 1)), np.uint8) for frame in range(count))
        sheet = sheet_of(shades)
        with Image.open(io.BytesIO(sheet.jpeg)) as picture:
            row = np.asarray(picture.convert("L"))[2, 3::6].astype(int)
        shown = min(PICTURES, count)
        assert sheet.frames == count and sheet.size == (6, 4) and len(row) == shown
        assert np.abs(row - np.linspace(0, 255, shown)).max() < 20
    with pytest.raises(ValueError, match="no frame"):
        sheet_of([])


def test_progress_says_how_long_the_rest_takes(capsys: pytest.CaptureFixture) -> None:
    clock = iter([0.0, 60.0, 120.0])
    progress = Progress(10, 4, lambda: next(clock))
    line = {"state": "done", "error": "", "seconds": 2.0, "frames_per_second": None}
    progress.made(JOBS[0], line)
    progress.made(JOBS[1], {**line, "state": "failed", "error": "It broke."})
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{JOBS[0].id}  row 1  done: 2.0 s  [5 of 10, about 5 min left]"
    assert second.endswith("failed: It broke.  [6 of 10, 1 failed, about 4 min left]")


def test_ray_is_asked_for_where_it_is_wanted_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import worldmodel.batch.__main__, sys; sys.exit(any(name in sys.modules for name in ('ray', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HostError, match=r"--ray: found no ray in this Python, .*pip install '\.\[ray\]'"):
        Cluster(Place("local"), Wishes(), {}, "").__enter__()


def test_a_host_ends_with_whoever_started_it(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import sys, time\nprint('up', sys.argv[1:], flush=True)\ntime.sleep(300)\n")
    process = subprocess.Popen(
        [sys.executable, str(Path(tethered.__file__)), "main.py", "--port"],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == b"up ['--port']\n" and process.poll() is None
        process.stdin.close()
        began = time.monotonic()
        assert process.wait(60) != 0 and time.monotonic() - began < 60


DYING = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

with open("starts", "a") as starts:
    starts.write(".")
    starts.flush()
    if starts.tell() < int(sys.argv[-1]):
        os.kill(os.getpid(), signal.SIGKILL)

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""


@pytest.mark.parametrize("deaths", [0, hosts.MOST_STARTS - 1, hosts.MOST_STARTS])
def test_a_host_that_is_killed_while_it_starts_is_started_again_a_few_times(tmp_path: Path, deaths: int) -> None:
    (tmp_path / "main.py").write_text(DYING)
    host = hosts.ComfyHost(tmp_path, tmp_path, extra=(str(deaths + 1),))
    try:
        if deaths < hosts.MOST_STARTS:
            host.start()
            assert host.client.call("/system_stats") == {}
        else:
            with pytest.raises(HostError, match="ComfyUI did not start"):
                host.start()
    finally:
        host.stop()
    assert len((tmp_path / "starts").read_text()) == min(deaths + 1, hosts.MOST_STARTS)


def test_a_host_that_is_stopped_while_it_starts_is_not_started_again(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import time\nopen('starts', 'a').write('.')\ntime.sleep(300)\n")
    host, said = hosts.ComfyHost(tmp_path, tmp_path), []

    def start() -> None:
        try:
            host.start()
        except HostError as error:
            said.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    starts = tmp_path / "starts"
    while not (starts.is_file() and starts.read_text()):
        time.sleep(0.02)
    host.stop()
    thread.join(60)
    assert not thread.is_alive() and len(said) == 1 and not host.is_running
    assert starts.read_text() == "."


def test_a_host_that_ends_by_itself_is_not_started_again(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("open('starts', 'a').write('.')\nraise SystemExit('no model')\n")
    with pytest.raises(HostError, match="no model"):
        hosts.ComfyHost(tmp_path, tmp_path).start()
    assert (tmp_path / "starts").read_text() == "."


def test_the_host_is_found_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = tmp_path / "ComfyUI" / "custom_nodes" / "pack"
    (pack / "nodes").mkdir(parents=True)
    (pack / "web").mkdir()
    (pack / "worldmodel" / "batch").mkdir(parents=True)
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    with pytest.raises(HostError, match="COMFYUI_PATH: found nothing, and no ComfyUI around .*; set it to that"):
        hosts.find_host(pack)
    host = tmp_path / "ComfyUI"
    (host / "main.py").touch()
    (host / "comfyui_version.py").write_text('__version__ = "0.33.1"\n')
    assert hosts.find_host(pack) == host
    monkeypatch.setattr(hosts, "ROOT", tmp_path / "site-packages")
    assert hosts.find_pack(host) == pack
    (host / "comfyui_version.py").write_text('__version__ = "0.32.1"\n')
    monkeypatch.setenv("COMFYUI_PATH", str(host))
    with pytest.raises(HostError, match=r"found ComfyUI 0\.32\.1, expected 0\.33\.0 or newer; update it"):
        hosts.find_host(pack)


def test_a_sidecar_can_be_read_by_any_program(tmp_path: Path) -> None:
    with Results(tmp_path, {}) as results:
        results.keep(JOBS[2]._replace(values={"x": "\ud800"}), Made("lone \ud800"))
    assert json.loads((tmp_path / f"{JOBS[2].id}.json").read_bytes().decode())["error"] == "lone ?"
