"""`python -m worldmodel.batch run SWEEP --workflow W`: a film for each row of a table.

    python -m worldmodel.batch run sweep.csv --workflow "workflows/api/Overnight.json" --out films
    python -m worldmodel.batch run sweep.csv --workflow W --gpus 0,1,2,3          a host for each of four GPUs
    python -m worldmodel.batch run sweep.csv --workflow W --host 10.0.0.7:8188 --host 10.0.0.8:8188
    python -m worldmodel.batch run sweep.csv --workflow W --ray auto              on a Ray cluster

Everything that can be refused is refused before the first film. What is finished is not made again. Exit status: 0 all
films are there, 1 some failed, 2 refused, or it cannot go on (a full disk), 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .api import HostError
from .cluster import Place
from .factory import Order, check, run
from .own import Wishes
from .progress import print_line
from .sweep import Refused

REFUSED, STOPPED = 2, 130
_SHOWN = 50
"""Mistakes that are listed."""


def main(words: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(words)
    try:
        order = _order(options)
        return check(order) if options.check else run(order)
    except Refused as refused:
        for sentence in refused.sentences[:_SHOWN]:
            sys.stderr.write(f"{sentence}\n")
        if len(refused.sentences) > _SHOWN:
            sys.stderr.write(f"… and {len(refused.sentences) - _SHOWN} more.\n")
        return REFUSED
    except (HostError, ValueError) as error:  # a folder that cannot be written to is a ValueError
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except KeyboardInterrupt:
        print_line("Stopped; what is finished is kept, and the same command makes the rest.")
        return STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worldmodel.batch", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="make a film for each row")
    run.add_argument("sweep", type=Path, help="CSV or JSONL; columns are named Title.input")
    run.add_argument("--workflow", type=Path, required=True, help="in API form (Workflow > Export (API))")
    run.add_argument("--out", type=Path, help="folder of results (default: beside the sweep, NAME-films)")
    run.add_argument("--grid", action="store_true", help="every value of a column with every value of the others")
    run.add_argument("--check", action="store_true", help="say what would be refused and how much is missing, and end")
    run.add_argument("--host", action="append", default=[], help="address of a ComfyUI that runs already; repeatable")
    run.add_argument("--ray", metavar="ADDRESS", help="spread over a Ray cluster; local starts one here")
    own = run.add_argument_group("hosts of its own, without --host")
    own.add_argument("--hosts", type=int, default=0, help="how many (default: one, or one for each GPU)")
    own.add_argument("--gpus", default="", help="numbers of GPUs, a host for each, such as 0,1,2,3")
    own.add_argument("--cpu", action="store_true", help="on the CPU, also where there is a GPU")
    own.add_argument("--threads", type=int, default=0, help="CPU threads of each host; with --ray, cores of an actor")
    own.add_argument("--input", type=Path, help="folder of the workflow's files (default: ComfyUI's input)")
    own.add_argument("--models", type=Path, help="folder of models (default: ComfyUI's models)")
    own.add_argument("--nodes", nargs="+", default=[], help="other custom nodes that the workflow needs")
    return parser


def _order(options: argparse.Namespace) -> Order:
    """Read the command line.

    Raises:
        ValueError: options that do not go together, or have no meaning.
    """
    if options.host and options.ray:
        raise ValueError("--ray: found --host too, expected one of them; take one out.")
    if options.hosts < 0 or options.threads < 0:
        raise ValueError(f"--hosts, --threads: found {options.hosts}, {options.threads}, expected 1 or more.")
    gpus = tuple(number.strip() for number in options.gpus.split(",") if number.strip())
    if not all(number.isdecimal() for number in gpus):
        raise ValueError(f"--gpus: found {options.gpus}, expected numbers such as 0,1,2,3; write them so.")
    wishes = Wishes(
        options.hosts, gpus, True if options.cpu else None, options.threads, options.input, options.models,
        tuple(options.nodes),
    )  # fmt: skip
    place = Place(options.ray, options.hosts, options.threads or 1) if options.ray else None
    out = options.out or options.sweep.with_name(f"{options.sweep.stem}-films")
    return Order(options.sweep, options.workflow, out, options.grid, tuple(options.host), place, wishes)


if __name__ == "__main__":
    sys.exit(main())
