"""Tiny World View and Start World: where a world begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from comfy_api.latest import io
from torch import Tensor

from ..worldmodel.binding.bind import bind_track
from ..worldmodel.binding.start_camera import start_camera
from ..worldmodel.binding.track_camera import lens_of
from ..worldmodel.camera.poses import Poses
from ..worldmodel.families import family_of
from ..worldmodel.families.family import Beginning, Encoders
from ..worldmodel.reading.words import shortened
from ..worldmodel.tinyworld import pilot
from ..worldmodel.tinyworld.scene import engine, events, menu, overhead
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.variants import AS_RELEASED, BUILT_IN, CORRECTED, VARIANTS, Variant
from ..worldmodel.world.state import Start, new_world
from .host import clip, network, progress, sampling, text, vae
from .schema import CATEGORY, INT32
from .types import Track, World

TINY_WORLD = VARIANTS[BUILT_IN]
_ITS_OWN = " Tiny World knows only its own places: a photo soon turns into one."
_PIXELS = {"optional": True, "default": 0, "min": 0, "max": 8192, "step": 16}


class TinyWorldView(io.ComfyNode):
    """A look into a procedural world, and the true film of a walk through it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMTinyWorldView",
            display_name="Tiny World View",
            category=CATEGORY,
            description="Renders a place of Tiny World, in a level or a random layout, as the built-in model has never "
            "seen it: a picture to start from, and a reference render of a track, the true film, to compare a rollout "
            "with.",
            search_aliases=["tiny world", "start image", "raycaster", "procedural", "ground truth"],
            inputs=[
                io.Int.Input(
                    "world_seed",
                    default=7,
                    min=0,
                    max=engine.HELD_OUT_SEEDS - 1,
                    tooltip="Which random layout, read for that alone. All of these were kept out of the training.",
                ),
                io.Int.Input("place", default=0, min=0, max=INT32, tooltip="Where in it, and facing where."),
                io.Combo.Input(
                    "level",
                    options=list(menu.MENU),
                    optional=True,
                    tooltip="One of the levels, in whose streets the model was trained, or a random layout.",
                ),
                Track.Input("track", optional=True, tooltip="The walk of the true film; without it, the place only."),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="What one sees at the place: a start for Start World."),
                io.Image.Output(display_name="true_film", tooltip="What one would see on the walk, frame by frame."),
                io.Mask.Output(
                    display_name="depth",
                    tooltip="Of the true film, in metres along the optical axis; 0 in the sky. For Save Camera Set.",
                ),
                Track.Output(
                    display_name="walk",
                    tooltip="The track with the camera of the true film, which stops at walls. For Save Camera Set.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, world_seed: int, place: int, track: DenseTrack | None = None, level: str | None = None
    ) -> io.NodeOutput:
        """Render the walk; its first frame is the start."""
        film = true_film(menu.place_in(known_level(level, world_seed), world_seed, place), track)
        return io.NodeOutput(film.pixels[:1].clone(), *film)


class StartWorld(io.ComfyNode):
    """A world that has a beginning and no frame yet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMStartWorld",
            display_name="Start World",
            category=CATEGORY,
            description="Turns a picture into the beginning of a world, which Rollout World walks into. "
            "The picture is cropped in the middle and resized to the size of the model.",
            search_aliases=["image to world", "first frame", "begin", "init"],
            inputs=[
                io.Model.Input("model", tooltip="The world model, from Load World Model."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to it; it encodes the picture."),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="One picture: what the world looks like at its first frame. Yume 1.5 also goes on from the "
                    "frames of a film, or begins without any, from the prompt alone.",
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="CLIP vision (ViT-H) for Matrix-Game 2; see Load World CLIP Vision. Tiny World needs none.",
                ),
                io.Int.Input(
                    "width",
                    **_PIXELS,
                    tooltip="Pixels, a multiple of 16. 0: the model's own, the only size it was trained on.",
                ),
                io.Int.Input(
                    "height",
                    **_PIXELS,
                    tooltip="Pixels, a multiple of 16. 0: the model's own, the only size it was trained on.",
                ),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip="Text encoder of a model that reads text; see Load World Text Encoder. Others need none.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="What is to be seen, for a model that reads text; Tiny World with events knows clear, "
                    "night, fog, snow and red light.",
                ),
                io.String.Input(
                    "negative",
                    default="",
                    multiline=True,
                    optional=True,
                    advanced=True,
                    tooltip="What is not to be seen, for a model that is guided, such as Matrix-Game 3.0 base.",
                ),
                io.Combo.Input(
                    "form",
                    options=[CORRECTED, AS_RELEASED],
                    default=CORRECTED,
                    optional=True,
                    advanced=True,
                    tooltip="as released: run as the authors run it, where this pack does something better. "
                    "Most models have one form only.",
                ),
                Track.Input(
                    "track",
                    optional=True,
                    tooltip="For LingBot-World: the walk whose longest step the model reads as 1, and whose camera's "
                    "lens counts; both then hold for this world, whatever is walked. Without it: a step of W.",
                ),
            ],
            outputs=[World.Output(display_name="world")],
        )

    @classmethod
    def execute(
        cls, model: Any, vae: Any, image: Tensor | None = None, clip_vision: Any = None, width: int = 0,
        height: int = 0, clip: Any = None, prompt: str = "", negative: str = "", form: str = CORRECTED,
        track: DenseTrack | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Prepare the picture, encode it and let the model's encoders look at it and read the prompt."""
        wishes = Wishes((height, width), prompt, negative, form, track)
        return io.NodeOutput(new_world(start_from(model, vae, image, clip_vision, clip, wishes)))


