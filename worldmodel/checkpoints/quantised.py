"""Quantised weights in checkpoints: which layers are marked, and whether all lies beside them that the mark promises.

A mark (`comfy_quant`, JSON as bytes) names a layer's format; how the weight is packed and which scales it needs follows
from that. A loader that takes the mark on trust fails in the first step, or not at all: a row of scales where a column
belongs multiplies the wrong numbers. The host's tools write these files; its library comfy_kitchen lays them out.

Shapes: N rows, K columns of a layer's weight before it was packed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..reading.json_text import is_whole, shown
from ..reading.safetensors_header import read_json
from ..reading.words import shortened

MARK = "comfy_quant"
# what quantising tools add beside a weight
_COMPANIONS = (
    MARK, "weight_scale", "weight_scale_2", "weight_s_rel", "weight_s_channel", "weight_codebook", "scale_weight",
    "scale_input", "input_scale", "pre_quant_scale",
)  # fmt: skip
_PACKED = ("nvfp4", "convrot_w4a4", "asym_w4a8_int8")
"""Formats that keep two numbers in a byte, so that a weight's last dimension is halved."""
_TURNED = 256
"""Numbers that are turned together, where a mark does not say (`convrot_groupsize`)."""
_GROUP = 16
"""Numbers that share a scale in asym_w4a8_int8, where a mark does not say."""
_LONGEST_MARK = 4096
_SCALES = (torch.float32, torch.bfloat16, torch.float16)


class Need(NamedTuple):
    """What must lie beside a weight, or how the weight itself must lie there."""

    said: str
    """As messages put it."""
    fits: Callable[[Tensor], bool]


def is_companion(key: str) -> bool:
    """Tell whether a tensor is what a quantising tool added to a weight."""
    return key.rpartition(".")[2] in _COMPANIONS or key == "scaled_fp8"


