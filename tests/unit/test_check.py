"""Released files tried out: each recognised, a chunk made, figures that stay the same, and refusals in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image
from released_checkpoints import (
    lingbot_weights,
    matrix_game_3_weights,
    network_weights,
    save,
    text_encoder_weights,
    tower_weights,
    vae_weights,
    wan22_weights,
    yume_weights,
)

from worldmodel.check.__main__ import main
from worldmodel.tinyworld.player import MODEL_FILE, VAE_FILE
from worldmodel.variants import VARIANTS

MAKERS: dict[str, Callable] = {
    "matrix_game_2_gta_drive": lambda: network_weights("gta_drive"),
    "matrix_game_2_templerun": lambda: network_weights("templerun"),
    "matrix_game_3_distilled": matrix_game_3_weights,
    "yume_1_5": yume_weights,
    "lingbot_2_1_3b": lingbot_weights,
}


def check(capsys: pytest.CaptureFixture, *words: object) -> dict:
    """Run the command; return its figures."""
    assert main([*map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture, *words: object) -> str:
    assert main([*map(str, words)]) == 1
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    return said.err


def test_the_shipped_model_is_checked_whole_and_says_the_same_again(
    capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    found = check(capsys, MODEL_FILE, VAE_FILE, "--save", tmp_path / "sheet.png")
    model, vae = found["files"]
    assert model["holds"] == "Tiny World (world model)" and vae["holds"] == "the Tiny World VAE (VAE)"
    assert model["sha256"] == sha256(MODEL_FILE.read_bytes()).hexdigest() and model["keys"] == 238
    assert found["size"] == "96x64" and found["frames"]["shape"] == [9, 64, 96, 3] and found["made up"] == "nothing"
    assert {*found["seconds"]} == {"load VAE", "start", "load", "chunk", "decode"} and found["peak memory MB"] > 0
    assert 0.2 < found["frames"]["mean"] < 0.8 and 0.3 < found["latents"]["std"] < 2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 4 * 96
    again = check(capsys, VAE_FILE, MODEL_FILE, "--no-hash")
    assert again["latents"] == found["latents"] and again["files"][0]["sha256"] == "not asked for"


@pytest.mark.parametrize("name", MAKERS)
def test_a_chunk_of_every_family_is_made_without_other_files(
    name: str, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    variant = VARIANTS[name]
    told = {"worldmodel": json.dumps({"variant": name})} if variant.twins else None
    path = save(tmp_path / "model.safetensors", MAKERS[name](), told)
    counts = variant.family in ("matrix_game_3", "yume")  # the others take levels
    found = check(capsys, path, "--size", "64x32", "--steps", 1 if counts else 0)
    assert found["model"] == name and found["size"] == "64x32" and "frames" not in found
    side = variant.latents.pixels
    length = variant.chunking.latents(0)
    assert found["latents"]["shape"] == [variant.latents.channels, length, 32 // side, 64 // side]
    assert "no VAE was given" in found["made up"]
    assert ("words are made up" in found["made up"]) == (variant.text is not None)
    assert ("image tokens are made up" in found["made up"]) == (variant.family == "matrix_game_2")


def test_a_vae_begins_with_a_picture_and_shows_frames(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    model = save(
        tmp_path / "m.safetensors", {f"model.{key}": part for key, part in network_weights("universal").items()}
    )
    vae = tmp_path / "vae.pth"
    torch.save(vae_weights(), vae)
    tower = save(tmp_path / "clip.safetensors", tower_weights())
    text = save(tmp_path / "text.safetensors", text_encoder_weights())
    found = check(capsys, model, vae, tower, text, "--size", "64x32")
    assert [one["holds"] for one in found["files"]][1:] == [
        "the Wan 2.1 VAE (VAE)", "CLIP vision tower, 3 blocks, 80 wide (CLIP tower)",
        "UMT5 text encoder, 1 block, 24 wide (text encoder)",
    ]  # fmt: skip
    assert found["frames"]["shape"] == [9, 32, 64, 3] and "no VAE" not in found["made up"]
    other = check(capsys, model, "--size", "64x32")
    assert other["latents"] != found["latents"]  # it began with made-up latents

    alone = check(capsys, VAE_FILE, "--size", "96x64")
    assert float(alone["picture through the VAE"].removesuffix(" dB")) > 25
    assert "encoders run in ComfyUI only" in check(capsys, text)["not tried"]


def test_twins_are_told_by_their_folder_or_by_the_user(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    base = save(tmp_path / "base_model" / "m.safetensors", matrix_game_3_weights())
    few = ("--size", "32x32", "--steps", 1, "--no-hash")
    assert check(capsys, base, *few)["model"] == "matrix_game_3_base"
    assert check(capsys, base, *few, "--variant", "matrix_game_3_distilled")["model"] == "matrix_game_3_distilled"
    assert "--variant: found yume_1_5, but the file holds" in refusal(capsys, base, *few, "--variant", "yume_1_5")


def test_what_is_wrong_is_said_in_one_sentence(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    weights = network_weights("universal")
    del weights["blocks.1.ffn.0.weight"]
    cut = save(tmp_path / "cut.safetensors", weights)
    assert "cut.safetensors: found" in refusal(capsys, cut)
    wan22 = save(tmp_path / "wan22.safetensors", wan22_weights())
    assert "vae: found wan22.safetensors with latents of format wan22, expected tiny_world" in refusal(
        capsys, MODEL_FILE, wan22
    )
    assert "found a second VAE beside" in refusal(capsys, VAE_FILE, wan22)
    assert "nowhere.safetensors: found no such file" in refusal(capsys, tmp_path / "nowhere.safetensors")
    (tmp_path / "page.safetensors").write_text("<html>not here</html>")
    assert "found a web page" in refusal(capsys, tmp_path / "page.safetensors")
    assert "--size: found 100x64, expected multiples of 16 for Tiny World" in refusal(
        capsys, MODEL_FILE, "--size", "100x64"
    )
    assert "--steps: found 2, expected none for Tiny World, which visits 8 levels" in refusal(
        capsys, MODEL_FILE, "--steps", 2
    )
    assert "--save: found no VAE among the files" in refusal(capsys, MODEL_FILE, "--save", tmp_path / "x.png")
    assert "--device: found 'moon'" in refusal(capsys, MODEL_FILE, "--device", "moon")
