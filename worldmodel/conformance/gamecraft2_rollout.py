"""The golden set of causal Wan worlds: rollouts, judged through the session users run, with the authors' noise.

The models are tiny and cut their chunks and windows in ways of their own, so each file brings a variant along.

Shapes: C channels, T latents, P latents of a block, F frames, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..families.begin import begin, settings_of
from ..memory.kept_keys import LAST_BLOCK, LAST_TWO, TEXT_ONLY, WINDOW, WINDOW_AND_SINK, KeptKeys
from ..models.causal_wan.conditions import Call
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.rays import lens_in, packed, released_steps, resampled, shares_of, steps
from ..models.causal_wan.start_picture import bicubic_picture
from ..models.matrix_game2.conditions import image_condition
from ..rollout.contexts import About
from ..rollout.sampling import LEVELS, shifted_levels, warped_steps
from ..rollout.session import Predict, Session, bare
from ..rollout.sink_context import SinkContext
from ..variants import VARIANTS, Chunking, Variant, variant_named
from ..world.state import Controls, RecordedNoise, Start, World, latents, new_world
from .gamecraft2_network import Told, filled, network_from, text_of
from .report import Golden, Judge, Line, load_golden
from .towers import Towers

LATENTS, TABLES, RAYS = 3e-5, 1e-6, 5e-6
RECACHES = {"off": TEXT_ONLY, "last1": LAST_BLOCK, "last2": LAST_TWO}
MODEL, STAND_IN = "golden", "golden_causal_wan"


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"gamecraft2/{path.stem}")
    CASES[path.stem](load_golden(path), verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.suffix == ".safetensors" and path.stem in CASES


@contextmanager
def standing_in(golden: Golden, like: str, **more: Any) -> Iterator[Variant]:
    """Let the library know a file's own variant for a while.

    Args:
        like: name of the variant that it is one of.
        more: fields that the configuration says otherwise than by P, window and sink.
    """
    config, told = golden.config, variant_named(like)
    block = config["P"]
    own = {"window": config["window"], "sink": config["sink"], "shift": config["shift"], **more}
    variant = replace(told, name=STAND_IN, chunking=Chunking(block, block), **own)
    VARIANTS[STAND_IN] = variant
    try:
        yield variant
    finally:
        del VARIANTS[STAND_IN]


class Watched:
    """Compares what goes into the network and comes out, pass by pass."""

    def __init__(self, network: CausalWan, given: dict[str, Tensor], judge: Judge, frames_first: bool):
        self.block = self.asked = 0
        self.before: Callable[[Call], None] = lambda call: None
        """Called with each block's first call."""
        self._network, self._given, self._judge = bare(network), given, judge
        self._frames_first = frames_first

    def predict(self, x: Tensor, call: Call) -> Tensor:
        """Return the network's velocity."""
        if self.asked == 0:
            self.before(call)
        velocity = self._network(x, call)
        name = f"block{self.block}.step{self.asked}"
        if f"{name}.flow" in self._given:
            self._judge.compare("t", call.timesteps[0, :1].double(), self._given[f"{name}.t"].flatten()[:1].double())
            self._compare(f"{name}.x_t", x[0])
            self._compare(f"{name}.flow", velocity[0])
        self.asked += 1
        return velocity

    def after_step(self, progress: Any) -> None:
        """Compare the clean estimate of a step."""
        self._compare(f"block{progress.chunk}.step{progress.step - 1}.x0", progress.clean)

    def _compare(self, name: str, ours: Tensor) -> None:
        if name in self._given:
            theirs = self._given[name]
            theirs = theirs[0].transpose(0, 1) if self._frames_first else theirs
            self._judge.compare(name.rpartition(".")[2], ours, theirs, absolute=LATENTS)


def rolled(session: Session, watched: Watched, told: list[Controls]) -> World:
    """Roll out a chunk for each of the controls, the last one's clean pass included."""
    for number, controls in enumerate(told):
        watched.block, watched.asked = number, 0
        session.step(controls, seed=0)
        if number == 0:
            session.catch_up()  # so that the block's own clean pass is the next thing that is asked for
    return session.world


