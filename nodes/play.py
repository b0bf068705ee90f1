"""Play World: a walk whose keys are held while it is made."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..worldmodel.binding.spoken import Template
from ..worldmodel.memory.policy import MemoryPolicy
from ..worldmodel.play.walk import check_limit
from ..worldmodel.reading.limits import MAX_FRAMES
from ..worldmodel.world.state import World as WorldState
from . import told
from .host import files, progress
from .playing import Asked, play_world
from .rolling import Wishes, check_memory, check_shift, parse_steps, plan_settings
from .schema import CATEGORY, INT32, SEED, check_fps, validated
from .types import Track, World
from .wishes import wished_inputs

FIRST_LIMIT = 960
"""Frames: a minute of Tiny World."""


class PlayWorld(io.ComfyNode):
    """Walk in a world by hand, while it is made."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMPlayWorld",
            display_name="Play World",
            category=CATEGORY,
            description="Opens a player when it is queued: you walk with W A S D and the mouse while the next chunk is "
            "made. What you walked goes out as world, film and track, which Rollout World renders again to the bit.",
            search_aliases=[
                "play",
                "interactive",
                "real time",
                "live",
                "game",
                "walk",
                "keyboard",
                "gamepad",
                "explore",
                "world model",
            ],
            inputs=[*_inputs(), *wished_inputs("of the player and of the film", optional=True)],
            outputs=[
                World.Output(display_name="world", tooltip="The world you walked in; the one that went in stays."),
                io.Video.Output(display_name="film", tooltip="The frames that were walked."),
                Track.Output(display_name="track", tooltip="What you held, for Save Track and Rollout World."),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(
        cls, limit: int | None = None, steps: str | None = None, shift: float | None = None, fps: float | None = None
    ) -> bool | str:
        """Name a mistake when the graph is queued, and a folder that will not take the film."""
        checks = [
            validated(check_limit, limit), validated(parse_steps, steps), validated(check_shift, shift),
            validated(check_fps, fps), validated(lambda _: files.check_films(), ""),
        ]  # fmt: skip
        return next((said for said in checks if said is not True), True)

    @classmethod
    def execute(
        cls, model: Any, world: WorldState, vae: Any, seed: int, limit: int, take: int = 1, steps: str = "",
        shift: float = 0.0, fps: float = 0.0, clip: Any = None, memory: MemoryPolicy | None = None,
        words: Template | None = None,
    ) -> io.NodeOutput:  # fmt: skip
        """Check everything, then let somebody play."""
        check_fps(fps)
        check_limit(limit)
        wishes = Wishes(seed, steps, shift, fps, 0, clip, memory, words)
        plan = plan_settings(model, world, vae, wishes)
        told.check_prompts([], plan.variant, clip)
        check_memory(model, world, plan.variant, memory, 1)
        played = play_world(Asked(model, world, vae, plan, limit, clip), cls.hidden)
        progress.tell(played.report)
        return io.NodeOutput(played.world, played.film, played.track, ui={"text": [played.report]})


def _inputs() -> list[io.Input]:
    """Describe where the walk begins, and how long it may be."""
    return [
        io.Model.Input("model", tooltip="The world model, from Load World Model, patched as you like."),
        World.Input("world", tooltip="Where to go on: from Start World, Load World, or another walk."),
        io.Vae.Input("vae", tooltip="Decodes what you see, and the film."),
        io.Int.Input(
            "seed",
            **SEED,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="Each chunk draws its noise from this seed and its own number; N in the player takes another from "
            "there on.",
        ),
        io.Int.Input(
            "limit",
            default=FIRST_LIMIT,
            min=0,
            max=MAX_FRAMES,
            tooltip="The walk ends after at most so many frames, in whole chunks. 0: when you end it.",
        ),
        io.Int.Input(
            "take",
            default=1,
            min=1,
            max=INT32,
            tooltip="Another number plays again. What was played stays as long as nothing changes, so the nodes behind "
            "can be queued again without it.",
        ),
    ]


NODES = [PlayWorld]
