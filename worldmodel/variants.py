"""Every supported model, as data.

Units of the released models are assumptions where marked: Matrix-Game 2 publishes none; its sequel states 0.1 of
mouse = 1.5 degrees and 0.1235 m a frame, and these figures are taken over. Nor does it publish a lens: its sequel
reckons both its rays and what the camera sees again with 90 degrees from left to right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from .reading.words import shortened
from .vae.chunking import Chunking as Chunking
from .vae.latent_formats import TINY_WORLD, WAN21, WAN22, LatentFormat

ImageContext = Literal["clip", "latent_patches"]


class Keyboard(NamedTuple):
    """Columns of the keyboard condition, in the order the network was trained with."""

    words: tuple[str, ...]
    letters: tuple[str, ...]
    idle: int | None = None
    """Column that is hot when no key is held; `None`: idle is all zeros."""


NO_KEYS = Keyboard(words=(), letters=())
"""Stands for the keyboard of a model that has none, where columns are wanted all the same."""


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


THREES = Chunking(first=3, later=3)
"""As Matrix-Game 2.0 denoises its latents."""


class Memories(NamedTuple):
    """Past latents that a model is given besides those it samples.

    Args:
        slots: latents fetched from anywhere in the world, one a slot.
        past: latents right before the new ones.
        spacing: frames between the frames that slots are fetched for, from a chunk's last frame backwards.
    """

    slots: int
    past: int
    spacing: int


LATENTS_OF_TOKEN = 2
"""Along each side, in every network here."""


class Rays(NamedTuple):
    """A camera that the network reads as rays.

    Args:
        layout: of a ray's numbers: `moment_direction` (o x d, d), `origin_direction` (o, d) or `direction_moment`.
    """

    layout: Literal["moment_direction", "origin_direction", "direction_moment"]


class Text(NamedTuple):
    """Sentences that the network reads.

    Args:
        words: tokens of a prompt that it reads at most.
        negative: whether it also needs a prompt to be led away from.
        spoken: whether keys and mouse reach it as sentences, too, one movement and one turn a chunk.
    """

    words: int
    negative: bool = False
    spoken: bool = False


class Experts(NamedTuple):
    """Two networks, one after the other.

    Args:
        boundary: the timestep, in [0, 1000], from which on the one for much noise is asked.
    """

    boundary: float


class StartParts(NamedTuple):
    """What a world's start holds of its picture.

    Args:
        channels: of its image condition: of a latent, and those of a mask in front of it.
        latents: that the image condition has at least.
        image_tokens: whether an image encoder looks at the picture, too.
        stretched: whether a picture is stretched to the model's size as released, and not cropped.
    """

    channels: int
    latents: int
    image_tokens: bool
    stretched: bool = False


IMAGE_THEN_GREY = StartParts(channels=20, latents=2, image_tokens=True)
"""As Matrix-Game 2.0 is told of its picture."""
IMAGE_ALONE = StartParts(channels=48, latents=1, image_tokens=False)
"""As Matrix-Game 3.0 is: its picture is the world's first latent."""
MAYBE_FRAMES = StartParts(channels=48, latents=0, image_tokens=False, stretched=True)
"""As Yume 1.5 is: latents that lie behind it, or none, where it begins from a sentence alone."""
HISTORIES = FULL_HISTORY, LAST_CHUNK = ("full history", "last chunk")
"""All latents of a world behind each other, or those of its start and of its last chunk."""
CORRECTED, AS_RELEASED = "corrected", "as released"
"""Ways to run a model: ours, and as its authors run it where that is another one."""


