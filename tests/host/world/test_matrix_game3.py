"""Matrix-Game 3 through the nodes, on the authors' small weights: their rollout, and what an artist does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.ops
import comfy.sd
import folder_paths
import pytest
import torch
from released_checkpoints import matrix_game_3_weights, text_encoder_weights
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "matrix_game3"
CASE = FOLDER / "rollout.safetensors"
LATENTS, FRAMES = 1e-4, 3e-3
"""Largest errors: as a share of the latents' norm; of colours in -1..1."""
INT8 = "int8 attention (Matrix-Game 3)"
BOUNDS = {INT8: 0.05, "int8 attention as released (Matrix-Game 3)": 0.1, "fp8_e4m3fn": 0.2}
"""How far latents may be from those of float32."""
SEED = 5


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """The authors' tensors, in float32."""
    return {key: value.float() if value.is_floating_point() else value for key, value in load_file(CASE).items()}


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


@pytest.fixture
def case(
    tensors: dict[str, Tensor], of_pack: Callable[[str], ModuleType], run: Callable, place_file: Callable[..., str],
    tmp_path: Path,
) -> SimpleNamespace:  # fmt: skip
    """The authors' files under the names of the release, loaded by our nodes, and how to begin."""
    with safe_open(CASE, "pt") as file:
        config = {key: json.loads(text) for key, text in file.metadata().items()}
    sizes, actions = config["dit_config"], config["dit_config"]["action_config"]
    entries = {"heads": sizes["num_heads"], "action_rotated": actions["mouse_qk_dim_list"][0]}
    path = tmp_path / "mg3.safetensors"
    save_file(under(tensors, "dit.sd."), path, metadata={"worldmodel": json.dumps(entries)})
    whole, light = under(tensors, "vae.sd."), under(tensors, "lightvae.sd.")
    torch.save(whole | light, tmp_path / "Wan2.2_VAE.pth")
    torch.save(light, tmp_path / "MG-LightVAE.pth")
    name, state = place_file("diffusion_models", path), of_pack("worldmodel.world.state")

    def start(run_name: str = "distilled", **changes: Any) -> Any:
        base = run_name == "base_cfg"
        variant = of_pack("worldmodel.variants").VARIANTS[f"matrix_game_3_{'base' if base else 'distilled'}"]
        made = state.Start(
            variant.name, "wan22", tensors[f"{run_name}.img_latent"], text=tensors["context"],
            negative=tensors["context_neg"] if base else None,
        )  # fmt: skip
        return state.new_world(made._replace(**changes))

    return SimpleNamespace(
        file=name,
        config=config,
        load=lambda *options, **more: run("WMLoadWorldModel", name, *(options or ("fp32",)), **more),
        model=run("WMLoadWorldModel", name, "fp32"),
        vae=run("WMLoadWorldVAE", place_file("vae", tmp_path / "Wan2.2_VAE.pth")),
        light=run("WMLoadWorldVAE", place_file("vae", tmp_path / "MG-LightVAE.pth")),
        image=tensors["image_u8"][None] / 255,
        start=start,
        parse=of_pack("worldmodel.track.track").parse_track,
        state=state,
    )


@pytest.fixture
def clip(place_file: Callable[..., str], run: Callable, tmp_path: Path) -> comfy.sd.CLIP:
    """A random text encoder as wide as the model's words, with a small tokenizer inside."""
    save_file(text_encoder_weights(24), tmp_path / "umt5_tiny.safetensors")
    return run("WMLoadWorldTextEncoder", place_file("text_encoders", tmp_path / "umt5_tiny.safetensors"))


@pytest.fixture
def narrow_clip(place_file: Callable[..., str], run: Callable, tmp_path: Path) -> comfy.sd.CLIP:
    """A text encoder of another model, whose words are narrower."""
    save_file(text_encoder_weights(16), tmp_path / "umt5_narrow.safetensors")
    return run("WMLoadWorldTextEncoder", place_file("text_encoders", tmp_path / "umt5_narrow.safetensors"))


def track_of(case: SimpleNamespace, tensors: dict[str, Tensor], name: str, of_pack: Callable) -> Any:
    """Return the authors' actions as a track."""
    keys, mouse = tensors[f"{name}.keyboard_all"], tensors[f"{name}.mouse_all"]
    words = ("forward", "back", "left", "right", "jump", "attack")
    return of_pack("worldmodel.track.track").Track(words, keys, mouse.flip(1) * 15)


