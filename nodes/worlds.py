"""Tiny World View and Start World: where a world begins."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..worldmodel.binding.bind import bind_track
from ..worldmodel.checkpoints.recognise import check_latent_formats
from ..worldmodel.models.matrix_game2.conditions import image_condition
from ..worldmodel.models.matrix_game2.start_picture import prepare_picture
from ..worldmodel.tinyworld import engine, pilot
from ..worldmodel.tinyworld.tokens import patch_context
from ..worldmodel.tinyworld.walks import place_in
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.variants import VARIANTS, Variant
from ..worldmodel.world.state import Start, new_world
from .host import clip, network, progress, sampling, vae
from .schema import CATEGORY, INT32
from .types import Track, World

TINY_WORLD = VARIANTS["tiny_world"]
SIDE = 16
"""Sides of a start are multiples of this: 8 pixels to a latent, 2 latents to a token."""
_PIXELS = {"optional": True, "default": 0, "min": 0, "max": 8192, "step": SIDE}


class TinyWorldView(io.ComfyNode):
    """A look into a procedural world, and the true film of a walk through it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMTinyWorldView",
            display_name="Tiny World View",
            category=CATEGORY,
            description="Renders a place in a procedural world that the built-in model has never seen: a picture to "
            "start from, and the true film of a track to compare a rollout with.",
            search_aliases=["tiny world", "start image", "raycaster", "procedural", "ground truth"],
            inputs=[
                io.Int.Input(
                    "world_seed",
                    default=7,
                    min=0,
                    max=engine.HELD_OUT_SEEDS - 1,
                    tooltip="Which world. All of these were kept out of the training.",
                ),
                io.Int.Input("place", default=0, min=0, max=INT32, tooltip="Where in it, and facing where."),
                Track.Input("track", optional=True, tooltip="The walk of the true film; without it, the place only."),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="What one sees at the place: a start for Start World."),
                io.Image.Output(display_name="true_film", tooltip="What one would see on the walk, frame by frame."),
            ],
        )

    @classmethod
    def execute(cls, world_seed: int, place: int, track: DenseTrack | None = None) -> io.NodeOutput:
        """Render the walk; its first frame is the start."""
        film = true_film(world_seed, place, track)
        return io.NodeOutput(film[:1].clone(), film)


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
                io.Image.Input("image", tooltip="One picture: what the world looks like at its first frame."),
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
            ],
            outputs=[World.Output(display_name="world")],
        )

    @classmethod
    def execute(
        cls, model: Any, vae: Any, image: Tensor, clip_vision: Any = None, width: int = 0, height: int = 0
    ) -> io.NodeOutput:
        """Prepare the picture, encode it and let the model's image encoder look at it."""
        return io.NodeOutput(new_world(start_from(model, vae, image, clip_vision, (height, width))))


def true_film(world_seed: int, place: int, track: DenseTrack | None) -> Tensor:
    """Render Tiny World along a track.

    Returns:
        (frames, h, w, 3) in 0..1, as many frames as the track has (one without a track): row i moves the camera from
        frame i to frame i + 1, so the last row's effect is not seen.
    """
    (worlds, start), which = place_in(world_seed, place), torch.zeros(1, dtype=torch.long)
    if track is None:
        track = DenseTrack((), torch.zeros(1, 0), torch.zeros(1, 2))
    if track.frames < 1:
        raise ValueError("track: found 0 frames, expected at least one; lengthen the track.")
    bound = bind_track(track, TINY_WORLD)
    if bound.report:
        progress.tell("\n".join(bound.report))
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    walks = pilot.play(worlds, which, start, actions)
    return pilot.film(worlds, walks, TINY_WORLD.picture, slice(0, track.frames))[0]


def start_from(
    model: Any, world_vae: Any, image: Tensor, clip_vision: Any, wanted_size: tuple[int, int] = (0, 0)
) -> Start:
    """Build the start of a world from a picture.

    Args:
        model, world_vae, clip_vision: the host's MODEL, VAE and (or `None`) CLIP_VISION.
        image: (1, H, W, 3) in 0..1.
        wanted_size: (h, w) pixels of the world; 0 is the model's own.

    Raises:
        ValueError: the model is no world model, the VAE or the CLIP tower does not belong to it, or the picture or
            its size cannot be used.
    """
    variant = sampling.model_variant(model)
    kind = vae.kind_of(world_vae)
    check_latent_formats(variant.latent_format, kind.name, vae_name=kind.title)
    if not network.same_latents(model.model.latent_format, kind.latents):
        raise ValueError(
            f"vae: found {kind.title} of another training than the model's (its latents have another mean), expected "
            "the one the model was trained with; load the pair from the same release."
        )
    if variant.image_context == "clip" and clip_vision is None:
        raise ValueError(
            f"clip_vision: found none, expected a CLIP vision model for {variant.title}; connect Load CLIP Vision "
            "(clip_vision_h)."
        )
    size = _size(variant, wanted_size)
    picture = prepare_picture(image, size)
    if tuple(image.shape[1:3]) != size:
        (height, width), (found_height, found_width) = size, image.shape[1:3]
        progress.tell(
            f"image: found {found_width} x {found_height} pixels; the middle was cropped and resized to the "
            f"{width} x {height} of {'this world' if size != variant.picture else variant.title}."
        )
    latents = vae.encode_start(world_vae, picture)
    context = _visual_context(variant, picture, latents, clip_vision)
    _check_context(model, context)
    return Start(variant.name, kind.name, image_condition(latents), context)


def _size(variant: Variant, wanted: tuple[int, int]) -> tuple[int, int]:
    """Return (h, w) pixels, and warn where the model was not trained."""
    for name, side in zip(("height", "width"), wanted, strict=True):
        if side < 0 or side % SIDE:
            raise ValueError(
                f"{name}: found {side}, expected a multiple of {SIDE}, or 0 for the model's own; change it to "
                f"{max(SIDE, round(side / SIDE) * SIDE)}."
            )
    height, width = (side or own for side, own in zip(wanted, variant.picture, strict=True))
    if (height, width) != variant.picture:
        own_height, own_width = variant.picture
        progress.tell(
            f"width, height: found {width} x {height}; {variant.title} was trained on {own_width} x {own_height} only, "
            "so expect worse pictures."
        )
    return height, width


def _visual_context(variant: Variant, picture: Tensor, latents: Tensor, clip_vision: Any) -> Tensor:
    if variant.image_context == "clip":
        return clip.image_tokens(clip_vision, picture)
    return patch_context(latents[:, 0])


def _check_context(model: Any, context: Tensor) -> None:
    wanted = model.model.context_width
    if context.shape[1] != wanted:
        raise ValueError(
            f"clip_vision: found tokens of {context.shape[1]} numbers, expected {wanted}; load the CLIP vision model "
            "that belongs to the world model (clip_vision_h for Matrix-Game 2)."
        )


NODES = [TinyWorldView, StartWorld]
