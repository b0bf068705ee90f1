"""Every supported model, as data.

Units of the released models are assumptions where marked: Matrix-Game 2 publishes none; its sequel states 0.1 of
mouse = 1.5 degrees and 0.1235 m a frame, and these figures are taken over. Nor does it publish a lens: its sequel
reckons both its rays and what the camera sees again with 90 degrees from left to right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .reading.words import shortened

LatentFormat = Literal["wan21", "tiny_world"]
ImageContext = Literal["clip", "latent_patches"]


class Keyboard(NamedTuple):
    """Columns of the keyboard condition, in the order the network was trained with."""

    words: tuple[str, ...]
    letters: tuple[str, ...]
    idle: int | None = None
    """Column that is hot when no key is held; `None`: idle is all zeros."""


class Mouse(NamedTuple):
    """Columns and unit of the mouse condition (right and up positive)."""

    degrees_per_unit: float
    reads_pitch: bool = True
    max_yaw: float | None = None
    """Fastest turn to a side that it was trained with, degrees per frame; `None`: nobody says."""
    order: tuple[str, str] = ("pitch", "yaw")
    assumed_units: bool = True


class Motion(NamedTuple):
    """How keys and mouse move a model's camera from one frame to the next.

    Args:
        step_metres: way per frame while one walking key is held.
        diagonal_metres: way along each of both axes while two are held; without it, the way is as long as with one.
        least_degrees: a mouse below that does not turn the camera in that frame.
        along: the heading a step follows: that of its frame, the mean of it and the next one's, or the mean of the two
            headings within half a turn either way, as Matrix-Game 3.0 has it: in the row in which the heading passes
            straight behind the first one, that step goes backwards.
        rounded: whether degrees and centimetres are rounded to float32 after every frame.
    """

    step_metres: float
    diagonal_metres: float | None = None
    least_degrees: float = 0.0
    along: Literal["before", "mean", "wrapped_mean"] = "before"
    rounded: bool = False


class Lens(NamedTuple):
    """A model's camera: square pixels, the axis in the middle of the picture.

    Args:
        focal: focal length as a share of the picture's width.
        assumed: nobody publishes it.
    """

    focal: float
    assumed: bool = True

    @property
    def degrees(self) -> float:
        """Angle from left to right."""
        return math.degrees(2 * math.atan(0.5 / self.focal))


QUARTER_TURN = Lens(focal=0.5)
"""90 degrees from left to right, as Matrix-Game 3.0's release has it, and a camera of Unreal Engine by itself."""
WALKING = Motion(step_metres=0.1235)
MATRIX_GAME_3_WALKING = Motion(step_metres=0.1235, diagonal_metres=0.0873, least_degrees=0.3, along="wrapped_mean")
"""As Matrix-Game 3.0's release moves the camera that it tells its model of; its mouse counts 15 degrees a unit."""
MATRIX_GAME_3_CORRECTED = MATRIX_GAME_3_WALKING._replace(along="mean")
"""The same without the step that goes backwards."""
MATRIX_GAME_3_RELEASED = MATRIX_GAME_3_WALKING._replace(rounded=True)
"""The same to the last digit; after some hundred steps it is millimetres away."""


@dataclass(frozen=True)
class Variant:
    """One supported model: what its weights do not say. Lengths in latents, `picture` in pixels (height, width)."""

    name: str
    title: str
    keyboard: Keyboard
    mouse: Mouse | None
    window: int
    steps: tuple[int, ...]
    picture: tuple[int, int]
    fps: float
    latent_format: LatentFormat = "wan21"
    image_context: ImageContext = "clip"
    family: str = "matrix_game_2"
    chunk: int = 3
    shift: float = 5.0
    action_window: int = 3
    frames_per_latent: int = 4
    motion: Motion = WALKING
    """How its camera moves (an assumption for the released models: Matrix-Game 2 publishes no camera)."""
    lens: Lens = QUARTER_TURN

    def chunk_frames(self, index: int) -> int:
        """Return the video frames of chunk `index`: its first latent spans one frame if it is the world's first."""
        frames = self.chunk * self.frames_per_latent
        return frames if index else frames - self.frames_per_latent + 1

    def first_frame(self, index: int) -> int:
        """Return the absolute video frame at which chunk `index` begins."""
        return 0 if index == 0 else index * self.chunk * self.frames_per_latent - self.frames_per_latent + 1


_WASD = Keyboard(words=("forward", "back", "left", "right"), letters=("W", "S", "A", "D"))

_ALL = (
    Variant(
        name="matrix_game_2_universal",
        title="Matrix-Game 2.0 universal",
        keyboard=_WASD,
        mouse=Mouse(degrees_per_unit=15.0),
        window=6,
        steps=(1000, 666, 333),
        picture=(352, 640),
        fps=25.0,
    ),
    Variant(
        name="matrix_game_2_gta_drive",
        title="Matrix-Game 2.0 GTA drive",
        keyboard=Keyboard(words=("forward", "back"), letters=("W", "S")),
        mouse=Mouse(degrees_per_unit=15.0),
        window=4,
        steps=(1000, 666, 333),
        picture=(352, 640),
        fps=25.0,
    ),
    Variant(
        name="matrix_game_2_templerun",
        title="Matrix-Game 2.0 Temple Run",
        keyboard=Keyboard(
            words=("nomove", "jump", "slide", "turn_left", "turn_right", "left", "right"),
            letters=("", "W", "S", "Z", "C", "A", "D"),
            idle=0,
        ),
        mouse=None,
        window=6,
        steps=(1000, 750, 500, 250),
        picture=(352, 640),
        fps=25.0,
    ),
    Variant(
        name="tiny_world",
        title="Tiny World",
        keyboard=_WASD,
        mouse=Mouse(degrees_per_unit=15.0, reads_pitch=False, max_yaw=4.0, assumed_units=False),
        window=6,
        steps=(1000, 666, 333),
        picture=(64, 96),
        fps=16.0,
        latent_format="tiny_world",
        image_context="latent_patches",
        lens=Lens(focal=0.6, assumed=False),
    ),
)

VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}
TITLES: dict[str, Variant] = {variant.title: variant for variant in (_ALL[-1], *_ALL[:-1])}
"""Variants by their titles, in the order of menus: the one that is built in first."""


def variant_named(name: str) -> Variant:
    """Return the variant of that name.

    Raises:
        ValueError: no variant has the name.
    """
    if name not in VARIANTS:
        known = ", ".join(VARIANTS)
        raise ValueError(f"variant: found {shortened(name)!r}, expected one of {known}; reload the model file.")
    return VARIANTS[name]