def noise_of(case: SimpleNamespace, tensors: dict[str, Tensor], name: str) -> Any:
    """Return the authors' noise, of the latents that are sampled."""
    clips = len(case.config[f"{name}.frames"])
    drawn = [tensors[f"{name}.clip{clip}.noise"][0, :, -(10 if clip else 14) :] for clip in range(clips)]
    height, width = drawn[0].shape[2:]
    return case.state.RecordedNoise(torch.cat(drawn, 1), torch.zeros(clips, 0, 10, 48, height, width))


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents.float() for chunk in world.chunks], dim=1)


def off(found: Tensor, exact: Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


# ---------------------------------------------------------------- the authors' rollouts


@pytest.mark.parametrize("name", ["distilled", "base_cfg"])
def test_the_authors_rollout_comes_out_of_the_nodes(
    case: SimpleNamespace, tensors: dict[str, Tensor], run: Callable, of_pack: Callable, name: str
) -> None:
    world = case.start(name, noise=noise_of(case, tensors, name), form="as released")
    variant = "Matrix-Game 3.0 base" if name == "base_cfg" else "auto"
    model, steps = case.load("fp32", variant=variant), str(case.config["base_steps"]) if name == "base_cfg" else ""
    track = track_of(case, tensors, name, of_pack)
    grown, film = run("WMRolloutWorld", model, world, track, 0, steps, vae=case.light)
    for number, chunk in enumerate(grown.chunks):
        assert off(chunk.latents, tensors[f"{name}.clip{number}.new_latents"][0]) <= LATENTS
    assert film.get_frame_count() == sum(case.config[f"{name}.frames"])
    for first, theirs in zip(
        tensors[f"{name}.video_sel_idx"].tolist(), tensors[f"{name}.video_sel_f16"].unbind(1), strict=True
    ):
        (frame,) = run("WMDecodeWorld", grown, case.light, first, first)
        assert (frame.movedim(-1, 0) * 2 - 1 - theirs).abs().max() <= FRAMES


def test_a_start_is_the_picture_and_the_prompt(
    case: SimpleNamespace, tensors: dict[str, Tensor], run: Callable, clip: Any, of_pack: Callable
) -> None:
    height, width = case.config["size_hw"]
    world = run("WMStartWorld", case.model, case.vae, case.image, None, width, height, clip, "a quiet street")
    assert off(world.start.image_condition, tensors["distilled.img_latent"]) <= LATENTS
    assert torch.equal(world.start.text, of_pack("nodes.host.text").encode_text(clip, "a quiet street"))
    assert world.start.negative is None and world.start.form == "corrected"
    base = case.load("fp32", variant="Matrix-Game 3.0 base")
    world = run("WMStartWorld", base, case.vae, case.image, None, width, height, clip, "", "rain", "as released")
    assert torch.equal(world.start.negative, of_pack("nodes.host.text").encode_text(clip, "rain"))
    assert (world.start.variant, world.start.form) == ("matrix_game_3_base", "as released")


def test_a_prompt_on_the_way_holds_from_the_next_chunk_on(case: SimpleNamespace, run: Callable, clip: Any) -> None:
    told = case.parse("forward*97")._replace(prompts=((50, "red lamps"),))
    plain, _ = run("WMRolloutWorld", case.model, case.start(), case.parse("forward*97"), SEED)
    grown, _ = run("WMRolloutWorld", case.model, case.start(), told, SEED, clip=clip)
    assert [chunk.controls.prompt for chunk in grown.chunks] == ["", "red lamps"]
    assert torch.equal(grown.chunks[0].latents, plain.chunks[0].latents)
    assert not torch.equal(grown.chunks[1].latents, plain.chunks[1].latents)
    with pytest.raises(ValueError, match="clip: found none, expected a text encoder"):
        run("WMRolloutWorld", case.model, case.start(), told, SEED)


# ---------------------------------------------------------------- the laws

WALK = "forward*57 forward+yaw_right(3)*60 idle*20"


@pytest.fixture
def whole(case: SimpleNamespace, run: Callable) -> Any:
    """Three chunks, the last of which turns back."""
    return run("WMRolloutWorld", case.model, case.start(), case.parse(WALK), SEED)[0]


@pytest.mark.parametrize("form", ["corrected", "as released"])
def test_splitting_a_rollout_changes_nothing(case: SimpleNamespace, run: Callable, form: str) -> None:
    walk, world = case.parse(WALK), case.start(form=form)
    whole, _ = run("WMRolloutWorld", case.model, world, walk, SEED)
    cut = [walk._replace(keys=walk.keys[rows], mouse=walk.mouse[rows]) for rows in (slice(0, 57), slice(57, None))]
    for part in cut:
        world, _ = run("WMRolloutWorld", case.model, world, part, SEED)
    assert torch.equal(latents(world), latents(whole))
    assert torch.equal(world.chunks[2].controls.c2w, whole.chunks[2].controls.c2w)
    assert torch.equal(run("WMDecodeWorld", world, case.light), run("WMDecodeWorld", whole, case.light))


def test_a_world_that_was_saved_or_rewound_goes_on_as_it_would_have(
    case: SimpleNamespace, whole: Any, run: Callable, nodes: dict[str, Any]
) -> None:
    walk = case.parse(WALK)
    rest = walk._replace(keys=walk.keys[97:], mouse=walk.mouse[97:])
    back = run("WMRewindWorld", whole, 2)[0]
    name = nodes["WMSaveWorld"].execute(back, "worldmodel/mg3").ui["text"][0].splitlines()[1]
    loaded = run("WMLoadWorld", name)
    assert loaded.digest == whole.digest and torch.equal(loaded.chunks[1].controls.c2w, whole.chunks[1].controls.c2w)
    for world in (back, loaded):
        grown, _ = run("WMRolloutWorld", case.model, world, rest, SEED)
        assert torch.equal(latents(grown), latents(whole))


def test_what_is_looked_at_again_changes_the_world_and_its_key(
    case: SimpleNamespace, whole: Any, run: Callable, of_pack: Callable
) -> None:
    policy = of_pack("worldmodel.memory.policy")
    walk, keys = case.parse(WALK), of_pack("worldmodel.families.begin").settings_of
    other, _ = run("WMRolloutWorld", case.model, case.start(), walk, SEED, memory=policy.CORRECTED._replace(slots=2))
    assert torch.equal(other.chunks[0].latents, whole.chunks[0].latents)  # which looks at nothing
    assert not torch.equal(other.chunks[1].latents, whole.chunks[1].latents)
    variant = of_pack("worldmodel.variants").VARIANTS["matrix_game_3_distilled"]
    told = [keys(variant, memory=memory).plain() for memory in (None, policy.CORRECTED, policy.RELEASED)]
    assert told[0] == told[1] != told[2] and json.loads(json.dumps(told[2]))


@pytest.mark.parametrize(("decoder", "small"), [("vae", True), ("light", False)])
def test_the_film_is_decoded_beside_the_network_or_in_turns_with_the_same_bits(
    case: SimpleNamespace, run: Callable, of_pack: Callable, place: Callable, filmed: list[Tensor],
    monkeypatch: pytest.MonkeyPatch, decoder: str, small: bool,
) -> None:  # fmt: skip
    if not small:  # then each computes on the host's number of threads
        for module in ("nodes.host.sampling", "nodes.host.decoder"):
            monkeypatch.setattr(of_pack(module), "is_small", lambda *_: False)
        monkeypatch.setattr(of_pack("nodes.host.beside"), "cores", lambda: 2 * torch.get_num_threads())
    films = []
    for way in ("in turns", "beside", "with weights of its own"):
        filmed.clear()
        decided = place(way)
        grown, film = run(
            "WMRolloutWorld", case.model, case.start(), case.parse("forward*97"), SEED, vae=getattr(case, decoder)
        )
        assert (decided[0] is None) == (way == "in turns") and film.get_frame_count() == 97
        films.append((latents(grown), torch.cat(filmed)))
    for other in films[1:]:
        assert all(torch.equal(one, two) for one, two in zip(films[0], other, strict=True))


POSE = {"right": 0.0, "up": 0.0, "ahead": 0.0, "yaw": 0.0, "pitch": 0.0}


def test_a_picture_in_memory_is_shown_looked_at_and_part_of_the_key(
    case: SimpleNamespace, whole: Any, run: Callable, of_pack: Callable
) -> None:
    walk, world = case.parse(WALK), case.start()
    there = {"track": walk, "frame": walk.frames - 1}
    memory = run("WMAddPictureToMemory", case.image, case.vae, world, **POSE, **there)
    (picture,) = memory.pictures
    assert (
        torch.equal(picture.c2w, whole.chunks[2].controls.c2w[-1])
        and off(picture.latent, world.start.image_condition) < 1e-4
    )
    assert "picture 1 " in run("WMMemoryInspector", walk, world, memory)[1].split("chunk 2")[1]
    grown, _ = run("WMRolloutWorld", case.model, world, walk, SEED, memory=memory)
    assert torch.equal(grown.chunks[0].latents, whole.chunks[0].latents)  # which looks at nothing
    assert not torch.equal(grown.chunks[2].latents, whole.chunks[2].latents)
    variant = of_pack("worldmodel.variants").VARIANTS["matrix_game_3_distilled"]
    settings_of = of_pack("worldmodel.families.begin").settings_of
    assert picture.digest in json.dumps(settings_of(variant, memory=memory).plain())
    two = run("WMAddPictureToMemory", case.image, case.vae, world, 1.0, 2.0, 3.0, 90.0, 0.0, memory)
    assert len(two.pictures) == 2 and two.pictures[1].c2w[:3, 3].tolist() == [1, -2, 3]
    assert torch.allclose(two.pictures[1].c2w[:3, 2], torch.tensor([1.0, 0, 0], dtype=torch.float64))


def test_a_picture_that_cannot_be_in_memory_is_refused(
    case: SimpleNamespace, tiny: SimpleNamespace, run: Callable, of_pack: Callable
) -> None:
    def add(image: Any = case.image, vae: Any = case.vae, world: Any = None, **more: Any) -> Any:
        return run("WMAddPictureToMemory", image, vae, world or case.start(), **POSE | more)

    small = case.start(image_condition=torch.randn(48, 1, 2, 2))
    walk = case.parse(WALK)
    refused = {
        "pose: found NaN or infinity": lambda: add(yaw=float("nan")),
        "pose: found a place beyond": lambda: add(ahead=1e9),
        "frame: found 200, expected 0 to 136": lambda: add(track=walk, frame=200),
        "image: found a batch of 2 pictures": lambda: add(case.image.repeat(2, 1, 1, 1)),
        "vae: found the Tiny World VAE": lambda: add(vae=tiny.vae),
        ".*only decodes": lambda: add(vae=case.light),
        "world: found one of Tiny World": lambda: add(world=tiny.world),
        "memory: found picture 1 with latents of shape": lambda: run(
            "WMRolloutWorld", case.model, case.start(), walk, SEED, memory=add(world=small)
        ),
    }
    for beginning, wrong in refused.items():
        with pytest.raises(ValueError, match=f"^{beginning}") as caught:
            wrong()
        assert "\n" not in str(caught.value) and str(caught.value).endswith("."), beginning


# ---------------------------------------------------------------- precisions and patches


def test_ggufs_layers_come_in_as_an_instance(case: SimpleNamespace, run: Callable) -> None:
    """Unet Loader (GGUF) hands the host its own layers as an instance, and no metadata of ours."""
    made: list[str] = []

    class Layers(comfy.ops.manual_cast):
        class Linear(comfy.ops.manual_cast.Linear):
            def forward(self, *args: Any, **kwargs: Any) -> Tensor:
                made.append("called")
                return super().forward(*args, **kwargs)

    def grown(**options: Any) -> Tensor:
        model = comfy.sd.load_diffusion_model_state_dict(
            matrix_game_3_weights(), model_options={"dtype": torch.float32, **options}
        )
        return latents(run("WMRolloutWorld", model, case.start(), case.parse("forward*57"), SEED)[0])

    plain = grown()
    assert not made and torch.equal(grown(custom_operations=Layers()), plain) and made


@pytest.mark.parametrize("dtype", BOUNDS)
def test_smaller_weights_give_nearly_the_same_world(
    case: SimpleNamespace, whole: Any, run: Callable, dtype: str
) -> None:
    model = case.load(dtype)
    grown, _ = run("WMRolloutWorld", model, case.start(), case.parse(WALK), SEED)
    assert 0 < off(latents(grown), latents(whole)) < BOUNDS[dtype]


def test_int8_is_of_the_attentions_projections_alone(case: SimpleNamespace) -> None:
    exact, found = (model.model.diffusion_model.state_dict() for model in (case.model, case.load(INT8)))
    packed = {key.removesuffix(".weight") for key, value in found.items() if value.dtype == torch.int8}
    parts = [f"{part}_attn.{name}" for part in ("self", "cross") for name in "qkvo"]
    assert packed == {f"blocks.{block}.{part}" for block in range(3) for part in parts}
    assert found["blocks.0.self_attn.q.weight_scale"].shape == (48, 1)
    assert exact.keys() <= found.keys()


@pytest.mark.parametrize("dtype", ["fp32", INT8, "int8 attention as released (Matrix-Game 3)"])
def test_a_lora_counts(case: SimpleNamespace, run: Callable, dtype: str) -> None:
    torch.manual_seed(1)
    name = "diffusion_model.blocks.0.self_attn.q"
    lora = {f"{name}.lora_up.weight": torch.randn(48, 2), f"{name}.lora_down.weight": torch.randn(2, 48)}
    model, walk = case.load(dtype), case.parse("forward*57")
    patched, _ = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)
    assert patched.patches
    plain, other = (run("WMRolloutWorld", each, case.start(), walk, SEED)[0] for each in (model, patched))
    assert off(latents(other), latents(plain)) > 1e-3


