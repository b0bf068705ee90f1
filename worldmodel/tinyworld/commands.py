"""The commands that train, export and judge Tiny World's model; `__main__` offers them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .evaluate import suites
from .scene import engine, plans


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add all of them."""
    for add in (_add_training, _add_making, _add_judging, _add_suites):
        add(commands)


def _add_training(commands: argparse._SubParsersAction) -> None:
    train = commands.add_parser(
        "train", help="train the VAE, its decoder alone, the model, its rollouts, another form, or the reader"
    )
    train.add_argument("what", choices=("vae", "decoder", "model", "rollout", "memory", "events", "reader"))
    train.add_argument("--run", type=Path, required=True, help="folder of the run; it resumes if it exists")
    train.add_argument("--minutes", type=float, default=60, help="planned length, over all resumptions (default 60)")
    train.add_argument("--updates", type=int, help="planned length in updates instead (model, memory, events)")
    train.add_argument("--rate", type=float, default=None, help="peak learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--begin-with", type=Path, help="run or file whose weights to begin with")
    train.add_argument("--device", default="cpu", help="where to train (default cpu)")
    train.add_argument("--vae", type=Path, help="run of the VAE, or file (reader)")
    train.add_argument(
        "--shards", type=Path, help="folder of encoded walks: `encode`, `loops` (memory), `films` (events)"
    )
    train.add_argument("--scale", type=int, default=1, help="batches so many times as large (model; default 1)")
    train.add_argument(
        "--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="in these levels (model, rollout)"
    )
    train.add_argument("--own-share", type=float, default=0.0, help="share of updates on own films (model; default 0)")
    train.add_argument("--own", type=Path, help="folder that `carry` writes to (rollout)")
    train.add_argument(
        "--without", nargs="+", choices=("memory", "errors"), default=(), help="leave these out (memory)"
    )
    train.add_argument("--random", action="store_true", help="look at any past frames, not at those chosen (memory)")
    train.set_defaults(command=_train)


