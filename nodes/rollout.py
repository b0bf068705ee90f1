"""Rollout World and Decode World: frames out of a world."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from comfy_api.latest import Input, InputImpl, io
from torch import Tensor

from ..worldmodel.bind import bind_track, chunk_controls, left_over_sentence
from ..worldmodel.film import FilmWriter
from ..worldmodel.sampling import Levels, warped_steps
from ..worldmodel.session import Session, Settings, settings_of
from ..worldmodel.state import Controls, validate_controls
from ..worldmodel.state import World as WorldState
from ..worldmodel.state import frames as frames_of
from ..worldmodel.track import Track as DenseTrack
from ..worldmodel.variants import Variant, variant_named
from ..worldmodel.weights import check_latent_formats
from .host import decoder, files, progress, sampling, vae
from .types import Track, World


class Plan(NamedTuple):
    """A rollout that was checked and can begin."""

    variant: Variant
    controls: list[Controls]
    settings: Settings
    levels: Levels
    fps: float
    seed: int
    notes: tuple[str, ...]
    """One sentence for each thing the user should know."""


class RolloutWorld(io.ComfyNode):
    """Walk on in a world, chunk after chunk."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRolloutWorld",
            display_name="Rollout World",
            category="World Model",
            description="Walks into a world as the track says, chunk after chunk, and hands out the grown world. "
            "With a VAE connected it shows the newest frame of each chunk and writes the film while rolling.",
            search_aliases=["world model", "sample", "generate", "walk", "play", "interactive video", "ksampler"],
            inputs=[
                io.Model.Input("model", tooltip="The world model, from Load World Model, patched as you like."),
                World.Input("world", tooltip="Where to go on: from Start World, or from another Rollout World."),
                Track.Input("track", tooltip="What the player does. Its frame 0 is the first new frame."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**64 - 1,
                    control_after_generate=True,
                    tooltip="Each chunk draws its noise from this seed and its own number.",
                ),
                io.String.Input(
                    "steps",
                    default="",
                    tooltip="Noise levels to visit, falling, such as 1000, 666, 333. Empty: the model's own.",
                ),
                io.Float.Input(
                    "shift",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Moves the levels towards noise, in place of ModelSamplingSD3. 0: the model's own.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=240.0,
                    step=1.0,
                    tooltip="Frames per second of the film; it does not change the walk. 0: the model's own.",
                ),
                io.Vae.Input("vae", optional=True, tooltip="Decodes the preview and the film. Without it: no film."),
            ],
            outputs=[
                World.Output(display_name="world", tooltip="The grown world; the one that went in stays as it was."),
                io.Video.Output(display_name="film", tooltip="The frames this node added."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(cls, steps: str | None) -> bool | str:
        """Name a mistake in the steps when the graph is queued."""
        try:
            parse_steps(steps or "")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        model: Any,
        world: WorldState,
        track: DenseTrack,
        seed: int,
        steps: str = "",
        shift: float = 0.0,
        fps: float = 0.0,
        vae: Any = None,
    ) -> io.NodeOutput:
        """Check everything, then roll."""
        plan = plan_rollout(model, world, track, seed, steps, shift, fps, vae)
        grown, film = roll(model, world, vae, plan)
        report = describe(plan, world, grown)
        progress.tell(report)
        return io.NodeOutput(grown, film, ui={"text": [report]})


class DecodeWorld(io.ComfyNode):
    """The frames of a world as pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        limit = 2**31 - 1
        return io.Schema(
            node_id="WMDecodeWorld",
            display_name="Decode World",
            category="World Model",
            description="Decodes a world, or some of its frames, piece by piece; beyond the pictures themselves its "
            "memory does not grow with the length.",
            search_aliases=["vae decode", "world to images", "frames"],
            inputs=[
                World.Input("world", tooltip="A world that has been rolled out."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to it."),
                io.Int.Input("first_frame", default=0, min=0, max=limit, tooltip="The first frame to decode."),
                io.Int.Input(
                    "last_frame", default=-1, min=-1, max=limit, tooltip="The last one. -1: the last of the world."
                ),
            ],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, world: WorldState, vae: Any, first_frame: int = 0, last_frame: int = -1) -> io.NodeOutput:
        """Decode the range into pictures that are made once."""
        return io.NodeOutput(decode_range(world, vae, first_frame, last_frame))


class NoFilm(Input.Video):
    """What comes out of the film output where no VAE was connected: it says so when it is used."""

    def _missing(self, *_: Any, **__: Any) -> Any:
        raise ValueError(
            "film: found none, because no VAE was connected to Rollout World; connect one, or decode the world with "
            "Decode World and make a film with Create Video."
        )

    get_components = save_to = as_trimmed = _missing


def parse_steps(text: str) -> tuple[int, ...]:
    """Read steps such as `1000, 666, 333`; none for an empty text.

    Raises:
        ValueError: not falling whole numbers from 1000 to 1.
    """
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() for word in words):
        raise ValueError(
            f"steps: found {text!r}, expected whole numbers such as 1000, 666, 333; empty is the model's own."
        )
    steps = tuple(int(word) for word in words)
    if steps:
        warped_steps(steps, 1.0)
    return steps


def plan_rollout(
    model: Any, world: WorldState, track: DenseTrack, seed: int, steps: str, shift: float, fps: float, world_vae: Any
) -> Plan:
    """Check all that a user can get wrong, before anything is loaded.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    sampling.check_patches(model)
    variant = sampling.model_variant(model)
    if variant.name != world.start.variant:
        raise ValueError(
            f"world: found one that was started for {variant_named(world.start.variant).title}, expected one for "
            f"{variant.title}; connect the same model to Start World."
        )
    if world_vae is not None:
        check_vae(world, world_vae)
        if find_spec("imageio_ffmpeg") is None:
            raise ValueError(
                "vae: found no imageio-ffmpeg in this Python, expected it for the film; install the pack's "
                "requirements.txt, or disconnect the VAE."
            )
    own = settings_of(variant)
    settings = own._replace(steps=parse_steps(steps) or own.steps, shift=shift or own.shift)
    levels = warped_steps(settings.steps, settings.shift)
    bound = bind_track(track, variant)
    pieces, left_over = chunk_controls(bound.controls, len(world.chunks), variant)
    length = variant.chunk_frames(len(world.chunks) + len(pieces))
    if not pieces:
        raise ValueError(
            f"track: found {track.frames} frames, expected at least {length}, the next whole chunk of {variant.title}; "
            "lengthen the track."
        )
    for index, piece in enumerate(pieces, len(world.chunks)):
        validate_controls(piece, variant, index)
    notes = [*bound.report, *sampling.unused_patches(model)]
    if left_over:
        notes.append(left_over_sentence(track.frames, left_over, length))
    return Plan(variant, pieces, settings, levels, fps or variant.fps, seed, tuple(notes))


def check_vae(world: WorldState, world_vae: Any) -> None:
    """Check that a VAE can decode a world.

    Raises:
        ValueError: it is of another kind.
    """
    kind = vae.kind_of(world_vae)
    check_latent_formats(world.start.latent_format, kind.name, vae_name=kind.title)


def roll(model: Any, world: WorldState, world_vae: Any, plan: Plan) -> tuple[WorldState, Input.Video]:
    """Roll out inside one sampling session of the host; the film is complete when this returns."""
    bar = progress.Progress(len(world.chunks) + len(plan.controls) * len(plan.settings.steps))
    grown = world
    with ExitStack() as stack:
        film, stream = None, None
        if world_vae is not None:
            film = stack.enter_context(FilmWriter(files.new_film("worldmodel/rollout"), plan.fps))
            stream = decoder.primed(world_vae, world)

        def perform(stage: sampling.Stage) -> None:
            nonlocal grown
            session = Session(
                world.start, _counted(stage, len(world.chunks), bar), chunks=world.chunks, settings=plan.settings,
                dtype=stage.dtype, device=stage.device, after_step=lambda _: bar.advance(),
            )  # fmt: skip
            for controls in plan.controls:
                chunk = session.step(controls, plan.seed)
                if stream is not None:
                    frames = stream.push(chunk.latents, last=controls is plan.controls[-1])
                    film.append(frames)
                    bar.show(frames[-1])
                    stage.reload()
            grown = session.world

        sampling.perform(model, plan.levels, (16, plan.variant.chunk, *world.start.image_condition.shape[2:]), perform)
    return grown, NoFilm() if film is None else InputImpl.VideoFromFile(str(film.path))


def _counted(stage: sampling.Stage, replayed: int, bar: progress.Progress) -> Any:
    """The stage's `predict`, which also counts the clean passes of chunks that were there before."""
    left = replayed

    def predict(x: Tensor, step: Any, context: Tensor) -> Tensor:
        nonlocal left
        velocity = stage.predict(x, step, context)
        if step.commit and left:
            left -= 1
            bar.advance()
        return velocity

    return predict


def describe(plan: Plan, world: WorldState, grown: WorldState) -> str:
    """Say what a rollout did, one sentence a line."""
    total, added = frames_of(grown), frames_of(grown) - frames_of(world)
    steps = ", ".join(map(str, plan.settings.steps))
    lines = [
        f"{len(plan.controls)} chunks, {added} frames added; the world has {total} frames.",
        f"steps {steps}; shift {plan.settings.shift:g}; {plan.fps:g} fps; seed {plan.seed}.",
    ]
    return "\n".join([*lines, *plan.notes])


def decode_range(world: WorldState, world_vae: Any, first: int, last: int) -> Tensor:
    """Decode frames first ... last of a world; last -1 is the world's last.

    Returns:
        (frames, H, W, 3) in 0..1.

    Raises:
        ValueError: the VAE does not belong to the world, or it has no such frames.
    """
    check_vae(world, world_vae)
    total = frames_of(world)
    if not total:
        raise ValueError("world: found no frames, expected a world that was rolled out; put Rollout World before.")
    last = total - 1 if last < 0 else last
    if first > last or last >= total:
        raise ValueError(
            f"first_frame, last_frame: found {first} to {last}, expected a range within 0 to {total - 1}; change them."
        )
    bar = progress.Progress(last + 1 - first)
    return _gathered(decoder.decode_frames(world_vae, world, first, last), last + 1 - first, bar)


def _gathered(pieces: Iterator[Tensor], total: int, bar: progress.Progress) -> Tensor:
    images, row = None, 0
    for piece in pieces:
        if images is None:
            images = torch.empty(total, *piece.shape[1:], dtype=piece.dtype, device=piece.device)
        images[row : row + len(piece)] = piece
        row += len(piece)
        bar.advance(len(piece))
    assert images is not None and row == total, f"{row} of {total} frames were decoded"
    return images


NODES = [RolloutWorld, DecodeWorld]