def test_a_call_on_half_weights_rounds_its_timesteps_only_as_released(
    case: SimpleNamespace, run: Callable, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions, seen = of_pack("worldmodel.models.matrix_game3.conditions"), []
    original = conditions.Call.at
    monkeypatch.setattr(conditions.Call, "at", lambda call, t: (seen.append(call.rounded), original(call, t))[1])
    model, walk = case.load("bf16"), case.parse("forward*57")
    monkeypatch.setattr(model.model, "get_dtype_inference", lambda: torch.bfloat16)
    for form, rounded in (("corrected", False), ("as released", True)):
        seen.clear()
        run("WMRolloutWorld", model, case.start(form=form), walk, SEED)
        assert seen == [rounded] * 3


# ---------------------------------------------------------------- told apart, and refused


def test_base_and_distilled_are_told_apart_as_far_as_they_can_be(
    case: SimpleNamespace,
    of_pack: Callable,
    tensors: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    loading, told = of_pack("nodes.host.checkpoints"), []
    monkeypatch.setattr(of_pack("nodes.host.progress"), "tell", told.append)
    entries = {"heads": 3, "action_rotated": 4}

    def load(place: str, dtype: torch.dtype = torch.float32, variant: str = "auto") -> str:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        weights = {key: value.to(dtype) for key, value in under(tensors, "dit.sd.").items()}
        save_file(weights, tmp_path / place, metadata={"worldmodel": json.dumps(entries)})
        return loading.load_world_model(tmp_path / place, variant=variant).model.variant.name.removeprefix(
            "matrix_game_3_"
        )

    assert load("base_model/weights.safetensors") == "base" and "folder is called base_model" in told[-1]
    assert load("base_distilled_model/w.safetensors", torch.bfloat16) == "distilled"
    assert load("any.safetensors") == "distilled" and "It has 32 bits" in told[-1]
    assert load("any.safetensors", torch.bfloat16) == "distilled" and "Nothing tells it from" in told[-1]
    assert load("any.safetensors", variant="Matrix-Game 3.0 base") == "base"
    entries["variant"] = "matrix_game_3_base"
    assert load("any.safetensors") == "base"


def test_wrong_parts_are_refused_in_a_sentence_before_anything_is_sampled(
    case: SimpleNamespace,
    run: Callable,
    clip: Any,
    narrow_clip: Any,
    of_pack: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    height, width = case.config["size_hw"]
    sized = (None, width, height)
    tiny_vae, tiny_model = run("WMLoadWorldVAE", "Tiny World"), run("WMLoadWorldModel", "Tiny World")
    policy, walk = of_pack("worldmodel.memory.policy").CORRECTED, case.parse(WALK)
    monkeypatch.setattr(of_pack("nodes.host.sampling"), "perform", lambda *_: pytest.fail("the sampling had begun"))

    def roll(**more: Any) -> None:
        run("WMRolloutWorld", case.model, case.start(), more.pop("track", walk), SEED, **more)

    nan = walk._replace(mouse=walk.mouse.clone().fill_(float("nan")))
    poses = torch.eye(4, dtype=torch.float64).repeat(walk.frames, 1, 1)
    poses[90, 0, 3] = float("nan")
    lost = walk._replace(camera=of_pack("worldmodel.camera.poses").Poses(poses))
    refused = {
        "clip: found tokens of 16 numbers, expected 24; load the text encoder that belongs": lambda: run(
            "WMStartWorld", case.model, case.vae, case.image, *sized, narrow_clip
        ),
        "vae: found the Tiny World VAE with latents of format tiny_world, expected wan22": lambda: run(
            "WMStartWorld", case.model, tiny_vae, case.image, *sized, clip
        ),
        "track: found NaN or infinity in its camera": lambda: roll(track=lost),
        "clip: found a text encoder of type": lambda: run(
            "WMStartWorld", case.model, case.vae, case.image, *sized, SimpleNamespace(cond_stage_model=None)
        ),
        "clip: found none": lambda: run("WMStartWorld", case.model, case.vae, case.image, *sized),
        "vae: found MG-LightVAE, which only decodes|only decodes": lambda: run(
            "WMStartWorld", case.model, case.light, case.image, *sized, clip
        ),
        "vae: found the Tiny World VAE": lambda: roll(vae=tiny_vae),
        "track: found NaN": lambda: roll(track=nan),
        "budget_frames: found 0": lambda: roll(memory=policy._replace(budget_frames=0)),
        "budget_megabytes: found 0": lambda: roll(memory=policy._replace(budget_megabytes=0.0)),
        "pinned: found 6 frames": lambda: roll(memory=policy._replace(pinned=(9, 13, 20, 30, 40, 50))),
        "pinned: found frame 900": lambda: roll(memory=policy._replace(pinned=(900,))),
        "memory: found a memory policy": lambda: of_pack("worldmodel.families.begin").settings_of(
            tiny_model.model.variant, memory=policy
        ),
        "weight_dtype: found int8": lambda: run("WMLoadWorldModel", "Tiny World", INT8),
        "window: found 6": lambda: case.load("fp32", window=6),
        "steps: found 1000, 500": lambda: roll(steps="1000, 500"),
    }
    for beginning, wrong in refused.items():
        with pytest.raises(ValueError, match=f"^({beginning})") as caught:
            wrong()
        assert "\n" not in str(caught.value) and str(caught.value).endswith("."), beginning


def test_a_damaged_world_or_one_that_stood_nowhere_is_named_and_the_one_on_the_wire_stays(
    case: SimpleNamespace, whole: Any, run: Callable, nodes: dict[str, Any]
) -> None:
    before = latents(whole)
    name = nodes["WMSaveWorld"].execute(whole, "worldmodel/spoilt").ui["text"][0].splitlines()[1]
    path = Path(folder_paths.get_output_directory()) / name.removesuffix(" [output]")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # in the latents, which are nearly all of it
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"spoilt_00001_.*found content that does not match its checksum, .*\.$"):
        run("WMLoadWorld", name)
    *first, last = whole.chunks
    c2w = last.controls.c2w.clone()
    c2w[7] = float("nan")
    nowhere = whole._replace(chunks=(*first, last._replace(controls=last.controls._replace(c2w=c2w))))
    refused = {
        "found NaN or infinity in 'chunk.2.poses'": lambda: run("WMSaveWorld", nowhere, "worldmodel/nowhere"),
        "poses: found NaN or infinity in frame 104": lambda: run("WMMemoryInspector", case.parse("idle*40"), nowhere),
        "c2w: found NaN or infinity": lambda: run("WMRolloutWorld", case.model, nowhere, case.parse("idle*40"), SEED),
    }
    for sentence, wrong in refused.items():
        with pytest.raises(ValueError, match=sentence) as caught:
            wrong()
        assert "\n" not in str(caught.value) and str(caught.value).endswith("."), sentence
    assert torch.equal(latents(whole), before)
    run("WMRolloutWorld", case.model, whole, case.parse("idle*40"), SEED)