class TrueFilm(NamedTuple):
    """What is seen on a walk through Tiny World: pixels (F, h, w, 3) in 0..1, depth (F, h, w) in metres, the walk."""

    pixels: Tensor
    depth: Tensor
    walk: DenseTrack


def known_level(level: str | None, world_seed: int) -> str:
    """Return the level that is asked for, or, where a graph of the first Tiny World asks for none, a random layout."""
    if level is not None:
        return level
    progress.tell(
        "level: found none, as in graphs of the first Tiny World, whose views are gone; random layout "
        f"{world_seed} of the present one is shown."
    )
    return menu.LAYOUT


def true_film(stood: tuple[engine.Places, tuple[Tensor, Tensor]], track: DenseTrack | None) -> TrueFilm:
    """Render Tiny World along a track, from a place and a start in it as `menu.place_in` returns them.

    Returns:
        As many frames as the track has (one without a track): row i moves the camera from frame i to frame i + 1, so
        the last row's effect is not seen. The walk has the camera of every frame; depth is 0 in the sky.
    """
    (worlds, start), which = stood, torch.zeros(1, dtype=torch.long)
    if track is None:
        track = DenseTrack((), torch.zeros(1, 0), torch.zeros(1, 2))
    if track.frames < 1:
        raise ValueError("track: found 0 frames, expected at least one; lengthen the track.")
    bound = bind_track(track._replace(prompts=()), TINY_WORLD)  # what the prompt lane says is for the engine
    weather, unknown = events.told(track.prompts, track.frames)
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    walks = pilot.play(worlds, which, start, actions)
    shown = slice(0, track.frames)
    said = [*bound.report, overhead.stopped_words(walks.bumped[0, shown]), _unknown_words(unknown)]
    if any(said):
        progress.tell("\n".join(filter(None, said)))
    view = pilot.views(worlds, walks, TINY_WORLD.picture, shown)
    pixels = events.under(engine.View(*(part[0] for part in view)), weather).pixels
    c2w = pilot.poses(walks.places[0, shown], walks.yaws[0, shown])
    (height, width), lens = TINY_WORLD.picture, lens_of(TINY_WORLD)
    walk = track._replace(camera=Poses(c2w, lens, TINY_WORLD.fps, picture=(width, height)))
    return TrueFilm(pixels, view.depth[0].nan_to_num(posinf=0.0), walk)


def _unknown_words(sentences: list[str]) -> str:
    """Say which sentences of a track change nothing here."""
    if not sentences:
        return ""
    said = ", ".join(f"“{shortened(sentence)}”" for sentence in sentences)
    return f"prompt: the true film shows {', '.join(events.EVENTS)}, so nothing is made of {said}."


class Wishes(NamedTuple):
    """What an artist begins a world with, besides the picture."""

    size: tuple[int, int] = (0, 0)
    """(h, w) pixels of the world; 0 is the model's own."""
    prompt: str = ""
    negative: str = ""
    form: str = CORRECTED
    track: DenseTrack | None = None


