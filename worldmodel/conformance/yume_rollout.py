"""The golden set of Yume 1.5's rollouts, judged through the session users run, with the authors' noise.

Their VAE and text encoder are stand-ins: latents that come in, and a text for each caption. Their latents have fewer
numbers than the model's, so the network and its latents are filled up with zeros, which changes nothing.

Shapes: C channels of a latent, n latents of history, h, w latent grid.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..families.begin import begin, settings_of
from ..models.shapes import network_of
from ..models.yume.conditions import Call
from ..models.yume.network import Yume
from ..models.yume.sizes import EMBEDDINGS, HALVING, PATCH
from ..rollout.session import Predict, bare
from ..variants import AS_RELEASED, variant_named
from ..world.state import Controls, RecordedNoise, Start, new_world, variant_of
from .report import Golden, Judge, Line, load_described, padded
from .towers import Towers
from .yume import NETWORK, network_from

RUNS = ("rollout_i2v", "rollout_t2v")
VARIANT = variant_named("yume_1_5")
LEVELS = 1e-9


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"yume/{path.stem}")
    _rollout(load_described(path), path.parent, verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.suffix == ".safetensors" and path.stem in RUNS


@torch.no_grad()
def _rollout(golden: Golden, folder: Path, judge: Judge) -> None:
    """Roll out as released: the sampler, the history and the captions that lag behind are the session's own."""
    network, config = network_from(folder)
    chunks = sum(key.endswith(".result") for key in golden.tensors)
    channels, last = config["in_dim"], golden.tensors[f"chunk{chunks - 1}.result"]
    steps = max(int(key.split("step")[1].split(".")[0]) for key in golden.tensors if ".step" in key) + 1
    start = start_of(golden, chunks)
    lines = {int(golden.tensors[f"chunk{k}.caption_line"]): golden.tensors[f"chunk{k}.context"] for k in range(chunks)}
    watched = Watched(bare(filled_up(network, VARIANT.latents.channels)), golden, channels, judge)
    session = begin(
        new_world(start), watched.predict, settings=settings_of(VARIANT, AS_RELEASED, steps=(steps,)),
        encode_text=lambda caption: padded(lines[int(caption.rpartition("EVENT")[2])], config["text_len"]),
    )  # fmt: skip
    for chunk in range(chunks):
        watched.chunk, watched.step = chunk, 0
        latents = session.step(controls_of(start, chunk), seed=0).latents[:channels]
        judge.compare("result", latents, golden.tensors[f"chunk{chunk}.result"], absolute=NETWORK)
    judge.compare("length", torch.tensor([len(session.world.chunks)]), torch.tensor([chunks]))
    assert last.shape[1] == VARIANT.chunking.later, "chunks of another length"


def start_of(golden: Golden, chunks: int) -> Start:
    """Return the start with the authors' noise."""
    first, noise = golden.tensors["chunk0.history"], [golden.tensors[f"chunk{k}.noise"] for k in range(chunks)]
    if "stub_vae.A" in golden.tensors:
        picture = torch.einsum("cp,phw->chw", golden.tensors["stub_vae.A"], golden.tensors["image_pixels_pooled"])
        first = picture[:, None].expand(-1, first.shape[1], -1, -1)
    drawn = _filled(torch.cat(noise, dim=1))
    none = torch.zeros(chunks, 0, VARIANT.chunking.later, *drawn[:, 0].shape)
    return Start(
        VARIANT.name, VARIANT.latent_format, _filled(first), noise=RecordedNoise(drawn, none), form=AS_RELEASED
    )


def controls_of(start: Start, chunk: int) -> Controls:
    """Return controls of a chunk that rests, with an event that tells the chunk."""
    variant = variant_of(start)
    frames = variant.chunking.frames(chunk)
    return Controls(torch.zeros(frames, len(variant.keyboard.words)), torch.zeros(frames, 2), prompt=f"EVENT{chunk}")


def _filled(latents: Tensor) -> Tensor:
    """Return latents (C, n, h, w) with the model's number of channels."""
    return torch.cat((latents, latents.new_zeros(VARIANT.latents.channels - len(latents), *latents.shape[1:])))


def filled_up(network: Yume, channels: int) -> Yume:
    """Return the network with so many channels, the new ones without any weight."""
    weights, more = dict(network.state_dict()), channels - network.sizes.channels
    for name in EMBEDDINGS.values():
        weights[f"{name}.weight"] = pad(weights[f"{name}.weight"], (0, 0) * 3 + (0, more))
    weights[f"{HALVING}.weight"] = pad(weights[f"{HALVING}.weight"], (0, 0) * 3 + (0, more, 0, more))
    weights[f"{HALVING}.bias"] = pad(weights[f"{HALVING}.bias"], (0, more))
    for name in ("weight", "bias"):
        rows = weights[f"head.head.{name}"].unflatten(0, (PATCH[1] * PATCH[2], -1))
        weights[f"head.head.{name}"] = pad(rows, (0, 0) * (rows.dim() - 2) + (0, more)).flatten(0, 1)
    return network_of(Yume, weights, network.sizes._replace(channels=channels))


class Watched:
    """Compares what goes into the network and comes out, pass by pass."""

    def __init__(self, network: Predict, golden: Golden, channels: int, judge: Judge):
        self.chunk = self.step = 0
        self._network, self._golden, self._channels, self._judge = network, golden, channels, judge

    def predict(self, x: Tensor, call: Call) -> Tensor:
        """Return the network's velocity."""
        given = self._golden.under(f"chunk{self.chunk}.")
        velocity = self._network(x, call)
        history = given["history"]
        count = len(call.history.numbers)
        if not self.step:
            self._judge.compare("history length", torch.tensor(count), torch.tensor(history.shape[1]))
            self._judge.compare("plain path", torch.tensor([bool(count)]), given["flag"].bool())
        if count:
            self._compare("history", call.history.latents(0, count), history)
        levels = torch.stack([call.timesteps[0, 0], call.timesteps[0, -1]])
        if not count:
            levels[0] = given[f"step{self.step}.t_hist_pred"][0]  # which nobody has where there is no history
        self._judge.compare("t", levels, given[f"step{self.step}.t_hist_pred"], absolute=LEVELS)
        if f"step{self.step}.x" in given:
            self._compare("x", x[0], given[f"step{self.step}.x"])
        self._compare("velocity", velocity[0], given[f"step{self.step}.velocity"])
        self.step += 1
        return velocity

    def _compare(self, kind: str, ours: Tensor, theirs: Tensor) -> None:
        self._judge.compare(kind, ours[: self._channels], theirs, absolute=NETWORK)
