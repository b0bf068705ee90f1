"""Quantised files are whole before anything runs: a known format, and the scales that it needs, of the right shape."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import torch
from released_checkpoints import network_weights
from torch import Tensor

from worldmodel.checkpoints.quantised import unpacked
from worldmodel.checkpoints.recognise import load_network, recognise

FORMATS = ("float8_e4m3fn", "float8_e5m2", "int8_tensorwise", "mxfp8", "nvfp4", "convrot_w4a4", "asym_w4a8_int8")
LAYER = "blocks.0.ffn.0"
ROWS, COLUMNS = 256, 128
E4M3, INT8, BYTE, ONE = torch.float8_e4m3fn, torch.int8, torch.uint8, torch.ones(())
TURNED = {"convrot_groupsize": 64}


def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype)


# settings, then what lies under the layer's name
WHOLE: dict[str, tuple[dict[str, Any], dict[str, Tensor]]] = {
    "float8_e4m3fn": ({}, {"weight": zeros(ROWS, COLUMNS, dtype=E4M3), "weight_scale": ONE}),
    "float8_e5m2": ({}, {"weight": zeros(ROWS, COLUMNS, dtype=torch.float8_e5m2), "weight_scale": zeros(1)}),
    "int8_tensorwise": ({}, {"weight": zeros(ROWS, COLUMNS, dtype=INT8), "weight_scale": zeros(ROWS, 1)}),
    "mxfp8": (
        {},
        {"weight": zeros(ROWS, COLUMNS, dtype=E4M3), "weight_scale": zeros(256, 4, dtype=BYTE)},
    ),
    "nvfp4": (
        {},
        {
            "weight": zeros(ROWS, COLUMNS // 2, dtype=BYTE),
            "weight_scale": zeros(256, 8, dtype=E4M3),
            "weight_scale_2": ONE,
        },
    ),
    "convrot_w4a4": (TURNED, {"weight": zeros(ROWS, COLUMNS // 2, dtype=INT8), "weight_scale": zeros(ROWS)}),
    "asym_w4a8_int8": (
        TURNED,
        {
            "weight": zeros(ROWS, COLUMNS // 2, dtype=INT8),
            "weight_s_rel": zeros(ROWS, COLUMNS // 16, dtype=E4M3),
            "weight_s_channel": zeros(ROWS),
        },
    ),
}


def marked(text: str | bytes) -> Tensor:
    return torch.tensor(list(text.encode() if isinstance(text, str) else text), dtype=BYTE)


@cache
def plain() -> dict[str, Tensor]:
    return network_weights("universal")


def quantised(kind: str, **changes: Tensor | None) -> dict[str, Tensor]:
    """Return a network with one layer in a format; a change of `None` takes a tensor away."""
    settings, tensors = WHOLE[kind]
    tensors = {**tensors, "comfy_quant": marked(json.dumps({"format": kind, **settings})), **changes}
    found = plain() | {f"{LAYER}.{name}": value for name, value in tensors.items()}
    return {key: value for key, value in found.items() if value is not None}


def refusal(weights: dict[str, Tensor]) -> str:
    with pytest.raises(ValueError) as raised:
        recognise(weights, name="mine", formats=FORMATS)
    text = str(raised.value)
    assert re.fullmatch(r"mine: found .*, expected .*; download it again, or choose another file\.", text), text
    return text


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_layer_is_taken(kind: str) -> None:
    weights = quantised(kind)
    assert recognise(weights, formats=FORMATS).sizes == recognise(plain()).sizes
    assert unpacked(weights)[f"{LAYER}.weight"].shape == (ROWS, COLUMNS)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_scale_can_be_missing_or_of_another_shape(kind: str) -> None:
    for name, tensor in WHOLE[kind][1].items():
        if name != "weight":
            assert f"found no {LAYER}.{name}, expected" in refusal(quantised(kind, **{name: None}))
        others = [tensor.to(torch.int64), *((zeros(3), zeros(7, 5, 3), zeros(0)) if name != "weight" else ())]
        for other in others:
            assert f"found {LAYER}.{name} of shape {tuple(other.shape)}" in refusal(quantised(kind, **{name: other}))


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2"])
def test_a_row_of_scales_is_no_column(kind: str) -> None:
    """(out,) would meet the columns of the weight: an error where they are not as many as the rows, else wrong."""
    said = refusal(quantised(kind, weight_scale=zeros(ROWS)))
    assert f"weight_scale of shape ({ROWS},) and type float32, expected one number or ({ROWS}, 1)" in said
    assert recognise(quantised(kind, weight_scale=zeros(ROWS, 1)), formats=FORMATS)


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        ('{"format": "foo"}', 'weights of the unknown format "foo" in blocks.0.ffn.0'),
        ('{"format": 5}', "weights of the unknown format 5"),
        ('{"format": null}', "weights of the unknown format null"),
        ("{}", "weights of the unknown format null"),
        ("[]", "a damaged blocks.0.ffn.0.comfy_quant ([])"),
        ("null", "a damaged blocks.0.ffn.0.comfy_quant (null)"),
        ("{", "a damaged blocks.0.ffn.0.comfy_quant ("),
        (b"\xff{}", "a damaged blocks.0.ffn.0.comfy_quant (no text in UTF-8)"),
        ("[" * 4000, "a damaged blocks.0.ffn.0.comfy_quant ("),
        ('{"format":' + "1" * 400 + "}", "weights of the unknown format infinity"),
    ],
)
def test_an_odd_mark_is_named(mark: str | bytes, found: str) -> None:
    assert f"found {found}" in refusal(quantised("float8_e4m3fn", comfy_quant=marked(mark)))


def test_a_mark_is_bytes() -> None:
    mark = marked('{"format": "float8_e4m3fn"}').to(torch.int32)
    assert "numbers of type int32" in refusal(quantised("float8_e4m3fn", comfy_quant=mark))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("convrot_w4a4", {"convrot_groupsize": 0}),
        ("convrot_w4a4", {"convrot_groupsize": "64"}),
        ("convrot_w4a4", {"params": {"convrot_groupsize": -64}}),
        ("convrot_w4a4", {}),  # 256, of 128 columns
        ("int8_tensorwise", {"convrot": True, "convrot_groupsize": 96}),
        ("asym_w4a8_int8", {**TURNED, "group_size": 0}),
        ("asym_w4a8_int8", {**TURNED, "group_size": 24}),
        ("asym_w4a8_int8", {**TURNED, "group_size": [16]}),
    ],
)
def test_settings_that_do_not_suit_a_layer_are_named(kind: str, settings: dict[str, Any]) -> None:
    said = refusal(quantised(kind, comfy_quant=marked(json.dumps({"format": kind, **settings}))))
    assert f"found {LAYER} of the format {kind} with " in said


def test_scales_without_a_format_are_named() -> None:
    assert f"found scales for {LAYER} that no format belongs to" in refusal(
        quantised("float8_e4m3fn", comfy_quant=None)
    )
    assert "input_scale of shape (128,), expected one number" in refusal(
        quantised("float8_e4m3fn", input_scale=zeros(COLUMNS))
    )


def test_only_matrices_are_quantised() -> None:
    mark = {"patch_embedding.comfy_quant": marked('{"format": "float8_e4m3fn"}')}
    assert "found quantised numbers for patch_embedding" in refusal(plain() | mark)


def test_whole_numbers_need_a_format() -> None:
    weights = dict(plain())
    weights[f"{LAYER}.weight"] = weights[f"{LAYER}.weight"].to(INT8)
    with pytest.raises(ValueError, match=r"found 1 not fractional tensors \(such as blocks.0.ffn.0.weight\)"):
        recognise(weights, formats=FORMATS)


def test_a_format_that_only_the_loader_knows_is_left_to_it() -> None:
    mark = marked('{"format": "new"}')
    assert recognise(quantised("float8_e4m3fn", comfy_quant=mark), formats=[*FORMATS, "new"])


def test_quantised_weights_need_a_host() -> None:
    with pytest.raises(ValueError, match="found quantised weights, expected plain ones; load it in ComfyUI"):
        load_network(recognise(quantised("float8_e4m3fn")), dtype=torch.float32)