def walked(golden: Golden, blocks: int, block: int) -> tuple[list[Controls], Tensor, float]:
    """Return a recorded walk as controls whose cameras stand where the release has them, all poses, and their unit."""
    length = golden.config["frames_used"]
    poses = resampled(golden.tensors["in.poses"][:length], blocks * block).float().double()
    metres = steps(poses, None, 1.0)[:, :3, 3].norm(dim=-1).max().item()
    told, chunking = [], Chunking(block, block)
    for number in range(blocks):
        own = poses[number * block : (number + 1) * block]
        each = torch.tensor([chunking.frames(number) - 4 * (block - 1), *[4] * (block - 1)])
        told.append(Controls(None, None, own.repeat_interleave(each, dim=0)))  # a latent's frames stand where it does
    return told, poses, metres


@contextmanager
def lingbot(golden: Golden) -> Iterator[Start]:
    """Let the library know the file's variant for a while, and give the start with the authors' noise."""
    given, config = golden.tensors, golden.config
    height, width = (8 * side for side in config["latent_hw"])
    _, _, metres = walked(golden, config["blocks"], config["P"])
    lens = shares_of(lens_in(given["in.intrinsics"][0], height, width), height, width)
    listed = tuple(LEVELS - index for index in config["timesteps_index"])
    with standing_in(golden, "lingbot_2_1_3b", steps=listed) as variant:
        yield Start(
            variant.name, variant.latent_format, image_condition(given["in.image_latents"]),
            text=text_of(golden, given["in.context"]), camera=torch.tensor([metres, *lens], dtype=torch.float64),
            noise=RecordedNoise(given["in.noise"], given["in.renoise"].transpose(2, 3)),
        )  # fmt: skip


@torch.no_grad()
def _lingbot(golden: Golden, judge: Judge) -> None:
    """Roll out from the picture's latents, the poses and the text."""
    given, config = golden.tensors, golden.config
    height, width = (8 * side for side in config["latent_hw"])
    picture = bicubic_picture(given["in.image_u8"][None] / 255, (height, width)).movedim(-1, 0) * 2 - 1
    judge.inform("vae_input", picture, given["mid.vae_input_frame0"])
    told, poses, _ = walked(golden, config["blocks"], config["P"])
    with lingbot(golden) as start:
        lens = tuple(start.camera[1:].tolist())
        moved = released_steps(given["in.poses"][: config["frames_used"]], len(poses))
        judge.inform("cam384", packed(moved, tuple(config["latent_hw"]), lens), given["mid.cam384"])
        watched = Watched(network_from(golden), given, judge, frames_first=False)
        session = begin(new_world(start), watched.predict, after_step=watched.after_step)
        world = rolled(session, watched, told)
    judge.compare("latents", latents(world), given["out.latents"], absolute=LATENTS)


@torch.no_grad()
def _recache(golden: Golden, judge: Judge) -> None:
    """Change the prompt before a block, and make again what each run says."""
    given, config = golden.tensors, golden.config
    switch, block = config["switch_before_block"], config["P"]
    film = given["in.y"], given["in.cam384"]
    texts = {name: text_of(golden, given[f"in.context{number}"]) for number, name in enumerate(("", "changed"))}
    listed = tuple(LEVELS - index for index in config["timesteps_index"])
    grid = tuple(config["latent_hw"])
    for name in config["runs"]:
        with standing_in(golden, "lingbot_2_1_3b", steps=listed) as variant:
            start = Start(
                variant.name, variant.latent_format, torch.zeros(20, 2, *grid), text=texts[""],
                noise=RecordedNoise(given["in.noise"], given["in.renoise"].transpose(2, 3)),
            )  # fmt: skip

            def make_call(about: About, world: World, controls: Controls, index: int) -> Call:
                return Told(texts[controls.prompt], *film).call(index * block, (index + 1) * block)

            watched = Watched(network_from(golden), {}, judge, frames_first=False)
            session = _session(start, variant, watched.predict, RECACHES[name], make_call)
            watched.before = _ends(judge, golden.under(f"{name}.after_recache."), watched, switch)
            told = [
                Controls(None, None, torch.eye(4).expand(variant.chunking.frames(number), 4, 4).double())
                ._replace(prompt="changed" if number >= switch else "")
                for number in range(config["blocks"])
            ]  # fmt: skip
            world = rolled(session, watched, told)
        judge.compare(f"latents, {name}", latents(world), given[f"{name}.out.latents"], absolute=LATENTS)


