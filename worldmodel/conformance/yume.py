"""The golden set of Yume 1.5's network, sampler and prompts, judged through the code users run.

Shapes: C channels, n latents of history, p new ones, h, w latent grid, N tokens, L all tokens of a pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..binding.spoken import INTERACTIVE, LOOKS, MOVEMENTS, Spoken, Template
from ..models.shapes import network_of
from ..models.yume.conditions import Call, Cuts, History
from ..models.yume.history import plan_of
from ..models.yume.network import Yume
from ..models.yume.sizes import EMBEDDINGS, sizes_of
from ..reading.safetensors_files import load_safetensors
from ..rollout.euler import Euler
from .report import Golden, Judge, Line, load_described, padded, shapes_of
from .towers import Towers

TOKENS, TABLES, NETWORK = 2e-5, 1e-5, 1e-4
NO_TARGETS = {
    "weights": "the weights of the other cases",
    "paper_linear_attention_NOT_REFERENCE": "a branch of the paper that was never released",
}


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"yume/{path.stem}")
    if path.stem in NO_TARGETS:
        verdicts.skip("file", NO_TARGETS[path.stem])
    elif path.suffix == ".json":
        LISTS[path.stem](json.loads(path.read_text(encoding="utf-8")), verdicts)
    else:
        CASES[path.stem](load_described(path), path.parent, verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.stem in (LISTS if path.suffix == ".json" else {**CASES, **NO_TARGETS})


def network_from(folder: Path) -> tuple[Yume, dict[str, Any]]:
    """Return a set's network, strictly loaded, and its configuration."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights, _ = load_safetensors(folder / "weights.safetensors")
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    sizes = sizes_of(shapes, heads=config["num_heads"])
    assert sizes._asdict().items() >= {key: config[key] for key in ("dim", "ffn_dim", "freq_dim", "text_dim")}.items()
    return network_of(Yume, weights, sizes), config


def formula(channels: int, latents: int, height: int, width: int, phase: float) -> Tensor:
    """Return the set's latents (C, n, h, w) that are not stored."""
    c, f, i, j = torch.meshgrid(
        *(torch.arange(size, dtype=torch.float64) for size in (channels, latents, height, width)), indexing="ij"
    )
    waves = (1.3 * c + 0.17 * f + 0.61 * i + 0.29 * j + phase).sin()
    return (waves + 0.5 * (0.007 * c * f + 0.9 * i - 0.4 * j + 2 * phase).cos()).float()


def call_of(latents: Tensor, history: int, text: Tensor, levels: tuple[float, float] = (0.0, 0.0)) -> tuple:
    """Return x and the call of a recorded pass over latents (C, n + p, h, w), the first of them history."""
    timesteps = torch.full((1, latents.shape[1]), levels[1], dtype=torch.float64)
    timesteps[:, :history] = levels[0]
    told = History((latents[:, :history],), range(history)) if history else History()
    return latents[None, :, history:], Call(told, plan_of(history), text, timesteps, cuts=Cuts())


@torch.no_grad()
def _patchify(golden: Golden, folder: Path, judge: Judge) -> None:
    """Cut every length of history, and turn its tokens."""
    network, config = network_from(folder)
    text = padded(golden.tensors["context"], config["text_len"])[None]
    for tag in (key.removesuffix(".tokens") for key in golden.tensors if key.endswith(".tokens")):
        given, big = golden.under(f"{tag}."), tag.startswith("big_")
        grid, phase = ((34, 38), 0.2) if big else ((config["h"], config["w"]), 0.1)
        history = int(tag.rpartition("h")[2])
        x, call = call_of(formula(config["in_dim"], history + 2, *grid, phase), history, text)
        judge.compare("tokens", network.tokens(x, call)[0], given["tokens"], absolute=TOKENS)
        shared = network._shared(call, x, {})
        judge.compare("n_hist_tokens", torch.tensor([shared.history]), given["n_hist_tokens"])
        if "rope_angle" in given:
            ours, theirs = shared.turns[:, 0], given["rope_angle"]
            judge.compare("rope_angle", ours, torch.stack((theirs.cos(), theirs.sin()), -1), absolute=TABLES)


@torch.no_grad()
def _dit(golden: Golden, folder: Path, judge: Judge) -> None:
    """Run each recorded pass; and again from what was kept of the first time, which changes nothing."""
    network, config = network_from(folder)
    tapped: dict[str, Tensor] = {}
    for index, block in enumerate(network.blocks):
        block.register_forward_hook(lambda module, given, out, name=f"block{index}": tapped.update({name: out.clone()}))
    network.head.register_forward_hook(lambda module, given, out: tapped.update(head=out))
    for tag in (key.removesuffix(".out") for key in golden.tensors if key.endswith(".out")):
        given = golden.under(f"{tag}.")
        history, new = given["n_hist_n_pred"].tolist()
        latents = given["x"] if "x" in given else None
        if latents is None:
            grid = config["h"], config["w"]
            latents = formula(config["in_dim"], history + new, *grid, 0.01 * history)
        levels = tuple(given["t_hist_pred"].tolist())
        x, call = call_of(latents, history, padded(given["context"], config["text_len"])[None], levels)
        judge.compare("out", network(x, call=call)[0], given["out"], absolute=NETWORK)
        _taps(network, x, call, given, tapped, judge)
        judge.compare("out, again", network(x, call=call)[0], given["out"], absolute=NETWORK)


