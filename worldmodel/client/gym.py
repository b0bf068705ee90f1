"""Environments of Gymnasium that are played in a ComfyUI; an optional extra: pip install '.[gym]' in the pack's folder.

    env = TinyWorldEnv("127.0.0.1:8188")            # or gymnasium.make("worldmodel/TinyWorld-v0", host=…)
    env = WorldEnv("127.0.0.1:8188", "walk.json")   # any workflow in API form with one Play World

A step is a chunk: what an action holds is held in all its frames. A host plays one session at a time, so each
environment needs a host of its own. An episode's seed draws the noise of its chunks, and in Tiny World also the goal:
equal seeds and actions give equal pictures, bit for bit.

Shapes: F frames of a chunk, H x W picture, K keys.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

try:
    import gymnasium
except ImportError:
    raise ImportError(
        "gymnasium: found none in this Python, expected version 1; run pip install '.[gym]' in the pack's folder."
    ) from None
from gymnasium import spaces

from .play import Ended, Play, Step

TURN = 3.0
"""Degrees per frame of a mouse that is moved as far as it goes."""
GOAL_METRES = 1.0
"""From the goal, at which it is reached."""
STOPPED = 0.05
"""Taken off the reward for each frame whose step a wall shortened."""
_WALKING = ("forward", "back", "left", "right")
_MOST_SEED = 2**31
_FARTHEST = 40.0
"""Metres between two places of Tiny World, which is 28 wide."""


class WorldEnv(gymnasium.Env):
    """A world that is walked in, without a reward.

    Observations are the last picture of a chunk, (H, W, 3) uint8. Actions are `keys`, K of 0 and 1 in the order of
    `words`, and `mouse`, yaw and, where the model reads it, pitch in -1..1, right and up positive. `info` has all
    `frames` of the chunk (F, H, W, 3), how many `chunks` the episode has, the noise's `seed`, and the `controls` as
    they were sent.

    Attributes:
        play: the session.
        words: what the keys mean.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 16}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self, host: str, graph: dict[str, Any] | str | Path, *, turn: float = TURN, render_mode: str | None = None,
        seconds: float = 600,
    ) -> None:  # fmt: skip
        """Open a session.

        Args:
            host: address of a ComfyUI with this pack.
            graph: in API form with one Play World, or the file that it is in.
            turn: degrees per frame of a mouse at 1.
            render_mode: `rgb_array` or `None`.
            seconds: that a chunk may take.

        Raises:
            PlayError: the host does not take the graph, or a setting has no meaning.
            Ended: it ended before the session began.
            OSError: there is no host, or no such file.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode: found {render_mode!r}, expected rgb_array or None; change it.")
        if not 0 < turn <= 180:
            raise ValueError(f"turn: found {turn}, expected degrees above 0 and up to 180; change it.")
        self._graph = graph if isinstance(graph, dict) else json.loads(Path(graph).read_text(encoding="utf-8"))
        self._host, self._turn, self._seconds, self.render_mode = host, turn, seconds, render_mode
        self._last: np.ndarray | None = None
        self.play = self._opened()
        about = self.play.about
        keyboard, mouse = about["variant"]["keyboard"], about["variant"]["mouse"]
        listed = [word for column, word in enumerate(keyboard["words"]) if column != keyboard["idle"]]
        self.words = tuple(listed) or _WALKING
        turns = 0 if mouse is None else 2 if mouse["reads_pitch"] else 1
        held = {"keys": spaces.MultiBinary(len(self.words))}
        moved = {"mouse": spaces.Box(-1, 1, (turns,), np.float32)} if turns else {}
        self.action_space = spaces.Dict({**held, **moved})
        self._picture_space = spaces.Box(0, 255, (about["height"], about["width"], 3), np.uint8)
        self.observation_space: spaces.Space = self._picture_space
        self.metadata = {**self.metadata, "render_fps": round(about["fps"])}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin anew: the first chunk is made with nothing held, and its last picture is seen.

        A session that has ended meanwhile, as one does in which nothing happened for a minute, is opened again.
        """
        super().reset(seed=seed)
        noise = int(self.np_random.integers(_MOST_SEED))
        try:
            self.play.reset(noise)
        except Ended:
            self.play = self._opened()
            self.play.reset(noise)
        return self._walked(self.controls(None))

    def step(self, action: dict[str, Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Make a chunk.

        Raises:
            Ended: the session is over; `reset` opens another.
        """
        seen, info = self._walked(self.controls(action))
        return seen, 0.0, False, self._is_full, info

    def render(self) -> np.ndarray | None:
        """Return the last picture (H, W, 3) uint8, `None` where nothing is rendered."""
        return self._last if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the session; the world is kept."""
        self.play.close()

    def controls(self, action: dict[str, Any] | None) -> str:
        """Write an action, or nothing held, as a track's text for the next chunk."""
        held, turns = [], (0.0, 0.0)
        if action is not None:
            held = [word for word, key in zip(self.words, action["keys"], strict=True) if key]
            turns = (*(self._turn * float(value) for value in action.get("mouse", ())), 0.0, 0.0)
        for value, (right, left) in zip(turns, (("yaw_right", "yaw_left"), ("pitch_up", "pitch_down")), strict=False):
            degrees = f"{abs(value):.3f}"
            if float(degrees):
                held.append(f"{right if value > 0 else left}({degrees})")
        return f"{'+'.join(held) or 'idle'}*{self.play.state['next']}"

    @property
    def _is_full(self) -> bool:
        return not self.play.state["next"]

    def _opened(self) -> Play:
        return Play(self._host, self._graph, seconds=self._seconds)

    def _walked(self, controls: str) -> tuple[Any, dict[str, Any]]:
        step = self.play.step(controls)
        self._last = step.frames[-1]
        return self._last, self._info(step, controls)

    @staticmethod
    def _info(step: Step, controls: str) -> dict[str, Any]:
        state = step.state
        return {"frames": step.frames, "chunks": state["chunks"], "seed": int(state["seed"]), "controls": controls}


class TinyWorldEnv(WorldEnv):
    """The built-in world with a goal to walk to, and the truth about it.

    Observations are `picture` and `goal`: metres to the right and ahead of where the engine says that one stands. The
    reward is how many metres one came nearer, less 0.05 for each frame in which a wall stood in the way; the episode
    ends within a metre of the goal, with 1 more. `info` also has the engine's `pose` (x and z in metres, yaw in
    radians), `distance` in metres, `stopped`, how many frames of the chunk a wall shortened, and the `goal` (x, z).
    """

    def __init__(
        self, host: str = "127.0.0.1:8188", *, level: str = "Lighthouse Square", world_seed: int = 0, place: int = 0,
        turn: float = TURN, render_mode: str | None = None, seconds: float = 600,
    ) -> None:  # fmt: skip
        """Open a session in a place of Tiny World; `level`, `world_seed` and `place` as Tiny World View has them."""
        self._place = {"level": level, "world_seed": world_seed, "place": place}
        super().__init__(host, tiny_graph(**self._place), turn=turn, render_mode=render_mode, seconds=seconds)
        far = spaces.Box(-_FARTHEST, _FARTHEST, (2,), np.float32)
        self.observation_space = spaces.Dict({"picture": self._picture_space, "goal": far})
        self._goal, self._pose, self._distance = 0, [0.0, 0.0, 0.0], 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin anew at the start, with another goal."""
        seen, info = super().reset(seed=seed)
        self._goal = int(self.np_random.integers(_MOST_SEED))
        return self._observed(seen, info, self._asked(info["controls"], None))

    def step(self, action: dict[str, Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Make a chunk, and see whether it leads to the goal."""
        before = self._distance
        seen, info = self._walked(self.controls(action))
        seen, info = self._observed(seen, info, self._asked(info["controls"], self._pose))
        reached = self._distance <= GOAL_METRES
        reward = before - self._distance - STOPPED * info["stopped"] + reached
        return seen, float(reward), reached, self._is_full, info

    def _asked(self, controls: str, begins: list[float] | None) -> dict[str, Any]:
        return self.play.ask("truth", {**self._place, "track": controls, "from": begins, "goal": self._goal})

    def _observed(self, seen: np.ndarray, info: dict[str, Any], true: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        self._pose, self._distance = true["poses"][-1], true["distances"][-1]
        x, z, yaw = self._pose
        aside, ahead = true["goal"][0] - x, true["goal"][1] - z
        sin, cos = math.sin(yaw), math.cos(yaw)
        goal = np.array([aside * cos - ahead * sin, aside * sin + ahead * cos], np.float32)
        told = {"pose": self._pose, "distance": self._distance, "stopped": len(true["stopped"]), "goal": true["goal"]}
        return {"picture": seen, "goal": goal}, {**info, **told}


def tiny_graph(level: str, world_seed: int, place: int) -> dict[str, Any]:
    """Return a graph in API form that plays Tiny World from a place in it."""
    model, vae, view, start = (["model", 0], ["vae", 0], ["view", 0], ["start", 0])
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "model": ("WMLoadWorldModel", {"model_name": "Tiny World", "weight_dtype": "auto", "attention": "auto"}),
        "vae": ("WMLoadWorldVAE", {"vae_name": "Tiny World"}),
        "view": ("WMTinyWorldView", {"level": level, "world_seed": world_seed, "place": place}),
        "start": ("WMStartWorld", {"model": model, "vae": vae, "image": view}),
        "play": ("WMPlayWorld", {"model": model, "world": start, "vae": vae, "seed": 0, "limit": 0}),
    }
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


gymnasium.register("worldmodel/World-v0", "worldmodel.client.gym:WorldEnv")
gymnasium.register("worldmodel/TinyWorld-v0", "worldmodel.client.gym:TinyWorldEnv", max_episode_steps=100)
