"""A world model as the host's MODEL: the authors' numbers, and what the host's other nodes do to it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.lora
import comfy.model_base
import comfy.patcher_extension
import comfy.sd
import comfy.supported_models
import pytest
import torch
from torch import Tensor

from worldmodel.variants import BUILT_IN, VARIANTS

CPU_TOLERANCE = 5e-5
"""Of the golden set's final latents, largest absolute error."""
STEPS = len(VARIANTS[BUILT_IN].steps)
PASSES = STEPS + 1 + STEPS
"""Of the network for two chunks: the second one's clean pass waits until a third is made."""


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def calls_of_the_network(model: Any, seen: list) -> Any:
    """Return a clone that notes the (x, step, transformer_options) of each call in `seen`."""

    def note(executor: Any, x: Tensor, t: Tensor, context: Tensor, options: dict, step: Any, **kwargs: Any) -> Tensor:
        seen.append((x, step, options))
        return executor(x, t, context, options, step, **kwargs)

    watched = model.clone()
    watched.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "test", note)
    return watched


def test_the_authors_rollout_comes_out_of_the_nodes(golden: SimpleNamespace, run: Callable) -> None:
    model = run("WMLoadWorldModel", golden.file)
    world, _ = run("WMRolloutWorld", model, golden.world, golden.track, 0)
    assert len(world.chunks) == golden.latents.shape[1] // 3
    assert (latents(world) - golden.latents).abs().max() <= CPU_TOLERANCE


def test_each_chunk_takes_its_steps_and_a_clean_pass_before_the_next(tiny: SimpleNamespace, run: Callable) -> None:
    seen: list = []
    run("WMRolloutWorld", calls_of_the_network(tiny.model, seen), tiny.world, tiny.track, 0)
    times = [step.timesteps[0, 0].item() for _, step, _ in seen]
    steps, clean = [1000, 952.381, 882.3529, 769.2308, 625, 468.75, 303.0303, 172.4138], [0]
    assert times == pytest.approx(steps + clean + steps, abs=1e-3)  # the last chunk's clean pass is the next node's
    assert [step.commit for _, step, _ in seen] == [time == 0 for time in times]
    assert all({"sigmas", "cond_or_uncond", "uuids", "sample_sigmas"} <= options.keys() for *_, options in seen)


def test_a_bf16_model_receives_exact_timesteps(tiny: SimpleNamespace, run: Callable) -> None:
    seen: list = []
    model = calls_of_the_network(run("WMLoadWorldModel", "Tiny World", "bf16"), seen)
    model.set_model_compute_dtype(torch.bfloat16)  # on a CPU the host would compute in fp32
    world, _ = run("WMRolloutWorld", model, tiny.world, tiny.track, 0)
    x, step, _ = seen[1]
    assert x.dtype == torch.bfloat16
    assert step.timesteps.dtype == torch.float32
    assert step.timesteps[0, 0].item() == pytest.approx(952.381, abs=1e-4)
    assert latents(world).dtype == torch.bfloat16
    assert bool(latents(world).isfinite().all())


def test_a_lora_changes_the_rollout_and_leaves_no_trace(tiny: SimpleNamespace, run: Callable) -> None:
    before, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    key = "diffusion_model.blocks.1.self_attn.q"
    torch.manual_seed(0)
    lora = {f"{key}.lora_up.weight": torch.randn(64, 4), f"{key}.lora_down.weight": torch.randn(4, 64)}
    patched, _ = comfy.sd.load_lora_for_models(tiny.model, None, lora, 1.0, 0.0)
    assert patched.patches
    changed, _ = run("WMRolloutWorld", patched, tiny.world, tiny.track, 0)
    after, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    assert not torch.allclose(latents(changed), latents(before), atol=1e-3)
    assert torch.equal(latents(after), latents(before))


def test_every_linear_layer_can_take_a_lora(tiny: SimpleNamespace) -> None:
    known = comfy.lora.model_lora_keys_unet(tiny.model.model, {})
    linear = [name for name, layer in tiny.model.model.named_modules() if isinstance(layer, torch.nn.Linear)]
    assert linear
    assert {f"{name}.weight" for name in linear} <= set(known.values())


def test_weights_stored_in_fp8_roll_out(tiny: SimpleNamespace, run: Callable) -> None:
    model = run("WMLoadWorldModel", "Tiny World", "fp8_e4m3fn")
    assert model.model.diffusion_model.blocks[0].ffn[0].weight.dtype == torch.float8_e4m3fn
    world, _ = run("WMRolloutWorld", model, tiny.world, tiny.track, 0)
    exact, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    error = (latents(world) - latents(exact)).norm() / latents(exact).norm()
    assert 0 < error < 0.5


