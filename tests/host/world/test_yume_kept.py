"""What an artist may do with a world of Yume 1.5 and with its files: stop, go back, branch; 8 bits, GGUF, LoRA."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import comfy.model_management
import comfy.ops
import comfy.patcher_extension
import comfy.sd
import pytest
import torch
from comfy_api.latest import io as host_io
from comfy_execution.graph import DynamicPrompt
from host.quantised_weights import quantised, scaled
from released_checkpoints import save, text_encoder_weights, wan22_weights, yume_weights
from torch import Tensor

SEED, STEPS = 5, 2
WIDTH, HEIGHT = 64, 32
GRAPH = {"6": {"class_type": "WMRolloutWorld", "inputs": {"model": ["1", 0]}}, "1": {"class_type": "x", "inputs": {}}}
BEGUN = pytest.mark.parametrize("begun", ["image", "video", "text"])


@pytest.fixture
def case(
    of_pack: Callable, run: Callable, nodes: dict, place_file: Callable[..., str], tmp_path: Any
) -> SimpleNamespace:
    """Small files, a world from every beginning, and a walk of three chunks with an event."""

    def placed(folder: str, name: str, weights: dict[str, Tensor]) -> str:
        return place_file(folder, save(tmp_path / name, weights))

    load = lambda weights, name="yume.safetensors", dtype="auto": run(  # noqa: E731
        "WMLoadWorldModel", placed("diffusion_models", name, weights), dtype
    )
    model = load(yume_weights(), dtype="fp32")
    vae = run("WMLoadWorldVAE", placed("vae", "wan22.safetensors", wan22_weights()))
    clip = run("WMLoadWorldTextEncoder", placed("text_encoders", "umt5_tiny.safetensors", text_encoder_weights(24)))
    film = torch.rand(30, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))
    starts = {"image": film[:1], "video": film, "text": None}
    parse = of_pack("worldmodel.track.track").parse_track

    def start(begun: str = "image", image: Tensor | None = None, prompt: str = "a street") -> Any:
        picture = starts[begun] if image is None else image
        return run("WMStartWorld", model, vae, picture, None, WIDTH, HEIGHT, None, prompt, "")

    def walk(begun: str) -> Any:
        first = 29 if begun == "text" else 32
        track = parse(f"forward*{first} left+yaw_right*32 idle*32")
        return track._replace(prompts=((first, "rain"),))

    def roll(world: Any, track: Any, seed: int = SEED, used: Any = None, graph: dict | None = None) -> Any:
        node = nodes["WMRolloutWorld"]
        if graph is not None:
            hidden = {host_io.Hidden.dynprompt: DynamicPrompt(graph), host_io.Hidden.unique_id: "6"}
            node = node.PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        track = parse(track) if isinstance(track, str) else track
        done = node.execute(used or model, world, track, seed, str(STEPS), clip=clip)
        return done.args[0], done.ui["text"][0]

    return SimpleNamespace(model=model, load=load, start=start, walk=walk, roll=roll, film=film)


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def stopping(model: Any, calls: int) -> Any:
    """The model, and the user's Stop in so many calls of the network."""
    left = [calls]

    def wrapper(executor: Any, *args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    clone = model.clone()
    clone.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test", wrapper)
    return clone


@BEGUN
def test_a_stop_inside_a_chunk_costs_that_chunk_and_changes_no_bit(case: SimpleNamespace, begun: str) -> None:
    world, walk, graph = case.start(begun), case.walk(begun), {**GRAPH, "1": {"class_type": begun, "inputs": {}}}
    whole, _ = case.roll(world, walk)
    assert [chunk.controls.prompt for chunk in whole.chunks] == ["", "rain", "rain"]
    # in chunk 0's first step and last one, in chunk 1's, and, once that is in the journal too, in chunk 2's first
    for calls in (1, STEPS, STEPS + 1, STEPS, STEPS + 1):
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            case.roll(world, walk, used=stopping(case.model, calls), graph=graph)
    resumed, report = case.roll(world, walk, graph=graph)
    assert "2 chunks from the journal on disk, 1 computed." in report
    assert torch.equal(latents(resumed), latents(whole))


@BEGUN
def test_a_world_that_went_back_goes_on_as_it_did_or_another_way(
    case: SimpleNamespace, run: Callable, begun: str
) -> None:
    whole, _ = case.roll(case.start(begun), case.walk(begun))
    before = latents(whole).clone()
    earlier, seed, rest, *_ = run("WMRewindWorld", whole, 1)
    assert rest.prompts == ((0, "rain"),) and len(earlier.chunks) == 1
    again, _ = case.roll(earlier, rest, seed)
    other, _ = case.roll(earlier, rest, seed + 1)
    assert torch.equal(latents(again), before) and torch.equal(latents(whole), before)
    assert torch.equal(latents(other)[:, :8], before[:, :8]) and not torch.equal(latents(other), before)


# ---------------------------------------------------------------- files


def test_files_in_8_bits_are_near(case: SimpleNamespace) -> None:
    world, weights = case.start(), yume_weights()
    plain, _ = case.roll(world, "forward*32")
    exact = latents(plain).float()
    files = {
        "plain fp8": {key: value.to(torch.float8_e4m3fn) for key, value in weights.items()},
        "scaled fp8": scaled(weights),
        "fp8 by the host's tools": quantised(weights, "float8_e4m3fn"),
        "int8 by the host's tools": quantised(weights, "int8_tensorwise"),
    }
    for name, stored in files.items():
        found, _ = case.roll(world, "forward*32", used=case.load(stored, f"{name}.safetensors"))
        assert 0 < (latents(found).float() - exact).norm() / exact.norm() < 0.2, name


def test_ggufs_layers_come_in_as_an_instance(case: SimpleNamespace) -> None:
    """Unet Loader (GGUF) hands the host its own layers as an instance, and no metadata of ours."""
    made: list[str] = []

    class Layers(comfy.ops.manual_cast):
        class Linear(comfy.ops.manual_cast.Linear):
            def forward(self, *args: Any, **kwargs: Any) -> Tensor:
                made.append("called")
                return super().forward(*args, **kwargs)

    world = case.start()
    model = comfy.sd.load_diffusion_model_state_dict(
        yume_weights(), model_options={"custom_operations": Layers(), "dtype": torch.float32}
    )
    assert torch.equal(
        latents(case.roll(world, "forward*32", used=model)[0]), latents(case.roll(world, "forward*32")[0])
    )
    assert made


def test_a_file_that_is_nearly_right_is_named(case: SimpleNamespace) -> None:
    weights = yume_weights()
    trained = case.load(
        {**weights, "mask_token": torch.zeros(1, 128), "sideblock.x.weight": torch.zeros(1)}, "a.safetensors"
    )
    world = case.start()
    assert torch.equal(
        latents(case.roll(world, "forward*32", used=trained)[0]).float(),
        latents(case.roll(world, "forward*32", used=case.load(weights, "b.safetensors"))[0]).float(),
    )
    wrong = {
        "unknown tensors .such as blocks.0.linear_attn.q.weight": {
            **weights, "blocks.0.linear_attn.q.weight": torch.zeros(1)
        },
        "found a plain Wan 2.2 5B model, expected Yume 1.5": {
            key: value for key, value in weights.items() if not key.startswith("patch_embedding_")
        },
    }  # fmt: skip
    for number, (sentence, stored) in enumerate(wrong.items()):
        with pytest.raises(ValueError, match=sentence) as caught:
            case.load(stored, f"wrong {number}.safetensors")
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


# ---------------------------------------------------------------- what is given


def test_what_is_given_may_be_odd(case: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    """A film of 3 frames, a picture of any shape and with transparency, and a sentence of any length, or none."""
    short = case.start(image=case.film[:3])
    assert short.start.image_condition.shape == (48, 5, 2, 4)
    odd = case.start(image=torch.rand(1, 47, 53, 4))
    assert odd.start.image_condition.shape == (48, 5, 2, 4)
    silent, _ = case.roll(case.start(prompt="  "), "forward*32")
    assert silent.start.prompt == "" and torch.isfinite(latents(silent)).all()
    long = "glass " * 1667  # 10,002 letters
    told = [case.roll(case.start(prompt=prompt), "forward*32")[0] for prompt in (long, long + "rain")]
    assert torch.equal(*map(latents, told)), "512 words are read"
    plain, _ = case.roll(case.start(prompt="glass"), "forward*32")
    assert not torch.equal(latents(plain), latents(told[0])) and not torch.equal(latents(plain), latents(silent))
    for wrong, sentence in (
        (torch.rand(1, 8, 64, 3), "image: found 64 x 8 pixels"),
        (case.film * float("nan"), "image: found NaN"),
    ):
        with pytest.raises(ValueError, match=sentence):
            case.start(image=wrong)
