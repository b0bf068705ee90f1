"""Verdicts on golden targets.

A file holds targets of several kinds; a line tells the worst of one kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..reading.safetensors_files import load_safetensors
from ..reading.safetensors_header import read_json

PASSED, FAILED, SKIPPED, INFORMATION = "passed", "failed", "skipped", "information"


class Golden(NamedTuple):
    """One file of golden tensors."""

    name: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    """Half-precision tensors in float32: they were rounded to float16 before the authors' code ran on them."""

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix`, without it."""
        return {key[len(prefix) :]: value for key, value in self.tensors.items() if key.startswith(prefix)}


class Line(NamedTuple):
    """What is printed about one kind of target."""

    case: str
    target: str
    verdict: str
    metric: str = ""
    error: float = 0.0
    tolerance: float = 0.0
    reason: str = ""
    partial: bool = False
    """Of a skipped line: it is no target, and the file can pass all the same."""

    def text(self) -> str:
        if self.reason:
            return f"{self.case}  {self.target}  {self.verdict}: {self.reason}"
        measured = f"{self.case}  {self.target}  {self.metric}  error {self.error:.3g}"
        return f"{measured}  {'' if self.verdict == INFORMATION else f'tolerance {self.tolerance:.3g}  '}{self.verdict}"


def load_golden(path: Path) -> Golden:
    """Read a file and its configuration (header metadata, else the JSON beside it).

    Raises:
        ValueError: the file is missing or damaged, or neither holds a configuration.
    """
    tensors, metadata = load_safetensors(path)
    beside = path.with_suffix(".json")
    if "config" not in metadata and not beside.is_file():
        raise ValueError(f"{path.name}: found no configuration, expected one in the header or in {beside.name}.")
    try:
        config = read_json(metadata["config"] if "config" in metadata else beside.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name}: found a damaged configuration ({error}), expected JSON.") from error
    return Golden(path.stem, config, _in_float32(tensors))


def load_described(path: Path) -> Golden:
    """Read a file whose header says all that is to know: the configuration is its metadata, read as JSON where it is.

    Raises:
        ValueError: the file is missing or damaged.
    """
    tensors, metadata = load_safetensors(path)
    return Golden(path.stem, {key: _told(text) for key, text in metadata.items()}, _in_float32(tensors))


def _told(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


def _in_float32(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key: value.float() if value.is_floating_point() and value.itemsize < 4 else value
        for key, value in tensors.items()
    }


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor."""
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def padded(text: Tensor, words: int) -> Tensor:
    """Return a text (n, width) with zeros behind it, (words, width)."""
    return torch.cat((text, text.new_zeros(words - len(text), text.shape[1])))


def in_ulp(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in units of their last place in bfloat16, which has 8 bits."""
    _, exponent = torch.frexp(theirs)
    ulp = torch.ldexp(torch.ones_like(theirs), exponent - 8)
    return ours / ulp, theirs / ulp


class Judge:
    """Collects errors per kind of target, and lines of a case."""

    def __init__(self, case: str):
        self.case = case
        self._worst: dict[tuple[str, str, float], float] = {}
        self._lines: list[Line] = []

    def compare(
        self,
        kind: str,
        ours: Tensor,
        golden: Tensor,
        *,
        absolute: float = 0.0,
        relative: float = 0.0,
        norm: float = 0.0,
    ) -> None:
        """Judge one target.

        Args:
            absolute: tolerance of the largest absolute error.
            relative: of that error over the largest absolute golden value.
            norm: of the error's L2 norm over the golden one. Without any of them the numbers must be equal.
        """
        metric = "norm" if norm else "rel" if relative else "abs" if absolute else "exact"
        tolerance = norm or relative or absolute
        if tuple(ours.shape) != tuple(golden.shape):
            self.fail(kind, f"shape {tuple(ours.shape)}, expected {tuple(golden.shape)}")
            return
        error = _error_norm(ours, golden) if norm else _largest_error(ours, golden)
        if relative:
            error /= max(golden.double().abs().max().item(), torch.finfo(torch.float64).tiny)
        key = (kind, metric, tolerance)
        self._worst[key] = max(self._worst.get(key, 0.0), error)

    def inform(self, kind: str, ours: Tensor, golden: Tensor, *, norm: bool = False) -> None:
        """Tell how far a value on the way is off, which no user sees; its shape agrees or it is an error."""
        metric, error = ("norm", _error_norm) if norm else ("abs", _largest_error)
        self._lines.append(Line(self.case, kind, INFORMATION, metric, error(ours, golden)))

    def fail(self, kind: str, reason: str) -> None:
        self._lines.append(Line(self.case, kind, FAILED, reason=reason))

    def passed(self, kind: str, reason: str) -> None:
        self._lines.append(Line(self.case, kind, PASSED, reason=reason))

    def shapes(self, released: Mapping[str, Sequence[int]], ours: Mapping[str, Sequence[int]]) -> None:
        """Compare every key and shape of a released file with those of the network that is built for it."""
        theirs, known = ({key: tuple(shape) for key, shape in shapes.items()} for shapes in (released, ours))
        wrong = sorted(key for key in theirs.keys() | known.keys() if theirs.get(key) != known.get(key))
        if wrong:
            self.fail("keys", f"{len(wrong)} keys or shapes differ, such as {wrong[0]}")
        else:
            self.passed("keys", f"{len(theirs)} keys and shapes agree")

    def skip(self, kind: str, reason: str, *, partial: bool = False) -> None:
        self._lines.append(Line(self.case, kind, SKIPPED, reason=reason, partial=partial))

    def lines(self) -> list[Line]:
        measured = [
            Line(self.case, kind, PASSED if error <= tolerance else FAILED, metric, error, tolerance)
            for (kind, metric, tolerance), error in self._worst.items()
        ]
        return measured + self._lines


def _largest_error(ours: Tensor, golden: Tensor) -> float:
    error = (ours.double() - golden.double()).abs().max().item() if golden.numel() else 0.0
    return error if error == error else float("inf")  # a NaN must not hide behind a comparison


def _error_norm(ours: Tensor, golden: Tensor) -> float:
    size = max(golden.double().norm().item(), torch.finfo(torch.float64).tiny)
    error = (ours.double() - golden.double()).norm().item() / size
    return error if error == error else float("inf")


def file_verdict(lines: list[Line]) -> str:
    """Return failed if any line failed, passed if every target of the file was judged, else skipped."""
    lines = [line for line in lines if line.verdict != INFORMATION]
    if any(line.verdict == FAILED for line in lines):
        return FAILED
    complete = all(line.verdict == PASSED or line.partial for line in lines)
    return PASSED if complete and any(line.verdict == PASSED for line in lines) else SKIPPED
