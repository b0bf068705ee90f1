"""Training and judging Tiny World 2, from one command.

    python -m worldmodel.tinyworld.scene train vae    --run runs/vae --begin-with FILE --minutes 30
    python -m worldmodel.tinyworld.scene encode       --vae runs/vae --shards runs/latents --count 60
    python -m worldmodel.tinyworld.scene train model  --run runs/model --shards runs/latents --minutes 120
    python -m worldmodel.tinyworld.scene carry        --model runs/model --vae runs/vae --own runs/own --minutes 10
    python -m worldmodel.tinyworld.scene train rollout --run runs/few --begin-with runs/model --shards runs/latents \\
        --own runs/own --minutes 90
    python -m worldmodel.tinyworld.scene export       --model runs/few --vae runs/vae --out runs/files

Every command resumes from its folder. Minutes are those of one CPU core, whatever else runs on it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from ..computing import computing
from ..evaluate import suites2
from . import engine, plans


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worldmodel.tinyworld.scene", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    commands = parser.add_subparsers(required=True)
    for add in (_add_training, _add_making, _add_judging):
        add(commands)
    return parser


def _add_training(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser(
        "train", help="train the VAE, its decoder alone, the model, its rollouts, or the reader"
    )
    train.add_argument("what", choices=("vae", "decoder", "model", "rollout", "reader"))
    train.add_argument("--run", type=Path, required=True, help="folder of the run; it resumes if it exists")
    train.add_argument("--minutes", type=float, default=60, help="planned length, over all resumptions (default 60)")
    train.add_argument("--updates", type=int, help="planned length in updates instead (model)")
    train.add_argument("--rate", type=float, default=None, help="peak learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--begin-with", type=Path, help="run or file whose weights to begin with")
    train.add_argument("--device", default="cpu", help="where to train (default cpu)")
    train.add_argument("--vae", type=Path, help="run of the VAE, or file (reader)")
    train.add_argument("--shards", type=Path, help="folder of encoded walks (model, rollout)")
    train.add_argument("--scale", type=int, default=1, help="batches so many times as large (model; default 1)")
    train.add_argument(
        "--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="in these levels (model, rollout)"
    )
    train.add_argument("--own-share", type=float, default=0.0, help="share of updates on own films (model; default 0)")
    train.add_argument("--own", type=Path, help="folder that `carry` writes to (rollout)")
    train.set_defaults(command=_train)


def _add_making(commands: argparse._SubParsersAction) -> None:
    encode = commands.add_parser("encode", help="render and encode walks for the model's training")
    encode.add_argument("--vae", type=Path, required=True, help="run of the VAE, or file")
    encode.add_argument("--shards", type=Path, required=True, help="folder to write to; it goes on if it exists")
    encode.add_argument("--count", type=int, required=True, help="shards of this seed that the folder shall hold")
    encode.add_argument("--levels", type=float, default=0.6, help="share of the walks in levels (default 0.6)")
    encode.add_argument("--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="these levels and themes only")
    encode.add_argument("--seed", type=int, default=0)
    encode.add_argument("--device", default="cpu", help="where to render and encode (default cpu)")
    encode.set_defaults(command=_encode)

    carry = commands.add_parser("carry", help="let a model walk, and write how its films should have gone on")
    carry.add_argument("--model", type=Path, required=True, help="run or file; a run's newest state is taken up")
    carry.add_argument("--vae", type=Path, required=True, help="run of the VAE, or file")
    carry.add_argument("--own", type=Path, required=True, help="folder to write to")
    carry.add_argument("--minutes", type=float, required=True)
    carry.add_argument("--levels", type=float, default=0.6, help="share of the walks in levels (default 0.6)")
    carry.add_argument("--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="these levels and themes only")
    carry.add_argument("--seed", type=int, default=0)
    carry.set_defaults(command=_carry)

    export = commands.add_parser("export", help="write the files of a model and its VAE")
    export.add_argument("--model", type=Path, required=True, help="run of the model")
    export.add_argument("--vae", type=Path, required=True, help="run of the VAE or of its decoder")
    export.add_argument("--out", type=Path, required=True, help="folder to write to")
    export.add_argument("--ended", action="store_true", help="the weights as they ended, not their moving average")
    export.add_argument("--recipe", type=json.loads, default={}, help="JSON that goes into the metadata")
    export.set_defaults(command=_export)


def _add_judging(commands: argparse._SubParsersAction) -> None:
    sheet = commands.add_parser("sheet", help="draw a contact sheet of held-out walks, true above generated")
    sheet.add_argument("--model", type=Path, required=True, help="model file, or folder of a run")
    sheet.add_argument("--vae", type=Path, required=True, help="VAE file, or folder of a run")
    sheet.add_argument("--out", type=Path, required=True, help="picture to write")
    sheet.add_argument("--kind", choices=("levels", "layouts"), default="levels", help="held-out walks in which places")
    sheet.add_argument("--walks", type=int, default=12)
    sheet.add_argument("--frames", type=int, nargs="+", default=None, help="frames to show, rising")
    sheet.add_argument("--scale", type=int, default=1)
    sheet.set_defaults(command=_sheet)

    evaluate = commands.add_parser("evaluate", help="measure a model in held-out walks and places")
    evaluate.add_argument("--model", type=Path, required=True, help="model file, or folder of a run")
    evaluate.add_argument("--vae", type=Path, required=True, help="VAE file, or folder of a run")
    evaluate.add_argument("--reader", type=Path, help="run of the reader (default: the shipped)")
    evaluate.add_argument("--kind", choices=suites2.KINDS, required=True, help="held-out walks in which places")
    evaluate.add_argument("--only", nargs="+", metavar="ROWS", help="groups of rows (default: all but few-steps, fast)")
    evaluate.add_argument("--starts", type=int, default=256, help="starts per row (default 256)")
    evaluate.add_argument("--walks", type=int, default=64, help="long walks (default 64)")
    evaluate.add_argument("--frames", type=int, default=1000, help="frames of a long walk (default 1000)")
    evaluate.set_defaults(command=_evaluate)

    suites = commands.add_parser("suites", help="draw the suites anew; a committed suite is never drawn again")
    suites.set_defaults(command=lambda options: suites2.write())


def _train(options: argparse.Namespace) -> None:
    from .. import train_vae
    from . import clips

    if options.what in ("model", "rollout"):
        _train_model(options)
        return
    common = {"minutes": options.minutes, "seed": options.seed, "device": options.device}
    if options.what == "reader":
        from ..evaluate import train_reader
        from ..export import open_player

        vae = open_player(vae=options.vae).vae
        train_reader.train(options.run, vae, options.minutes, options.rate or 2e-3, options.seed)
        return
    train_vae.train(
        options.run,
        rate=options.rate or 1e-3,
        begin_with=options.begin_with,
        decoder_only=options.what == "decoder",
        films=(clips.Clips, clips.held_out),
        **common,
    )


def _train_model(options: argparse.Namespace) -> None:
    from .. import train_dit, train_rollout

    if options.shards is None:
        raise ValueError("--shards: nothing was given; name the folder that `encode` writes to.")
    only = tuple(map(engine.level_seed, options.only or ()))
    common = {"minutes": options.minutes, "seed": options.seed, "device": options.device}
    common["course"] = train_dit.Course(
        own_share=options.own_share, updates=options.updates, only=only, scale=options.scale
    )
    if options.what == "model":
        rate = options.rate or 2e-3
        train_dit.train(options.run, options.shards, rate=rate, begin_with=options.begin_with, **common)
        return
    if options.begin_with is None:
        raise ValueError("--begin-with: nothing was given; name the run or file of a model that `train model` made.")
    if options.own is None:
        raise ValueError("--own: nothing was given; name the folder that `carry` writes to.")
    where = {"begin_with": options.begin_with, "own_folder": options.own}
    train_rollout.train(options.run, options.shards, rate=options.rate or 6e-4, **where, **common)


def _encode(options: argparse.Namespace) -> None:
    from ..export import open_player
    from .latents import write_shards

    vae = open_player(vae=options.vae).vae
    only = tuple(options.only or plans.NAMES)
    write_shards(vae, options.shards, options.seed, options.count, options.levels, only, options.device)


def _carry(options: argparse.Namespace) -> None:
    from ..carried import write_own
    from .clips import walking_in

    numbers = tuple(plans.NAMES.index(name) for name in options.only or plans.NAMES)
    walkers = walking_in(options.levels, numbers)
    write_own(options.model, options.own, options.seed, options.minutes, vae=options.vae, walkers=walkers)


def _export(options: argparse.Namespace) -> None:
    from ..export import export_model, export_vae

    options.out.mkdir(parents=True, exist_ok=True)
    export_vae(options.vae, options.model, options.recipe, options.out / f"{suites2.NAME}_vae.safetensors")
    export_model(options.model, options.recipe, options.out / f"{suites2.NAME}.safetensors", options.ended)


def _evaluate(options: argparse.Namespace) -> None:
    from ..evaluate import reader, report, rows
    from ..export import open_player

    known = None if options.reader is None else reader.load_run(options.reader)
    player = open_player(options.model, options.vae)
    amounts = options.starts, options.walks, options.frames
    form = rows.Form(player, *amounts, kind=options.kind, reader=known)
    groups = options.only or [name for name in rows.GROUPS if name not in ("few-steps", "fast")]
    report.evaluate(form, groups, {})


def _sheet(options: argparse.Namespace) -> None:
    from ..evaluate import sheets
    from ..export import open_player

    player = open_player(options.model, options.vae)
    tracks = suites2.load(options.kind)["long"].part(slice(0, options.walks))
    frames = tuple(options.frames or sheets.SHOWN)
    shown = sheets.watch(player, tracks, frames)
    sheets.sheet(shown, options.scale).save(options.out)
    words = (f"{frame}: {gain:+.1f}" for frame, gain in zip(frames[1:], sheets.gains(shown), strict=True))
    sys.stdout.write(f"dB over the frozen first frame: {', '.join(words)}\n")


if __name__ == "__main__":
    sys.exit(main())
