"""Models of two networks through the nodes: LingBot-World's base, and any causal one; equal is bit for bit."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comfy.model_management
import comfy.patcher_extension
import pytest
import torch
from comfy_api.latest import io
from comfy_execution.graph import DynamicPrompt
from released_checkpoints import lingbot_weights, text_encoder_weights, vae_weights
from safetensors.torch import save_file
from torch import Tensor

SEED, STEPS, HIGH, LOW = 5, "5", "tiny_high_noise.safetensors", "tiny_low_noise.safetensors"
GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": HIGH}},
    "2": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": LOW}},
    "3": {"class_type": "WMLoadWorldVAE", "inputs": {"vae_name": "wan21.safetensors"}},
    "6": {
        "class_type": "WMRolloutWorld",
        "inputs": {"model": ["1", 0], "low_noise_model": ["2", 0], "vae": ["3", 0], "seed": SEED},
    },
}


@pytest.fixture
def files(place_file: Callable[..., str], tmp_path: Path) -> Callable[[str], None]:
    """`files("lingbot_base_cam")`: two experts with unlike weights, their VAE and their text encoder."""

    def place(variant: str) -> None:
        entries = {"worldmodel": json.dumps({"variant": variant})}
        for name, seed in ((HIGH, 17), (LOW, 18)):
            save_file(lingbot_weights(seed), tmp_path / name, metadata=entries)
            place_file("diffusion_models", tmp_path / name)
        save_file(vae_weights(), tmp_path / "wan21.safetensors")
        save_file(text_encoder_weights(24), tmp_path / "umt5_tiny.safetensors")
        place_file("vae", tmp_path / "wan21.safetensors")
        place_file("text_encoders", tmp_path / "umt5_tiny.safetensors")

    return place


@pytest.fixture
def folder(of_pack: Callable) -> Iterator[Path]:
    """The journal's folder, not there yet."""
    path = of_pack("nodes.host.journal").journal_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def case(files: Callable, run: Callable, nodes: dict, folder: Path, of_pack: Callable) -> Callable[..., Any]:
    """`case("lingbot_base_cam")`: the pair, loaded by our nodes, and how to begin and to walk with it."""

    def make(variant: str) -> SimpleNamespace:
        files(variant)
        high, low = (run("WMLoadWorldModel", name, "fp32") for name in (HIGH, LOW))
        vae = run("WMLoadWorldVAE", "wan21.safetensors")
        clip = run("WMLoadWorldTextEncoder", "umt5_tiny.safetensors")
        image = torch.rand(1, 32, 48, 3, generator=torch.Generator().manual_seed(1))
        world = run("WMStartWorld", high, vae, image, None, 48, 32, clip, "a street", "rain")

        def track(text: str, **events: str) -> Any:
            told = of_pack("worldmodel.track.track").parse_track(text)
            return told._replace(prompts=tuple((int(at[1:]), said) for at, said in events.items()))

        def roll(told: Any, begun: Any = world, graph: dict | None = None, **options: Any) -> Any:
            hidden = {} if graph is None else {io.Hidden.dynprompt: DynamicPrompt(graph), io.Hidden.unique_id: "6"}
            node = nodes["WMRolloutWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
            inputs = {"model": high, "low_noise_model": low, "vae": vae, "clip": clip, "steps": STEPS, "seed": SEED}
            result = node.execute(world=begun, track=told, **(inputs | options))
            return result.args[0], result.ui["text"][0], result.args[1]

        return SimpleNamespace(
            high=high, low=low, vae=vae, clip=clip, image=image, world=world, track=track, roll=roll
        )  # fmt: skip

    return make


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def wrapped(model: Any, wrapper: Callable) -> Any:
    clone = model.clone()
    clone.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test", wrapper)
    return clone


def counting(model: Any, asked: list[tuple[str, float]], name: str) -> Any:
    """The model, which writes down at which levels it is asked."""

    def wrapper(executor: Any, x: Tensor, t: Tensor, context: Any, options: dict, call: Any, **kwargs: Any) -> Any:
        asked.append((name, call.timesteps.max().item()))
        return executor(x, t, context, options, call, **kwargs)

    return wrapped(model, wrapper)


def with_weights(model: Any) -> Any:
    """The model with something added to its weights, as a LoRA does it."""
    clone = model.clone()
    clone.add_patches({"diffusion_model.blocks.0.self_attn.v.weight": (torch.ones(128, 128),)}, 0.5)
    return clone


def of_library(of_pack: Callable, case: SimpleNamespace, told: list[Any], settings: Any, chained: Any) -> list[Tensor]:
    """What the library makes of the same controls: with the networks as the host loaded them, and as it does itself.

    A matrix product's last bits hang on where its numbers lie in memory, so only the first can be equal bit for bit.
    """
    begin, bare = of_pack("worldmodel.families.begin").begin, of_pack("worldmodel.rollout.session").bare
    recognise, text = of_pack("worldmodel.checkpoints.recognise"), of_pack("nodes.host.text")

    def network(seed: int) -> Any:
        entries = {"worldmodel": json.dumps({"variant": case.high.model.variant.name})}
        checkpoint = recognise.recognise(lingbot_weights(seed), entries)
        return recognise.load_network(checkpoint, dtype=torch.float32)

    def rolled(high: Any, low: Any) -> Tensor:
        session = begin(
            case.world, bare(high), low=bare(low), settings=settings, chained=chained, stages=high.stages,
            encode_text=lambda said: text.encode_text(case.clip, said),
        )  # fmt: skip
        for controls in told:
            session.step(controls, SEED)
        return latents(session.world)

    return [rolled(case.high.model.diffusion_model, case.low.model.diffusion_model), rolled(network(17), network(18))]


def test_two_experts_make_through_the_nodes_what_they_make_in_the_library(case: Callable, of_pack: Callable) -> None:
    base = case("lingbot_base_cam")
    asked: list[tuple[str, float]] = []
    pair = {"model": counting(base.high, asked, "high"), "low_noise_model": counting(base.low, asked, "low")}
    grown, report, film = base.roll(base.track("forward*81 right+yaw_right*80"), **pair)
    settings = of_pack("worldmodel.families.begin").settings_of(base.high.model.variant, steps=(5,))
    levels = settings.sampler.levels().timesteps.tolist()
    assert [level >= 947 for level in levels] == [True, True, False, False, False]
    clip = [("high" if level >= 947 else "low", level) for level in levels for _ in ("told", "untold")]
    assert asked == 2 * clip
    decoder, told = of_pack("nodes.host.decoder"), [chunk.controls for chunk in grown.chunks]
    chained = lambda clip: decoder.chained(base.vae, grown, clip)  # noqa: E731
    same, close = of_library(of_pack, base, told, settings, chained)
    assert torch.equal(latents(grown), same) and (latents(grown) - close).abs().max() < 1e-4
    assert "2 chunks, 161 frames added" in report and film.get_components().images.shape[0] == 161
    other, _, _ = base.roll(base.track("forward*81"), low_noise_model=with_weights(base.low))
    assert not torch.equal(latents(other), latents(grown)[:, :21])


def test_a_clip_begins_with_the_last_frame_of_the_one_before(case: Callable, run: Callable, of_pack: Callable) -> None:
    base = case("lingbot_base_cam")
    grown, _, _ = base.roll(base.track("forward*81 right*80"))
    pictures, decoder = run("WMDecodeWorld", grown, base.vae), of_pack("nodes.host.decoder")
    assert pictures.shape[0] == 161
    first, second = (run("WMDecodeWorld", grown, base.vae, *ends) for ends in ((0, 80), (81, 160)))
    assert torch.equal(torch.cat((first, second)), pictures)
    again = of_pack("nodes.host.vae").encode_video(base.vae, torch.cat((first[-1:], torch.full_like(first[:80], 0.5))))
    begun = decoder.chained(base.vae, grown, grown.chunks[0].latents)
    assert torch.equal(begun[:, :1], again[:, :1]) and torch.allclose(begun[:, -1], again[:, -1], atol=1e-5)
    clips, seen = of_pack("worldmodel.families.causal_wan"), []
    about = of_pack("worldmodel.rollout.contexts").About(grown.start, base.high.model.variant, chained=lambda _: begun)
    call = clips.CAUSAL_WAN_CLIPS.context(about).gather(grown, grown.chunks[1].controls, 1)
    assert torch.equal(call.condition[0, 4:, 0], begun[:, 0]) and call.condition[0, :4, 0].min() == 1
    moved = of_pack("worldmodel.models.causal_wan.rays")
    metres = clips.camera_of(grown.start, base.high.model.variant)[0]
    stood = torch.cat((grown.chunks[0].controls.c2w[-1:], grown.chunks[1].controls.c2w[3::4]))
    seen = moved.steps(stood, stood[0], metres)
    assert len(seen) == 21 and torch.equal(seen[0, :3, 3], torch.zeros(3, dtype=torch.float64))
    assert torch.equal(call.rays[0], clips.tokens_of(seen.float(), grown.start.grid, call_lens(clips, grown, base))[0])


def call_lens(clips: Any, world: Any, base: SimpleNamespace) -> tuple[float, ...]:
    return tuple(clips.camera_of(world.start, base.high.model.variant)[1:])


def test_the_laws_hold_with_two_models_and_keys_know_both(
    case: Callable, of_pack: Callable, tmp_path: Path, place_file: Callable[..., str]
) -> None:
    base, archive = case("lingbot_base_cam"), of_pack("worldmodel.world.archive")
    walk, head, tail = (base.track(text) for text in ("forward*81 right*80", "forward*81", "right*80"))
    whole, report, _ = base.roll(walk, graph=GRAPH)
    assert "from the journal" not in report
    again, report, _ = base.roll(walk, graph=GRAPH)
    assert "2 chunks from the journal on disk, 0 computed" in report
    assert torch.equal(latents(again), latents(whole))
    begun, _, _ = base.roll(head)
    before = latents(begun).clone()
    loaded = archive.load_world(archive.save_world(begun, tmp_path / f"walk{archive.SUFFIX}"))
    for parent in (begun, loaded):
        assert torch.equal(latents(base.roll(tail, parent)[0]), latents(whole))
    branch, _, _ = base.roll(tail, begun, seed=9)
    assert torch.equal(latents(begun), before) and not torch.equal(latents(branch), latents(whole))
    other = copy.deepcopy(GRAPH)
    other["2"]["inputs"]["model_name"] = "another_low_noise.safetensors"
    shutil.copyfile(tmp_path / LOW, tmp_path / "another_low_noise.safetensors")
    place_file("diffusion_models", tmp_path / "another_low_noise.safetensors")
    names = of_pack("nodes.host.identity").model_names
    pair = of_pack("nodes.host.sampling").with_low_noise(base.high, base.low)
    told = [names(pair, DynamicPrompt(graph), "6", base.vae).own for graph in (GRAPH, other)]
    alone = names(base.high, DynamicPrompt(GRAPH), "6").own
    patched = of_pack("nodes.host.sampling").with_low_noise(base.high, with_weights(base.low))
    told += [alone, names(patched, DynamicPrompt(GRAPH), "6", base.vae).own, names(pair, DynamicPrompt(GRAPH), "6").own]
    assert all(told) and len(set(told)) == len(told)
    as_value = copy.deepcopy(GRAPH)
    as_value["6"]["inputs"] |= {"model": None, "low_noise_model": None, "vae": None}
    told = [names(one, DynamicPrompt(as_value), "6", base.vae).own for one in (pair, patched)]
    assert all(told) and told[0] != told[1]


def test_a_stop_in_the_second_expert_loses_no_finished_clip(case: Callable) -> None:
    base = case("lingbot_base_cam")
    walk = base.track("forward*81 right*80")
    whole, _, _ = base.roll(walk)
    calls = [0]

    def stop(executor: Any, *args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == 8:  # three levels of two passes are the low expert's, so this is in the second clip
            comfy.model_management.interrupt_current_processing()
        return executor(*args, **kwargs)

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        base.roll(walk, graph=GRAPH, low_noise_model=wrapped(base.low, stop))
    resumed, report, _ = base.roll(walk, graph=GRAPH)
    assert "1 chunk from the journal on disk, 1 computed" in report
    assert torch.equal(latents(resumed), latents(whole))


@pytest.mark.parametrize("policy", ["last block", "window"])
def test_causal_experts_have_a_cache_each_across_a_prompt(
    case: Callable, run: Callable, of_pack: Callable, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    variants = of_pack("worldmodel.variants")
    two = replace(variants.VARIANTS["lingbot_2_1_3b"], experts=variants.Experts(900.0), steps=(1000, 500))
    monkeypatch.setitem(variants.VARIANTS, "lingbot_2_1_3b", two)
    causal, memory = case("lingbot_2_1_3b"), run("WMWorldCache", policy)
    walk = causal.track("forward*13 right*16 idle*16", f29="rain")
    head = walk._replace(keys=walk.keys[:29], mouse=walk.mouse[:29], prompts=())
    tail = walk._replace(keys=walk.keys[29:], mouse=walk.mouse[29:], prompts=((0, "rain"),))
    asked: list[tuple[str, float]] = []
    options = {"memory": memory, "steps": "1000, 500", "vae": None}
    pair = {"model": counting(causal.high, asked, "high"), "low_noise_model": counting(causal.low, asked, "low")}
    whole, _, _ = causal.roll(walk, **options, **pair)
    assert {name for name, level in asked if level == 0} == {"high", "low"}
    assert all((name == "high") == (level >= 900) for name, level in asked if level)
    begun, _, _ = causal.roll(head, **options)
    for parent in (begun, begun._replace(context=None)):
        assert torch.equal(latents(causal.roll(tail, parent, **options)[0]), latents(whole))
    kept = of_pack("worldmodel.memory.kept_keys").KeptKeys(policy)
    settings = of_pack("worldmodel.families.begin").settings_of(two, steps=(1000, 500), memory=kept)
    told = [chunk.controls for chunk in whole.chunks]
    same, close = of_library(of_pack, causal, told, settings, None)
    assert torch.equal(latents(whole), same) and (latents(whole) - close).abs().max() < 1e-4
    other, _, _ = causal.roll(walk, **options, low_noise_model=with_weights(causal.low))
    assert not torch.equal(latents(other)[:, :4], latents(whole)[:, :4])


def test_wrong_pairs_are_refused_in_a_sentence(
    case: Callable, run: Callable, place_file: Callable[..., str], tmp_path: Path
) -> None:
    base = case("lingbot_base_cam")
    clip = base.track("forward*81")

    def refused(words: str, **options: Any) -> None:
        with pytest.raises(ValueError, match=words):
            base.roll(options.pop("track", clip), **options)

    refused("low_noise_model: found none, expected the expert for little noise", low_noise_model=None)
    refused("low_noise_model: found tiny_high_noise.safetensors, which its name says", low_noise_model=base.high)
    refused("model: found tiny_low_noise.safetensors, which its name says", model=base.low)
    refused("vae: found none, expected one, because each clip", vae=None, track=base.track("forward*161"))
    refused("memory: found World Cache, expected none", memory=run("WMWorldCache", "text only"))
    save_file(lingbot_weights(3), tmp_path / "causal.safetensors", metadata={
        "worldmodel": json.dumps({"variant": "lingbot_2_1_3b"})})  # fmt: skip
    save_file(lingbot_weights(3), tmp_path / "nameless.safetensors", metadata={
        "worldmodel": json.dumps({"variant": "lingbot_base_cam"})})  # fmt: skip
    causal, nameless = (
        run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / f"{name}.safetensors"), "fp32")
        for name in ("causal", "nameless")
    )
    refused("low_noise_model: found LingBot-World 2 1.3B, expected the expert for little", low_noise_model=causal)
    refused("low_noise_model: found the same file as in model", model=nameless, low_noise_model=nameless)
    world = run("WMStartWorld", causal, base.vae, base.image, None, 48, 32, base.clip, "a street")
    refused("low_noise_model: found one, expected none for LingBot-World 2 1.3B", model=causal, begun=world)
