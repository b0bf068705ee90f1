"""Yume 1.5 through the nodes: the authors' rollouts, every way to begin, and what an artist does with a world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.sd
import pytest
import torch
from released_checkpoints import text_encoder_weights, wan22_weights, yume_weights
from safetensors.torch import load_file, save_file
from torch import Tensor

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "yume"
LATENTS, SEED = 1e-4, 5
WIDTH, HEIGHT = 64, 32


@pytest.fixture
def case(of_pack: Callable, run: Callable, place_file: Callable[..., str], tmp_path: Path) -> SimpleNamespace:
    """Small files, loaded by our nodes, and how to begin."""
    save_file(yume_weights(), tmp_path / "yume.safetensors")
    save_file(wan22_weights(), tmp_path / "wan22.safetensors")
    save_file(text_encoder_weights(24), tmp_path / "umt5_tiny.safetensors")
    model = run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / "yume.safetensors"), "fp32")
    vae = run("WMLoadWorldVAE", place_file("vae", tmp_path / "wan22.safetensors"))
    clip = run("WMLoadWorldTextEncoder", place_file("text_encoders", tmp_path / "umt5_tiny.safetensors"))
    film = torch.rand(30, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))

    def start(image: Tensor | None, prompt: str = "a street", form: str = "corrected") -> Any:
        return run("WMStartWorld", model, vae, image, None, WIDTH, HEIGHT, None, prompt, "", form)

    def roll(world: Any, text: str, **options: Any) -> Any:
        track = text if not isinstance(text, str) else of_pack("worldmodel.track.track").parse_track(text)
        used = options.pop("model", model)
        return run("WMRolloutWorld", used, world, track, SEED, "1", **{"vae": vae, "clip": clip, **options})

    starts = {"image": film[:1], "video": film, "text": None}
    return SimpleNamespace(model=model, vae=vae, clip=clip, film=film, start=start, roll=roll, starts=starts)


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


@pytest.mark.parametrize("name", ["rollout_i2v", "rollout_t2v"])
def test_the_authors_rollout_comes_out_of_the_nodes(
    name: str, of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable[..., str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    judge, single = of_pack("worldmodel.conformance.yume_rollout"), of_pack("worldmodel.conformance.yume")
    network, config = single.network_from(FOLDER)
    entries = {"worldmodel": json.dumps({"heads": config["num_heads"]})}
    save_file(dict(judge.filled_up(network, 48).state_dict()), tmp_path / "yume.safetensors", metadata=entries)
    model = run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / "yume.safetensors"), "fp32")
    tensors = load_file(FOLDER / f"{name}.safetensors")
    golden = of_pack("worldmodel.conformance.report").Golden(name, {}, tensors)
    chunks = sum(key.endswith(".result") for key in tensors)
    lines = {int(tensors[f"chunk{k}.caption_line"]): tensors[f"chunk{k}.context"] for k in range(chunks)}

    def encode(clip: Any, caption: str) -> Tensor:
        return single.padded(lines[int(caption.rpartition("EVENT")[2])], config["text_len"])

    monkeypatch.setattr(of_pack("nodes.host.text"), "encode_text", encode)
    world = of_pack("worldmodel.world.state").new_world(judge.start_of(golden, chunks))
    track = of_pack("worldmodel.track.track").parse_track(f"idle*{29 * chunks}")
    told = track._replace(prompts=tuple((29 * chunk, f"EVENT{chunk}") for chunk in range(chunks)))
    grown, _ = run("WMRolloutWorld", model, world, told, 0, clip=object())
    for number, chunk in enumerate(grown.chunks):
        theirs = tensors[f"chunk{number}.result"]
        assert (chunk.latents[: len(theirs)] - theirs).abs().max() <= LATENTS


@pytest.mark.parametrize("begun", ["image", "video", "text"])
@pytest.mark.parametrize("form", ["corrected", "as released"])
def test_it_walks_from_every_beginning_and_decodes_every_frame(
    case: SimpleNamespace, run: Callable, begun: str, form: str
) -> None:
    world = case.start(case.starts[begun], form=form)
    behind = {"image": 5, "video": 8 if form == "corrected" else 5, "text": 0}[begun]
    assert world.start.image_condition.shape == (48, behind, 2, 4) and world.start.prompt == "a street"
    first, later = (29, 29) if form == "as released" else (29 if begun == "text" else 32, 32)
    grown, film = case.roll(world, f"forward*{first} right*{later}")
    assert [chunk.controls.frames for chunk in grown.chunks] == [first, later]
    assert film.get_frame_count() == first + later
    frames = run("WMDecodeWorld", grown, case.vae)
    assert len(frames) == first + later
    part = run("WMDecodeWorld", grown, case.vae, first - 1, first + 4)
    assert torch.equal(part, frames[first - 1 : first + 5])
    alone = case.vae.first_stage_model.decode(case.vae.kind.latents.process_out(grown.chunks[1].latents[None]))
    restarted = torch.allclose((alone[0].movedim(0, -1) + 1) / 2, frames[-alone.shape[2] :], atol=1e-5)
    assert restarted == (form == "as released")


@pytest.mark.parametrize("begun", ["image", "video", "text"])
def test_a_walk_in_parts_is_the_walk_in_one_with_events(
    case: SimpleNamespace, of_pack: Callable, begun: str, tmp_path: Path
) -> None:
    world, first = case.start(case.starts[begun]), 29 if begun == "text" else 32
    whole = of_pack("worldmodel.track.track").parse_track(f"forward*{first} left+yaw_right*32 idle*32")
    whole = whole._replace(prompts=((first, "rain"),))
    one, _ = case.roll(world, whole)
    parts = [whole._replace(keys=whole.keys[:first], mouse=whole.mouse[:first], prompts=())]
    parts.append(whole._replace(keys=whole.keys[first:], mouse=whole.mouse[first:], prompts=((0, "rain"),)))
    begun_world, _ = case.roll(world, parts[0])
    grown, _ = case.roll(begun_world, parts[1])
    assert [chunk.controls.prompt for chunk in one.chunks] == ["", "rain", "rain"]
    assert torch.equal(latents(grown), latents(one))
    other, _ = case.roll(begun_world, parts[1]._replace(prompts=()))
    assert not torch.equal(latents(other)[:, 8:], latents(one)[:, 8:])
    archive = of_pack("worldmodel.world.archive")
    loaded = archive.load_world(archive.save_world(begun_world, tmp_path / f"walk{archive.SUFFIX}"))
    resumed, _ = case.roll(loaded, parts[1])
    assert loaded.start.prompt == "a street" and torch.equal(latents(resumed), latents(one))


def test_the_report_says_what_each_chunk_was_told(case: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        case.roll(case.start(case.starts["image"]), "forward*40 yaw_left*56")
    assert "chunk 0: “First-person perspective.The camera pushes forward (W). a street”" in caplog.text
    assert "chunk 1 to 2: “First-person perspective.The camera pans to the left (←). a street”" in caplog.text
    assert "Yume 1.5 is told one movement a chunk" in caplog.text


def test_words_and_memory_change_what_is_made(case: SimpleNamespace, run: Callable) -> None:
    world, walk = case.start(case.starts["image"]), "forward*96"
    plain, _ = case.roll(world, walk)
    told, _ = case.roll(world, walk, words=run("WMWorldWords", "caption file", True, 2.5))
    short, _ = case.roll(world, walk, memory=run("WMWorldMemory", "last chunk", 5, True, 4))
    same, _ = case.roll(world, walk, memory=run("WMWorldMemory", "full history", 5, True, 4))
    assert torch.equal(latents(same), latents(plain)) and not torch.equal(latents(told), latents(plain))
    assert torch.equal(latents(short)[:, :16], latents(plain)[:, :16])
    assert not torch.equal(latents(short)[:, 16:], latents(plain)[:, 16:])


def test_lora_and_8_bits_work_as_for_any_model_of_the_host(
    case: SimpleNamespace, run: Callable, place_file: Callable[..., str], tmp_path: Path
) -> None:
    world, walk = case.start(case.starts["image"]), "forward*32"
    plain, _ = case.roll(world, walk, vae=None)
    save_file(yume_weights(), tmp_path / "again.safetensors")
    name = place_file("diffusion_models", tmp_path / "again.safetensors")
    halved, _ = case.roll(world, walk, vae=None, model=run("WMLoadWorldModel", name, "fp8_e4m3fn"))
    difference = (latents(halved).float() - latents(plain)).norm() / latents(plain).norm()
    assert 0 < difference < 0.2
    down, up = torch.randn(4, 128), torch.randn(128, 4)
    lora = {
        f"diffusion_model.blocks.0.self_attn.q.lora_{part}.weight": value for part, value in (("A", down), ("B", up))
    }
    patched, _ = comfy.sd.load_lora_for_models(case.model, None, lora, 1.0, 0.0)
    changed, _ = case.roll(world, walk, vae=None, model=patched)
    assert not torch.equal(latents(changed), latents(plain))
    with pytest.raises(ValueError, match="whose authors make no 8 bits of it"):
        run("WMLoadWorldModel", name, "int8 attention (Matrix-Game 3)")


def test_mistakes_are_told_in_a_sentence(case: SimpleNamespace, run: Callable, of_pack: Callable) -> None:
    world = case.start(case.starts["image"])
    with pytest.raises(ValueError, match="clip: found none, expected a text encoder for Yume 1.5"):
        case.roll(world, "forward*32", clip=None)
    with pytest.raises(ValueError, match="prompt: found none, expected what is to be seen"):
        case.start(None, "  ")
    with pytest.raises(ValueError, match="width: found 100, expected a multiple of 32"):
        run("WMStartWorld", case.model, case.vae, case.film[:1], None, 100, HEIGHT)
    with pytest.raises(ValueError, match="memory: found the form 'exact', expected full history or last chunk"):
        case.roll(world, "forward*32", memory=run("WMWorldMemory", "exact overlap", 5, True, 4))
    with pytest.raises(ValueError, match="turn: found 11, expected 0 to 10"):
        run("WMWorldWords", "caption file", True, 1, 11)
    short = case.start(case.film[:3])
    assert short.start.image_condition.shape[1] == 5
    case.roll(case.start(case.starts["image"], "word " * 2000), "forward*32")
