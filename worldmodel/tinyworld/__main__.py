"""`python -m worldmodel.tinyworld`: train, encode, carry, export, evaluate and record Tiny World.

    python -m worldmodel.tinyworld train vae     --run runs/vae --minutes 60
    python -m worldmodel.tinyworld train decoder --run runs/decoder --begin-with runs/vae --minutes 60
    python -m worldmodel.tinyworld encode        --vae runs/decoder --shards runs/latents --count 60
    python -m worldmodel.tinyworld train model   --run runs/model --shards runs/latents --minutes 120
    python -m worldmodel.tinyworld carry         --model runs/model --own runs/own --minutes 10
    python -m worldmodel.tinyworld train rollout --run runs/few --shards runs/latents --own runs/own --minutes 90 \\
        --begin-with runs/model
    python -m worldmodel.tinyworld export        --vae runs/decoder --model runs/few --out runs/files
    python -m worldmodel.tinyworld train reader  --run runs/reader --vae runs/decoder --minutes 12
    python -m worldmodel.tinyworld sheet         --model runs/few --out sheet.png
    python -m worldmodel.tinyworld evaluate      --kind levels --starts 256
    python -m worldmodel.tinyworld record        --out walks --walks 100 --frames 97

Every run resumes from its folder. Minutes are those of one CPU core, whatever else runs on it. `encode` may run beside
`train model`, which takes up new shards as they appear, and `carry --model runs/few` beside `train rollout`; several
may write into one folder, each with a seed of its own. On a GPU: `--device cuda --scale 32`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ..storage.troubles import trouble
from .commands import add_commands
from .computing import computing
from .walks import KINDS, MIXED, SPLITS


def main(words: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        with computing(options.threads):
            return options.command(options) or 0
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{trouble('folder', Path(error.filename or '.').absolute(), error)}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worldmodel.tinyworld", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    commands = parser.add_subparsers(required=True)
    add_commands(commands)
    _add_record(commands)
    return parser


def _add_record(commands: argparse._SubParsersAction) -> None:
    record = commands.add_parser("record", help="record walks: films, tables, arrays and captions")
    record.add_argument("--out", type=Path, required=True, help="folder of the recording; it goes on if it exists")
    record.add_argument("--walks", type=int, default=16, help="walks that the folder shall hold (default 16)")
    record.add_argument("--frames", type=int, default=97, help="frames of each walk (default 97)")
    record.add_argument("--seed", type=int, default=0)
    record.add_argument("--split", choices=tuple(SPLITS), default="train", help="which worlds (default train)")
    record.add_argument("--kind", choices=(*KINDS, MIXED), default=MIXED, help="who walks (default mixed)")
    record.add_argument("--size", default="64x96", help="HEIGHTxWIDTH in pixels (default 64x96)")
    record.add_argument("--depth", action="store_true", help="keep a depth map of every frame")
    record.set_defaults(command=_record)


def _record(options: argparse.Namespace) -> None:
    from .record import Settings, parse_size, record

    size = parse_size(options.size)
    settings = Settings(options.seed, options.frames, options.split, options.kind, size, options.depth)
    summary = record(options.out, options.walks, settings)
    sys.stdout.write("".join(f"{name:16s} {value}\n" for name, value in summary.items()))


if __name__ == "__main__":
    sys.exit(main())
