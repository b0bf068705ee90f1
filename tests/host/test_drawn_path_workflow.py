"""Draw a path, walk it: the workflow runs, walks the whole path, hits no wall, and says what it cannot follow."""

from __future__ import annotations

import json
from pathlib import Path

from comfy_host import ComfyHost

from worldmodel.shown.film import read_film

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
NAME = "Draw a path, walk it (Tiny World)"
PATH, VIEW, ROLLOUT, FILM, COMPARISON = "3", "4", "6", "7", "13"
GRAPH = json.loads((WORKFLOWS / "api" / f"{NAME}.json").read_text(encoding="utf-8"))


def test_both_forms_hold_the_same_path() -> None:
    page = json.loads((WORKFLOWS / f"{NAME}.json").read_text(encoding="utf-8"))
    (drawn,) = (node for node in page["nodes"] if node["type"] == "WMCameraPath")
    sent = GRAPH[PATH]["inputs"]
    assert drawn["widgets_values"] == [sent["model"], sent["fps"], sent["path"]]


def test_a_drawn_path_is_walked_and_filmed(comfy: ComfyHost) -> None:
    run = comfy.client.run({**GRAPH, "20": {"class_type": "PreviewAny", "inputs": {"source": [PATH, 2]}}})
    assert run.status == "success", run.error
    film, comparison = (
        read_film(comfy.output / saved["subfolder"] / saved["filename"])
        for saved in (run.outputs[node]["images"][0] for node in (FILM, COMPARISON))
    )
    assert film.frames.shape == (105, 512, 768, 3) and film.fps == 16 and len(comparison.frames) == 105
    assert run.outputs[ROLLOUT]["text"][0].startswith("9 chunks, 105 frames added; the world has 105 frames.")
    report = run.outputs["20"]["text"][0]
    assert "position: 0.05 m off in the mean" in report and "quantised" not in report and "dropped" not in report


def test_raising_the_camera_is_told_before_anything_is_rolled_out(comfy: ComfyHost) -> None:
    path = json.loads(GRAPH[PATH]["inputs"]["path"])
    path["keyframes"][2]["p"][1] = -1.5
    report = comfy.client.call("/wm/binding", {"text": json.dumps(path), "model": "Tiny World"})
    (height,) = (row for row in report["rows"] if row["what"] == "height")
    assert height["kind"] == "dropped" and height["got"] == "level" and height["asked"] == "+1.50 m"


def test_the_path_of_the_workflow_hits_no_wall(of_pack) -> None:
    import torch

    places, path = of_pack("worldmodel.tinyworld.scene.menu"), of_pack("worldmodel.camera.path_poses")
    pilot, bind = of_pack("worldmodel.tinyworld.pilot"), of_pack("worldmodel.binding.bind")
    tiny = of_pack("worldmodel.variants").VARIANTS["tiny_world_2"]
    poses = of_pack("worldmodel.camera.poses").Poses(path.path_poses(path.parse_path(GRAPH[PATH]["inputs"]["path"])))
    bound = bind.bind_followed(of_pack("worldmodel.binding.follow").follow_poses(poses, tiny), tiny)
    worlds, start = places.place_in(*(GRAPH[VIEW]["inputs"][name] for name in ("level", "world_seed", "place")))
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    assert not pilot.play(worlds, torch.zeros(1, dtype=torch.long), start, actions).bumped.any()