@dataclass(frozen=True)
class Variant:
    """One supported model: what its weights do not say. Lengths in latents, `picture` in pixels (height, width).

    What a model cannot be told is `None`: keys, a mouse, a camera, sentences.
    """

    name: str
    title: str
    keyboard: Keyboard | None
    mouse: Mouse | None
    steps: tuple[int, ...]
    """What its sampler takes: levels to visit, or how many."""
    picture: tuple[int, int]
    fps: float
    window: int = 0
    """Latents that a network with a cache attends to, the current chunk included."""
    camera: Rays | None = None
    text: Text | None = None
    experts: Experts | None = None
    memories: Memories | None = None
    histories: tuple[str, ...] = ()
    """Ways in which it can be given all of its past latents, the default first; see `HISTORIES`."""
    guidance: float | None = None
    """How far its velocity is led away from that of the negative prompt; `None`: nobody asks for that one."""
    start: StartParts = IMAGE_THEN_GREY
    forms: tuple[str, ...] = (CORRECTED,)
    """Ways in which it can be run, the default first."""
    latents: LatentFormat = WAN21
    image_context: ImageContext = "clip"
    family: str = "matrix_game_2"
    shift: float = 5.0
    action_window: int = 3
    chunking: Chunking = THREES
    released_chunking: Chunking | None = None
    """The same as released, where that is another one."""
    motion: Motion = WALKING
    """How its camera moves (an assumption for the released models: Matrix-Game 2 publishes no camera)."""
    released_motion: Motion | None = None
    """The same as released, where that is another one."""
    lens: Lens = QUARTER_TURN
    folder: str = ""
    """Where its release has it; tells it from variants whose weights have the same names and shapes."""

    def motion_of(self, form: str) -> Motion:
        """Return how its camera moves in a form."""
        return self.released_motion if form == AS_RELEASED and self.released_motion else self.motion

    def cut_for(self, form: str, latents: int) -> Variant:
        """Return it as it cuts a world of that form, whose start holds so many latents."""
        if form == AS_RELEASED and self.released_chunking:
            return replace(self, chunking=self.released_chunking)
        if self.chunking.preceded not in (0, latents):
            return replace(self, chunking=self.chunking._replace(preceded=latents))
        return self

    @property
    def walks(self) -> bool:
        """Whether what it is told moves a camera over the ground."""
        return self.camera is not None or (self.keyboard is not None and "forward" in self.keyboard.words)

    @property
    def is_spoken_to(self) -> bool:
        """Whether keys and mouse reach it as sentences."""
        return self.text is not None and self.text.spoken

    @property
    def latent_format(self) -> str:
        """Name of its latents' format."""
        return self.latents.name

    @property
    def token_pixels(self) -> int:
        """Side in pixels of what a token stands for; sides of a picture are multiples of it."""
        return LATENTS_OF_TOKEN * self.latents.pixels


_WASD = Keyboard(words=("forward", "back", "left", "right"), letters=("W", "S", "A", "D"))
# its authors' data has the last two, their demos do not press them
_SIX_KEYS = Keyboard(words=(*_WASD.words, "jump", "attack"), letters=(*_WASD.letters, "J", "F"))
_MATRIX_GAME_3 = Variant(
    name="matrix_game_3_distilled",
    title="Matrix-Game 3.0 distilled",
    keyboard=_SIX_KEYS,
    mouse=Mouse(degrees_per_unit=15.0, assumed_units=False),
    steps=(3,),
    picture=(704, 1280),
    fps=17.0,
    camera=Rays("origin_direction"),
    text=Text(words=512),
    memories=Memories(slots=5, past=4, spacing=8),
    start=IMAGE_ALONE,
    forms=(CORRECTED, AS_RELEASED),
    latents=WAN22,
    family="matrix_game_3",
    chunking=Chunking(first=15, later=10, given=1),
    motion=MATRIX_GAME_3_CORRECTED,
    released_motion=MATRIX_GAME_3_RELEASED,
    lens=Lens(focal=0.5, assumed=False),
    folder="base_distilled_model",
)

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
        latents=TINY_WORLD,
        image_context="latent_patches",
        lens=Lens(focal=0.6, assumed=False),
    ),
    _MATRIX_GAME_3,
    replace(
        _MATRIX_GAME_3,
        name="matrix_game_3_base",
        title="Matrix-Game 3.0 base",
        steps=(50,),
        text=Text(words=512, negative=True),
        guidance=5.0,
        folder="base_model",
    ),
    Variant(
        name="yume_1_5",
        title="Yume 1.5",
        keyboard=_WASD,
        mouse=Mouse(degrees_per_unit=1.5),
        steps=(4,),
        picture=(704, 1280),
        fps=16.0,
        text=Text(words=512, spoken=True),
        histories=HISTORIES,
        start=MAYBE_FRAMES,
        forms=(CORRECTED, AS_RELEASED),
        latents=WAN22,
        family="yume",
        shift=7.0,
        chunking=Chunking(first=8, later=8, preceded=5),
        released_chunking=Chunking(first=8, later=8, restarts=True),
    ),
)

VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}
TITLES: dict[str, Variant] = {
    variant.title: variant for variant in sorted(_ALL, key=lambda variant: variant.name != "tiny_world")
}
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