def _add_making(commands: argparse._SubParsersAction) -> None:
    encode = _add_rendering(commands, "encode", "render and encode walks for the model's training", 0.6)
    encode.add_argument("--device", default="cpu", help="where to render and encode (default cpu)")
    encode.set_defaults(command=_encode)

    loops = _add_rendering(commands, "loops", "render and encode walks that come back, for the form with memory", 0.5)
    loops.add_argument("--device", default="cpu", help="where to render and encode (default cpu)")
    loops.set_defaults(command=_loops)

    films = _add_rendering(commands, "films", "render and encode walks under events, for the form with events", 0.6)
    films.set_defaults(command=_films)

    carry = commands.add_parser("carry", help="let a model walk, and write how its films should have gone on")
    carry.add_argument("--model", type=Path, required=True, help="run or file; a run's newest state is taken up")
    carry.add_argument("--vae", type=Path, help="run of the VAE, or file (default: the shipped)")
    carry.add_argument("--own", type=Path, required=True, help="folder to write to")
    carry.add_argument("--minutes", type=float, required=True)
    carry.add_argument("--levels", type=float, default=0.6, help="share of the walks in levels (default 0.6)")
    carry.add_argument("--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="these levels and themes only")
    carry.add_argument("--seed", type=int, default=0)
    carry.set_defaults(command=_carry)

    export = commands.add_parser("export", help="write the files of a model and its VAE")
    export.add_argument("--model", type=Path, required=True, help="run of the model")
    export.add_argument("--vae", type=Path, help="run of the VAE or of its decoder")
    export.add_argument("--out", type=Path, required=True, help="folder to write to")
    export.add_argument("--ended", action="store_true", help="the weights as they ended, not their moving average")
    export.add_argument("--recipe", type=json.loads, default={}, help="JSON that goes into the metadata")
    export.set_defaults(command=_export)


def _add_rendering(
    commands: argparse._SubParsersAction, name: str, help: str, levels: float
) -> argparse.ArgumentParser:
    """Add a command that fills a folder with walks, `levels` of them in levels."""
    parser = commands.add_parser(name, help=help)
    parser.add_argument("--vae", type=Path, help="run of the VAE, or file (default: the shipped)")
    parser.add_argument("--shards", type=Path, required=True, help="folder to write to; it goes on if it exists")
    parser.add_argument("--count", type=int, required=True, help="shards of this seed that the folder shall hold")
    parser.add_argument("--levels", type=float, default=levels, help=f"share of the walks in levels (default {levels})")
    parser.add_argument("--only", nargs="+", choices=plans.NAMES, metavar="LEVEL", help="these levels and themes only")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _add_judging(commands: argparse._SubParsersAction) -> None:
    sheet = commands.add_parser("sheet", help="draw a contact sheet of held-out walks, true above generated")
    sheet.add_argument("--model", type=Path, help="model file, or folder of a run (default: the shipped)")
    sheet.add_argument("--vae", type=Path, help="VAE file, or folder of a run (default: the shipped)")
    sheet.add_argument("--out", type=Path, required=True, help="picture to write")
    sheet.add_argument("--kind", choices=("levels", "layouts"), default="levels", help="held-out walks in which places")
    sheet.add_argument("--walks", type=int, default=12)
    sheet.add_argument("--frames", type=int, nargs="+", default=None, help="frames to show, rising")
    sheet.add_argument("--scale", type=int, default=1)
    sheet.set_defaults(command=_sheet)

    evaluate = commands.add_parser("evaluate", help="measure a model on held-out walks; status 1 if a bar is missed")
    evaluate.add_argument("--model", type=Path, help="model file, or folder of a run (default: the shipped)")
    evaluate.add_argument("--vae", type=Path, help="VAE file, or folder of a run (default: the shipped)")
    evaluate.add_argument("--reader", type=Path, help="run of the reader (default: the shipped)")
    evaluate.add_argument("--kind", choices=suites.KINDS, default=suites.KINDS[0], help="where (default levels)")
    evaluate.add_argument("--only", nargs="+", metavar="ROWS", help="groups of rows (default: all there is input for)")
    evaluate.add_argument("--starts", type=int, default=256, help="starts per row (default 256)")
    evaluate.add_argument("--walks", type=int, default=64, help="long walks (default 64)")
    evaluate.add_argument("--frames", type=int, default=1000, help="frames of a long walk (default 1000)")
    evaluate.add_argument("--short", action="store_true", help="the short form that the tests run, with its own bars")
    evaluate.add_argument("--steps", type=int, help="sampling steps, evenly spread (default: the model's own)")
    evaluate.add_argument("--twin", type=Path, help="run trained without memory, to compare with (memory)")
    evaluate.add_argument("--unspoilt", type=Path, help="run trained without errors, to compare with (errors)")
    evaluate.add_argument("--before", type=Path, help="file or run from before few-step tuning, for few-steps")
    evaluate.add_argument(
        "--plots", type=Path, help="folder for pictures: paths (world), ageing and contact sheet (sharp)"
    )
    evaluate.add_argument("--record", action="store_true", help="write the figures into the shipped files' metadata")
    evaluate.set_defaults(command=_evaluate)

    recache = commands.add_parser("recache", help="compare ways to take a new word in: how soon it shows, what is kept")
    recache.add_argument("--model", type=Path, help="run or file of the form with events (default: the shipped)")
    recache.add_argument("--vae", type=Path, help="VAE file, or folder of a run (default: the shipped)")
    recache.add_argument("--reader", type=Path, help="run of the reader (default: the shipped)")
    recache.add_argument("--kind", choices=suites.KINDS, default=suites.KINDS[0], help="where (default levels)")
    recache.add_argument("--walks", type=int, default=64, help="held-out walks, an event each (default 64)")
    recache.set_defaults(command=_recache)

    prune = commands.add_parser("prune", help="what decoders with half and three quarters fewer channels keep")
    prune.add_argument("--vae", type=Path, help="VAE file, or folder of a run (default: the shipped)")
    prune.add_argument("--run", type=Path, required=True, help="folder of the three runs, which resume")
    prune.add_argument("--minutes", type=float, default=4.0, help="that each decoder learns on (default 4)")
    prune.add_argument("--clips", type=int, default=16, help="held-out clips that are measured (default 16)")
    prune.set_defaults(command=_prune)

    ablate = commands.add_parser("ablate", help="train twins of the form with memory, and say what memory is worth")
    ablate.add_argument("--run", type=Path, required=True, help="folder of the twins' runs, which resume")
    ablate.add_argument("--shards", type=Path, required=True, help="folder that `loops` writes to")
    ablate.add_argument("--updates", type=int, required=True, help="of each twin")
    ablate.add_argument("--begin-with", type=Path, help="run or file whose weights to begin with")
    ablate.add_argument("--rate", type=float, default=2e-3, help="peak learning rate (default 0.002)")
    ablate.add_argument("--seed", type=int, default=0)
    ablate.add_argument("--vae", type=Path, help="VAE file, or folder of a run (default: the shipped)")
    ablate.add_argument("--reader", type=Path, help="run of the reader (default: the shipped)")
    ablate.add_argument("--kind", choices=suites.KINDS, default=suites.KINDS[0], help="where (default levels)")
    ablate.add_argument("--walks", type=int, default=64, help="loops and long walks that are judged (default 64)")
    ablate.set_defaults(command=_ablate)


def _add_suites(commands: argparse._SubParsersAction) -> None:
    draw = commands.add_parser("suites", help="draw the suites anew; a committed suite is never drawn again")
    draw.set_defaults(command=lambda options: suites.write())


def _train(options: argparse.Namespace) -> None:
    from . import train_vae
    from .scene import clips
    from .together import launched

    if options.what != "model" and launched() > 1:
        raise ValueError(
            f"train {options.what}: found {launched()} processes, expected one, since several train a model only; "
            "start it without the launcher."
        )
    if options.what in ("model", "rollout", "memory", "events"):
        _check_shards(options)
        {"memory": _train_memory, "events": _train_events}.get(options.what, _train_model)(options)
        return
    common = {"minutes": options.minutes, "seed": options.seed, "device": options.device}
    if options.what == "reader":
        from .evaluate import train_reader
        from .export import open_player

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


def _check_shards(options: argparse.Namespace) -> None:
    if options.shards is None:
        writes = {"memory": "loops", "events": "films"}.get(options.what, "encode")
        raise ValueError(f"--shards: nothing was given; name the folder that `{writes}` writes to.")


def _train_memory(options: argparse.Namespace) -> None:
    from .remember import train

    if options.random and "memory" in options.without:
        raise ValueError("--random: found it beside --without memory, expected one of them; leave one out.")
    remembers = "nothing" if "memory" in options.without else "random" if options.random else "retrieved"
    recipe = train.Recipe(remembers, "errors" not in options.without, options.updates)
    rate = options.rate or 2e-3
    train.train(options.run, options.shards, options.minutes, rate, options.seed, options.begin_with, recipe)


def _train_events(options: argparse.Namespace) -> None:
    from .weather import train

    rate = options.rate or 2e-3
    train.train(options.run, options.shards, options.minutes, rate, options.seed, options.begin_with, options.updates)


def _train_model(options: argparse.Namespace) -> None:
    from . import train_dit, train_rollout
    from .together import together

    only = tuple(map(engine.level_seed, options.only or ()))
    common = {"minutes": options.minutes, "seed": options.seed, "device": options.device}
    common["course"] = train_dit.Course(
        own_share=options.own_share, updates=options.updates, only=only, scale=options.scale
    )
    if options.what == "model":
        rate = options.rate or 2e-3
        with together():
            train_dit.train(options.run, options.shards, rate=rate, begin_with=options.begin_with, **common)
        return
    if options.begin_with is None:
        raise ValueError("--begin-with: nothing was given; name the run or file of a model that `train model` made.")
    if options.own is None:
        raise ValueError("--own: nothing was given; name the folder that `carry` writes to.")
    where = {"begin_with": options.begin_with, "own_folder": options.own}
    train_rollout.train(options.run, options.shards, rate=options.rate or 6e-4, **where, **common)


def _encode(options: argparse.Namespace) -> None:
    from .export import open_player
    from .scene.latents import write_shards

    vae = open_player(vae=options.vae).vae
    only = tuple(options.only or plans.NAMES)
    write_shards(vae, options.shards, options.seed, options.count, options.levels, only, options.device)


def _loops(options: argparse.Namespace) -> None:
    from .export import open_player
    from .remember.loops import write_loops

    vae = open_player(vae=options.vae).vae
    only = tuple(options.only or plans.NAMES)
    write_loops(vae, options.shards, options.seed, options.count, options.levels, only, options.device)


def _films(options: argparse.Namespace) -> None:
    from .export import open_player
    from .weather.films import write_films

    vae = open_player(vae=options.vae).vae
    write_films(vae, options.shards, options.seed, options.count, options.levels, tuple(options.only or plans.NAMES))


def _carry(options: argparse.Namespace) -> None:
    from .carried import write_own
    from .scene.clips import walking_in

    numbers = tuple(plans.NAMES.index(name) for name in options.only or plans.NAMES)
    walkers = walking_in(options.levels, numbers)
    write_own(options.model, options.own, options.seed, options.minutes, walkers, vae=options.vae)


def _export(options: argparse.Namespace) -> None:
    from .export import export_model, export_vae

    options.out.mkdir(parents=True, exist_ok=True)
    if options.vae is not None:
        export_vae(options.vae, options.model, options.recipe, options.out / f"{suites.NAME}_vae.safetensors")
    export_model(options.model, options.recipe, options.out / f"{suites.NAME}.safetensors", options.ended)


def _evaluate(options: argparse.Namespace) -> int:
    from .evaluate import bars, reader, report, rows
    from .export import describe, open_player
    from .player import MODEL_FILE, VAE_FILE

    if options.record and (options.model or options.vae):
        raise ValueError("--record: found --model or --vae, expected the shipped files; export first.")
    player = open_player(options.model, options.vae)
    levels = rows.even_levels(player, options.steps) if options.steps else None
    before, twin, unspoilt = (
        open_player(path, options.vae) if path else None for path in (options.before, options.twin, options.unspoilt)
    )
    known = None if options.reader is None else reader.load_run(options.reader)
    amounts = rows.SHORT if options.short else (options.starts, options.walks, options.frames)
    if options.plots is not None:
        options.plots.mkdir(parents=True, exist_ok=True)
    form = rows.Form(player, *amounts, levels, before, options.plots, options.kind, known, twin, unspoilt)
    groups = options.only or (rows.SHORT_GROUPS if options.short else rows.groups_for(form))
    short = bars.short_of(player.variant)
    measured, missed = report.evaluate(form, groups, short if options.short else bars.FULL)
    if options.record:
        of_vae = [row for row in measured if row.name.startswith("vae")]
        of_model = [row for row in measured if row not in of_vae]
        for path, some in ((VAE_FILE, of_vae), (MODEL_FILE, of_model)):
            found = {f"{options.kind} {name}": figure for name, figure in report.figures(some).items()}
            describe(path, {"suite": report.NAME, **found})
    return int(bool(missed))


def _ablate(options: argparse.Namespace) -> None:
    from .evaluate import report, rows
    from .export import open_player
    from .remember.ablate import train_twins

    known = _reader_of(options)
    wanted = options.updates, options.rate, options.seed, options.begin_with
    runs = train_twins(options.run, options.shards, *wanted, report.say)
    players = [open_player(path, options.vae) for path in runs.values()]
    form = rows.Form(players[0], walks=options.walks, frames=suites.LONG, kind=options.kind, reader=known,
                     twin=players[1], unspoilt=players[2])  # fmt: skip
    report.evaluate(form, ("memory", "errors"), {})


def _recache(options: argparse.Namespace) -> None:
    from .evaluate import events, report, rows
    from .export import open_player
    from .player import EVENTS_FILE

    player = open_player(options.model or EVENTS_FILE, options.vae)
    rows.check(rows.Form(player, walks=options.walks, kind=options.kind), ["events"])
    tracks, known = suites.load(options.kind)["long"], _reader_of(options)
    found = events.measure(player, tracks, options.walks, events.POLICIES, reader=known)
    for line in events.table(found):
        report.say(line)


def _reader_of(options: argparse.Namespace) -> Any:
    from .evaluate import reader

    return reader.load() if options.reader is None else reader.load_run(options.reader)


def _prune(options: argparse.Namespace) -> None:
    from .export import open_player
    from .prune import SHARES, compare, line_of
    from .scene import clips
    from .train_vae import CLIP_FRAMES

    sys.stdout.write(f"{len(SHARES)} decoders, {options.minutes:g} minutes of a core each, about a minute to measure\n")
    vae, fixed = open_player(vae=options.vae).vae, clips.held_out(options.clips, CLIP_FRAMES)
    rows = compare(vae, options.run, options.minutes, fixed, clips.Clips)
    sys.stdout.write("".join(f"{line_of(row)}\n" for row in rows))


def _sheet(options: argparse.Namespace) -> None:
    from .evaluate import sheets
    from .export import open_player

    player = open_player(options.model, options.vae)
    tracks = suites.load(options.kind)["long"].part(slice(0, options.walks))
    frames = tuple(options.frames or sheets.SHOWN)
    shown = sheets.watch(player, tracks, frames)
    sheets.sheet(shown, options.scale).save(options.out)
    words = (f"{frame}: {gain:+.1f}" for frame, gain in zip(frames[1:], sheets.gains(shown), strict=True))
    sys.stdout.write(f"dB over the frozen first frame: {', '.join(words)}\n")
