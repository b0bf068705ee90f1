"""What there is to say about a model that its weights do not say: the words the table of models is written in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ..vae.chunking import Chunking
from ..vae.latent_formats import WAN21, LatentFormat

ImageContext = Literal["clip", "latent_patches"]


class Keyboard(NamedTuple):
    """Columns of the keyboard condition, in the order the network was trained with."""

    words: tuple[str, ...]
    letters: tuple[str, ...]
    idle: int | None = None
    """Column that is hot when no key is held; `None`: idle is all zeros."""


NO_KEYS = Keyboard(words=(), letters=())
"""Stands for the keyboard of a model that has none, where columns are wanted all the same."""
CAMERA_KEYS = Keyboard(words=("forward", "back", "left", "right"), letters=("W", "S", "A", "D"))
"""What moves the camera of a model that is told of nothing else."""


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
        metres: way that counts as 1; `None`: the farthest step of what is seen does, so that no way has a length.
    """

    layout: Literal["moment_direction", "origin_direction", "direction_moment"]
    metres: float | None = None


class Text(NamedTuple):
    """Sentences that the network reads.

    Args:
        words: tokens of a prompt that it reads at most.
        negative: whether it also needs a prompt to be led away from.
        spoken: whether keys and mouse reach it as sentences, too, one movement and one turn a chunk.
        vocabulary: all that can be said, the first where nothing is; (): any sentence can, and a text encoder reads it.
    """

    words: int
    negative: bool = False
    spoken: bool = False
    vocabulary: tuple[str, ...] = ()


class Experts(NamedTuple):
    """Two networks, one after the other; each remembers by itself.

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
SMALL_IMAGE_ALONE = StartParts(channels=16, latents=1, image_tokens=False)
"""The same with Tiny World's latents."""
IMAGE_THEN_NOTHING = StartParts(channels=20, latents=2, image_tokens=False)
"""As LingBot-World is: Matrix-Game 2.0's way, without an image encoder."""
WORDS_ALONE = StartParts(channels=16, latents=0, image_tokens=False)
"""As Self-Forcing is: nothing but a prompt."""
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
    sink: int = 0
    """Of these, the world's first ones, which never leave."""
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
    twins: str = ""
    """A name that variants share whose weights have the same ones, where not all of the family do."""

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

    def cut_as(self, form: str, pictured: bool) -> Variant:
        """Return it as it cuts a world of that form that begins with a picture or a film, or with neither."""
        return self.cut_for(form, self.chunking.preceded if pictured else 0)

    @property
    def walks(self) -> bool:
        """Whether what it is told moves a camera over the ground."""
        return self.camera is not None or (self.keyboard is not None and "forward" in self.keyboard.words)

    @property
    def is_spoken_to(self) -> bool:
        """Whether keys and mouse reach it as sentences."""
        return self.text is not None and self.text.spoken

    @property
    def keeps_keys(self) -> bool:
        """Whether what it keeps of its past was made under a prompt."""
        return self.text is not None and self.memories is None and not self.histories and not self.is_chained

    @property
    def is_chained(self) -> bool:
        """Whether its chunks are clips, each of which begins with the last frame of the one before."""
        return self.chunking.repeated > 0

    @property
    def latent_format(self) -> str:
        """Name of its latents' format."""
        return self.latents.name

    @property
    def token_pixels(self) -> int:
        """Side in pixels of what a token stands for; sides of a picture are multiples of it."""
        return LATENTS_OF_TOKEN * self.latents.pixels
