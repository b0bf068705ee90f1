"""Plain values that stand for what something is: equal things have equal ones, in this process and the next.

Two depths: `shallow` tells data, and functions by their names; it stands in the keys of the journals that users have,
so what it returns for a value never changes. `Deep` tells what functions and objects do, too: code, closures and
attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from comfy.model_patcher import ModelPatcher
from comfy.weight_adapter import WeightAdapterBase
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ...worldmodel.reading.words import shortened
from ...worldmodel.world.journal import add_tensor

_digests = WeakTensorKeyDictionary()
"""Digests of tensors that were added to weights: they last as long as the tensors, which nobody writes to."""


class Nameless(Exception):
    """Something whose content cannot be told; the message is a clause that says what."""


def digest_of(parts: list) -> str:
    """Return 64 hex digits over plain values."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def shallow(value: Any) -> Any:
    """Return plain values for data: tensors as digests, functions by their names.

    Raises:
        Nameless: something else is in it.
    """
    return _plain(value, shallow, _by_name)


class Deep:
    """`Deep(known)(value)`: plain values for data, functions and simple objects, by all that they are made of."""

    def __init__(self, known: Mapping[int, str]):
        """Args: known: names of the modules that a value may refer to, by their `id`; they are not looked into."""
        self._known = known

    def __call__(self, value: Any) -> Any:
        """Return plain values.

        Raises:
            Nameless: another network, a MODEL or something without attributes is in it, or it holds itself.
        """
        try:
            return _plain(value, self, self._rest)
        except RecursionError:
            raise Nameless(f"a {shortened(type(value).__name__)} that holds itself has no name") from None

    def _rest(self, value: Any) -> Any:
        stands_for = getattr(value, "_orig_mod", value) if isinstance(value, torch.nn.Module) else value
        if id(stands_for) in self._known:
            return ["module" if stands_for is value else "compiled", self._known[id(stands_for)]]
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return ["method", self([value.__func__, value.__self__])]
        if isinstance(value, partial):
            return ["partial", self([value.func, value.args, value.keywords])]
        if isinstance(value, set | frozenset):
            return ["set", sorted(json.dumps(self(item)) for item in value)]
        return _simple(value) or self._object(value)

    def _function(self, value: FunctionType) -> Any:
        if value.__closure__ is None and "<" not in value.__qualname__:
            return _by_name(value)  # of a module or a class, and the same in its next release
        try:
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
        except ValueError:
            raise Nameless(f"the unfinished function {shortened(value.__qualname__)} has no name") from None
        parts = [value.__defaults__, value.__kwdefaults__, cells]
        return ["function", _by_name(value), _code(value.__code__), self(parts)]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, torch.nn.Module | ModelPatcher) or not hasattr(value, "__dict__"):
            raise Nameless(f"a {shortened(kind.__qualname__)} of {shortened(kind.__module__)} has no name")
        return ["object", _by_name(kind), self(vars(value))]


def _plain(value: Any, again: Callable[[Any], Any], otherwise: Callable[[Any], Any]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return _tensor_digest(value)
    if isinstance(value, WeightAdapterBase):
        return [type(value).__name__, again(value.weights)]
    if isinstance(value, list | tuple | torch.Size):
        return [again(item) for item in value]
    if isinstance(value, dict):
        return [[again(key), again(value[key])] for key in sorted(value, key=str)]
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    return otherwise(value)


def _by_name(value: Any) -> str:
    if hasattr(value, "__qualname__"):  # a function that shapes a patch; which one it is, the ancestors say
        return f"{value.__module__}.{value.__qualname__}"
    raise Nameless(f"a value of type {shortened(type(value).__name__)} has no name")


def _simple(value: Any) -> Any:
    """Return plain values for what holds nothing else; `None` for anything more."""
    if isinstance(value, type | BuiltinFunctionType):
        return _by_name(value)
    if isinstance(value, bytes | bytearray):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    if isinstance(value, PurePath | range | slice | complex):
        return [type(value).__name__, str(value)]
    if isinstance(value, Enum):
        return [_by_name(type(value)), value.name]
    return None


def _code(code: CodeType) -> list:
    """Return what a function does, without where it stands."""
    parts = [_code(part) if isinstance(part, CodeType) else _constant(part) for part in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code.hex(), *map(list, names), parts]


def _constant(value: Any) -> str:
    if isinstance(value, frozenset):  # in no order of its own
        return f"{sorted(map(_constant, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return f"{type(value).__name__} {value!r}"


def _tensor_digest(tensor: Tensor) -> str:
    if tensor not in _digests:
        digest = hashlib.sha256()
        plain = type(tensor) in (Tensor, torch.nn.Parameter)
        add_tensor(digest, tensor if plain else tensor.dequantize())
        _digests[tensor] = digest.hexdigest()
    return _digests[tensor]
