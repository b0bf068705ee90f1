"""A family that only the tests know, through every node that meets a world: no node asks which family it is."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import folder_paths
import pytest
import sentencepiece
import torch
from comfy_api.latest import io as host_io
from comfy_execution.graph import DynamicPrompt
from safetensors.torch import load_file, save_file
from tiny_models import with_toy
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, pixel_shuffle

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "matrix_game3" / "t5_tiny.safetensors"
TEXT_WIDTH = 16
GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "toy.safetensors"}},
    "6": {"class_type": "WMRolloutWorld", "inputs": {"model": ["1", 0], "seed": 0}},
}


class ToyVAE(nn.Module):
    """Latents of 8 channels, each of 4 frames of 8 x 8 pixels, the first of one."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 4 * 3 * 64), nn.Linear(3, 8)

    def encode(self, pixels: Tensor, memory: dict | None = None, *manner: Any) -> Tensor:
        return self.down(avg_pool3d(pixels[:, :, :1], (1, 8, 8)).movedim(1, -1)).movedim(-1, 1)

    def decode(self, latents: Tensor, memory: dict, *manner: Any) -> Tensor:
        drop = 0 if memory else 3
        memory["begun"] = latents
        frames = self.up(latents.movedim(1, -1)).unflatten(-1, (4, 3 * 64))  # (1, T, h, w, 4, 192)
        frames = frames.permute(0, 1, 4, 5, 2, 3).flatten(0, 2)  # (4 T, 192, h, w)
        return pixel_shuffle(frames, 8).movedim(0, 1)[None, :, drop:].tanh()


@pytest.fixture(autouse=True)
def family(of_pack: Callable[[str], ModuleType]) -> Iterator[ModuleType]:
    with with_toy(of_pack("worldmodel.families"), of_pack("worldmodel.variants").VARIANTS) as toy:
        yield toy
    shutil.rmtree(of_pack("nodes.host.journal").journal_folder(), ignore_errors=True)


