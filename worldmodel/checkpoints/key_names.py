"""The names that repacks give to the released tensors, as data."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PREFIXES = ("model.", "diffusion_model.", "module.", "generator.", "_orig_mod.", "_fsdp_wrapped_module.")
"""What trainers and wrappers put before every key, alone or behind one another."""

# diffusers' names, and those of FastVideo's own modules, which some of its repacks were saved with
_OUTSIDE_BLOCKS = {
    "patch_embedding": ("patch_embedding.proj",),
    "time_embedding.0": ("condition_embedder.time_embedder.linear_1", "condition_embedder.time_embedder.mlp.fc_in"),
    "time_embedding.2": ("condition_embedder.time_embedder.linear_2", "condition_embedder.time_embedder.mlp.fc_out"),
    "text_embedding.0": ("condition_embedder.text_embedder.linear_1", "condition_embedder.text_embedder.fc_in"),
    "text_embedding.2": ("condition_embedder.text_embedder.linear_2", "condition_embedder.text_embedder.fc_out"),
    "time_projection.1": ("condition_embedder.time_proj", "condition_embedder.time_modulation.linear"),
    "img_emb.proj.0": ("condition_embedder.image_embedder.norm1",),
    "img_emb.proj.1": (
        "condition_embedder.image_embedder.ff.net.0.proj",
        "condition_embedder.image_embedder.ff.fc_in",
    ),
    "img_emb.proj.3": ("condition_embedder.image_embedder.ff.net.2", "condition_embedder.image_embedder.ff.fc_out"),
    "img_emb.proj.4": ("condition_embedder.image_embedder.norm2",),
    "head.head": ("proj_out",),
    "head.modulation": ("scale_shift_table",),
}
_IN_A_BLOCK = {
    **{f"self_attn.{name}": (f"attn1.to_{name}", f"to_{name}") for name in ("q", "k", "v")},
    **{f"cross_attn.{name}": (f"attn2.to_{name}",) for name in ("q", "k", "v")},
    **{f"self_attn.norm_{name}": (f"attn1.norm_{name}", f"norm_{name}") for name in ("q", "k")},
    **{f"cross_attn.norm_{name}": (f"attn2.norm_{name}",) for name in ("q", "k")},
    "self_attn.o": ("attn1.to_out.0", "to_out"),
    "cross_attn.o": ("attn2.to_out.0", "attn2.to_out"),
    "norm3": ("norm2", "self_attn_residual_norm.norm"),
    "ffn.0": ("ffn.net.0.proj", "ffn.fc_in"),
    "ffn.2": ("ffn.net.2", "ffn.fc_out"),
    "modulation": ("scale_shift_table",),
}
RENAMED = ("condition_embedder.", "proj_out.", "scale_shift_table")
"""How some key of a renamed network begins; no released key does."""


def _inverted(names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {theirs: ours for ours, spellings in names.items() for theirs in spellings}


_TOP, _BLOCK = _inverted(_OUTSIDE_BLOCKS), _inverted(_IN_A_BLOCK)


def released_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, not copied, under the names of the original release.

    Prefixes that every key has are removed, and a repack's names are replaced; a key that stands in no table stays.
    """
    named = _without_prefix(state_dict)
    if any(key.startswith(RENAMED) for key in named):
        named = {_released_name(key): value for key, value in named.items()}
    return named


def _without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = dict(state_dict)
    while prefix := next((prefix for prefix in PREFIXES if _all_have(named, prefix)), None):
        named = {key.removeprefix(prefix): value for key, value in named.items()}
    return named


def _all_have(named: Mapping[str, Tensor], prefix: str) -> bool:
    # the mark of scaled fp8 files often stands alone beside prefixed keys
    keys = [key for key in named if key != "scaled_fp8"]
    return bool(keys) and all(key.startswith(prefix) for key in keys)


def _released_name(key: str) -> str:
    if key.startswith("blocks."):
        _, number, rest = key.split(".", 2)
        return f"blocks.{number}.{_replaced(rest, _BLOCK)}"
    return _replaced(key, _TOP)


def _replaced(key: str, names: Mapping[str, str]) -> str:
    """Replace the longest module name of the table that the key begins with."""
    parts = key.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        if module in names:
            return ".".join((names[module], *parts[count:]))
    return key
