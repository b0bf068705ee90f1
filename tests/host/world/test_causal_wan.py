"""Causal Wan worlds through the nodes: the authors' rollout, a camera that reaches the model, prompts that change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.ops
import comfy.patcher_extension
import comfy.sd
import folder_paths
import numpy as np
import pytest
import torch
from host.quantised_weights import quantised, scaled
from released_checkpoints import lingbot_weights, text_encoder_weights, vae_weights
from safetensors.torch import save_file
from torch import Tensor

import nodes as host_nodes

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "gamecraft2" / "lingbot_rollout.safetensors"
LATENTS, SEED, ENTRIES = 3e-5, 5, {"worldmodel": json.dumps({"variant": "lingbot_2_1_3b"})}


@pytest.fixture
def case(of_pack: Callable, run: Callable, place_file: Callable[..., str], tmp_path: Path) -> SimpleNamespace:
    """Small files, loaded by our nodes, and how to begin and to walk."""
    save_file(lingbot_weights(), tmp_path / "lingbot.safetensors", metadata=ENTRIES)
    save_file(vae_weights(), tmp_path / "wan21.safetensors")
    save_file(text_encoder_weights(24), tmp_path / "umt5_tiny.safetensors")
    model = run("WMLoadWorldModel", place_file("diffusion_models", tmp_path / "lingbot.safetensors"), "fp32")
    vae = run("WMLoadWorldVAE", place_file("vae", tmp_path / "wan21.safetensors"))
    clip = run("WMLoadWorldTextEncoder", place_file("text_encoders", tmp_path / "umt5_tiny.safetensors"))
    image = torch.rand(1, 32, 48, 3, generator=torch.Generator().manual_seed(1))

    def start(track: Any = None) -> Any:
        return run("WMStartWorld", model, vae, image, None, 48, 32, clip, "a street", track=track)

    def track(text: str, **events: str) -> Any:
        told = of_pack("worldmodel.track.track").parse_track(text)
        return told._replace(prompts=tuple((int(at[1:]), said) for at, said in events.items()))

    def roll(world: Any, told: Any, **options: Any) -> Any:
        used = options.pop("model", model)
        return run("WMRolloutWorld", used, world, told, SEED, "1000, 500", **{"clip": clip, **options})[0]

    return SimpleNamespace(model=model, vae=vae, clip=clip, start=start, track=track, roll=roll)


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def test_the_authors_rollout_comes_out_of_the_nodes(
    of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable[..., str], tmp_path: Path
) -> None:
    judge, report = of_pack("worldmodel.conformance.gamecraft2_rollout"), of_pack("worldmodel.conformance.report")
    golden = report.load_golden(GOLDEN)
    told, _, _ = judge.walked(golden, golden.config["blocks"], golden.config["P"])
    state, poses = of_pack("worldmodel.world.state"), of_pack("worldmodel.camera.poses")
    with judge.lingbot(golden) as start:
        entries = {"heads": golden.config["model"]["num_heads"], "variant": start.variant}
        path = tmp_path / "lingbot_golden.safetensors"
        save_file(golden.under("sd."), path, metadata={"worldmodel": json.dumps(entries)})
        model = run("WMLoadWorldModel", place_file("diffusion_models", path), "fp32")
        camera = poses.Poses(torch.cat([rows.c2w for rows in told]))
        frames = camera.frames
        still = torch.zeros(frames, 0), torch.zeros(frames, 2)
        track = of_pack("worldmodel.track.track").Track((), *still, camera=camera)
        grown, _ = run("WMRolloutWorld", model, state.new_world(start), track, 0)
        assert (latents(grown) - golden.tensors["out.latents"]).abs().max() <= LATENTS


def test_a_walk_in_parts_is_the_walk_in_one_across_a_prompt_under_each_policy(
    case: SimpleNamespace, run: Callable, of_pack: Callable, tmp_path: Path
) -> None:
    world, archive = case.start(), of_pack("worldmodel.world.archive")
    whole = case.track("forward*13 right+yaw_right*16 idle*16", f29="rain")
    head = whole._replace(keys=whole.keys[:29], mouse=whole.mouse[:29], prompts=())
    tail = whole._replace(keys=whole.keys[29:], mouse=whole.mouse[29:], prompts=((0, "rain"),))
    films = {}
    for policy in ("last block", "text only", "window"):
        memory = run("WMWorldCache", policy)
        one = case.roll(world, whole, memory=memory)
        begun = case.roll(world, head, memory=memory)
        assert [chunk.controls.prompt for chunk in one.chunks] == ["", "", "rain"]
        assert torch.equal(latents(case.roll(begun, tail, memory=memory)), latents(one))
        loaded = archive.load_world(archive.save_world(begun, tmp_path / f"walk{archive.SUFFIX}"))
        assert torch.equal(latents(case.roll(loaded, tail, memory=memory)), latents(one))
        films[policy] = latents(one)
    assert not torch.equal(films["last block"], films["text only"])
    assert not torch.equal(films["last block"], films["window"])
    assert torch.equal(latents(case.roll(world, whole)), films["last block"])
    packed = case.roll(world, whole, memory=run("WMWorldCache", "last block", "int8"))
    difference = (latents(packed) - films["last block"]).norm() / films["last block"].norm()
    assert 0 < difference < 0.1


def test_poses_reach_the_model_as_the_camera(
    case: SimpleNamespace, run: Callable, of_pack: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fourth pose, in the units and with the lens that were fixed when the world was started."""
    files, rays = of_pack("worldmodel.formats.files"), of_pack("worldmodel.models.causal_wan.rays")
    poses = np.tile(np.eye(4), (29, 1, 1))
    poses[:, 2, 3], poses[:, 0, 3] = np.arange(29) * 0.1, np.sin(np.arange(29)) * 0.1
    np.save(tmp_path / "poses.npy", poses)
    np.save(tmp_path / "intrinsics.npy", np.tile([[503.0, 503.0, 416.0, 240.0]], (29, 1)))
    follow, variants = of_pack("worldmodel.binding.follow"), of_pack("worldmodel.variants").VARIANTS
    content = files.read_track_file(tmp_path / "poses.npy")
    track = follow.follow_file(content.poses, variants["yume_1_5"], follow.Reading()).track
    world = case.start(track)
    way, *lens = world.start.camera.tolist()
    steps = np.linalg.norm(np.diff(poses[::4, :3, 3], axis=0), axis=1)
    assert way == pytest.approx(steps.max())
    assert lens == pytest.approx([503 / 832, 503 / 480, 0.5, 0.5])
    seen: list[Tensor] = []
    family = of_pack("worldmodel.families.causal_wan")
    monkeypatch.setattr(family, "tokens_of", lambda *args: (seen.append(args[0]), rays.tokens_of(*args))[1])
    grown = case.roll(world, track)
    assert torch.equal(torch.cat([chunk.controls.c2w for chunk in grown.chunks]), torch.from_numpy(poses))
    told = torch.cat(seen[:2])
    moved = torch.from_numpy(np.diff(poses[::4, :3, 3], axis=0) / steps.max())
    assert torch.allclose(told[1:, :3, 3].double(), moved, atol=1e-6) and not told[0, :3, 3].any()
    other = case.start()
    assert other.start.camera is None and other.digest != world.digest
    assert not torch.equal(latents(case.roll(other, track)), latents(grown))