@pytest.fixture
def text_encoder(of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable, tmp_path: Path) -> Any:
    """The authors' small text encoder, in one file with a tokenizer of few words."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a quiet street in the rain with lamps and much snow at night"] * 20),
        model_writer=made, vocab_size=40, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    sd = {key.removeprefix("sd."): value.float() for key, value in load_file(GOLDEN).items() if key.startswith("sd.")}
    weights = of_pack("worldmodel.checkpoints.text_encoder").encoder_weights(sd)
    weights["spiece_model"] = torch.tensor(list(made.getvalue()), dtype=torch.uint8)
    save_file(weights, tmp_path / "toy_text.safetensors")
    return run("WMLoadWorldTextEncoder", place_file("text_encoders", tmp_path / "toy_text.safetensors"))


@pytest.fixture
def toy(
    family: ModuleType, of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable, text_encoder: Any,
    tmp_path: Path,
) -> SimpleNamespace:  # fmt: skip
    """Model, VAE, text encoder and start world."""
    torch.manual_seed(5)
    weights = family.ToyNetwork(dim=16, text_dim=TEXT_WIDTH).state_dict()
    save_file(weights, tmp_path / "toy.safetensors", metadata={"worldmodel": json.dumps({"variant": "toy"})})
    model = run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / "toy.safetensors"))
    vaes, network = of_pack("nodes.host.vae"), ToyVAE()
    latents = of_pack("nodes.host.network").StatedLatents([0.0] * 8, [1.0] * 8)
    kind = vaes.Kind(family.TOY.latents, "the Toy VAE", latents, settles=1, reach=2)
    vae = vaes.WorldVAE(network, network.state_dict(), kind, vaes.TINY_COSTS)
    image = torch.rand(1, 64, 96, 3)
    world = run("WMStartWorld", model, vae, image, clip=text_encoder, prompt="a quiet street")
    return SimpleNamespace(model=model, vae=vae, image=image, clip=text_encoder, world=world)


@pytest.fixture
def track(of_pack: Callable[[str], ModuleType]) -> Callable[[str], Any]:
    return of_pack("worldmodel.track.track").parse_track


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def cut(track: Any, rows: slice) -> Any:
    return track._replace(keys=track.keys[rows], mouse=track.mouse[rows])


def test_start_and_rollout(toy: SimpleNamespace, run: Callable, track: Callable, of_pack: Callable) -> None:
    assert toy.world.start.grid == (4, 6) and toy.world.start.text.shape == (512, TEXT_WIDTH)
    world, film = run("WMRolloutWorld", toy.model, toy.world, track("forward*49"), 3, vae=toy.vae)
    assert [chunk.latents.shape[1] for chunk in world.chunks] == [5, 4, 4] and film.get_frame_count() == 49
    begin, session = of_pack("worldmodel.families.begin"), of_pack("worldmodel.rollout.session")
    told = [chunk.controls for chunk in world.chunks]
    *_, (expected, _) = begin.extend(toy.world, told, 3, session.bare(toy.model.model.diffusion_model))
    assert torch.equal(latents(world), latents(expected))
    other = run("WMStartWorld", toy.model, toy.vae, toy.image, clip=toy.clip, prompt="snow")
    assert not torch.equal(latents(run("WMRolloutWorld", toy.model, other, track("forward*17"), 3)[0]),
                           latents(world)[:, :5])  # fmt: skip


def test_split_save_load_and_rewind(toy: SimpleNamespace, run: Callable, nodes: dict, track: Callable) -> None:
    whole, _ = run("WMRolloutWorld", toy.model, toy.world, track("forward*49"), 3)
    name = nodes["WMSaveWorld"].execute(whole, "toy_walk").ui["text"][0].splitlines()[1]
    loaded = run("WMLoadWorld", name)
    (Path(folder_paths.get_output_directory()) / name.removesuffix(" [output]")).unlink()
    assert torch.equal(latents(loaded), latents(whole)) and loaded.digest == whole.digest
    earlier, seed, rest, *_ = run("WMRewindWorld", whole, 1)
    assert len(earlier.chunks) == 1 and rest.camera is not None
    again, _ = run("WMRolloutWorld", toy.model, earlier, rest, seed)
    assert torch.equal(latents(again), latents(whole)) and again.chunks[-1].key == whole.chunks[-1].key


def test_stop_loses_nothing(toy: SimpleNamespace, nodes: dict, track: Callable) -> None:
    left = [6]  # of 4 steps a chunk: in the second chunk

    def wrapper(executor: Any, *args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    def roll(model: Any) -> Any:
        hidden = {host_io.Hidden.dynprompt: DynamicPrompt(GRAPH), host_io.Hidden.unique_id: "6"}
        node = nodes["WMRolloutWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        return node.execute(model=model, world=toy.world, track=track("forward*49"), seed=0)

    stopping = toy.model.clone()
    kind = comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL
    stopping.add_wrapper_with_key(kind, "test", wrapper)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        roll(stopping)
    report = roll(stopping).ui["text"][0]
    assert "1 chunk from the journal on disk, 2 computed" in report and "4 Euler steps; shift 2" in report


def test_a_prompt_on_the_way(toy: SimpleNamespace, run: Callable, track: Callable) -> None:
    told = track("forward*49")._replace(prompts=((3, "much snow"),))
    calm, _ = run("WMRolloutWorld", toy.model, toy.world, track("forward*49"), 3)
    with pytest.raises(ValueError, match="clip: found none, expected a text encoder for Toy, because the track"):
        run("WMRolloutWorld", toy.model, toy.world, told, 3)
    wet, _ = run("WMRolloutWorld", toy.model, toy.world, told, 3, clip=toy.clip)
    assert [chunk.controls.prompt for chunk in wet.chunks] == ["", "much snow", "much snow"]
    same = [torch.equal(a.latents, b.latents) for a, b in zip(wet.chunks, calm.chunks, strict=True)]
    assert same == [True, False, False]


def test_decode_compare_overlay_and_info(toy: SimpleNamespace, run: Callable, nodes: dict, track: Callable) -> None:
    world, _ = run("WMRolloutWorld", toy.model, toy.world, track("forward*49"), 3)
    other, _ = run("WMRolloutWorld", toy.model, toy.world, track("forward*33"), 4)
    whole = run("WMDecodeWorld", world, toy.vae)
    assert whole.shape == (49, 32, 48, 3) and whole.std() > 0.01
    for first, last in ((0, 0), (16, 17), (20, 33), (48, -1)):
        part = run("WMDecodeWorld", world, toy.vae, first, last)
        assert torch.equal(part, whole[first : (last if last >= 0 else 48) + 1])
    shown = nodes["WMCompareWorlds"].execute(world, toy.vae, other, truth=whole)
    assert shown.args[0].shape[0] == 49 and "chunk 2: world 1" in shown.args[2]
    drawn = run("WMOverlayControls", whole, track("forward*49"))
    assert drawn.shape[0] == 49
    said = str(nodes["WMWorldInfo"].execute(world, toy.vae).args)
    assert "Toy: 3 chunks, 49 frames" in said and "48 x 32 pixels" in said


def test_forms(toy: SimpleNamespace, run: Callable, track: Callable) -> None:
    start = run("WMStartWorld", toy.model, toy.vae, toy.image, clip=toy.clip, prompt="snow", form="as released")
    assert start.start.form == "as released" and start.digest != toy.world.digest
    world, _ = run("WMRolloutWorld", toy.model, start, track("forward*17"), 3)
    assert world.chunks[0].latents.isfinite().all()


def test_what_is_wrong_is_said(toy: SimpleNamespace, run: Callable, track: Callable, tiny: SimpleNamespace) -> None:
    cases = {
        "clip: found none, expected a text encoder for Toy": lambda: run("WMStartWorld", toy.model, toy.vae, toy.image),
        "vae: found the Tiny World VAE with latents of format tiny_world, expected toy": lambda: run(
            "WMStartWorld", toy.model, tiny.vae, toy.image, clip=toy.clip
        ),
        "steps: found 1000, 500, expected how many, such as 3": lambda: run(
            "WMRolloutWorld", toy.model, toy.world, track("forward*17"), 3, "1000, 500"
        ),
        "width: found 40, expected a multiple of 16": lambda: run(
            "WMStartWorld", toy.model, toy.vae, toy.image, None, 40, 32, toy.clip
        ),
    }
    for sentence, call in cases.items():
        with pytest.raises(ValueError, match=sentence):
            call()
