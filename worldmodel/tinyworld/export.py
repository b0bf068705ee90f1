"""From a training run to the files the pack ships: weights in half precision, recipe and figures in the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.recognise import load_network, recognise
from ..reading.safetensors_files import METADATA_KEY
from ..storage.tensors import save_tensors
from ..vae.latent_formats import TINY_WORLD
from ..variants import BUILT_IN
from .player import MODEL_FILE, SIZES, VAE_FILE, Player, load_player, player_of

LATENT_FORMAT = TINY_WORLD.name


def open_player(model: Path | None = None, vae: Path | None = None) -> Player:
    """Open a model and a VAE, each an exported file or a training run (its folder or its state.pt) as it stands.

    Args:
        model: `None`: the shipped file.
        vae: `None`: the shipped file.

    Raises:
        ValueError: a path holds neither.
    """
    run, vae_run = _run_at(model), _run_at(vae)
    player = load_player(
        MODEL_FILE if run or model is None else model,
        VAE_FILE if vae_run or vae is None else vae,
    )
    if vae_run is not None:
        from .train_vae import load_run

        player = player._replace(vae=load_run(vae_run).eval())
    if run is not None:
        if not (run / "state.pt").exists():
            raise ValueError(f"--model: {run} holds no state.pt; name the folder of a model's run, or a file.")
        extra = torch.load(run / "state.pt", map_location="cpu", weights_only=True)["extra"]
        about = {"variant": extra.get("variant", BUILT_IN), **_sizes(extra)}
        checkpoint = recognise(extra["average"], {METADATA_KEY: json.dumps(about)}, name=str(run))
        network = load_network(checkpoint, dtype=torch.float32)
        player = player_of(network, player.vae, extra["mean"], extra["std"], checkpoint.variant)
        if "remembers" in extra:
            player = player.looking_at(extra["remembers"])
    return player


def _run_at(path: Path | None) -> Path | None:
    """Return the folder of the training run that a path names, `None` if it names a file."""
    if path is not None and path.name == "state.pt":
        return path.parent
    return path if path is not None and path.is_dir() else None


def export_vae(run: Path, shards_from: Path, recipe: dict, path: Path = VAE_FILE) -> None:
    """Write the VAE of a run, with the latent format that the model's run was trained on."""
    from .train_vae import load_run

    weights = load_run(run).state_dict()
    widths = {
        "encoder_widths": [weights[f"encoder.{name}.weight"].shape[0] for name in ("stem", "merge1", "merge2")],
        "decoder_widths": [
            weights["decoder.out.weight"].shape[1],
            weights["decoder.split2.weight"].shape[1],
            weights["decoder.stem.weight"].shape[0],
        ],
    }
    _write(path, weights, {"kind": "tiny_vae", **widths, **latent_format(shards_from), **recipe})


def export_model(run: Path, recipe: dict, path: Path = MODEL_FILE, ended: bool = False) -> None:
    """Write the moving average of a run's weights, or the weights as they `ended`, which are a little sharper."""
    state = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
    variant = state["extra"].get("variant", BUILT_IN)
    about = {"variant": variant, **_sizes(state["extra"]), **latent_format(run), **recipe}
    _write(path, state["model"] if ended else state["extra"]["average"], about)


def _sizes(extra: dict) -> dict:
    """Return what the weights' shapes do not say of a run's network."""
    return {name: extra.get("sizes", SIZES)[name] for name in ("heads", "freq_dim")}


def latent_format(run: Path) -> dict:
    """Return the latent format that a model's run normalises with: name, mean and std per channel."""
    extra = torch.load(run / "state.pt", map_location="cpu", weights_only=True)["extra"]
    values = {
        f"latent_{name}": [round(value, 6) for value in extra[name].flatten().tolist()] for name in ("mean", "std")
    }
    return {"latent_format": LATENT_FORMAT, **values}


def _write(path: Path, weights: dict[str, Tensor], about: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in weights.items()}
    save_tensors(path, halves, {"worldmodel": json.dumps(about)})


def describe(path: Path, figures: dict) -> None:
    """Add measured figures to a shipped file's metadata."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["worldmodel"])
        weights = {name: file.get_tensor(name) for name in file.keys()}
    about["measured"] = {**about.get("measured", {}), **figures}
    save_tensors(path, weights, {"worldmodel": json.dumps(about)})
