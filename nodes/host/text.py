"""The host's UMT5 text encoder: loaded from any of its files, and asked as Wan's authors ask theirs.

Shapes: N = 512 places for the words of a text, C width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import comfy.model_patcher
import comfy.sd
import comfy.text_encoders.sd3_clip
import comfy.text_encoders.wan
import comfy.utils
import folder_paths
import torch
from comfy.quant_ops import QUANT_ALGOS
from comfy.text_encoders.spiece_tokenizer import SPieceTokenizer
from torch import Tensor

from ...worldmodel.checkpoints.quantised import check_quantised
from ...worldmodel.checkpoints.text_encoder import (
    TOKENIZER,
    cut,
    encoder_shapes,
    encoder_sizes,
    encoder_weights,
)
from ...worldmodel.reading.prompts import cleaned
from .checkpoints import read_model

TOKENS = 512
"""Words, or parts of words, that the authors' models read of a text; the end of it is one of them."""
_KEPT = 32
"""Texts whose encoding is kept, of each encoder."""
_BESIDE = ("google/umt5-xxl/spiece.model", "spiece.model")
"""Where a release has the tokenizer, from the encoder's folder."""
_SPARE = 1024
"""Words that an encoder may know beyond its tokenizer's, and has to spare."""

_encoded: WeakKeyDictionary[torch.nn.Module, OrderedDict[tuple, Tensor]] = WeakKeyDictionary()


def load_text_encoder(path: Path) -> comfy.sd.CLIP:
    """Load the text encoder of a world model as the host's CLIP.

    Args:
        path: the released `.pth`, which has its tokenizer in a folder beside it, or a file under the host's names.

    Raises:
        ValueError: the file holds something else, or there is no tokenizer.
    """
    clip = _load(path)
    clip.patcher.cached_patcher_init = (load_encoder_patcher, (path,))
    return clip


def load_encoder_patcher(path: Path, disable_dynamic: bool = False) -> comfy.model_patcher.ModelPatcher:
    """Load the text encoder again for a clone of the host's; see `load_text_encoder`."""
    return _load(path, disable_dynamic).patcher


def _load(path: Path, disable_dynamic: bool = False) -> comfy.sd.CLIP:
    name = f"clip_name: {path.name}"
    weights, _ = read_model(path, "clip_name")
    weights = encoder_weights(weights, name=name)
    sizes = encoder_sizes(weights, name=name)
    check_quantised(weights, encoder_shapes(sizes), QUANT_ALGOS, name)
    tokenizer = weights.pop(TOKENIZER, None)
    if tokenizer is None:
        tokenizer = _tokenizer_beside(path, name)
    _check_tokenizer(tokenizer, sizes["vocab_size"], name)
    target = SimpleNamespace(params={}, clip=_encoder(weights), tokenizer=comfy.text_encoders.wan.WanT5Tokenizer)
    return comfy.sd.CLIP(
        target,
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        tokenizer_data={TOKENIZER: tokenizer},
        parameters=comfy.utils.calculate_parameters(weights),
        state_dict=[weights],
        model_options=_options(sizes),
        disable_dynamic=disable_dynamic,
    )


def _encoder(weights: Mapping[str, Tensor]) -> type[torch.nn.Module]:
    return comfy.text_encoders.wan.te(**comfy.text_encoders.sd3_clip.t5_xxl_detect(weights))


def _options(sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes the host's XXL encoder one of other sizes."""
    return {"umt5xxl_model_config": dict(sizes)}


def _tokenizer_beside(path: Path, name: str) -> Tensor:
    folder = path if path.is_dir() else path.parent
    found = next((file for place in _BESIDE if (file := folder / place).is_file()), None)
    if found is None:
        raise ValueError(
            f"{name}: found no tokenizer in the file or beside it, expected {_BESIDE[0]} of the release in the same "
            "folder; put it there, or choose one of the host's umt5_xxl files, which have it inside."
        )
    return torch.frombuffer(bytearray(found.read_bytes()), dtype=torch.uint8)


def _check_tokenizer(tokenizer: Tensor, words: int, name: str) -> None:
    try:
        known = SPieceTokenizer(tokenizer).tokenizer.get_piece_size()
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{name}: found a damaged tokenizer, expected that of UMT5 (spiece.model); download it again."
        ) from error
    if not words - _SPARE <= known <= words:
        raise ValueError(
            f"{name}: found a tokenizer of {known} words for an encoder of {words}, expected UMT5's "
            "(google/umt5-xxl/spiece.model of the release); download that one."
        )


def encode_text(clip: comfy.sd.CLIP, prompt: str) -> Tensor:
    """Return what a model reads of a prompt, as the authors make it; kept for the next time.

    Emphasis in brackets, which the host's own nodes know, is read as it stands.

    Args:
        clip: from Load World Text Encoder, or the host's UMT5-XXL.
        prompt: of any length; what goes beyond `TOKENS` is cut off.

    Returns:
        (N, C) float32 on the CPU, zeros behind the end of the text. Not to be written to.

    Raises:
        ValueError: another text encoder, or what comes out is not finite.
    """
    check_text_encoder(clip)
    text = cleaned(prompt)
    kept = _encoded.setdefault(clip.cond_stage_model, OrderedDict())
    key = text, clip.patcher.patches_uuid, clip.layer_idx
    if key not in kept:
        tokens = clip.tokenize(text, disable_weights=True, min_length=TOKENS)
        short = {name: [cut(batch, TOKENS) for batch in batches] for name, batches in tokens.items()}
        states = clip.encode_from_tokens(short)[0].to("cpu", torch.float32)
        if not bool(torch.isfinite(states).all()):
            raise ValueError(
                "clip: found NaN or infinity in what it makes of the prompt, expected finite numbers; load another "
                "file of the text encoder, or download it again."
            )
        kept[key] = states
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def check_text_encoder(clip: Any) -> None:
    """Check that a CLIP is the text encoder of Wan's models.

    Raises:
        ValueError: it is another one.
    """
    model = getattr(clip, "cond_stage_model", None)
    if not isinstance(getattr(model, "umt5xxl", None), comfy.text_encoders.wan.UMT5XXlModel):
        raise ValueError(
            f"clip: found a text encoder of type {type(model).__name__}, expected UMT5-XXL, which Wan's models read; "
            "load it with Load World Text Encoder."
        )


def encoder_states(weights: Mapping[str, Tensor], ids: Tensor, mask: Tensor) -> Tensor:
    """Return what the host's encoder makes of words, without a tokenizer and in the precision of its weights.

    Args:
        weights: under the released names.
        ids: (B, N) numbers of words.
        mask: (B, N), 1 where there is one.

    Returns:
        (B, N, C).
    """
    ours = encoder_weights(weights)
    encoder = _encoder(ours)(model_options=_options(encoder_sizes(ours))).umt5xxl
    missing, unexpected = encoder.load_sd(ours)
    assert not missing and not unexpected, f"the host's encoder has other names: {missing[:1]} {unexpected[:1]}"
    return encoder.transformer(ids, mask)[0]


def encoder_tensors(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the host's encoder for a file, without making it; meta tensors do."""
    ours = encoder_weights(weights)
    encoder = _encoder(ours)(device="meta", model_options=_options(encoder_sizes(ours))).umt5xxl
    return {key: tuple(tensor.shape) for key, tensor in encoder.transformer.state_dict().items()}
