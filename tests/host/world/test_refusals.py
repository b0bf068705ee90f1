"""What a user can get wrong: one clear sentence each, before anything is sampled."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.ldm.wan.vae
import comfy.model_management
import comfy.patcher_extension
import comfy.sd
import pytest
import torch
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from safetensors import safe_open
from safetensors.torch import save_file

import nodes as host_nodes

Refusal = Callable[..., str]


@pytest.fixture
def refusal() -> Iterator[Refusal]:
    """`refusal(run, ...)`: call something and return its one sentence."""

    def call(function: Callable, *args: Any, **kwargs: Any) -> str:
        with pytest.raises(ValueError) as caught:
            function(*args, **kwargs)
        sentence = str(caught.value)
        assert "\n" not in sentence and sentence.endswith("."), sentence
        return sentence

    return call


@pytest.fixture
def rolls(tiny: SimpleNamespace, run: Callable, refusal: Refusal) -> Callable[..., str]:
    """`rolls(model=..., world=..., track=...)`: what Rollout World says, the network never being called."""

    def call(**changes: Any) -> str:
        inputs = {"model": tiny.model, "world": tiny.world, "track": tiny.track, "seed": 0, "vae": tiny.vae} | changes
        called: list = []
        if hasattr(inputs["model"], "add_wrapper_with_key"):
            inputs["model"] = inputs["model"].clone()
            kind = comfy.patcher_extension.WrappersMP.OUTER_SAMPLE
            inputs["model"].add_wrapper_with_key(kind, "test", lambda *_, **__: called.append(1))
        sentence = refusal(run, "WMRolloutWorld", **inputs)
        assert not called, "the sampling session had begun"
        return sentence

    return call


def tensors(*keys: str) -> dict[str, torch.Tensor]:
    return {key: torch.zeros(2, 2) for key in keys}


WRONG_MODELS = {
    "lora": (tensors("diffusion_model.blocks.0.self_attn.q.lora_up.weight"), "found a LoRA"),
    "vae": (tensors("encoder.conv1.weight", "decoder.conv1.weight"), "found a VAE"),
    "clip": (tensors("visual.cls_embedding", "textual.head.weight"), "found a CLIP model"),
    "language model": (tensors("model.layers.0.self_attn.q_proj.weight", "lm_head.weight"), "found a language model"),
    "text encoder": (tensors("shared.weight", "encoder.block.0.layer.0.layer_norm.weight"), "found a language model"),
    "checkpoint": (tensors("model.diffusion_model.out.2.weight", "first_stage_model.x"), "found an image model's"),
    "image model": (tensors("input_blocks.0.0.weight", "out.2.weight"), "found an image model"),
    "unknown": (tensors("some.weight"), "found an unknown network (first key 'some.weight')"),
    "wan": (tensors("patch_embedding.weight", "head.modulation", "blocks.0.ffn.0.weight"), "found a plain Wan network"),
}


@pytest.mark.parametrize("kind", WRONG_MODELS)
def test_a_wrong_checkpoint(
    kind: str, run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    weights, found = WRONG_MODELS[kind]
    path = tmp_path / f"wrong_{kind.replace(' ', '_')}.safetensors"
    save_file(weights, path)
    sentence = refusal(run, "WMLoadWorldModel", place_file("diffusion_models", path))
    assert sentence.startswith(f"model_name: {path.name}: {found}")


def test_code_in_a_file_never_runs(
    run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    touched = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {touched}",)

    path = tmp_path / "trap.pth"
    torch.save({**tensors("patch_embedding.weight", "head.modulation"), "extra": Trap()}, path)
    slots = (("WMLoadWorldModel", "diffusion_models"), ("WMLoadWorldVAE", "vae"),
             ("WMLoadWorldCLIPVision", "clip_vision"), ("WMLoadWorldTextEncoder", "text_encoders"))  # fmt: skip
    for node, folder in slots:
        assert "a pickle with code in it (posix.system)" in refusal(run, node, place_file(folder, path))
    assert not touched.exists()


def test_a_checkpoint_with_missing_tensors(
    built_in: Path, run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "unfinished.safetensors"
    with safe_open(built_in / "tiny_world_2.safetensors", "pt") as file:
        kept = {key: file.get_tensor(key) for key in file.keys() if "blocks.1.ffn" not in key}
        save_file(kept, path, metadata=file.metadata())
    assert "4 missing tensors" in refusal(run, "WMLoadWorldModel", place_file("diffusion_models", path))


@pytest.mark.parametrize("node, folder, field", [
    ("WMLoadWorldModel", "diffusion_models", "model_name"), ("WMLoadWorldVAE", "vae", "vae_name"),
])  # fmt: skip
def test_a_damaged_file(
    node: str, folder: str, field: str, run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    for name, content in (("half.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{"), ("page.pt", b"<html>404</html>")):
        (tmp_path / name).write_bytes(content)
        sentence = refusal(run, node, place_file(folder, tmp_path / name))
        assert sentence.startswith(f"{field}: ") and name in sentence and "download it again" in sentence


@pytest.mark.parametrize("name", ["../../secret.safetensors", "/etc/passwd", "missing.safetensors"])
def test_a_path_outside_the_hosts_folders(name: str, run: Callable, refusal: Refusal) -> None:
    assert refusal(run, "WMLoadWorldModel", name).startswith(f"model_name: found no file {name!r}")
    assert refusal(run, "WMLoadWorldVAE", name).startswith(f"vae_name: found no file {name!r}")


@pytest.mark.parametrize("node, folder, loader", [
    ("WMLoadWorldModel", "diffusion_models", "Unet Loader (GGUF)"),
    ("WMLoadWorldTextEncoder", "text_encoders", "CLIPLoader (GGUF)"),
    ("WMLoadWorldVAE", "vae", "a loader"),
])  # fmt: skip
def test_a_gguf_file_is_sent_to_who_reads_it(
    node: str, folder: str, loader: str, run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "model-Q8_0.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(64))
    sentence = refusal(run, node, place_file(folder, tmp_path / "model-Q8_0.gguf"))
    assert "a GGUF file, expected" in sentence and f"load it with {loader} of the ComfyUI-GGUF pack" in sentence
    (tmp_path / "model.safetensors").write_bytes(b"GGUF\x03\0\0\0" + bytes(64))
    sentence = refusal(run, node, place_file(folder, tmp_path / "model.safetensors"))
    assert "found a GGUF file, expected weights; load it with a loader of the ComfyUI-GGUF pack" in sentence


def test_built_in_weights_that_are_missing(
    of_pack: Callable[[str], ModuleType], run: Callable, refusal: Refusal, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(of_pack("nodes.host.model_files"), "WEIGHTS", tmp_path)
    assert "install the pack again" in refusal(run, "WMLoadWorldModel", "Tiny World")


def test_unknown_options_of_the_loader(built_in: Path, run: Callable, refusal: Refusal) -> None:
    assert refusal(run, "WMLoadWorldModel", "Tiny World", "int3").startswith("weight_dtype: found 'int3'")
    assert refusal(run, "WMLoadWorldModel", "Tiny World", "auto", "magic").startswith("attention: found 'magic'")


def test_a_file_that_is_no_world_vae(
    run: Callable, refusal: Refusal, place_file: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    save_file(tensors("decoder.conv_in.weight", "encoder.conv_in.weight"), path)
    sentence = refusal(run, "WMLoadWorldVAE", place_file("vae", path))
    assert sentence.startswith("vae_name: other.safetensors: found something else") and "Wan 2.1" in sentence


def test_a_vae_that_does_not_belong_to_the_model(
    tiny: SimpleNamespace, golden: SimpleNamespace, run: Callable, refusal: Refusal, rolls: Callable
) -> None:
    wan = comfy.sd.VAE(sd=comfy.ldm.wan.vae.WanVAE(
        dim=4, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True]
    ).state_dict())  # fmt: skip
    game = run("WMLoadWorldModel", golden.file)
    assert "wan21" in refusal(run, "WMStartWorld", tiny.model, wan, tiny.image)
    assert "tiny_world" in refusal(run, "WMStartWorld", game, tiny.vae, tiny.image)
    assert rolls(vae=wan).startswith("vae: found the Wan 2.1 VAE")
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    assert refusal(run, "WMDecodeWorld", world, wan).startswith("vae: found the Wan 2.1 VAE")


def test_a_vae_of_another_training(
    tiny: SimpleNamespace,
    built_in: Path,
    run: Callable,
    refusal: Refusal,
    place_file: Callable[..., str],
    tmp_path: Path,
) -> None:
    from safetensors import safe_open

    path = tmp_path / "retrained_vae.safetensors"
    with safe_open(built_in / "tiny_world_2_vae.safetensors", "pt") as file:
        entries = json.loads(file.metadata()["worldmodel"])
        entries["latent_mean"] = [value + 0.1 for value in entries["latent_mean"]]
        weights = {key: file.get_tensor(key) for key in file.keys()}
    save_file(weights, path, metadata={"worldmodel": json.dumps(entries)})
    other = run("WMLoadWorldVAE", place_file("vae", path))
    assert "another training" in refusal(run, "WMStartWorld", tiny.model, other, tiny.image)


def test_a_vae_of_a_stranger(tiny: SimpleNamespace, run: Callable, refusal: Refusal) -> None:
    stranger = SimpleNamespace(first_stage_model=torch.nn.Identity(), latent_channels=4)
    assert refusal(run, "WMStartWorld", tiny.model, stranger, tiny.image).startswith(
        "vae: found a VAE of type Identity"
    )


def test_model_sampling_sd3_on_our_model(tiny: SimpleNamespace, rolls: Callable) -> None:
    (patched,) = ModelSamplingSD3().patch(tiny.model, 8.0)
    sentence = rolls(model=patched)
    assert "ModelSamplingSD3" in sentence and "shift is a widget of Rollout World" in sentence


def test_other_patches_that_cannot_be_honoured(tiny: SimpleNamespace, rolls: Callable) -> None:
    wrapped = tiny.model.clone()
    wrapped.set_model_unet_function_wrapper(lambda *_: None)
    assert "a model_function_wrapper" in rolls(model=wrapped)
    windowed = tiny.model.clone()
    windowed.model_options["context_handler"] = object()
    assert "context windows" in rolls(model=windowed)
    spread = tiny.model.clone()
    spread.set_additional_models("multigpu", [tiny.model.clone()])
    assert "multi-GPU" in rolls(model=spread)


def attention_of_another_pack(self: Any, x: torch.Tensor, freqs: Any, transformer_options: dict | None = None) -> Any:
    """As Enhance-A-Video, NAG and their like bring it for Wan."""
    return x


@pytest.mark.parametrize(
    "path",
    ["blocks.{}.self_attn.forward", "blocks.{}.cross_attn.forward", "blocks.{}.forward", "blocks.{}.self_attn",
     "blocks.{}", "blocks.{}.feed_forward", "blocks.0.action_model.forward", "head.forward", "img_emb.forward",
     "forward", "blocks.7.ffn.forward"],
)  # fmt: skip
def test_patches_of_our_own_layers_are_refused_by_path_before_anything_is_loaded(
    path: str, tiny: SimpleNamespace, rolls: Callable
) -> None:
    patched, network = tiny.model.clone(), tiny.model.model.diffusion_model
    for index in range(3):
        patched.add_object_patch(
            f"diffusion_model.{path.format(index)}", attention_of_another_pack.__get__(network.blocks[0].self_attn)
        )
    comfy.model_management.unload_all_models()
    sentence = rolls(model=patched)
    assert f"diffusion_model.{path.format(0)}" in sentence and sentence.endswith("; remove that node.")
    assert not comfy.model_management.loaded_models(), "the model was loaded before the refusal"


def test_a_whole_network_or_an_apply_model_of_another_pack_is_refused(tiny: SimpleNamespace, rolls: Callable) -> None:
    for path, thing in (("diffusion_model", torch.nn.Identity()), ("apply_model", lambda x, t, transformer_options: x)):
        patched = tiny.model.clone()
        patched.add_object_patch(path, thing)
        assert f"a patch of {path}" in rolls(model=patched)


def test_a_layer_that_was_replaced_past_the_patcher_is_refused_too(
    tiny: SimpleNamespace, run: Callable, rolls: Callable
) -> None:
    model = run("WMLoadWorldModel", "Tiny World")
    layer = model.model.diffusion_model.blocks[1].self_attn
    layer.forward = attention_of_another_pack.__get__(layer)
    assert "a patch of diffusion_model.blocks.1.self_attn.forward" in rolls(model=model)
    layer.forward = type(layer).forward.__get__(layer)  # as the host sets it back
    run("WMRolloutWorld", model, tiny.world, tiny.track, 0)


def test_patches_of_plain_layers_and_compiled_ones_are_taken(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    plain, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    network = tiny.model.model.diffusion_model
    doubled, compiled = tiny.model.clone(), tiny.model.clone()
    for index, block in enumerate(network.blocks):
        ffn = type(block.ffn).forward.__get__(block.ffn)
        doubled.add_object_patch(f"diffusion_model.blocks.{index}.ffn.forward", lambda x, ffn=ffn: 2 * ffn(x))
        compiled.add_object_patch(f"diffusion_model.blocks.{index}", torch.compile(block, backend="eager"))
    other, _ = run("WMRolloutWorld", doubled, tiny.world, tiny.track, 0)
    assert not torch.equal(other.chunks[0].latents, plain.chunks[0].latents)
    again, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)  # the patch has left no trace
    assert torch.equal(again.chunks[0].latents, plain.chunks[0].latents)
    of_pack("nodes.host.patches").check_patches(compiled)


def test_patches_that_a_world_model_never_calls_cost_a_sentence_each(tiny: SimpleNamespace, nodes: dict) -> None:
    model = tiny.model.clone()
    model.set_model_patch_replace(lambda args, extra: args, "dit", "double_block", 1)
    model.set_model_attn1_patch(lambda *args: args)
    model.set_model_double_block_patch(lambda args: args)
    model.set_model_rope_options(2.0, 0.0, 2.0, 0.0, 1.0, 0.0)
    model.set_model_sampler_post_cfg_function(lambda args: args["denoised"])
    model.add_object_patch("extra_conds", lambda **kwargs: {})
    lines = nodes["WMRolloutWorld"].execute(model, tiny.world, tiny.track, 0).ui["text"][0].splitlines()
    told = [line for line in lines if line.startswith("model: a ") and "has no effect here" in line]
    for name in ("patches_replace (dit)", "attn1_patch", "double_block", "rope_options", "sampler_post_cfg_function",
                 "extra_conds"):  # fmt: skip
        assert sum(name in line for line in told) == 1, (name, lines)
    assert len(told) == 6 and all(line.endswith(".") for line in told)


def test_a_model_of_the_host(tiny: SimpleNamespace, run: Callable, refusal: Refusal, rolls: Callable) -> None:
    other = SimpleNamespace(model=torch.nn.Identity())
    assert rolls(model=other).startswith("model: found Identity, expected a world model")
    assert refusal(run, "WMStartWorld", other, tiny.vae, tiny.image).startswith("model: found Identity")


@pytest.mark.parametrize("scheduler", ["simple", "normal", "karras", "beta", "linear_quadratic", "kl_optimal"])
def test_a_ksampler_on_our_model(scheduler: str, tiny: SimpleNamespace, refusal: Refusal) -> None:
    comfy.model_management.unload_all_models()
    latent, cond = {"samples": torch.zeros(1, 16, 3, 8, 12)}, [[torch.zeros(1, 4, 128), {}]]
    sampler = host_nodes.KSampler()
    sentence = refusal(sampler.sample, tiny.model, 0, 4, 1.0, "euler", scheduler, cond, cond, latent)
    assert "use Rollout World" in sentence
    assert not comfy.model_management.loaded_models(), "the model was loaded before the refusal"


def test_a_sampler_with_sigmas_of_its_own(tiny: SimpleNamespace, refusal: Refusal) -> None:
    import comfy.sample
    import comfy.samplers

    latent, cond = torch.zeros(1, 16, 3, 8, 12), [[torch.zeros(1, 4, 128), {}]]
    sampler, sigmas = comfy.samplers.sampler_object("euler"), torch.tensor([1.0, 0.5, 0.0])
    sentence = refusal(comfy.sample.sample_custom, tiny.model, latent, 1.0, sampler, sigmas, cond, cond, latent, seed=0)
    assert "use Rollout World" in sentence


def test_tracks_that_cannot_be_walked(
    rolls: Callable, tiny: SimpleNamespace, of_pack: Callable[[str], ModuleType]
) -> None:
    track = tiny.track
    empty = track._replace(keys=track.keys[:0], mouse=track.mouse[:0])
    assert rolls(track=empty).startswith("track: found 0 frames, expected at least 9")
    short = track._replace(keys=track.keys[:8], mouse=track.mouse[:8])
    assert rolls(track=short).startswith("track: found 8 frames, expected at least 9")
    for field in ("keys", "mouse"):
        broken = getattr(track, field).clone()
        broken[12, 0] = float("nan")
        assert "found NaN or infinity" in rolls(track=track._replace(**{field: broken}))


@pytest.mark.parametrize("text", ["forwad*9", '{"version": 1', '{"version":1,"frames":0}', "forward*0", "forward*-3"])
def test_malformed_tracks(text: str, run: Callable, nodes: dict) -> None:
    """What is said at the queue is also said when the text comes through a wire."""
    first = nodes["WMActionTrack"].validate_inputs(text)
    assert isinstance(first, str) and first
    with pytest.raises(ValueError) as caught:
        run("WMActionTrack", text)
    assert str(caught.value) == first


@pytest.mark.parametrize("steps", ["many", "1000, 1000", "333 666", "2000", "0", "1000; 500", "-5"])
def test_steps_that_are_no_steps(steps: str, rolls: Callable, nodes: dict) -> None:
    sentence = rolls(steps=steps)
    assert sentence.startswith("steps: found")
    assert nodes["WMRolloutWorld"].validate_inputs(steps) == sentence


def test_a_world_of_another_model(golden: SimpleNamespace, rolls: Callable) -> None:
    sentence = rolls(world=golden.world)
    assert "started for Matrix-Game 2.0 GTA drive, expected one for Tiny World" in sentence


def test_more_chunks_than_noise_was_recorded(
    golden: SimpleNamespace, run: Callable, refusal: Refusal, of_pack: Callable[[str], ModuleType]
) -> None:
    parse = of_pack("worldmodel.track.track").parse_track
    model, grown = run("WMLoadWorldModel", golden.file), golden.world
    grown, _ = run("WMRolloutWorld", model, grown, golden.track, 0)
    assert refusal(run, "WMRolloutWorld", model, grown, parse("forward*12"), 0).startswith("noise: ")


IMAGES = {
    "a batch of 2 pictures": torch.rand(2, 64, 96, 3),
    "10 x 8 pixels": torch.rand(1, 8, 10, 3),
    "1 channels": torch.rand(1, 64, 96, 1),
    "NaN or infinity": torch.full((1, 64, 96, 3), float("nan")),
    "shape (64, 96, 3)": torch.rand(64, 96, 3),
}


@pytest.mark.parametrize("found", IMAGES)
def test_pictures_that_cannot_be_used(found: str, tiny: SimpleNamespace, run: Callable, refusal: Refusal) -> None:
    sentence = refusal(run, "WMStartWorld", tiny.model, tiny.vae, IMAGES[found])
    assert sentence.startswith("image: found") and found in sentence


def test_matrix_game_without_a_clip_tower(
    golden: SimpleNamespace, run: Callable, refusal: Refusal, tiny: SimpleNamespace
) -> None:
    model = run("WMLoadWorldModel", golden.file)
    wan = comfy.sd.VAE(sd=comfy.ldm.wan.vae.WanVAE(
        dim=4, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True]
    ).state_dict())  # fmt: skip
    assert refusal(run, "WMStartWorld", model, wan, tiny.image).startswith("clip_vision: found none")


def test_a_film_without_a_vae(tiny: SimpleNamespace, run: Callable, refusal: Refusal, tmp_path: Path) -> None:
    _, film = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    for use in (film.get_dimensions, film.get_components, film.get_frame_count, film.get_stream_source,
                film.get_duration, lambda: film.save_to(str(tmp_path / "film.mp4"))):  # fmt: skip
        assert "no VAE was connected to Rollout World" in refusal(use)


def test_a_film_without_an_encoder(rolls: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert "imageio-ffmpeg" in rolls()


def test_frames_that_are_not_there(tiny: SimpleNamespace, run: Callable, refusal: Refusal) -> None:
    assert refusal(run, "WMDecodeWorld", tiny.world, tiny.vae).startswith("world: found no frames")
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    for first, last in ((0, 21), (12, 11), (21, -1)):
        assert "expected a range within 0 to 20" in refusal(run, "WMDecodeWorld", world, tiny.vae, first, last)


def test_a_failed_rollout_leaves_no_film(
    golden: SimpleNamespace, tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    files = of_pack("nodes.host.files")
    folder = files.new_film("worldmodel/rollout").parent
    before = sorted(folder.iterdir())
    model = tiny.model.clone()

    def stop(executor: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args[4].positions[0] == 3:
            raise comfy.model_management.InterruptProcessingException()
        return executor(*args, **kwargs)

    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test", stop)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run("WMRolloutWorld", model, tiny.world, tiny.track, 0, vae=tiny.vae)
    assert sorted(folder.iterdir()) == before
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0, vae=tiny.vae)
    assert len(world.chunks) == 2


@pytest.mark.parametrize(("first", "last"), [(-1, -1), (-3, 2), (2, 1), (0, 9), (9, -1)])
def test_a_range_that_leaves_the_world_is_refused(first: int, last: int, of_pack: Callable) -> None:
    """A link brings numbers that the widget would not take, and those below 0 would count from behind."""
    chosen_span = of_pack("nodes.frames").chosen_span
    assert chosen_span(0, -1, 9) == (0, 8) and chosen_span(8, 8, 9) == (8, 8)
    with pytest.raises(ValueError, match=r"^first_frame, last_frame: found .* expected a range within 0 to 8"):
        chosen_span(first, last, 9)
