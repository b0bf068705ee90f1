"""Twenty worlds, and what is recorded of each so that a change which must move nothing can show that it moved nothing.

Weights, starts and controls come out of a hash, so that they are the same bits everywhere and under every version of
torch. Digest, keys and all of a file but its latents follow from them alone. The latents are floats that a CPU
computed: another kind of CPU adds in another order, and `arithmetic` tells which kind this is.

`python -m tests.unit.fingerprints FILE [--shipped]` writes a new record, `--shipped` with Tiny World's shipped weights.

Shapes: F video frames, c latents per chunk, h, w latent grid.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import conv3d, gelu, layer_norm, rms_norm, scaled_dot_product_attention, silu

from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.checkpoints.recognise import load_network, recognise
from worldmodel.conformance.report import Golden, load_golden
from worldmodel.families.begin import begin
from worldmodel.models.matrix_game2.conditions import image_condition
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.reading.safetensors_files import METADATA_KEY, load_safetensors
from worldmodel.rollout.samplers import Renoise, Settings
from worldmodel.rollout.session import Session, bare
from worldmodel.tinyworld.player import MODEL_FILE, SIZES
from worldmodel.track.presets import preset
from worldmodel.track.track import sample
from worldmodel.variants import Variant
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.chunk_file import Expected
from worldmodel.world.journal import Journal, chunk_key, fingerprint, parent_key
from worldmodel.world.state import Controls, RecordedNoise, Start, World, latents, new_world, rewind

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RECORD = GOLDEN / "worlds" / "fingerprints.json"
MODEL = "the model of the fingerprints"
LARGE = 1 << 30
SAMPLES = 8


class Ask(NamedTuple):
    """How a world is made.

    Attributes:
        network: "tiny_world", or a golden file with the weights of another variant.
        acts: one after another, see `Walk`.
        steps, shift, window: `None` where they are the variant's own.
        track: a preset that is bound to the variant; "" for rows out of the hash.
        recorded: whether the golden file's noise is used instead of the seed's.
        journal: whether chunks are kept in one and carry its keys.
    """

    network: str
    acts: str
    seed: int = 1
    steps: tuple[int, ...] | None = None
    shift: float | None = None
    window: int | None = None
    dtype: torch.dtype = torch.float32
    grid: tuple[int, int] = (8, 12)
    track: str = ""
    recorded: bool = False
    journal: bool = True


_TINY = "tiny_world"
_UNIVERSAL, _DRIVE, _DRIVE_AGAIN, _RUN = "rollout_universal", "rollout_gta_drive", "dit_gta_drive", "scheduler"
_RANDOM = "random from a seed"
ASKS = {
    "tiny plain": Ask(_TINY, "roll 3"),
    "tiny forgetful": Ask(_TINY, "roll 2, forget, roll 2, forget, roll 1", seed=2**63 + 5),
    "tiny rewound and forked": Ask(_TINY, "roll 4, rewind 2, reseed 77, roll 2", seed=8),
    "tiny four steps": Ask(_TINY, "roll 2, reload, roll 1", seed=3, steps=(1000, 750, 500, 250), shift=3.0),
    "tiny one step": Ask(_TINY, "roll 5", seed=4, steps=(900,), shift=1.0, track=_RANDOM),
    "tiny wide window": Ask(_TINY, "roll 4, forget, roll 1", seed=5, window=9, track="walk"),
    "tiny short window": Ask(_TINY, "roll 2, aside 2, roll 2", seed=6, window=3),
    "tiny bf16": Ask(_TINY, "roll 2, reload, roll 2", seed=7, dtype=torch.bfloat16, track="look around"),
    "tiny resumed": Ask(_TINY, "roll 3, again 3, roll 1", seed=2**64 - 1, grid=(4, 6)),
    "tiny without a journal": Ask(_TINY, "roll 2, reseed 9, roll 1, rewind 2, roll 1", grid=(4, 10), journal=False),
    "universal plain": Ask(_UNIVERSAL, "roll 4"),
    "universal recorded": Ask(_UNIVERSAL, "roll 2, forget, roll 2", recorded=True),
    "universal resumed": Ask(_UNIVERSAL, "roll 3, again 3, roll 2, reload, roll 1", seed=11, track=_RANDOM),
    "universal rewound to nothing": Ask(_UNIVERSAL, "roll 2, rewind 0, reseed 12, roll 3", seed=13, window=9),
    "drive plain": Ask(_DRIVE, "roll 2, aside 1, forget, roll 3", seed=14),
    "drive recorded bf16": Ask(_DRIVE, "roll 3, reload, roll 1", dtype=torch.bfloat16, recorded=True),
    "drive two steps": Ask(_DRIVE_AGAIN, "roll 6, rewind 5, roll 2", seed=0, steps=(1000, 500), shift=8.0),
    "run plain": Ask(_RUN, "roll 3, forget, roll 2", seed=15, track=_RANDOM),
    "run forked bf16": Ask(_RUN, "roll 3, reseed 16, rewind 1, roll 2", seed=17, dtype=torch.bfloat16, window=5),
    "run without a journal": Ask(_RUN, "roll 2, reload, roll 2", seed=18, shift=2.5, journal=False),
}  # fmt: skip

KEPT = {
    "tiny_world": Ask(_TINY, "roll 2", seed=21, grid=(4, 6)),
    "gta_drive": Ask(_DRIVE, "roll 2", dtype=torch.bfloat16, recorded=True, journal=False),
}
"""The worlds of which files lie in the golden folder, saved by the first release."""


def hashed(label: str, *shape: int) -> Tensor:
    """Return numbers that follow from a text alone, float32 in -1 ... 1."""
    count = math.prod(shape)
    data = bytearray(hashlib.shake_256(label.encode()).digest(2 * count))
    return (torch.frombuffer(data, dtype=torch.int16).float() / 32768).view(shape)


def sha256(tensor: Tensor) -> str:
    """Return the digest of a tensor's bytes."""
    return hashlib.sha256(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch add in the order of one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache
def arithmetic() -> str:
    """Return a digest of what this machine makes of products, attention and the rest that a network is built from.

    Shapes are those of the networks here, because a kernel is chosen by shape; nothing of this pack takes part.
    """
    parts = [torch.randn(16, 3, 8, 12, generator=torch.Generator().manual_seed(1))]
    for tokens, dim, wide, size in ((72, 192, 768, 64), (18, 56, 96, 28), (18, 128, 384, 64)):
        label = f"probe {tokens} {dim}"
        x = hashed(label, tokens, dim)
        for out in (dim, 3 * dim, wide):
            weight = hashed(f"{label} {out}", out, x.shape[1]) * math.sqrt(3 / x.shape[1])
            x = gelu(layer_norm(x @ weight.T, (out,)), approximate="tanh") + silu(x[:, :1])
        heads = hashed(f"{label} heads", 3, dim // size, 2 * tokens, size)
        query, key, value = rms_norm(heads, (size,)).to(torch.float64).sin().to(torch.float32)[:, None]
        attended = scaled_dot_product_attention(query[:, :, :tokens], key, value)
        picture = hashed(f"{label} picture", 1, 36, 3, 8, 12)
        patches = conv3d(picture, hashed(f"{label} patches", dim, 36, 1, 2, 2), stride=(1, 2, 2))
        parts += [x, attended, patches, x.exp() / (1 + x.exp()), x.cos(), x.mean(1), x.std(1), x.bfloat16()]
    return hashlib.sha256("".join(map(sha256, parts)).encode()).hexdigest()


def _made_weight(key: str, shape: tuple[int, ...]) -> Tensor:
    """Return a weight that keeps what goes through a layer at about its size."""
    numbers = hashed(f"weight {key}", *shape)
    if key.endswith("modulation"):
        return numbers * (3 / shape[-1]) ** 0.5
    if len(shape) == 1:
        return numbers * 0.1 + (1.0 if key.endswith("weight") else 0.0)
    return numbers * (3 / math.prod(shape[1:])) ** 0.5


@lru_cache
def _golden(name: str) -> Golden:
    return load_golden(GOLDEN / "matrix_game2" / f"{name}.safetensors")


@lru_cache
def network_of(name: str, shipped: bool = False) -> tuple[nn.Module, Variant]:
    """Return a network as it is loaded from a file, and its variant."""
    if shipped and name == _TINY:
        checkpoint = recognise(*load_safetensors(MODEL_FILE))
    elif name == _TINY:
        shapes = {
            key: tuple(value.shape) for key, value in MatrixGame2(Sizes(**SIZES), device="meta").state_dict().items()
        }
        entries = {"variant": _TINY, "heads": SIZES["heads"], "freq_dim": SIZES["freq_dim"]}
        weights = {key: _made_weight(key, shape) for key, shape in shapes.items()}
        checkpoint = recognise(weights, {METADATA_KEY: json.dumps(entries)})
    else:
        golden = _golden(name)
        weights = golden.under("sd.dit.") or golden.under("sd.")
        heads = golden.config["model_config"]["num_heads"]
        checkpoint = recognise(weights, {METADATA_KEY: json.dumps({"heads": heads})})
    return load_network(checkpoint, dtype=torch.float32), checkpoint.variant


def start_of(ask: Ask, variant: Variant) -> Start:
    """Return where a world begins: a made-up picture, or what a golden file's began with."""
    if ask.network == _TINY:
        height, width = ask.grid
        condition = image_condition(2 * hashed(f"picture {height} {width}", 16, 6, height, width))
        return Start(variant.name, variant.latent_format, condition, hashed("tokens", height * width // 4, 128))
    tensors = _golden(ask.network).tensors
    given = {
        key.rpartition("in.")[2]: value for key, value in tensors.items() if key.startswith(("in.", "denoise.in."))
    }
    tokens = given["visual_context"] if "visual_context" in given else tensors["mid.visual_context"]
    condition = given["cond_concat"] if "cond_concat" in given else tensors["mid.cond_concat"]
    noise = RecordedNoise(given["noise"][0], given["renoise"]) if ask.recorded else None
    return Start(variant.name, variant.latent_format, condition[0], tokens[0], noise)


def controls_of(ask: Ask, variant: Variant, chunks: int = 8) -> list[Controls]:
    """Return what is played, chunk by chunk."""
    frames = variant.chunking.first_frame(chunks)
    if ask.track:
        track = sample(preset(ask.track, frames, ask.seed % 1000))
        return chunk_controls(bind_track(track, variant).controls, 0, variant)[0]
    keys = (hashed(f"keys {ask.seed}", frames, len(variant.keyboard.words)) > 0).float()
    mouse = None if variant.mouse is None else hashed(f"mouse {ask.seed}", frames, 2) * 0.25
    return chunk_controls(Controls(keys, mouse), 0, variant)[0]


class Walk:
    """A world on its way through acts such as "roll 3, forget, roll 1".

    roll N: N chunks more, which carry the context they leave. forget: the context. rewind N: to N chunks. reseed N: for
    the chunks to come. reload: save, load. aside N: roll N chunks elsewhere, and come back. again N: from the start on,
    N chunks taken from the journal, as after Stop.
    """

    def __init__(self, ask: Ask, folder: Path, shipped: bool = False):
        self.ask, self.folder, self.seed = ask, folder, ask.seed
        self.network, self.variant = network_of(ask.network, shipped)
        sampler = Renoise(ask.steps or self.variant.steps, ask.shift or self.variant.shift)
        self.settings = Settings(sampler, (ask.window or self.variant.window,))
        self.controls = controls_of(ask, self.variant)
        self.world = new_world(start_of(ask, self.variant))

    def perform(self) -> World:
        """Do all acts."""
        for act in self.ask.acts.split(", "):
            name, *number = act.split()
            getattr(self, name)(*map(int, number))
        return self.world

    def roll(self, count: int, most_new: int = 9) -> None:
        session = begin(
            self.world, bare(self.network), model=MODEL, stages=self.network.stages, settings=self.settings,
            dtype=self.ask.dtype,
        )  # fmt: skip
        book = Journal(self.folder / "journal", LARGE) if self.ask.journal else None
        for _ in range(count):
            most_new -= self._chunk(session, book)
        assert most_new >= 0, "a chunk that was in the journal was made again"
        self.world = session.world._replace(context=session.snapshot())

    def _chunk(self, session: Session, book: Journal | None) -> int:
        """Take a chunk from the journal, or make and keep it; return how many were made."""
        index, parent = len(session.world.chunks), parent_key(session.world)
        rows = self.controls[index]
        if book is None:
            session.step(rows, self.seed)
            return 1
        key = chunk_key(parent, rows, self.settings.plain(), self.seed, MODEL)
        found = book.find(key, expected=Expected(self.world.start, index, rows, self.seed))
        if found is not None:
            session.adopt(found)
            return 0
        book.keep(session.step(rows, self.seed, key), parent)
        return 1

    def reseed(self, seed: int) -> None:
        self.seed = seed

    def forget(self) -> None:
        self.world = self.world._replace(context=None)

    def rewind(self, chunks: int) -> None:
        self.world = rewind(self.world, chunks)

    def reload(self) -> None:
        self.world = load_world(save_world(self.world, self.folder / f"kept{SUFFIX}"))

    def aside(self, count: int) -> None:
        parent, seed = self.world, self.seed
        self.seed += 1
        self.roll(count)
        self.world, self.seed = parent, seed

    def again(self, count: int) -> None:
        self.world = new_world(self.world.start)
        self.roll(count, most_new=0)


def content_of(path: Path) -> dict[str, str]:
    """Return digests of what is in a safetensors file, in whatever order it was written.

    The seal of a chunk's file is over its bytes, whose order is safetensors' own; reading it has checked it.

    Returns:
        `structure`: of all but the latents' numbers and checksums; `content`: of all.
    """
    with safe_open(path, "pt") as file:
        about = {key: _parsed(value) for key, value in (file.metadata() or {}).items()}
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    structure, content = [], []
    for key in sorted(about):
        content.append(json.dumps([key, None if key == "checksum" else about[key]], sort_keys=True))
        structure.append(key if key.endswith("checksum") else content[-1])
    for key in sorted(tensors):
        told, numbers = json.dumps([key, str(tensors[key].dtype), list(tensors[key].shape)]), sha256(tensors[key])
        content.append(told + numbers)
        structure.append(told if key.endswith("latents") else content[-1])
    lists = {"structure": structure, "content": content}
    return {name: hashlib.sha256("\n".join(lines).encode()).hexdigest() for name, lines in lists.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def figures_of(numbers: Tensor) -> list[float]:
    """Return mean, standard deviation and SAMPLES numbers spread over a tensor."""
    flat = numbers.double().flatten()
    places = torch.arange(SAMPLES) * (len(flat) - 1) // (SAMPLES - 1)
    return [round(value, 7) for value in (flat.mean().item(), flat.std().item(), *flat[places].tolist())]


def prints_of(world: World, folder: Path) -> dict[str, Any]:
    """Return all that is recorded of a world; `computed`: by this machine's arithmetic."""
    path = save_world(world, folder / f"printed{SUFFIX}")
    numbers, file = latents(world), content_of(path)
    return {
        "digest": world.digest,
        "keys": [chunk.key for chunk in world.chunks],
        "file": file["structure"],
        "computed": {
            "latents": sha256(numbers), "fingerprint": fingerprint(world), "file": file["content"],
            "figures": figures_of(numbers),
        },
    }  # fmt: skip


def kept_file(name: str) -> Path:
    """Return the path of a world's file in the golden folder."""
    return GOLDEN / "worlds" / f"{name}{SUFFIX}"


def continued(name: str, folder: Path, world: World | None = None) -> World:
    """Return a kept world, or the one given in its place, with one chunk more."""
    walk = Walk(KEPT[name], folder)
    walk.world = world or load_world(kept_file(name))
    walk.roll(1)
    return walk.world


def record(shipped: bool = False) -> dict[str, Any]:
    """Make all worlds and return their prints, and the arithmetic they were made with."""
    made: dict[str, Any] = {"worlds": {}, "continued": {}}
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        for name, ask in ASKS.items():
            place = Path(folder, name)
            place.mkdir()
            made["worlds"][name] = prints_of(Walk(ask, place, shipped).perform(), place)
        for name in KEPT:
            made["continued"][name] = prints_of(continued(name, Path(folder)), Path(folder))
        return {"arithmetic": arithmetic(), **made}


def main() -> None:
    """Write a record."""
    parser = argparse.ArgumentParser(description="Record the prints of twenty worlds.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--shipped", action="store_true", help="with Tiny World's shipped weights")
    options = parser.parse_args()
    options.file.write_text(json.dumps(record(options.shipped), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
