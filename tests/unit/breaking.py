"""Mistakes that are made on purpose, so that what should see them can be seen to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

Patch = pytest.MonkeyPatch
Break = Callable[[Patch], None]


class Mistakes(dict[str, tuple[str, Break]]):
    """By name: the golden file that must see one, and how it is made."""

    def seen_by(self, case: str) -> Callable[[Break], Break]:
        """Remember the function below as a mistake that a golden file sees."""

        def remember(break_it: Break) -> Break:
            self[break_it.__name__] = case, break_it
            return break_it

        return remember

    @property
    def cases(self) -> list[str]:
        """The golden files."""
        return sorted({case for case, _ in self.values()})


def wrap(patch: Patch, owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a function by `around(original, *args, **kwargs)`."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: around(original, *args, **kwargs))


def with_network(patch: Patch, judge: Any, change: Callable[[nn.Module], None]) -> None:
    """Change the network after `judge.network_of` built it."""

    def build(original: Callable, *args: Any, **kwargs: Any) -> nn.Module:
        built = original(*args, **kwargs)
        change(built)
        return built

    wrap(patch, judge, "network_of", build)
