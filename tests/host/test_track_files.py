"""Track files in the host: what Save Track writes Load Track reads; files lie in the host's folders only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from comfy_host import ComfyHost, PromptRefused

SAVED = {"format": "CSV", "filename_prefix": "walks/a", "model": "Tiny World", "field_of_view": 60.0}
LOADED = {"model": "Tiny World", "timing": "as in the file", "metres": 1.0, "up": "as the format says"}
TEXT = "forward*12 forward+yaw_right(2)*12 right*9 idle"


@pytest.fixture
def module(of_pack: Callable[[str], ModuleType]) -> ModuleType:
    return of_pack("nodes.track_files")


@pytest.fixture
def output() -> Path:
    import folder_paths

    return Path(folder_paths.get_output_directory())


@pytest.fixture
def track(of_pack: Callable[[str], ModuleType]) -> Any:
    return of_pack("worldmodel.track.track").parse_track(TEXT)


def graph(**inputs: object) -> dict:
    """A short walk, there and back twice, joined to itself, made 57 frames long, saved."""
    return {
        "1": {"class_type": "WMActionTrack", "inputs": {"track": TEXT}},
        "2": {"class_type": "WMReverseTrack", "inputs": {"track": ["1", 0], "way": "there and back"}},
        "3": {"class_type": "WMRepeatTrack", "inputs": {"track": ["2", 0], "times": 2}},
        "4": {"class_type": "WMJoinTracks", "inputs": {"track_1": ["3", 0], "track_2": ["1", 0]}},
        "5": {"class_type": "WMRetimeTrack", "inputs": {"track": ["4", 0], "frames": 57}},
        "6": {"class_type": "WMSaveTrack", "inputs": {"track": ["5", 0], **SAVED, **inputs}},
    }


def load_graph(**inputs: object) -> dict:
    return {
        "1": {"class_type": "WMLoadTrack", "inputs": {"track_file": "the newest", **LOADED, **inputs}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
    }


def test_tracks_are_edited_saved_and_loaded(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph())
    assert run.status == "success", run.error
    assert run.outputs["6"]["text"] == ["Saved 57 frames as CSV:\nwalks/a_00001_.csv [output]"]
    loaded = comfy.client.run(load_graph())
    assert loaded.status == "success", loaded.error
    assert loaded.outputs["1"]["text"] == ["a_00001_.csv: 57 frames of keys and mouse."]
    assert comfy.client.run(load_graph()).executed == []
    again = comfy.client.run(graph(filename_prefix="walks/b", format="TUM"))
    assert again.status == "success", again.error
    newest = comfy.client.run(load_graph())
    assert newest.outputs["1"]["text"][0].startswith(
        "b_00001_.tum:\n57 poses, 16 a second -> 57 frames at 16 a second."
    )


@pytest.mark.parametrize("prefix", ["../out", "/tmp/out", ""])
def test_nothing_is_written_elsewhere(comfy: ComfyHost, prefix: str) -> None:
    with pytest.raises(PromptRefused, match="filename_prefix: found"):
        comfy.client.run(graph(filename_prefix=prefix))


def test_nothing_is_read_from_elsewhere(module: ModuleType) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "no.csv", "cameras.txt"):
        sentence = module.LoadTrack.validate_inputs(name)
        assert "track_file: found no track file" in sentence
        with pytest.raises(ValueError, match="track_file: found no track file"):
            module.LoadTrack.execute(name, "Tiny World")


def test_a_linked_name_is_known_only_later(module: ModuleType) -> None:
    assert module.LoadTrack.validate_inputs(None) is True and module.SaveTrack.validate_inputs(None) is True


@pytest.mark.parametrize("form", ["JSON", "CSV", "NPZ", "camera JSON", "TUM", "COLMAP", "nerfstudio"])
def test_a_saved_walk_is_the_loaded_one(
    module: ModuleType, of_pack: Callable[[str], ModuleType], track: Any, form: str
) -> None:
    saved = module.SaveTrack.execute(track, form, f"round/{form}", "Tiny World")
    name = saved.ui["text"][0].splitlines()[1]
    assert name in module.TRACKS.names() and saved.args[0] is track
    loaded = module.LoadTrack.execute(name, "Tiny World")
    assert of_pack("worldmodel.track.track").same_track(loaded.args[0]._replace(camera=None), track)
    assert of_pack("worldmodel.track.track").parse_track(loaded.args[1]).frames == track.frames
    assert module.LoadTrack.validate_inputs(name) is True
    assert module.LoadTrack.fingerprint_inputs(name, model="Tiny World").count("|") == (4 if form == "COLMAP" else 2)


@pytest.mark.parametrize("form", ["camera JSON", "TUM", "COLMAP", "nerfstudio"])
def test_a_camera_keeps_its_height_through_files(
    module: ModuleType, of_pack: Callable[[str], ModuleType], track: Any, form: str
) -> None:
    asked = module.camera_of(track, module.WALKERS["Tiny World"], 60.0)
    asked.c2w[:, 1, 3] = -torch.linspace(0, 2, track.frames)
    saved = module.SaveTrack.execute(track._replace(camera=asked), form, f"high/{form}", "Tiny World", 90.0)
    loaded = module.LoadTrack.execute(saved.ui["text"][0].splitlines()[1], "Tiny World")
    torch.testing.assert_close(loaded.args[0].camera.c2w, asked.c2w, atol=1e-6, rtol=0)
    assert loaded.args[0].camera.fps == 16 and "height: Tiny World walks on level ground" in loaded.args[2]
    lens = loaded.args[0].camera.intrinsics
    assert lens is None if form == "TUM" else lens == pytest.approx(asked.intrinsics)


def test_keys_in_a_file_count_before_its_camera(module: ModuleType, track: Any) -> None:
    name = module.SaveTrack.execute(track, "NPZ", "both/n", "Tiny World").ui["text"][0].splitlines()[1]
    assert module.LoadTrack.execute(name, "Tiny World").args[0].camera is None


def test_edits_let_go_of_a_camera(module: ModuleType, of_pack: Callable[[str], ModuleType], track: Any) -> None:
    filmed = track._replace(camera=module.camera_of(track, module.WALKERS["Tiny World"], 60.0))
    edits = of_pack("nodes.track_edits")
    made = (
        edits.JoinTracks.execute(filmed, filmed),
        edits.RepeatTrack.execute(filmed, 2),
        edits.ReverseTrack.execute(filmed),
        edits.RetimeTrack.execute(filmed, 57),
    )
    assert [node.args[0].camera for node in made] == [None] * 4


def test_blender_gets_a_script_that_the_list_does_not_offer(module: ModuleType, output: Path, track: Any) -> None:
    name = module.SaveTrack.execute(track, "Blender", "round/b", "Tiny World").ui["text"][0].splitlines()[1]
    script = (output / name.removesuffix(" [output]")).read_text(encoding="utf-8")
    compile(script, name, "exec")
    assert name not in module.TRACKS.names()


def test_nothing_is_written_over(module: ModuleType, track: Any) -> None:
    names = {module.SaveTrack.execute(track, "COLMAP", "over/c", "Tiny World").ui["text"][0] for _ in range(3)}
    assert len(names) == 3


def test_a_camera_that_cannot_be_followed_is_named_with_its_file(module: ModuleType, track: Any) -> None:
    name = module.SaveTrack.execute(track, "TUM", "far/t", "Tiny World").ui["text"][0].splitlines()[1]
    with pytest.raises(ValueError, match="t_00001_.tum: found a way of .* make the file's unit smaller"):
        module.LoadTrack.execute(name, "Tiny World", "the model's own speed", 1e6)


def test_models_without_mouse_are_not_offered(module: ModuleType) -> None:
    assert next(iter(module.WALKERS)) == "Tiny World" and not [name for name in module.WALKERS if "Temple" in name]


def test_without_a_field_of_view_a_camera_has_the_models_own_picture_and_lens(
    module: ModuleType, output: Path, track: Any
) -> None:
    saved = module.SaveTrack.execute(track, "COLMAP", "own/c", "Tiny World").ui["text"][0].splitlines()
    assert saved[2] == "96 x 64 pixels, 90.0 degrees from left to right (Tiny World's own)."
    folder = (output / saved[1].removesuffix(" [output]")).parent
    assert (folder / "cameras.txt").read_text(encoding="utf-8").splitlines()[1].startswith("1 PINHOLE 96 64 48")
    released = module.SaveTrack.execute(track, "nerfstudio", "own/n", "Matrix-Game 2.0 universal").ui["text"][0]
    assert "640 x 352 pixels, 90.0 degrees from left to right (assumed: nobody publishes" in released
    asked = module.SaveTrack.execute(track, "nerfstudio", "own/o", "Tiny World", 60.0).ui["text"][0]
    assert "96 x 64 pixels, 60.0 degrees from left to right (as asked)." in asked
    for form in ("JSON", "TUM"):
        assert len(module.SaveTrack.execute(track, form, "own/t", "Tiny World").ui["text"][0].splitlines()) == 2
    with pytest.raises(ValueError, match="field_of_view: found 0.5, expected 1 to 170 degrees, or 0"):
        module.SaveTrack.execute(track, "COLMAP", "own/w", "Tiny World", 0.5)


def test_of_a_colmap_model_only_the_file_with_the_poses_is_offered(module: ModuleType, track: Any) -> None:
    module.SaveTrack.execute(track, "COLMAP", "alone/c", "Tiny World")
    offered = [name for name in module.TRACKS.names() if name.startswith("alone/")]
    assert offered and all("images.txt" in name for name in offered)
    assert module.TRACKS.path("the newest").name == "images.txt"


def test_the_report_begins_with_the_likely_cause(
    module: ModuleType, of_pack: Callable[[str], ModuleType], output: Path, track: Any
) -> None:
    asked = module.camera_of(track, module.WALKERS["Tiny World"])
    lying = of_pack("worldmodel.camera.poses").from_z_up(asked.c2w)
    (output / "causes").mkdir(exist_ok=True)
    path = output / "causes" / "lying.tum"
    path.write_text(of_pack("worldmodel.formats.tum").write(asked._replace(c2w=lying)), encoding="utf-8")
    report = module.LoadTrack.execute("causes/lying.tum [output]", "Tiny World").args[2]
    first = "lying.tum: the cameras stand 90° from up; choose *from the cameras* for up."
    assert report.splitlines()[0] == first
    better = module.LoadTrack.execute("causes/lying.tum [output]", "Tiny World", up="from the cameras").args[2]
    assert better.splitlines()[0] == "lying.tum:"


def test_the_lens_has_the_angle_that_was_asked(module: ModuleType, track: Any) -> None:
    poses = module.camera_of(track, module.WALKERS["Tiny World"], 79.6)
    assert poses.intrinsics == pytest.approx((0.6, 0.9, 0.5, 0.5), abs=1e-3) and poses.fps == 16
    assert torch.equal(poses.c2w[0], torch.eye(4, dtype=torch.float64))


def test_a_rigs_cameras_and_a_files_own_words_reach_the_report(comfy: ComfyHost) -> None:
    folder = comfy.output / "rig"
    folder.mkdir()
    folder.joinpath("cameras.txt").write_text("1 PINHOLE 640 352 500 500 320 176\n2 FISHEYE 640 640 300 300 320 320\n")
    rows = [f"{i} 1 0 0 0 {-3 * (i // 8)} 0 {-0.1 * (i % 8)} {1 + i // 8} {i % 8}.png\n\n" for i in range(16)]
    folder.joinpath("images.txt").write_text("".join(rows))
    named = {"track_file": "rig/images.txt [output]", "timing": "as in the file"}
    first = comfy.client.run(load_graph(**named))
    assert first.status == "success", first.error
    report = first.outputs["1"]["text"][0]
    assert report.startswith("images.txt: 2 cameras: 1 (8 pictures), 2 (8). This is 1; write another one into camera")
    assert "8 poses, no rate -> 8 frames at 16 a second." in report
    second = comfy.client.run(load_graph(**named, camera="2", fps=4))
    report = second.outputs["1"]["text"][0]
    assert "This is 2" in report and "The lens is left out: FISHEYE" in report and "8 poses, 4 a second" in report
    folder.joinpath("k.tum").write_text("0 0 0 0 0 0 0 1\n0.5 0 0 0.5 0 0 0 1\n1.25 0 0 1 0 0 0 1\n# made by hand\n")
    uneven = comfy.client.run(load_graph(track_file="rig/k.tum [output]"))
    assert uneven.outputs["1"]["text"][0].startswith("k.tum: The times are uneven, 0.5 to 0.75 s apart")


def test_new_inputs_stand_behind_those_of_saved_workflows(module: ModuleType) -> None:
    inputs = module.LoadTrack.define_schema().inputs
    assert [one.id for one in inputs] == ["track_file", "model", "timing", "metres", "up", "camera", "fps"]
    assert [one.id for one in inputs if one.optional] == ["camera", "fps"]
