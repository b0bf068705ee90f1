"""`python -m worldmodel.tinyworld`: train, encode, carry, export, evaluate and record Tiny World.

    python -m worldmodel.tinyworld train vae   --run runs/vae --minutes 60
    python -m worldmodel.tinyworld train decoder --run runs/decoder --begin-with runs/vae --minutes 60
    python -m worldmodel.tinyworld encode      --vae runs/decoder --shards runs/latents --minutes 30
    python -m worldmodel.tinyworld train model --run runs/model --shards runs/latents --minutes 120
    python -m worldmodel.tinyworld carry       --model runs/model --own runs/own --minutes 10
    python -m worldmodel.tinyworld train rollout --run runs/few --shards runs/latents --own runs/own --minutes 90 \\
        --begin-with runs/model
    python -m worldmodel.tinyworld export      --vae runs/decoder --model runs/few
    python -m worldmodel.tinyworld record      --out walks --walks 100 --frames 97
    python -m worldmodel.tinyworld evaluate    --starts 256

`encode` may run beside `train model`, which takes up new shards as they appear, and `carry --model runs/few` beside
`train rollout`; several may write into one folder, each with a seed of its own. Every run resumes from its folder.
On a GPU: `--device cuda --scale 32`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from ..storage.troubles import trouble
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
    _add_training(commands)
    _add_use(commands)
    return parser


def _add_training(commands: argparse._SubParsersAction) -> None:
    """Add what makes a model."""
    train = commands.add_parser("train", help="train the VAE, its decoder alone, the model, or the model's rollouts")
    train.add_argument("what", choices=("vae", "decoder", "model", "rollout"))
    train.add_argument("--run", type=Path, required=True, help="folder of the run; it resumes if it exists")
    train.add_argument("--minutes", type=float, required=True, help="planned length, over all resumptions")
    train.add_argument("--rate", type=float, default=None, help="peak learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--shards", type=Path, help="folder of encoded walks (model, rollout)")
    train.add_argument("--own", type=Path, help="folder that `carry` writes to (rollout)")
    train.add_argument("--begin-with", type=Path, help="run (model, rollout: or file) whose weights to begin with")
    train.add_argument("--device", default="cpu", help="where to train (default cpu)")
    train.add_argument(
        "--scale", type=int, default=1, help="batches so many times as large (model, rollout; default 1)"
    )
    train.set_defaults(command=_train)

    encode = commands.add_parser("encode", help="render and encode walks for the model's training")
    encode.add_argument("--vae", type=Path, help="run of the VAE, or file (default: the shipped)")
    encode.add_argument("--shards", type=Path, required=True)
    encode.add_argument("--minutes", type=float, required=True)
    encode.add_argument("--seed", type=int, default=0)
    encode.add_argument("--device", default="cpu", help="where to render and encode (default cpu)")
    encode.set_defaults(command=_encode)

    carry = commands.add_parser("carry", help="let a model walk, and write how its films should have gone on")
    carry.add_argument("--model", type=Path, required=True, help="run or file; a run's newest state is taken up")
    carry.add_argument("--own", type=Path, required=True, help="folder to write to")
    carry.add_argument("--minutes", type=float, required=True)
    carry.add_argument("--seed", type=int, default=0)
    carry.set_defaults(command=_carry)

    export = commands.add_parser("export", help="write the shipped files from runs")
    export.add_argument("--vae", type=Path, help="run of the VAE or of its decoder")
    export.add_argument("--model", type=Path, required=True, help="run of the model")
    export.add_argument("--ended", action="store_true", help="the weights as they ended, not their moving average")
    export.add_argument("--recipe", type=json.loads, default={}, help="JSON that goes into the metadata")
    export.set_defaults(command=_export)


def _add_use(commands: argparse._SubParsersAction) -> None:
    """Add what records the world and judges a model."""
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

    evaluate = commands.add_parser("evaluate", help="measure a model on held-out worlds; status 1 if a bar is missed")
    evaluate.add_argument("--starts", type=int, default=256, help="starts per row (default 256)")
    evaluate.add_argument("--walks", type=int, default=32, help="long walks, and clips for the VAE (default 32)")
    evaluate.add_argument("--frames", type=int, default=500, help="frames of a long walk (default 500)")
    evaluate.add_argument("--short", action="store_true", help="the short form that the tests run, with its own bars")
    evaluate.add_argument("--only", nargs="+", metavar="ROWS", help="groups of rows (default: all there is input for)")
    evaluate.add_argument("--steps", type=int, help="sampling steps, evenly spread (default: the model's own)")
    evaluate.add_argument("--model", type=Path, help="model file, or folder of a training run (default: the shipped)")
    evaluate.add_argument("--vae", type=Path, help="VAE file, or folder of a training run (default: the shipped)")
    evaluate.add_argument("--before", type=Path, help="file or run from before few-step tuning, for few-steps")
    evaluate.add_argument(
        "--plots", type=Path, help="folder for pictures: paths (world), ageing and contact sheet (sharp)"
    )
    evaluate.add_argument("--record", action="store_true", help="write the figures into the shipped files' metadata")
    evaluate.set_defaults(command=_evaluate)


def _train(options: argparse.Namespace) -> None:
    from . import train_dit, train_rollout, train_vae

    common = {"minutes": options.minutes, "seed": options.seed, "device": options.device}
    if options.what in ("vae", "decoder"):
        rate = options.rate or 1.5e-3
        decoder_only = options.what == "decoder"
        train_vae.train(options.run, rate=rate, begin_with=options.begin_with, decoder_only=decoder_only, **common)
        return
    if options.shards is None:
        raise ValueError("--shards: nothing was given; name the folder that `encode` writes to.")
    common |= {"begin_with": options.begin_with, "course": train_dit.Course(scale=options.scale)}
    if options.what == "model":
        train_dit.train(options.run, options.shards, rate=options.rate or 2e-3, **common)
    elif options.begin_with is None:
        raise ValueError("--begin-with: nothing was given; name the run or file of a model that `train model` made.")
    elif options.own is None:
        raise ValueError("--own: nothing was given; name the folder that `carry` writes to.")
    else:
        train_rollout.train(options.run, options.shards, own_folder=options.own, rate=options.rate or 6e-4, **common)


def _encode(options: argparse.Namespace) -> None:
    from .export import open_player
    from .latents import write_shards

    vae = open_player(vae=options.vae).vae
    write_shards(vae, options.shards, options.seed, options.minutes, device=options.device)


def _carry(options: argparse.Namespace) -> None:
    from .carried import write_own

    write_own(options.model, options.own, options.seed, options.minutes)


def _export(options: argparse.Namespace) -> None:
    from .export import export_model, export_vae

    if options.vae is not None:
        export_vae(options.vae, options.model, options.recipe)
    export_model(options.model, options.recipe, ended=options.ended)


def _record(options: argparse.Namespace) -> None:
    from .record import Settings, parse_size, record

    size = parse_size(options.size)
    settings = Settings(options.seed, options.frames, options.split, options.kind, size, options.depth)
    summary = record(options.out, options.walks, settings)
    sys.stdout.write("".join(f"{name:16s} {value}\n" for name, value in summary.items()))


def _evaluate(options: argparse.Namespace) -> int:
    from .evaluate import bars, report, rows
    from .export import describe, open_player
    from .player import MODEL_FILE, VAE_FILE

    if options.record and (options.model or options.vae):
        raise ValueError("--record: found --model or --vae, expected the shipped files; export first.")
    player = open_player(options.model, options.vae)
    levels = rows.even_levels(player, options.steps) if options.steps else None
    before = open_player(options.before, options.vae) if options.before else None
    amounts = rows.SHORT if options.short else (options.starts, options.walks, options.frames)
    if options.plots is not None:
        options.plots.mkdir(parents=True, exist_ok=True)
    form = rows.Form(player, *amounts, levels=levels, before=before, plots=options.plots)
    known = [name for name in rows.GROUPS if name not in rows.READ_GROUPS]
    all_groups = rows.SHORT_GROUPS if options.short else [name for name in known if name != "few-steps" or before]
    groups = options.only or all_groups
    measured, missed = report.evaluate(form, groups, bars.SHORT if options.short else bars.FULL)
    if options.record:
        of_vae = [row for row in measured if row.name.startswith("vae")]
        of_model = [row for row in measured if row not in of_vae]
        for path, some in ((VAE_FILE, of_vae), (MODEL_FILE, of_model)):
            describe(path, {"suite": report.NAME, **report.figures(some)})
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
