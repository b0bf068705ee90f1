"""What several nodes say alike: their category, numbers and texts of their inputs, mistakes when a graph is queued."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Callable
from typing import Any

from ..worldmodel.questions import MAX_BYTES, check_length
from ..worldmodel.reading.no_search import READING
from ..worldmodel.shown.film import LEAST_FPS
from ..worldmodel.variants import TITLES
from .host.workers import CHECKS, beside_the_loop

CATEGORY = "World Model"
WALKERS = {title: variant for title, variant in TITLES.items() if variant.mouse is not None}
"""Models that walk with keys and turn with the mouse, Tiny World first."""
INT32 = 2**31 - 1
SEED = {"default": 0, "min": 0, "max": 2**64 - 1}
FPS = {"default": 0.0, "min": 0.0, "max": 240.0, "step": 0.001}
"""0 is the model's own. The page rounds what is typed to the step: 23.976 was 24 with larger ones."""
_MAX_SHOWN = 2**20
"""Letters of a text that are sent to the page."""
_LONG = 10_000
"""Letters that take some ten milliseconds to read."""


def edited_by(widget: str) -> dict[str, Any]:
    """Return what gives a text input one of the editors of web/, on a socket that takes any text."""
    return {"default": "", "multiline": True, "extra_dict": {"widgetType": widget}}


def shown_by_editor(text: str, report: str = "") -> dict[str, list[str]]:
    """Return what a node tells its editor, which shows what a link brought.

    Args:
        text: the value that the node had.
        report: shown on the node, also where it was not run anew; "": nothing.
    """
    return {"wm": [text] if len(text) <= _MAX_SHOWN else [], **({"text": [report]} if report else {})}


def check_fps(fps: float) -> None:
    """Check a rate, which may come through a link, past the limits of its widget.

    Raises:
        ValueError: no film or walk can have it.
    """
    if fps != 0 and not LEAST_FPS <= fps <= FPS["max"]:
        raise ValueError(
            f"fps: found {fps:g}, expected 0, which is the model's own, or {LEAST_FPS:g} to {FPS['max']:g}; change it."
        )


def validated(check: Callable[[Any], object], value: Any) -> bool | str:
    """Tell the host whether an input is right: `True`, or what is wrong with it.

    Args:
        check: raises ValueError.
        value: `None` where a link brings it, and it is known only later.
    """
    if value is not None:
        try:
            check(value)
        except ValueError as error:
            return str(error)
    return True


def validated_text(check: Callable[[str], object], text: str | None) -> bool | str | Task[bool | str]:
    """Tell the host whether an editor's text is right; see `validated`.

    A graph is checked on the host's event loop, where everybody else waits meanwhile. A long text is therefore checked
    beside it, and the host awaits the verdict.
    """

    def verdict() -> bool | str:
        with READING:
            return validated(check_length, len(text)) if len(text) > MAX_BYTES else validated(check, text)

    if text is None or len(text) <= _LONG:
        return validated(check, text)
    return beside_the_loop(CHECKS, verdict)
