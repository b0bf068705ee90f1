"""`python -m worldmodel.check FILE…`: whether downloaded files are right, and what a chunk of theirs is, in figures.

Recognises each file, loads it strictly, makes one chunk, and prints figures to paste into a report. Give the VAE beside
the model to begin with a real picture and to see frames; `--save sheet.png` keeps them.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..bench.matrix_game2 import DTYPES, peak_bytes
from ..checkpoints.twins import twins_of
from ..metrics.pictures import psnr, squared_error
from ..reading.no_search import READING
from ..shown.film import contact_sheet
from ..storage.writing import write_file
from ..variants import VARIANTS
from ..world.state import picture_size
from .chunk import Coder, Made, Wishes, digest, drawn_picture, make_chunk, missing_of
from .given import MODEL, VAE, Given, digest_of, look_at_all

ALONE = (256, 256)
"""Size of the picture that a VAE without a model is tried on, unless another is asked for."""


def main(words: Sequence[str] | None = None) -> int:
    """Check files and print what was found; 1 if they are not right, and a sentence says why."""
    options = _parser().parse_args(words)
    try:
        wishes = wishes_of(options)
        with READING:
            given = look_at_all(options.files)
        found = [described(one, options.hash) for one in given.values()]
        figures = tried(given, wishes, options)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except torch.OutOfMemoryError:
        found = f"--device: found no room on {wishes.device}, expected some for the whole model"
        sys.stderr.write(f"{found}; try --precision bf16, a smaller --size, or --device cpu.\n")
        return 1
    told = {"files": found, **setting_of(wishes), **figures}
    sys.stdout.write((json.dumps(told) if options.json else written(told)) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worldmodel.check", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a model, its VAE, its encoders; or a folder"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, ...")
    parser.add_argument("--precision", choices=DTYPES, help="default fp32 on the CPU, else bf16")
    parser.add_argument("--size", help="width x height in pixels, such as 640x352; default the model's own")
    parser.add_argument("--steps", type=int, default=0, help="denoising steps; default the model's own")
    parser.add_argument("--variant", choices=VARIANTS, help="of models whose files look alike, such as Matrix-Game 3's")
    parser.add_argument("--save", type=Path, help="write the chunk's frames as a sheet of pictures, a PNG")
    parser.add_argument("--no-hash", dest="hash", action="store_false", help="do not read files whole for their sha256")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    return parser


def wishes_of(options: argparse.Namespace) -> Wishes:
    """Return what the options ask for.

    Raises:
        ValueError: an option makes no sense.
    """
    try:
        device = torch.device(options.device)
    except RuntimeError:
        raise ValueError(f"--device: found {options.device!r}, expected cpu, cuda or the like; change it.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device: found cuda, expected a device that is here; use --device cpu.")
    size = None
    if options.size:
        width, _, height = options.size.partition("x")
        if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
            raise ValueError(f"--size: found {options.size!r}, expected width x height such as 640x352; change it.")
        size = int(height), int(width)
    if options.steps < 0:
        raise ValueError(f"--steps: found {options.steps}, expected 1 or more, or 0 for the model's own; change it.")
    dtype = DTYPES[options.precision or ("fp32" if device.type == "cpu" else "bf16")]
    return Wishes(device, dtype, size, options.steps)


def described(given: Given, hashed: bool) -> dict[str, Any]:
    """Return what a file is, by the names that the report has."""
    (stored, _), *_ = given.numbers.most_common(1)
    return {
        "file": given.paths[0].name + (f" and {len(given.paths) - 1} more parts" if len(given.paths) > 1 else ""),
        "holds": f"{given.title} ({given.role})",
        "bytes": given.bytes,
        "keys": len(given.weights),
        "numbers": sum(given.numbers.values()),
        "stored as": stored,
        "sha256": digest_of(given.paths) if hashed else "not asked for",
    }


def setting_of(wishes: Wishes) -> dict[str, Any]:
    """Return where a check ran."""
    device = torch.cuda.get_device_name(wishes.device) if wishes.device.type == "cuda" else platform.machine()
    return {
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, {platform.system()}",
        "device": f"{wishes.device} ({device}), {str(wishes.dtype).removeprefix('torch.')}, "
        f"{torch.get_num_threads()} threads",
    }


def tried(given: dict[str, Given], wishes: Wishes, options: argparse.Namespace) -> dict[str, Any]:
    """Make a chunk, or try a VAE alone, and return the figures.

    Raises:
        ValueError: see `make_chunk`.
    """
    if MODEL not in given:
        if VAE not in given:
            return {"not tried": "no world model and no VAE was given: the encoders run in ComfyUI only"}
        return _round_trip(given[VAE], wishes)
    model = given[MODEL].content
    model = model._replace(variant=_variant(given[MODEL], options.variant))
    if options.save is not None and VAE not in given:
        raise ValueError(f"--save: found no VAE among the files, expected that of {model.variant.title}; give it too.")
    made = make_chunk(model, given.get(VAE), wishes)
    if options.save is not None:
        sheet = io.BytesIO()
        contact_sheet(made.frames, 4).save(sheet, "PNG")
        write_file(options.save, sheet.getvalue(), "--save")
    return {**_figures(made, wishes), "made up": "; ".join(missing_of(model, given)) or "nothing"}


def _variant(given: Given, asked: str | None) -> Any:
    """Return which of several models with the same tensors a file is: as asked, or by its folder's name.

    Raises:
        ValueError: the one asked for has other tensors.
    """
    found = given.content.variant
    twins = {twin.name: twin for twin in twins_of(found)}
    if asked is not None and asked != found.name and asked not in twins:
        raise ValueError(f"--variant: found {asked}, but the file holds {found.title}; leave it out.")
    path = given.paths[0]
    named = next((one for one in twins.values() if one.folder in (path.parent.name, path.stem)), found)
    return twins.get(asked, found) if asked else named


def _figures(made: Made, wishes: Wishes) -> dict[str, Any]:
    latents = made.latents.float()
    figures = {
        "model": made.world.start.variant,
        "size": "x".join(str(side) for side in reversed(picture_size(made.world.start))),
        "seconds": {name: round(value, 3) for name, value in made.seconds.items()},
        "peak memory MB": round(peak_bytes(wishes.device) / 1e6),
        "latents": {"shape": list(latents.shape), **_told(latents)},
    }
    return figures | (
        {} if made.frames is None else {"frames": {"shape": list(made.frames.shape), **_told(made.frames)}}
    )


def _told(tensor: torch.Tensor) -> dict[str, Any]:
    return {"mean": round(float(tensor.mean()), 6), "std": round(float(tensor.std()), 6), "sha256": digest(tensor)}


def _round_trip(vae: Given, wishes: Wishes) -> dict[str, Any]:
    """Return how near a picture comes to itself through a VAE."""
    size, coder = wishes.size or ALONE, Coder(vae, None, wishes)
    if not coder.encodes:
        return {"not tried": f"{vae.title} only decodes: give the model, too"}
    side = vae.content.kind.format.pixels
    if any(length % side for length in size):
        raise ValueError(f"--size: found {size[1]}x{size[0]}, expected multiples of {side}; change it.")
    picture = drawn_picture(size)
    with torch.inference_mode():
        latents = coder.encode(picture)
        again = coder.decode(latents)
    return {
        "latents": {"shape": list(latents.shape), **_told(latents)},
        "picture through the VAE": f"{float(psnr(squared_error(again[:1], picture))):.2f} dB",
        "peak memory MB": round(peak_bytes(wishes.device) / 1e6),
    }


def written(told: dict[str, Any]) -> str:
    """Return figures as lines to paste."""
    lines = []
    for one in told["files"]:
        lines += [
            f"{name:16s} {value:,}" if isinstance(value, int) else f"{name:16s} {value}" for name, value in one.items()
        ]
    for name, value in told.items():
        if name != "files":
            said = ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else value
            lines.append(f"{name:16s} {said}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
