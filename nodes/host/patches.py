"""What other nodes hung on a MODEL: refused where a world model cannot honour it, told where it has no effect."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import nn

from ...worldmodel.reading.words import shortened
from ...worldmodel.rollout.session import NotFinite
from .network import PassThrough

NETWORK = "diffusion_model"
"""Where the host's model has its network, and so how paths of object patches into it begin."""
_PACK = __name__.removesuffix("nodes.host.patches")
_GUIDANCE = (
    "sampler_cfg_function",
    "sampler_pre_cfg_function",
    "sampler_post_cfg_function",
    "sampler_calc_cond_batch_function",
    "denoise_mask_function",
)
_CONDITIONS = ("extra_conds", "extra_conds_shapes", "concat_cond", "encode_adm", "process_timestep")
"""Methods of the host's model that only its own samplers call."""


def check_patches(model: ModelPatcher, field: str = "model") -> None:
    """Refuse what another node put on a world model and it cannot honour.

    Args:
        field: the input that messages name.

    Raises:
        ValueError: the patch by name, and what to do.
    """
    options = model.model_options
    replaced = list(_replaced_parts(model))
    refused = {
        "a changed model_sampling, as ModelSamplingSD3 and its like set it": (
            not isinstance(model.get_model_object("model_sampling"), PassThrough),
            "the shift is a widget of Rollout World",
        ),
        "a model_function_wrapper": ("model_function_wrapper" in options, "a world model is not called through it"),
        "a context_handler (context windows)": (
            options.get("context_handler") is not None,
            "a world model has a rolling window of its own",
        ),
        "multi-GPU clones": (
            bool(model.get_additional_models_with_key("multigpu")),
            "a rollout runs on one device",
        ),
        _named(replaced): (
            bool(replaced),
            "a world model's own layers are called with the past that they remember, which a layer made for another "
            "model leaves out",
        ),
    }
    for what, (found, why) in refused.items():
        if found:
            raise ValueError(f"{field}: found {what}, expected none, because {why}; remove that node.")


def unused_patches(model: ModelPatcher, field: str = "model") -> list[str]:
    """Return one sentence for each kind of patch that a rollout never calls; `field` is the input they name."""
    options = model.model_options
    inner = options["transformer_options"]
    found = [kind for kind in (WrappersMP.PREDICT_NOISE, WrappersMP.CALC_COND_BATCH) if _wrappers(model, kind)]
    found += [name for name in _GUIDANCE if options.get(name)]
    said = [f"{field}: a {name} patch has no effect here, because a rollout uses no guidance." for name in found]
    blocks = [name for name, patches in inner.get("patches", {}).items() if patches]
    blocks += [f"patches_replace ({name})" for name, patches in inner.get("patches_replace", {}).items() if patches]
    blocks += [name for name in ("rope_options",) if inner.get(name)]
    said += [
        f"{field}: a {shortened(str(name))} patch has no effect here, because a world model's blocks do not call it."
        for name in blocks
    ]
    uncalled = [name for name in _CONDITIONS if name in model.object_patches]
    said += [f"{field}: a patch of {name} has no effect here, because a rollout does not call it." for name in uncalled]
    return said


def not_finite(error: NotFinite, model: ModelPatcher) -> ValueError:
    """Return the error that tells a user of NaN or infinity, with the likely cause."""
    carried = _carried(model)
    if (model.object_patches.get("manual_cast_dtype") or model.model.get_dtype_inference()) == torch.float16:
        cause = "half precision (fp16) overflows above 65504; choose bf16 or fp32 as weight_dtype of Load World Model"
        cause += f", or remove what hangs on the model ({carried})" if carried else ""
    elif carried:
        cause = f"likely from what other nodes hung on the model ({carried}); remove it, or lower its strength"
    else:
        cause = "likely from damaged weights; load the model's file again, or download it again"
    return ValueError(f"model: found NaN or infinity {error.where}, expected finite numbers; {cause}.")


def _carried(model: ModelPatcher) -> str:
    """Say in a few words what hangs on a patcher."""
    inner = model.model_options["transformer_options"]
    kinds = [kind for kind in {**model.wrappers, **inner.get("wrappers", {})} if _wrappers(model, kind)]
    told = [f"patches of {len(model.patches)} weights"] if model.patches else []
    told += [f"a {kind} wrapper" for kind in sorted(kinds)]
    told += [f"a patch of {shortened(path)}" for path in list(model.object_patches)[:3]]
    told += ["an attention of its own"] if "optimized_attention_override" in inner else []
    return ", ".join(told)


def _named(paths: list[str]) -> str:
    """Name patched parts, the first of many by its path."""
    first = shortened(paths[0], 80) if paths else ""
    return f"a patch of {first}" if len(paths) <= 1 else f"patches of {len(paths)} of its layers, such as {first}"


def _replaced_parts(model: ModelPatcher) -> Iterator[str]:
    """Yield the paths of what of our own modules was replaced, by the patcher or past it.

    Modules of the host's and torch's are called as everywhere, so theirs may be replaced (`ffn.forward` is a plain
    `Sequential`); and torch.compile calls what it stands for.
    """
    for path, patch in model.object_patches.items():
        if path == NETWORK or path.startswith(f"{NETWORK}."):
            yield from _if_ours(model, path, patch)
        elif path == "apply_model" and not _takes_a_step(patch):
            yield path
    for name, module in model.model.named_modules():
        path = f"{name}.forward"
        by_host = path in model.object_patches_backup  # of whichever clone is loaded
        if name.startswith(NETWORK) and "forward" in vars(module) and not by_host and path not in model.object_patches:
            yield from _if_ours(model, path, module.forward)


def _if_ours(model: ModelPatcher, path: str, patch: Any) -> Iterator[str]:
    owner_path, _, name = path.rpartition(".")
    try:
        owner = model.model.get_submodule(owner_path)
        original = _original(model, path, owner, name)
    except AttributeError:
        yield path  # the host would fail to set it
        return
    part = original if isinstance(original, nn.Module) else owner
    if not callable(original) or not type(part).__module__.startswith(_PACK):
        return
    stands_for = getattr(patch, "_orig_mod", getattr(patch, "_torchdynamo_orig_callable", patch))
    if stands_for != original:
        yield path


def _original(model: ModelPatcher, path: str, owner: nn.Module, name: str) -> Any:
    """Return what stands at a path when nothing is patched."""
    if path in model.object_patches_backup:
        return model.object_patches_backup[path]
    method = getattr(type(owner), name, None)
    return MethodType(method, owner) if isinstance(method, FunctionType) else getattr(owner, name)


def _takes_a_step(function: Any) -> bool:
    """Tell whether a function can be called as the rollout calls the host's `apply_model`."""
    try:
        inspect.signature(function).bind(0, 0, c_crossattn=0, transformer_options=0, call=0)
    except (TypeError, ValueError):
        return False
    return True


def _wrappers(model: ModelPatcher, kind: str) -> list:
    both = [model.wrappers.get(kind, {}), model.model_options["transformer_options"].get("wrappers", {}).get(kind, {})]
    return [wrapper for named in both for wrappers in named.values() for wrapper in wrappers]
