"""Rollout World and Decode World: frames out of a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..worldmodel.binding.spoken import Template
from ..worldmodel.memory.policy import MemoryPolicy
from ..worldmodel.track.track import Track as DenseTrack
from ..worldmodel.world.state import World as WorldState
from ..worldmodel.world.state import frames as frames_of
from .frames import FIRST_FRAME, LAST_FRAME, chosen_span, gathered
from .host import decoder, files, progress, reels, sampling
from .pages import open_pages
from .rolling import MOST_SHIFT, Wishes, check_shift, check_vae, describe, parse_steps, plan_rollout, roll
from .schema import CATEGORY, FPS, SEED, check_fps, validated
from .types import Memory, Track, Words, World

IN_MEMORY, ON_DISK = "in memory", "on disk"
_UNCONNECTED = object()
"""Stands for an input that nothing is linked into; what a link brings is `None` when a graph is queued."""


class RolloutWorld(io.ComfyNode):
    """Walk on in a world, chunk after chunk."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMRolloutWorld",
            display_name="Rollout World",
            category=CATEGORY,
            description="Walks into a world as the track says, chunk after chunk, and hands out the grown world. "
            "With a VAE connected it plays the newest chunk and writes the film while rolling.",
            search_aliases=["world model", "sample", "generate", "walk", "play", "interactive video", "ksampler"],
            inputs=[*_inputs(), *_more_inputs()],
            outputs=[
                World.Output(display_name="world", tooltip="The grown world; the one that went in stays as it was."),
                io.Video.Output(display_name="film", tooltip="The frames this node added."),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            has_intermediate_output=True,
        )

    @classmethod
    def validate_inputs(
        cls, steps: str | None = None, shift: float | None = None, fps: float | None = None, vae: object = _UNCONNECTED
    ) -> bool | str:
        """Name a mistake when the graph is queued, and a folder that will not take the film."""
        checks = [validated(parse_steps, steps), validated(check_shift, shift), validated(check_fps, fps)]
        if vae is not _UNCONNECTED:
            checks.append(validated(lambda _: files.check_films(), ""))
        return next((said for said in checks if said is not True), True)

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
        context_budget: int = 0,
        clip: Any = None,
        memory: MemoryPolicy | None = None,
        words: Template | None = None,
        keep_latents: str = IN_MEMORY,
        low_noise_model: Any = None,
    ) -> io.NodeOutput:
        """Check everything, look up what is there, then roll."""
        check_fps(fps)
        model = sampling.with_low_noise(model, low_noise_model)
        wishes = Wishes(seed, steps, shift, fps, context_budget, clip, memory, words, keep_latents == ON_DISK)
        plan = plan_rollout(model, world, track, vae, wishes)
        pages = open_pages(model, world, plan, cls.hidden)
        grown, film, reel = roll(model, world, vae, plan, pages)
        report = describe(plan, world, grown, pages)
        progress.tell(report)
        written = files.results([] if vae is None else [Path(film.get_stream_source())])
        return io.NodeOutput(grown, film, ui={"text": [report], **written, **reels.results(reel)})


def _inputs() -> list[io.Input]:
    """Describe what a rollout needs, and what is open to the artist."""
    return [
        io.Model.Input("model", tooltip="The world model, from Load World Model, patched as you like."),
        World.Input("world", tooltip="Where to go on: from Start World, or from another Rollout World."),
        Track.Input("track", tooltip="What the player does. Its frame 0 is the first new frame."),
        io.Int.Input(
            "seed",
            **SEED,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="Each chunk draws its noise from this seed and its own number.",
        ),
        io.String.Input(
            "steps",
            default="",
            tooltip="Noise levels to visit, falling, such as 1000, 666, 333, or how many, for a model that finds them "
            "itself. Empty: the model's own.",
        ),
        io.Float.Input(
            "shift",
            default=0.0,
            min=0.0,
            max=MOST_SHIFT,
            step=0.1,
            tooltip="Moves the levels towards noise, in place of ModelSamplingSD3; at least 0.001. 0: the model's own.",
        ),
        io.Float.Input(
            "fps",
            **FPS,
            tooltip="Frames per second of the film; it does not change the walk. 0: the model's own.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="Decodes the moving picture and the film. Without it: neither."),
    ]


def _more_inputs() -> list[io.Input]:
    """Describe what few rollouts need."""
    return [
        io.Int.Input(
            "context_budget",
            default=0,
            min=0,
            max=1_000_000,
            optional=True,
            advanced=True,
            tooltip="MB of RAM in which the world may carry what the model remembers, so that the next Rollout "
            "World begins at once; the frames are the same without. 0: auto, at most 2 GB. 1: none.",
        ),
        io.Clip.Input(
            "clip",
            optional=True,
            tooltip="Text encoder: where the track changes the prompt on the way, and for Yume 1.5, which is told its "
            "keys in words.",
        ),
        Memory.Input(
            "memory",
            optional=True,
            tooltip="Which past frames the model looks at again, from World Memory; without it as the world's form "
            "says. Only for a model that looks back at any frame, as Matrix-Game 3 and Yume 1.5 do.",
        ),
        Words.Input(
            "words",
            optional=True,
            tooltip="How keys are put into words, from World Words. Only for Yume 1.5, which is told them so.",
        ),
        io.Combo.Input(
            "keep_latents",
            options=[IN_MEMORY, ON_DISK],
            default=IN_MEMORY,
            optional=True,
            advanced=True,
            tooltip="Where the grown world has its latents. on disk: in the journal, the folder of finished chunks, "
            "from which they are read when they are looked at, so that a long world takes little RAM. The frames "
            "are the same.",
        ),
        io.Model.Input(
            "low_noise_model",
            optional=True,
            tooltip="Only for a model of two networks, LingBot-World base-cam: the expert for little noise, from a "
            "Load World Model of its own. The one for much noise goes into model.",
        ),
    ]


class DecodeWorld(io.ComfyNode):
    """The frames of a world as pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMDecodeWorld",
            display_name="Decode World",
            category=CATEGORY,
            description="Decodes a world, or some of its frames, piece by piece; beyond the pictures themselves its "
            "memory does not grow with the length.",
            search_aliases=["vae decode", "world to images", "frames"],
            inputs=[
                World.Input("world", tooltip="A world that has been rolled out."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to it."),
                io.Int.Input("first_frame", **FIRST_FRAME, tooltip="The first frame to decode."),
                io.Int.Input("last_frame", **LAST_FRAME, tooltip="The last one. -1: the last of the world."),
            ],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, world: WorldState, vae: Any, first_frame: int = 0, last_frame: int = -1) -> io.NodeOutput:
        """Decode the range into pictures that are made once."""
        return io.NodeOutput(decode_range(world, vae, first_frame, last_frame))


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
    span = chosen_span(first, last, total)
    return gathered(decoder.decode_frames(world_vae, world, *span), span)


NODES = [RolloutWorld, DecodeWorld]