def quantised_weights(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the quantised weights' keys and formats ("" where the file does not name one)."""
    found = {}
    for key, value in weights.items():
        layer, _, kind = key.rpartition(".")
        if kind == MARK:
            found[f"{layer}.weight"] = _format_of(value)
        elif kind in _COMPANIONS:
            found.setdefault(f"{layer}.weight", "")
    return found


def unpacked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with those of packed formats in the shape that their layer has, without numbers."""
    whole = dict(weights)
    for key, kind in quantised_weights(weights).items():
        if kind in _PACKED and key in weights and weights[key].dim() == 2:
            rows, columns = weights[key].shape
            whole[key] = torch.empty(rows, 2 * columns, device="meta")
    return whole


def check_quantised(
    weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], formats: Collection[str], name: str
) -> None:
    """Check that a loader can make sense of the quantised weights.

    Args:
        weights: of the file, under the network's names.
        shapes: of the network's own tensors.
        formats: those that the loader knows.
        name: how messages call the file.

    Raises:
        ValueError: a format is unknown, or a scale is missing or of another shape.
    """
    for key in quantised_weights(weights):
        layer = key.removesuffix(".weight")
        if len(shapes.get(key, ())) != 2:
            _refuse(name, f"quantised numbers for {shortened(layer, 80)}", "them for the network's matrices alone")
        _check_layer(weights, layer, shapes[key], formats, name)


def _check_layer(
    weights: Mapping[str, Tensor], layer: str, shape: tuple[int, ...], formats: Collection[str], name: str
) -> None:
    mark = weights.get(f"{layer}.{MARK}")
    if mark is None:
        _refuse(name, f"scales for {layer} that no format belongs to", f"a {layer}.{MARK} that names it")
    try:
        settings = _read_mark(mark)
    except ValueError as error:
        _refuse(name, f"a damaged {layer}.{MARK} ({error})", "JSON with a format")
    kind = settings.get("format")
    if not isinstance(kind, str) or kind not in formats:
        _refuse(name, f"weights of the unknown format {shown(kind)} in {layer}", f"one of {', '.join(sorted(formats))}")
    try:
        needs = _needs(kind, *shape, settings)
    except ValueError as error:
        _refuse(name, f"{layer} of the format {kind} with {error}", "what this format allows")
    for what, need in needs.items():
        tensor = weights.get(f"{layer}.{what}")
        if tensor is None:
            _refuse(name, f"no {layer}.{what}", f"{need.said}, as the format {kind} needs it")
        if not need.fits(tensor):
            found = f"{layer}.{what} of shape {tuple(tensor.shape)} and type {_named(tensor.dtype)}"
            _refuse(name, found, f"{need.said} for the format {kind}")
    given = weights.get(f"{layer}.input_scale")
    if given is not None and not _one(given):
        _refuse(name, f"{layer}.input_scale of shape {tuple(given.shape)}", "one number")


def _needs(kind: str, rows: int, columns: int, settings: Mapping[str, Any]) -> dict[str, Need]:
    """Return what a format needs for a weight of (rows, columns); nothing for a format that only the loader knows.

    Raises:
        ValueError: the settings beside the format do not suit it.
    """
    if kind in ("float8_e4m3fn", "float8_e5m2"):
        return {
            "weight": _fractions(rows, columns),
            "weight_scale": Need(
                f"one number or ({rows}, 1)", lambda t: t.dtype in _SCALES and (_one(t) or t.shape == (rows, 1))
            ),
        }
    if kind == "int8_tensorwise":
        if _setting(settings, "convrot", False):
            _check_turned(settings, columns)
        fits = lambda t: t.dtype in _SCALES and t.numel() in (1, rows) and t.dim() <= 2  # noqa: E731
        return {
            "weight": _bytes(rows, columns),
            "weight_scale": Need(f"one number or ({rows}, 1)", fits),
        }
    if kind == "mxfp8":
        return {
            "weight": _fractions(_up(rows, 32), _up(columns, 32)),
            "weight_scale": _blocks(rows, _up(columns, 32) // 32),
        }
    if kind == "nvfp4":
        return {
            "weight": _bytes(_up(rows, 16), _up(columns, 16) // 2),
            "weight_scale": _blocks(rows, _up(columns, 16) // 16),
            "weight_scale_2": Need("one number", lambda t: t.dtype in _SCALES and _one(t)),
        }
    if kind == "convrot_w4a4":
        _check_turned(settings, columns)
        return {"weight": _bytes(rows, columns // 2), "weight_scale": _column(rows)}
    if kind == "asym_w4a8_int8":
        _check_turned(settings, columns)
        group = _whole_setting(settings, "group_size", _GROUP)
        if group < 4 or columns % group or (16 % group and group % 16) or columns % 16:
            raise ValueError(f"group_size {group} in {columns} columns")
        relative = Need(
            f"({rows}, {columns // group})",
            lambda t: t.shape == (rows, columns // group) and (t.is_floating_point() or t.dtype == torch.uint8),
        )
        return {
            "weight": _bytes(rows, columns // 2),
            "weight_s_rel": relative,
            "weight_s_channel": _column(rows),
        }
    return {}


def _fractions(rows: int, columns: int) -> Need:
    return Need(
        f"({rows}, {columns}) fractions", lambda tensor: tensor.shape == (rows, columns) and tensor.is_floating_point()
    )


def _bytes(rows: int, columns: int) -> Need:
    return Need(
        f"({rows}, {columns}) whole numbers of one byte",
        lambda tensor: tensor.shape == (rows, columns) and tensor.dtype in (torch.int8, torch.uint8),
    )


def _blocks(rows: int, blocks: int) -> Need:
    """Scales of blocks, one byte each, as tensor cores read them: 128 rows by 4 blocks at a time."""
    shape = (_up(rows, 128), _up(blocks, 4))
    return Need(
        f"{shape} numbers of one byte", lambda tensor: tensor.numel() == math.prod(shape) and tensor.itemsize == 1
    )


def _column(rows: int) -> Need:
    return Need(f"({rows},) fractions", lambda tensor: tensor.shape == (rows,) and tensor.dtype in _SCALES)


def _one(tensor: Tensor) -> bool:
    return tensor.numel() == 1 and tensor.dim() <= 2


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def _check_turned(settings: Mapping[str, Any], columns: int) -> None:
    size = _whole_setting(settings, "convrot_groupsize", _TURNED)
    if size < 1 or 4 ** round(math.log(size, 4)) != size or columns % size:
        raise ValueError(f"convrot_groupsize {size} in {columns} columns")


def _whole_setting(settings: Mapping[str, Any], key: str, default: int) -> int:
    value = _setting(settings, key, default)
    if not is_whole(value):
        raise ValueError(f"{key} {shown(value)}")
    return value


def _setting(settings: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return a setting of a mark, which may stand in its `params`."""
    inner = settings.get("params")
    return settings.get(key, inner.get(key, default) if isinstance(inner, dict) else default)


def _format_of(mark: Tensor) -> str:
    """Return the format that a mark names, "" if it cannot be read."""
    try:
        kind = _read_mark(mark).get("format")
    except ValueError:
        return ""
    return kind if isinstance(kind, str) else ""


def _read_mark(mark: Tensor) -> dict[str, Any]:
    if mark.is_meta:
        return {}
    if mark.dtype != torch.uint8 or mark.numel() > _LONGEST_MARK:
        raise ValueError(f"{mark.numel()} numbers of type {_named(mark.dtype)}")
    settings = read_json(bytes(mark.flatten().tolist()))
    if not isinstance(settings, dict):
        raise ValueError(shown(settings))
    return settings


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _refuse(name: str, found: str, expected: str) -> None:
    raise ValueError(f"{name}: found {found}, expected {expected}; download it again, or choose another file.")
