"""What users have of the first Tiny World: its files run, its worlds open and decode; only its view is gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import folder_paths
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file


def test_its_file_loads_and_runs_and_its_world_opens_and_decodes(
    built_in: Path, tmp_path: Path, place_file: Callable, run: Callable, nodes: dict[str, Any], of_pack: Callable
) -> None:
    old = tmp_path / "tiny_world.safetensors"
    with safe_open(built_in / "tiny_world_2.safetensors", "pt") as file:
        about = json.loads(file.metadata()["worldmodel"]) | {"variant": "tiny_world"}
        save_file({name: file.get_tensor(name) for name in file.keys()}, old, {"worldmodel": json.dumps(about)})
    shutil.copyfile(built_in / "tiny_world_2_vae.safetensors", tmp_path / "first_vae.safetensors")
    model = run("WMLoadWorldModel", place_file("diffusion_models", old))
    vae = run("WMLoadWorldVAE", place_file("vae", tmp_path / "first_vae.safetensors"))
    track = of_pack("worldmodel.track.track").parse_track("forward*9")
    start = run("WMStartWorld", model, vae, torch.rand(1, 64, 96, 3))
    world, _ = run("WMRolloutWorld", model, start, track, 3)
    assert world.start.variant == "tiny_world"
    name = nodes["WMSaveWorld"].execute(world, "worldmodel/first").ui["text"][0].splitlines()[1]
    opened = run("WMLoadWorld", name)
    Path(folder_paths.get_output_directory(), name.removesuffix(" [output]")).unlink()
    assert torch.equal(run("WMDecodeWorld", opened, vae), run("WMDecodeWorld", world, vae))
    grown, _ = run("WMRolloutWorld", model, opened, track._replace(keys=track.keys.repeat(2, 1)[:12],
                                                                   mouse=track.mouse.repeat(2, 1)[:12]), 3)  # fmt: skip
    assert len(grown.chunks) == 2
    with pytest.raises(ValueError, match=r"world: .*Tiny World \(first\)"):
        run("WMRolloutWorld", run("WMLoadWorldModel", "Tiny World"), opened, track, 3)


@pytest.mark.parametrize("node", ["WMTinyWorldView", "WMRecordTinyWorld"])
def test_a_graph_of_it_is_shown_a_layout_and_told_so(
    node: str, nodes: dict[str, Any], of_pack: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    menu = of_pack("worldmodel.tinyworld.scene.menu")
    asked = {"world_seed": 7, "place": 2}
    if node == "WMRecordTinyWorld":
        folder = {"folder": "first", "width": 96, "height": 64, "depth": False}
        asked |= {"pilot": "held", "frames": 9, "seed": 0, **folder}
    with caplog.at_level("INFO"):
        old = nodes[node].execute(**asked).args[0 if node == "WMTinyWorldView" else 3]
    assert "whose views are gone; random layout 7 of the present one is shown." in caplog.text
    caplog.clear()
    now = nodes["WMTinyWorldView"].execute(7, 2, level=menu.LAYOUT).args[0]
    assert "gone" not in caplog.text
    torch.testing.assert_close(old[:1], now, atol=1e-4, rtol=0)
