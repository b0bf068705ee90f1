"""Every supported model, as data.

Units of the released models are assumptions where marked: Matrix-Game 2 publishes none; its sequel states 0.1 of
mouse = 1.5 degrees and 0.1235 m a frame, and these figures are taken over. Nor does it publish a lens: its sequel
reckons both its rays and what the camera sees again with 90 degrees from left to right.
"""

from __future__ import annotations

from dataclasses import replace

from ..reading.words import shortened
from ..vae.chunking import Chunking
from ..vae.latent_formats import TINY_WORLD, WAN22
from .variant import (
    AS_RELEASED,
    CAMERA_KEYS,
    CORRECTED,
    FULL_HISTORY,
    HISTORIES,
    IMAGE_ALONE,
    IMAGE_THEN_GREY,
    IMAGE_THEN_NOTHING,
    LAST_CHUNK,
    LATENTS_OF_TOKEN,
    MATRIX_GAME_3_CORRECTED,
    MATRIX_GAME_3_RELEASED,
    MATRIX_GAME_3_WALKING,
    MAYBE_FRAMES,
    NO_KEYS,
    QUARTER_TURN,
    SMALL_IMAGE_ALONE,
    THREES,
    WALKING,
    WORDS_ALONE,
    Experts,
    ImageContext,
    Keyboard,
    Lens,
    Memories,
    Motion,
    Mouse,
    Rays,
    StartParts,
    Text,
    Variant,
)

__all__ = [
    "AS_RELEASED",
    "BUILT_IN",
    "CAMERA_KEYS",
    "CORRECTED",
    "FULL_HISTORY",
    "HISTORIES",
    "IMAGE_ALONE",
    "IMAGE_THEN_GREY",
    "IMAGE_THEN_NOTHING",
    "LAST_CHUNK",
    "LATENTS_OF_TOKEN",
    "MATRIX_GAME_3_CORRECTED",
    "MATRIX_GAME_3_RELEASED",
    "MATRIX_GAME_3_WALKING",
    "MAYBE_FRAMES",
    "NO_KEYS",
    "QUARTER_TURN",
    "SMALL_IMAGE_ALONE",
    "THREES",
    "TITLES",
    "VARIANTS",
    "WALKING",
    "WITH_EVENTS",
    "WITH_MEMORY",
    "WORDS_ALONE",
    "Chunking",
    "Experts",
    "ImageContext",
    "Keyboard",
    "Lens",
    "Memories",
    "Motion",
    "Mouse",
    "Rays",
    "StartParts",
    "Text",
    "Variant",
    "variant_named",
]

_WASD = CAMERA_KEYS
# its authors' data has the last two, their demos do not press them
_SIX_KEYS = Keyboard(words=(*_WASD.words, "jump", "attack"), letters=(*_WASD.letters, "J", "F"))
_FEW = (1000, 666, 333)
"""Steps that Matrix-Game 2.0 was distilled to."""
_TINY_WORLD = Variant(
    name="tiny_world_2",
    title="Tiny World",
    keyboard=_WASD,
    mouse=Mouse(degrees_per_unit=15.0, reads_pitch=False, max_yaw=4.0, assumed_units=False),
    window=12,
    steps=(1000, 800, 600, 400, 250, 150, 80, 40),
    picture=(64, 96),
    fps=16.0,
    latents=TINY_WORLD,
    image_context="latent_patches",
    lens=Lens(focal=0.5, assumed=False),
)
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
_TINY_WORLD_MEMORY = replace(
    _TINY_WORLD,
    name="tiny_world_2_memory",
    title="Tiny World with memory",
    window=0,
    steps=(3,),
    image_context="clip",
    family="matrix_game_3",
    camera=Rays("origin_direction", metres=2.0),
    memories=Memories(slots=5, past=2, spacing=6),
    start=SMALL_IMAGE_ALONE,
    chunking=Chunking(first=7, later=6, given=1),
)
_TINY_WORLD_EVENTS = replace(
    _TINY_WORLD,
    name="tiny_world_2_events",
    title="Tiny World with events",
    keyboard=None,
    mouse=None,
    window=12,
    sink=3,
    steps=_FEW,
    image_context="clip",
    family="causal_wan",
    camera=Rays("origin_direction", metres=0.5),
    text=Text(words=4, vocabulary=("clear", "night", "fog", "snow", "red light")),
    start=IMAGE_THEN_NOTHING,
)
_LINGBOT = Variant(
    name="lingbot_2_1_3b",
    title="LingBot-World 2 1.3B",
    keyboard=None,
    mouse=None,
    steps=(1000, 750, 500, 250),
    picture=(464, 832),
    fps=16.0,
    window=18,
    sink=6,
    camera=Rays("origin_direction"),
    text=Text(words=512),
    start=IMAGE_THEN_NOTHING,
    family="causal_wan",
    chunking=Chunking(4, 4),
    lens=Lens(focal=0.6),
    folder="lingbot-world-v2-1.3b-causal-fast",
    twins="camera 1536",
)
_SELF_FORCING = replace(
    _LINGBOT,
    name="self_forcing",
    title="Self-Forcing 1.3B",
    family="causal_wan_words",
    window=21,
    sink=0,
    camera=None,
    start=WORDS_ALONE,
    picture=(480, 832),
    chunking=THREES,
    folder="Self-Forcing",
    twins="words 1536",
)
_CAUSAL_WAN = (
    _LINGBOT,
    replace(
        _LINGBOT,
        name="lingbot_2_14b",
        title="LingBot-World 2 14B",
        shift=10.0,
        twins="camera 5120",
        folder="lingbot-world-v2-14b-causal-fast",
    ),
    replace(
        _LINGBOT,
        name="lingbot_fast",
        title="LingBot-World Fast",
        shift=10.0,
        twins="camera 5120",
        window=21,
        sink=3,
        steps=(1000, 821, 642, 321),
        chunking=THREES,
        folder="lingbot-world-fast",
    ),
    replace(
        _LINGBOT,
        name="lingbot_base_cam",
        title="LingBot-World base-cam",
        family="causal_wan_clips",
        shift=10.0,
        steps=(70,),
        text=Text(words=512, negative=True),
        guidance=5.0,
        experts=Experts(boundary=947.0),
        window=0,
        sink=0,
        chunking=Chunking(21, 21, restarts=True, repeated=1),
        twins="camera 5120",
        folder="lingbot-world-base-cam",
    ),
    _SELF_FORCING,
    replace(_SELF_FORCING, name="longlive", title="LongLive 1.3B", window=12, sink=3, folder="LongLive-1.3B"),
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
    _TINY_WORLD,
    replace(
        _TINY_WORLD,
        name="tiny_world",
        title="Tiny World (first)",
        window=6,
        steps=_FEW,
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
    _TINY_WORLD_MEMORY,
    _TINY_WORLD_EVENTS,
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
    *_CAUSAL_WAN,
)

BUILT_IN = "tiny_world_2"
"""The one whose weights come with the pack."""
WITH_MEMORY = "tiny_world_2_memory"
"""The same places, by a model that looks at them again."""
WITH_EVENTS = "tiny_world_2_events"
"""The same places under weather and light that a word changes on the way."""
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}
TITLES: dict[str, Variant] = {
    variant.title: variant for variant in sorted(_ALL, key=lambda variant: variant.name != BUILT_IN)
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
