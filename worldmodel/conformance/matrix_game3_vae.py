"""The golden set of Matrix-Game 3.0's VAEs and text encoder, judged through the code users run.

Shapes: T latents, F frames, N words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.text_encoder import encoder_shapes, encoder_sizes, encoder_weights
from ..checkpoints.vae_files import LIGHT_VAE, WAN22_VAE, recognise_vae
from ..vae.wan22 import LATENT_MEAN, LATENT_STD, MATRIX_GAME_3, Wan22VAE, from_model_space, to_model_space, wan22_sizes
from .report import Golden, Judge, Line, load_described, shapes_of
from .towers import Towers

ENCODED = DECODED = 1e-4
TEXT = 1e-5
KEYS = {
    "keys_vae_wan22": WAN22_VAE.title,
    "keys_vae_mg_lightvae": LIGHT_VAE.title,
    "keys_vae_mg_lightvae_v2": f"{LIGHT_VAE.title} v2",
    "keys_t5": "",
}
"""Lists of released keys, and what the files are recognised as."""


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file; without `towers` what needs a host's is skipped."""
    verdicts = Judge(f"matrix_game3/{path.stem}")
    if path.suffix == ".json":
        _keys(path, verdicts, towers)
    else:
        CASES[path.stem](load_described(path), verdicts, towers)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.stem in (KEYS if path.suffix == ".json" else CASES)


def _keys(path: Path, judge: Judge, towers: Towers | None) -> None:
    """Compare a list of released keys and shapes with the network that is built for it, on the meta device."""
    listed = json.loads(path.read_text(encoding="utf-8"))["keys"]
    released = {key: torch.empty(shape, device="meta") for key, shape in listed.items()}
    if path.stem == "keys_t5":
        ours = encoder_weights(released, name=path.name)
        known = encoder_shapes(encoder_sizes(ours)) if towers is None else towers.text_shapes(released)
        judge.shapes(shapes_of(ours), known)
        return
    found = recognise_vae(released, name=path.name).kind.title
    if found != KEYS[path.stem]:
        judge.fail("keys", f"taken for {found}")
    network = Wan22VAE(**wan22_sizes(released), device="meta")
    judge.shapes(listed, shapes_of(network.state_dict()))


def vae_from(weights: dict[str, Tensor]) -> Wan22VAE:
    """Return the VAE of these weights, strictly loaded."""
    file = recognise_vae(weights)
    vae = Wan22VAE(**file.sizes, device="meta")
    vae.load_state_dict(file.weights, strict=True, assign=True)
    return vae.eval()


@torch.no_grad()
def _vae(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Encode, and decode a stream in several ways to cut it, all of which must give the same bits."""
    tensors = golden.tensors
    judge.compare("mean", torch.tensor(LATENT_MEAN), tensors["mean"])
    judge.compare("inv_std", 1 / torch.tensor(LATENT_STD), tensors["inv_std"])
    full = vae_from(golden.under("full.sd."))
    for name in ("image", "video9"):
        latents = to_model_space(full.encode(tensors[f"in.{name}"][None], manner=MATRIX_GAME_3))[0]
        judge.compare("out.encode", latents, tensors[f"out.encode_{name}"], norm=ENCODED)
    latents = from_model_space(tensors["in.z"])
    for name, vae in (("full", full), ("light", vae_from(golden.under("light.sd.")))):
        whole = vae.decode_unclamped(latents, manner=MATRIX_GAME_3)
        target = tensors[f"out.{name}.stream_unclamped"]
        recorded = tensors.get("out.frames", torch.arange(whole.shape[2]))  # a set may hold some of the film's frames
        judge.compare(f"out.{name}.stream_unclamped", whole[:, :, recorded], target, norm=DECODED)
        for sizes in (tensors["in.chunks"].tolist(), [1] * latents.shape[2]):
            judge.compare(f"out.{name}, cut otherwise", _streamed(vae, latents, sizes), whole)


def _streamed(vae: Wan22VAE, latents: Tensor, sizes: list[int]) -> Tensor:
    memory: dict[str, Tensor] = {}
    pieces = [vae.decode_unclamped(piece, memory, MATRIX_GAME_3) for piece in latents.split(sizes, dim=2)]
    return torch.cat(pieces, dim=2)


@torch.no_grad()
def _text(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Encode words, and put zeros behind the end of a text."""
    tensors = golden.tensors
    if towers is None:
        judge.skip("out.raw", "the text encoder needs --host")
        return
    mask = tensors["in.mask"]
    raw = towers.text_states(golden.under("sd."), tensors["in.ids"], mask)
    judge.compare("out.raw", raw, tensors["out.raw"], norm=TEXT)
    judge.compare("out.context", raw * mask[..., None], tensors["out.context"], norm=TEXT)


CASES: dict[str, Callable[[Golden, Judge, Towers | None], None]] = {"vae": _vae, "t5_tiny": _text}
