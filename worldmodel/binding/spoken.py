"""Keys and mouse as sentences: the exact phrases that Yume 1.5 was trained with, one movement and one look a chunk.

A movement is (ahead, right), a look (right, up); each is -1, 0 or 1.

Source: Yume 1.5 (github.com/stdstu12/YUME), webapp_single_gpu.py and caption_re.txt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from ..variants import AS_RELEASED, Variant
from ..world.state import Controls

Signs = tuple[int, int]
TemplateName = Literal["interactive", "caption file"]
INTERACTIVE, CAPTION_FILE = "interactive", "caption file"
"""As the authors' page puts the phrases together, and as the file of captions does that their batch program reads."""
MOVEMENTS: dict[Signs, str] = {
    (1, 0): "The camera pushes forward (W).",
    (0, -1): "The camera moves to the left (A).",
    (-1, 0): "The camera pulls back (S).",
    (0, 1): "The camera moves to the right (D).",
    (1, -1): "The camera pushes forward and moves to the left (W+A).",
    (1, 1): "The camera pushes forward and moves to the right (W+D).",
    (-1, 1): "The camera pulls back and moves to the right (S+D).",
    (-1, -1): "The camera pulls back and moves to the left (S+A).",
    (0, 0): "The camera's movement direction remains stationary (\N{MIDDLE DOT}).",
}
LOOKS: dict[Signs, str] = {
    (1, 0): "The camera pans to the right (\N{RIGHTWARDS ARROW}).",
    (-1, 0): "The camera pans to the left (\N{LEFTWARDS ARROW}).",
    (0, 1): "The camera tilts up (\N{UPWARDS ARROW}).",
    (0, -1): "The camera tilts down (\N{DOWNWARDS ARROW}).",
    (1, 1): "The camera tilts up and pans to the right (\N{UPWARDS ARROW}\N{RIGHTWARDS ARROW}).",
    (-1, 1): "The camera tilts up and pans to the left (\N{UPWARDS ARROW}\N{LEFTWARDS ARROW}).",
    (1, -1): "The camera tilts down and pans to the right (\N{DOWNWARDS ARROW}\N{RIGHTWARDS ARROW}).",
    (-1, -1): "The camera tilts down and pans to the left (\N{DOWNWARDS ARROW}\N{LEFTWARDS ARROW}).",
    (0, 0): "The rotation direction of the camera remains stationary (\N{MIDDLE DOT}).",
}
STILL: Signs = (0, 0)
_BEGIN = "First-person perspective."
LEAST_DEGREES = 0.1
"""Turns of a frame below it are no turn: a hand that draws one, or numbers that were rounded."""
MOST_METRIC = 10.0
"""The release advises 0.1 to 10 for each of the numbers."""
OWN = -1.0
"""In place of a number: the one that the release's example has for such a chunk."""


class Template(NamedTuple):
    """How phrases are put together.

    Args:
        name: which of the release's two ways.
        metrics: whether the caption file's way says numbers at all.
        distance, turn, view: those numbers; `OWN` as the example has them: 4, 0, 0 where the camera moves and does not
            turn, 0, 4, 4 where it turns, 0, 0, 0 where it stands.
    """

    name: TemplateName = INTERACTIVE
    metrics: bool = True
    distance: float = OWN
    turn: float = OWN
    view: float = OWN


RELEASED = Template(CAPTION_FILE)
"""As the authors' batch program reads its captions."""


def template_of(form: str) -> Template:
    """Return how a form puts phrases together unless told otherwise."""
    return RELEASED if form == AS_RELEASED else Template()


def check_template(template: Template) -> None:
    """Check a template.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    if template.name not in (INTERACTIVE, CAPTION_FILE):
        raise ValueError(
            f"template: found {template.name!r}, expected {INTERACTIVE} or {CAPTION_FILE}; choose one of them."
        )
    for name in ("distance", "turn", "view"):
        value = getattr(template, name)
        if value != OWN and not 0 <= value <= MOST_METRIC:
            raise ValueError(
                f"{name}: found {value:g}, expected 0 to {MOST_METRIC:g}, or -1 for the number that the release has; "
                "change it."
            )


class Spoken(NamedTuple):
    """What one chunk is told."""

    movement: Signs = STILL
    look: Signs = STILL

    def caption(self, event: str, template: Template) -> str:
        """Return the whole sentence, letter by letter as the release writes it.

        Args:
            event: what is to be seen; "": nothing is said of it.
            template: one of the release's.
        """
        moves, looks = MOVEMENTS[self.movement], LOOKS[self.look]
        if template.name == INTERACTIVE:
            said = [f"{moves} " if self.movement != STILL else "", f"{looks} " if self.look != STILL else ""]
            return f"{_BEGIN}{''.join(said)}{event}"  # with no space behind the first full stop
        metrics = ""
        if template.metrics:
            distance, turn, view = self._metrics(template)
            metrics = (
                f" Actual distance moved:{distance:g} at 100 meters per second. Angular change rate (turn speed):"
                f"{turn:g}. View rotation speed:{view:g}."
            )
        return f"{_BEGIN} {moves} {looks}{metrics}{event}"

    def _metrics(self, template: Template) -> tuple[float, float, float]:
        own = (0.0, 4.0, 4.0) if self.look != STILL else (4.0 if self.movement != STILL else 0.0, 0.0, 0.0)
        asked = (template.distance, template.turn, template.view)
        return tuple(mine if number == OWN else number for number, mine in zip(asked, own, strict=True))


def spoken_of(controls: Controls, variant: Variant) -> Spoken:
    """Return what most frames of a chunk ask for, movement and look each by itself; of equally many, what comes first.

    Args:
        controls: of the chunk, in the variant's columns.
        variant: the model.
    """
    movements, looks = signs_of(controls, variant)
    return Spoken(most_of(movements), most_of(looks))


def most_of(signs: Sequence[Signs]) -> Signs:
    """Return the most frequent; of equally many the one that comes first."""
    return Counter(signs).most_common(1)[0][0] if signs else STILL


def signs_of(controls: Controls, variant: Variant) -> tuple[list[Signs], list[Signs]]:
    """Return each frame's movement and look; opposite keys cancel out."""
    words, order = variant.keyboard.words, variant.mouse.order
    held = {word: controls.keyboard[:, words.index(word)] > 0 for word in ("forward", "back", "left", "right")}
    degrees = {axis: controls.mouse[:, order.index(axis)] * variant.mouse.degrees_per_unit for axis in ("yaw", "pitch")}
    movements = zip(_sign(held["forward"], held["back"]), _sign(held["right"], held["left"]), strict=True)
    turned = {axis: _sign(column > LEAST_DEGREES, column < -LEAST_DEGREES) for axis, column in degrees.items()}
    return list(movements), list(zip(turned["yaw"], turned["pitch"], strict=True))


def _sign(one: Tensor, other: Tensor) -> list[int]:
    return (one.int() - other.int()).tolist()