def _taps(
    network: Yume, x: Tensor, call: Call, given: dict[str, Tensor], tapped: dict[str, Tensor], judge: Judge
) -> None:
    if "tokens" not in given:
        return
    judge.compare("tokens", network.tokens(x, call)[0], given["tokens"], absolute=TOKENS)
    history = network._shared(call, x, {}).history
    projected = network.levels(call, x)[1]
    counts = torch.tensor([history, len(given["tokens"]) - history] if call.plan else [len(given["tokens"])])
    judge.compare("e0", projected.repeat_interleave(counts, dim=0), given["e0"], absolute=TABLES)
    for name in (name for name in tapped if name in given):
        ours = tapped[name][0]  # behind the last block only those of new latents are made
        judge.compare("blocks and head", ours, given[name][-len(ours) :], absolute=NETWORK)


def _interpolated(golden: Golden, folder: Path, judge: Judge) -> None:
    """Tell how the larger kernels began before their training; a released file brings them trained."""
    weights = load_safetensors(folder / "weights.safetensors")[0]["patch_embedding.weight"]
    for rate, name in EMBEDDINGS.items():
        if rate > 1:
            theirs = golden.tensors[f"{name.replace('patch_embedding', 'interp')}.weight"]
            ours = interpolate(weights, theirs.shape[2:], mode="trilinear")
            judge.inform("interp", ours, theirs)
    judge.skip("file", "how weights began before they were trained")


def _sampler(golden: Golden, folder: Path, judge: Judge) -> None:
    """Compare the noise levels, and which latents are at one."""
    for key, theirs in golden.under("sigmas.steps").items():
        count, shift = key.split(".shift")
        timesteps, sigmas = Euler(int(count), float(shift)).levels()
        judge.compare("sigmas", sigmas, theirs, absolute=TABLES)
        judge.compare("timesteps", timesteps, 1000 * theirs, absolute=1000 * TABLES)
    for key, theirs in golden.under("masks_like.").items():
        history, new = (int(part[1:]) for part in key.split(".")[0].split("_"))
        call = call_of(torch.zeros(1, history + new, 4, 4), history, torch.zeros(1, 1, 1))[1].at(1.0)
        judge.compare("masks", call.timesteps[0, :, None, None].expand(theirs.shape).to(theirs), theirs)


def _prompts(records: list[dict[str, str]], judge: Judge) -> None:
    """Write every caption of the authors' page, letter by letter."""
    keys = {
        said.rpartition("(")[2].rstrip(").").replace("\N{MIDDLE DOT}", "None"): signs
        for signs, said in MOVEMENTS.items()
    }
    looks = {said.rpartition("(")[2].rstrip(")."): signs for signs, said in LOOKS.items()}
    template, wrong = Template(INTERACTIVE), []
    for record in records:
        ours = Spoken(keys[record["keys"]], looks[record["mouse"]]).caption(record["prompt"], template)
        if ours != record["caption"]:
            wrong.append(f"{ours!r}, expected {record['caption']!r}")
    if wrong:
        judge.fail("captions", f"error in {len(wrong)} of {len(records)}, such as {wrong[0]}")
    else:
        judge.passed("captions", f"{len(records)} agree")


def _keys(listed: dict[str, Any], judge: Judge) -> None:
    """Build the network for the released keys on the meta device, and compare every name and shape."""
    theirs = {key: tuple(shape) for key, shape in listed["keys"].items()}
    network = Yume(sizes_of(theirs), device="meta")
    ours = network.state_dict()
    judge.shapes(theirs, shapes_of(ours))
    found = len(ours), sum(value.numel() for value in ours.values())
    if found != (listed["n_keys"], listed["n_params"]):
        judge.fail("keys", f"found {found[0]} tensors of {found[1]} numbers, expected as many as are listed")


CASES: dict[str, Callable[[Golden, Path, Judge], None]] = {
    "patchify": _patchify,
    "patchify_interp": _interpolated,
    "dit_short": _dit,
    "dit_long": _dit,
    "sampler": _sampler,
}
LISTS: dict[str, Callable[[Any, Judge], None]] = {"prompts_webapp": _prompts, "keys_dit": _keys}