def test_lora_and_8_bits_work_as_for_any_model_of_the_host(
    case: SimpleNamespace, run: Callable, place_file: Callable[..., str], tmp_path: Path
) -> None:
    world, walk = case.start(), case.track("forward*13")
    plain = latents(case.roll(world, walk))
    save_file(lingbot_weights(), tmp_path / "again.safetensors", metadata=ENTRIES)
    name = place_file("diffusion_models", tmp_path / "again.safetensors")
    halved = latents(case.roll(world, walk, model=run("WMLoadWorldModel", name, "fp8_e4m3fn")))
    assert 0 < (halved.float() - plain).norm() / plain.norm() < 0.3
    lora = {
        f"diffusion_model.blocks.0.cam_scale_layer.lora_{part}.weight": value
        for part, value in (("A", torch.randn(4, 128)), ("B", torch.randn(128, 4)))
    }
    patched, _ = comfy.sd.load_lora_for_models(case.model, None, lora, 1.0, 0.0)
    assert not torch.equal(latents(case.roll(world, walk, model=patched)), plain)


def test_files_of_the_hosts_tools_and_loras_of_its_node(
    case: SimpleNamespace, run: Callable, place_file: Callable[..., str], tmp_path: Path, of_pack: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By our loader, and by the host's own, which is told names and shapes alone; GGUF's loader is one of those."""
    kinds = of_pack("worldmodel.models.causal_wan.checkpoint").TWINS
    monkeypatch.setitem(kinds, "camera 128", of_pack("worldmodel.variants").VARIANTS["lingbot_2_1_3b"])
    world, walk, weights = case.start(), case.track("forward*13"), lingbot_weights()

    def rolled(model: Any) -> Tensor:
        return latents(case.roll(world, walk, model=model)).float()

    plain, called = rolled(case.model), []

    class Layers(comfy.ops.manual_cast):
        class Linear(comfy.ops.manual_cast.Linear):
            def forward(self, *args: Any, **kwargs: Any) -> Tensor:
                called.append(1)
                return super().forward(*args, **kwargs)

    as_gguf = {"dtype": torch.float32, "custom_operations": Layers()}
    gguf = rolled(comfy.sd.load_diffusion_model_state_dict(dict(weights), model_options=as_gguf))
    assert called and (gguf - plain).abs().max() < 1e-4
    for title, packed, bound in (
        ("scaled fp8", scaled(weights), 0.3),
        ("fp8 of the host", quantised(weights, "float8_e4m3fn"), 0.3),
        ("int8 of the host", quantised(weights, "int8_tensorwise"), 0.3),
    ):
        save_file({key: value.contiguous() for key, value in packed.items()}, tmp_path / f"{title}.safetensors")
        name = place_file("diffusion_models", tmp_path / f"{title}.safetensors")
        model = run("WMLoadWorldModel", name)
        (hosts,) = host_nodes.UNETLoader().load_unet(name, "default")
        found = rolled(model)
        assert 0 < (found - plain).norm() / plain.norm() < bound, title
        assert torch.equal(rolled(hosts), found), title
        loras = Path(folder_paths.get_folder_paths("loras")[0])
        loras.mkdir(parents=True, exist_ok=True)
        up, down = (torch.randn(*shape, generator=torch.Generator().manual_seed(1)) for shape in ((128, 4), (4, 128)))
        lora = {"lora_up": up, "lora_down": down}
        layer = "diffusion_model.blocks.1.self_attn.v"
        save_file({f"{layer}.{part}.weight": value for part, value in lora.items()}, loras / "one.safetensors")
        (patched,) = host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, "one.safetensors", 1.0)
        assert not torch.equal(rolled(patched), found) and torch.equal(rolled(model), found), title
        (loras / "one.safetensors").unlink()


def test_what_a_card_holds_is_said_before_the_rollout(
    case: SimpleNamespace, run: Callable, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, card = of_pack("nodes.room"), of_pack("worldmodel.bench.card")
    settings, world = of_pack("worldmodel.families.begin").settings_of(case.model.model.variant), case.start()
    assert room.said(case.model, settings, world, case.vae) == []  # a CPU is no card
    phases = room.phases_of(case.model, world, case.vae, packed=False)
    cache = 2 * 128 * 2 * 18 * 6 * 4  # keys and values, of two blocks, 18 latents of 6 tokens, in 32 bits
    less = phases["denoise"].kept - room.phases_of(case.model, world, case.vae, packed=True)["denoise"].kept
    assert less == pytest.approx(cache * (1 - 133 / (4 * 128)), abs=1) and set(phases) == {"denoise", "decode"}
    total = max(phase.together for phase in phases.values())
    for free, words in (
        (total + 10**9, "denoise: fits beside all other weights"),
        (phases["denoise"].together - less, f"to lower: {room.PACKED}; then every phase fits"),
    ):
        monkeypatch.setattr(of_pack("nodes.host.sampling"), "card_of", lambda device, free=free: card.RESERVED + free)
        assert any(words in line for line in room.said(case.model, settings, world, None)), words
    told: list[str] = []
    monkeypatch.setattr(of_pack("nodes.rolling").progress, "tell", told.append)
    asked = case.model.clone()
    asked.add_wrapper_with_key(
        comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test",
        lambda executor, *args, **kwargs: (told.append("pass"), executor(*args, **kwargs))[1],
    )  # fmt: skip
    case.roll(world, case.track("forward*13"), model=asked)
    before = told[: told.index("pass")]
    assert any(line.startswith("memory: denoise") for line in before)


def test_mistakes_are_told_in_a_sentence(case: SimpleNamespace, run: Callable) -> None:
    world = case.start()
    with pytest.raises(ValueError, match="clip: found none, expected a text encoder for LingBot-World 2 1.3B, because"):
        case.roll(world, case.track("forward*29", f13="rain"), clip=None)
    with pytest.raises(ValueError, match="memory: found World Memory, expected none for LingBot-World 2 1.3B"):
        case.roll(world, case.track("forward*13"), memory=run("WMWorldMemory", "exact overlap", 5, True, 4))
    with pytest.raises(ValueError, match="recache: found 'all', expected one of last block"):
        run("WMWorldCache", "all")