def test_an_attention_override_is_called(tiny: SimpleNamespace, run: Callable) -> None:
    model, calls = tiny.model.clone(), []

    def override(attention: Callable, *args: Any, **kwargs: Any) -> Tensor:
        calls.append(kwargs["transformer_options"]["block_index"])
        return attention(*args, **kwargs)

    model.model_options["transformer_options"]["optimized_attention_override"] = override
    run("WMRolloutWorld", model, tiny.world, tiny.track, 0)
    passes, blocks = PASSES, 3
    # self- and cross-attention; the one clean pass ends at the last block's keys and values
    assert len(calls) == (passes * blocks - 1) * 2
    assert set(calls) == set(range(blocks))


def test_the_loader_chooses_the_attention(tiny: SimpleNamespace, run: Callable, nodes: dict) -> None:
    names = nodes["WMLoadWorldModel"].INPUT_TYPES()["required"]["attention"][1]["options"]
    assert names[0] == "auto" and "sub_quad" in names
    model = run("WMLoadWorldModel", "Tiny World", "auto", "sub_quad")
    world, _ = run("WMRolloutWorld", model, tiny.world, tiny.track, 0)
    usual, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    assert (latents(world) - latents(usual)).abs().max() < 1e-3


def test_the_hosts_wrappers_surround_the_rollout(tiny: SimpleNamespace, run: Callable) -> None:
    kinds, model, calls = comfy.patcher_extension.WrappersMP, tiny.model.clone(), []
    for kind in (kinds.OUTER_SAMPLE, kinds.SAMPLER_SAMPLE, kinds.APPLY_MODEL, kinds.DIFFUSION_MODEL):

        def count(executor: Any, *args: Any, kind: str = kind, **kwargs: Any) -> Any:
            calls.append(kind)
            return executor(*args, **kwargs)

        model.add_wrapper_with_key(kind, "test", count)
    run("WMRolloutWorld", model, tiny.world, tiny.track, 0)
    assert {kind: calls.count(kind) for kind in set(calls)} == {
        kinds.OUTER_SAMPLE: 1, kinds.SAMPLER_SAMPLE: 1, kinds.APPLY_MODEL: PASSES, kinds.DIFFUSION_MODEL: PASSES,
    }  # fmt: skip


def test_the_cache_is_reckoned_once_whatever_the_batch(tiny: SimpleNamespace) -> None:
    model, base = tiny.model.model, comfy.model_base.BaseModel
    shapes = [[batch, 16, 3, 8, 12] for batch in (1, 2)]
    extra = [model.memory_required(shape) - base.memory_required(model, shape) for shape in shapes]
    assert extra[0] == pytest.approx(extra[1]) and extra[0] > 0


def test_the_reckoned_cache_covers_the_real_one(tiny: SimpleNamespace, run: Callable) -> None:
    seen: list = []
    run("WMRolloutWorld", calls_of_the_network(tiny.model, seen), tiny.world, tiny.track, 0)
    model, shape = tiny.model.model, [1, 16, 3, 8, 12]
    reckoned = model.memory_required(shape) - comfy.model_base.BaseModel.memory_required(model, shape)
    assert seen[-1][1].cache.bytes() <= reckoned


def test_clones_know_their_file_and_can_be_loaded_again(tiny: SimpleNamespace, run: Callable, built_in: Any) -> None:
    identity = tiny.model.clone().get_attachment("worldmodel")
    assert identity.path == str(built_in / "tiny_world_2.safetensors")
    assert identity.bytes > 0 and (identity.variant, identity.latent_format) == ("tiny_world_2", "tiny_world")
    load, args = tiny.model.cached_patcher_init
    again = load(*args, disable_dynamic=True)
    worlds = [run("WMRolloutWorld", model, tiny.world, tiny.track, 3)[0] for model in (tiny.model, again)]
    assert torch.equal(*map(latents, worlds))


def test_registering_twice_leaves_one_entry(of_pack: Callable[[str], ModuleType]) -> None:
    host, models = of_pack("nodes.host"), comfy.supported_models.models
    before = len(models)
    host.register({}, {})
    assert len(models) == before
    assert [model.__name__ for model in models].count("WMWorldModel") == 1