def start_from(
    model: Any,
    world_vae: Any,
    image: Tensor | None,
    clip_vision: Any,
    text_encoder: Any = None,
    wishes: Wishes | None = None,
) -> Start:
    """Build the start of a world from a picture.

    Args:
        model, world_vae, clip_vision, text_encoder: the host's MODEL, VAE and (or `None`) CLIP_VISION and CLIP.
        image: (1, H, W, 3) in 0..1; more pictures, or `None`, only where the model begins so.
        wishes: `None`: nothing else is said.

    Raises:
        ValueError: the model is no world model, the VAE or an encoder does not belong to it, or the picture or its
            size cannot be used.
    """
    wishes = wishes or Wishes()
    variant = sampling.model_variant(model)
    if image is None and variant.start.latents:
        raise ValueError(f"image: found none, expected a picture for {variant.title} to begin with; connect one.")
    kind = vae.kind_for(world_vae, variant, variant.latent_format)
    if not network.same_latents(model.model.latent_format, kind.latents):
        raise ValueError(
            f"vae: found {kind.title} of another training than the model's (its latents have another mean), expected "
            "the one the model was trained with; load the pair from the same release."
        )
    family, size = family_of(variant), _size(variant, wishes.size)
    encoders = Encoders(
        video=lambda frames: vae.encode_video(world_vae, frames, family.manner),
        settles=kind.settles,
        image=None if clip_vision is None else lambda picture: clip.image_tokens(clip_vision, picture),
        text=_text_of(variant, text_encoder, wishes),
    )
    form = wishes.form if wishes.form in variant.forms else variant.forms[0]
    camera = None
    if wishes.track is not None:
        if variant.camera is None or variant.memories is not None:
            raise ValueError(
                f"track: found one, expected none for {variant.title}, whose camera needs nothing fixed; disconnect it."
            )
        camera = start_camera(wishes.track, variant)
    asked = Beginning(variant, image, size, wishes.prompt, wishes.negative, form, camera)
    start = family.start(asked, encoders)
    if image is not None and tuple(image.shape[1:3]) != size:
        (height, width), (found_height, found_width) = size, image.shape[1:3]
        stretched = form == AS_RELEASED and variant.start.stretched
        progress.tell(
            f"image: found {found_width} x {found_height} pixels; "
            f"{'all was stretched' if stretched else 'the middle was kept, its edges cut off, resized'} to the "
            f"{width} x {height} of {'this world' if size != variant.picture else variant.title}."
            f"{_ITS_OWN if variant.name.startswith('tiny_world') else ''}"
        )
    _check_tokens(model, start)
    return start


def _text_of(variant: Variant, text_encoder: Any, wishes: Wishes) -> Callable[[str], Tensor] | None:
    """Return what encodes prompts, and tell of one that the model does not read."""
    if variant.text is None:
        if wishes.prompt or wishes.negative:
            progress.tell(f"prompt: {variant.title} reads no text, so nothing is made of it.")
        return None
    if variant.is_spoken_to:
        return None  # its sentences are made of the keys, too, which nobody knows yet
    if variant.text.vocabulary:
        return None  # its words need no encoder
    if text_encoder is None:
        raise ValueError(
            f"clip: found none, expected a text encoder for {variant.title}; connect Load World Text Encoder."
        )
    if variant.text.negative and not wishes.negative:
        progress.tell(
            f"negative: found none; {variant.title} is led away from nothing in particular. Its authors have a list of "
            "words for it; see the model's page in docs."
        )
    return lambda prompt: text.encode_text(text_encoder, prompt)


def _size(variant: Variant, wanted: tuple[int, int]) -> tuple[int, int]:
    """Return (h, w) pixels, and warn where the model was not trained."""
    step = variant.token_pixels
    for name, side in zip(("height", "width"), wanted, strict=True):
        if side < 0 or side % step:
            raise ValueError(
                f"{name}: found {side}, expected a multiple of {step}, or 0 for the model's own; change it to "
                f"{max(step, round(side / step) * step)}."
            )
    height, width = (side or own for side, own in zip(wanted, variant.picture, strict=True))
    if (height, width) != variant.picture:
        own_height, own_width = variant.picture
        progress.tell(
            f"width, height: found {width} x {height}; {variant.title} was trained on {own_width} x {own_height} only, "
            "so expect worse pictures."
        )
    return height, width


_ENCODERS = {
    "visual_context": (
        "clip_vision",
        "load the CLIP vision model that belongs to the world model (clip_vision_h for Matrix-Game 2)",
    ),
    "text": ("clip", "load the text encoder that belongs to the world model"),
    "negative": ("clip", "load the text encoder that belongs to the world model"),
}


def _check_tokens(model: Any, start: Start) -> None:
    for name, wanted in model.model.token_widths.items():
        found = start.tensors[name].shape[1] if name in start.tensors else wanted
        if found != wanted:
            field, advice = _ENCODERS[name]
            raise ValueError(f"{field}: found tokens of {found} numbers, expected {wanted}; {advice}.")


NODES = [TinyWorldView, StartWorld]