def _ends(judge: Judge, theirs: dict[str, Tensor], watched: Watched, switch: int) -> Callable[[Call], None]:
    """Return what compares the cache right after a change of the prompt, before anything else is written."""

    def compare(call: Call) -> None:
        if watched.block != switch or not float(call.timesteps.max()):
            watched.asked -= watched.block == switch  # the passes that make blocks again come first
            return
        keys, values = call.cache.history(call.cache.slots[-1])
        tokens = keys.shape[1] // call.cache.latents
        ends = torch.tensor([switch * len(call.positions) * tokens, keys.shape[1]])
        judge.compare("ends", ends, theirs["ends"])
        judge.inform("k.last", filled(keys, theirs["k.last"].shape[1]), theirs["k.last"])
        judge.inform("v.last", filled(values, theirs["v.last"].shape[1]), theirs["v.last"])

    return compare


def _session(
    start: Start, variant: Variant, predict: Predict, recache: str, make_call: Callable, relative: bool = False
) -> Session:
    policy = KeptKeys(recache=recache, relative=relative)
    settings = settings_of(variant, memory=policy)
    about = About(start, variant, settings.numbers, stages=None)
    return Session(new_world(start), predict, SinkContext(about, make_call), settings, model=MODEL)


@torch.no_grad()
def _causal(golden: Golden, judge: Judge) -> None:
    """Roll a text model out, with each of the recorded caches and changes of the prompt."""
    given, config = golden.tensors, golden.config
    levels, warped = shifted_levels(config["shift"]), warped_steps(tuple(config["steps"]), config["shift"])
    judge.compare("table", levels.timesteps / 1000, given["table.timesteps"] / 1000, absolute=TABLES)
    judge.compare("table", levels.sigmas, given["table.sigmas"], absolute=TABLES)
    judge.compare("table", warped.timesteps / 1000, given["table.warped_steps"] / 1000, absolute=TABLES)
    for name, run in config["runs"].items():
        _causal_run(golden, name, run, judge)


def _causal_run(golden: Golden, name: str, run: dict[str, Any], judge: Judge) -> None:
    given, config = golden.tensors, golden.config
    blocks, block = run.get("blocks", config["blocks"]), config["P"]
    switches = [frame // block for frame in run.get("switch_frames", [])]
    judge.compare("recache_starts", torch.tensor([s * block for s in switches]).long(), given.get(
        f"{name}.recache_starts", torch.zeros(0, dtype=torch.long)))  # fmt: skip
    window = max(run.get("window", config["window"]), 0)
    texts = [text_of(golden, given[key][0]) for key in run["prompts"]]
    sampled = {"window": window, "sink": run.get("sink", config["sink"]), "steps": tuple(config["steps"])}
    with standing_in(golden, "self_forcing", **sampled) as variant:
        start = Start(
            variant.name, variant.latent_format, torch.zeros(16, 0, *config["latent_hw"]), text=texts[0],
            noise=RecordedNoise(given["in.noise"][0].transpose(0, 1), given["in.renoise"]),
        )  # fmt: skip
        watched = Watched(network_from(golden), golden.under(f"{name}."), judge, frames_first=True)
        recache = WINDOW if run.get("global_sink", True) else WINDOW_AND_SINK
        policy = KeptKeys(recache=recache, relative=run.get("relative_rope", False))
        session = begin(
            new_world(start), watched.predict, settings=settings_of(variant, memory=policy),
            encode_text=lambda sentence: texts[int(sentence)], after_step=watched.after_step,
        )  # fmt: skip
        told = [
            Controls(None, None, prompt=str(number) if number else "")
            for number in (sum(index >= switch for switch in switches) for index in range(blocks))
        ]
        world = rolled(session, watched, told)
    theirs = given[f"{name}.out.latents"][0].transpose(0, 1)
    judge.compare(f"latents, {name}", latents(world), theirs, absolute=LATENTS)


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "lingbot_rollout": _lingbot,
    "recache_camera": _recache,
    "causal_rollout": _causal,
}
