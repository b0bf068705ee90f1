"""Files of keys and mouse are read as they mean it, in their order and units; what is not used of them is named."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.unit.mutants import archive_of, array_bytes
from worldmodel.formats import csv_table, npz
from worldmodel.formats.action_log import DEGREES_A_STEP, VPT_KEYS
from worldmodel.formats.action_log import WORDS as LOG_WORDS
from worldmodel.formats.files import Content, parse_file
from worldmodel.track.timeline import LETTERS, MAX_DEGREES, WORDS, held_spans
from worldmodel.track.track import Track, parse_track, same_track, write_track

EXAMPLES = settings(max_examples=60, deadline=None, database=None, derandomize=True)
LETTER_OF = {word: letter for letter, word in LETTERS.items()}
TURNS = st.floats(-MAX_DEGREES, MAX_DEGREES, width=32)


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    """Any walk of a few frames, its keys in the order of `WORDS`, and at least one of them."""
    frames = draw(st.integers(1, 25))
    words = tuple(word for word in WORDS if draw(st.booleans())) or ("forward",)
    held = draw(
        st.lists(st.lists(st.booleans(), min_size=len(words), max_size=len(words)), min_size=frames, max_size=frames)
    )
    mouse = draw(st.lists(st.tuples(TURNS, TURNS), min_size=frames, max_size=frames))
    said = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9).filter(
        lambda text: text == text.strip()
    )
    prompts = draw(st.dictionaries(st.integers(0, frames - 1), said, max_size=3))
    return Track(words, torch.tensor(held).float(), torch.tensor(mouse), tuple(sorted(prompts.items())))


def table(track: Track, mark: str = ",", shown: Callable[[float], str] = repr) -> list[list[str]]:
    """Return a walk's table as cells, numbers shown in a way."""
    rows = list(csv.reader(io.StringIO(csv_table.write(track))))
    mouse = [at for at, name in enumerate(rows[0]) if name.startswith("mouse")]
    return [rows[0]] + [
        [shown(float(cell)) if at in mouse else cell for at, cell in enumerate(row)] for row in rows[1:]
    ]


def text_of(rows: list[list[str]], mark: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def columns(rows: list[list[str]], order: list[int]) -> list[list[str]]:
    return [[row[at] for at in order] for row in rows]


@EXAMPLES
@given(tracks())
def test_a_table_is_read_back_exactly_and_has_no_digit_too_many(track: Track) -> None:
    text = csv_table.write(track)
    content = parse_file(text.encode(), ".csv")
    assert same_track(content.track, track) and torch.equal(content.track.mouse, track.mouse)
    assert content.track.words == track.words and content.notes == () and content.unused == ()
    rows = list(csv.DictReader(io.StringIO(text)))
    for row, turns in zip(rows, track.mouse.numpy(), strict=True):
        for name, turn in zip(("mouse_yaw", "mouse_pitch"), turns, strict=True):
            assert row[name] == np.format_float_positional(turn, unique=True, trim="0") or row[name] == str(turn)


def test_degrees_are_written_with_the_fewest_digits() -> None:
    track = Track((), torch.zeros(3, 0), torch.tensor([[1.055, -0.1], [1e-5, 179.99], [0, 2.5]]))
    written = csv_table.write(track)
    assert written == "frame,mouse_yaw,mouse_pitch\n0,1.055,-0.1\n1,1e-05,179.99\n2,0.0,2.5\n"
    assert csv_table.write(csv_table.read(written)) == written
    assert '"yaw":[[0,1.055],' in write_track(csv_table.read(written))


@EXAMPLES
@given(tracks(), st.randoms(use_true_random=False))
def test_columns_may_stand_in_any_order_and_under_their_letters(track: Track, draw: random.Random) -> None:
    rows = table(track)
    rows[0] = [draw.choice((name, LETTER_OF.get(name, name.upper()), f" {name.title()} ")) for name in rows[0]]
    order = draw.sample(range(len(rows[0])), len(rows[0]))
    content = parse_file(text_of(columns(rows, order)), ".csv")
    assert same_track(content.track, track) and content.unused == ()


@EXAMPLES
@given(tracks(), st.randoms(use_true_random=False))
def test_rows_are_read_in_the_order_of_their_frames(track: Track, draw: random.Random) -> None:
    """As text, frame 10 stands before frame 2; some programs write rows in that order."""
    head, *rows = table(track)
    mixed = draw.choice((sorted(rows, key=lambda row: row[0]), draw.sample(rows, len(rows))))
    content = parse_file(text_of([head, *mixed]), ".csv")
    assert same_track(content.track, track)
    assert (mixed == rows) == (content.notes == ())
    if mixed != rows:
        assert content.notes[0].startswith("The rows were put in the order of frame: in the table ")


@EXAMPLES
@given(tracks(), st.sampled_from(";\t"), st.booleans(), st.booleans())
def test_semicolons_tabs_and_decimal_commas_are_read_and_said(track: Track, mark: str, comma: bool, told: bool) -> None:
    rows = table(track, shown=lambda value: repr(value).replace(".", "," if comma else "."))
    text = f"sep={mark}\n".encode() * told + text_of(rows, mark)
    content = parse_file(text, ".csv")
    assert same_track(content.track, track)
    assert [note.split(",")[0] for note in content.notes] == [
        f"The cells stand apart by {'semicolons' if mark == ';' else 'tabs'}"
    ]


@EXAMPLES
@given(tracks(), st.randoms(use_true_random=False))
def test_true_and_false_are_keys_in_any_spelling(track: Track, draw: random.Random) -> None:
    rows = table(track)
    spelt = {"0": ("0", "FALSE", "False", "false", "0.0", " 0"), "1": ("1", "TRUE", "True", "true", "1.0", " 1 ")}
    keys = [at for at, name in enumerate(rows[0]) if name in WORDS]
    rows[1:] = [[draw.choice(spelt[cell]) if at in keys else cell for at, cell in enumerate(row)] for row in rows[1:]]
    assert same_track(parse_file(text_of(rows), ".csv").track, track)


@EXAMPLES
@example(Track(("forward",), torch.ones(2, 1), torch.zeros(2, 2)), "Unnamed: 0", 0)
@example(Track(("forward",), torch.ones(1, 1), torch.zeros(1, 2)), "id", 1)
@given(tracks(), st.sampled_from(["", "Unnamed: 0", "id"]), st.integers(0, 1))
def test_an_index_is_passed_over_and_named(track: Track, name: str, first: int) -> None:
    rows = [[name, *table(track)[0]]] + [[str(at + first), *row] for at, row in enumerate(table(track)[1:])]
    content = parse_file(text_of(rows), ".csv")
    assert same_track(content.track, track) and content.unused == (name or "an index without a name",)


@EXAMPLES
@given(tracks(), st.integers(1, 3))
def test_empty_cells_behind_the_last_column_say_nothing(track: Track, count: int) -> None:
    rows = table(track)
    for ended in ([row + [""] * count for row in rows], [rows[0], *(row + [""] * count for row in rows[1:])]):
        content = parse_file(text_of(ended), ".csv")
        assert same_track(content.track, track) and content.unused == ()


NAMES = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\",;#'\\"), min_size=1, max_size=12),
    st.sampled_from(
        ["x", "yaw", "bumped", "shift", "space", "attack", "mouse_dx", "dy", "frame", "seconds", "t", "ms", "step"]
    ),
)
CELLS = st.one_of(
    st.integers(-3, 3).map(str), st.floats(-9, 9).map(repr), st.sampled_from(["0", "1", "TRUE", "", "text"])
)


@settings(EXAMPLES, max_examples=300)
@given(NAMES, st.lists(CELLS, min_size=6, max_size=6), st.booleans())
def test_every_column_of_a_table_is_used_refused_or_named(name: str, cells: list[str], constant: bool) -> None:
    plain = [["forward", "mouse_yaw"], *([str(at % 2), str(at / 4)] for at in range(6))]
    cells = cells[:1] * 6 if constant else cells
    rows = [[*row, more] for row, more in zip(plain, [name, *cells], strict=True)]
    without = parse_file(text_of(plain), ".csv")
    try:
        content = parse_file(text_of(rows), ".csv")
    except ValueError as refused:
        assert "line" in str(refused)
        return
    is_used = not same_track(content.track, without.track) or content.track.words != without.track.words
    counts_on = name.strip().lower() in ("seconds", "t", "ms", "time", "frame", "step", "tick", "index", "idx")
    assert is_used or name.strip() in "".join((*content.unused, *content.notes)) or counts_on


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ("frame,W\n0,1\n2,1\n3,0\n", "frame goes from 0 to 2 (line 3): the rows are played one after another"),
        ("frame,W\n0,1\n1,1\n1,0\n", "frame goes from 1 to 1 (line 4)"),
        (",W\n0,1\n5,1\n", "The index goes from 0 to 5 (line 3)"),
        (
            "seconds,W\n0,1\n0.0333,1\n0.0667,1\n",
            "29.99 rows a second by seconds: each is played as one frame of the model",
        ),
        (
            "ms,W\n0,1\n33,1\n300,1\n",
            "The rows are unevenly apart by ms, 0.033 to 0.267 s: each is played as one frame",
        ),
        ("time,W\n0,1\n33,1\n300,1\n", "The rows are unevenly apart by time, 33 to 267: each is played as one frame"),
        (
            "W,yaw_rate\n1,3\n",
            "The walk does not turn: the table has no column mouse_yaw, in degrees per frame; yaw_rate may",
        ),
    ],
)
def test_what_a_column_says_against_the_rows_is_told(cells: str, note: str) -> None:
    assert any(told.startswith(note) for told in parse_file(cells.encode(), ".csv").notes)


@pytest.mark.parametrize(
    "cells", ["seconds,W\n0,1\n0.0625,1\n0.125,0\n", "frame,W\n1,1\n2,0\n3,1\n", "t,W\n0,1\n5,1\n10,1\n"]
)
def test_what_agrees_with_the_rows_is_not_told(cells: str) -> None:
    content = parse_file(cells.encode(), ".csv")
    assert content.notes == () and content.unused == ()


@pytest.mark.parametrize(
    "name", ["mouse_dx", "mouse_dy", "dx", "dy", "mouse_x", "Mouse.DX", "delta_x", "movementX", "cursor_y", "rel_x"]
)
def test_pixels_are_never_taken_for_degrees(name: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(f"frame,W,{name}\n0,1,0\n1,1,4\n".encode(), ".csv")
    assert f"line 3: column '{name}' counts the mouse's pixels, expected degrees per frame" in str(refused.value)
    assert "did you mean" not in str(refused.value)
    still = parse_file(f"frame,W,{name}\n0,1,0\n1,1,0\n".encode(), ".csv")
    assert still.unused == (name,) and still.track.words == ("forward",)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ("W,A\n1,0\n1,2\n", "line 3: column 'left' must be 1 or TRUE while the key is held, else 0 or FALSE, not '2'"),
        ("W,A\n1\n", "line 2: found 1 cells, expected one for each of 2 columns"),
        (
            "W,mouse_yaw\n1,0,5\n",
            "line 2: found 3 cells, expected one for each of 2 columns; numbers with decimal commas must",
        ),
        (
            'W,mouse_yaw\n1,"0,5"\n',
            "column 'mouse_yaw' must be a number, not '0,5'; a decimal comma must be a point here",
        ),
        (
            "W;mouse_yaw\n1;0,5\n1;1.5\n",
            "line 3: found '0,5' and '1.5' in one table, expected decimal commas or points",
        ),
        ("W,forwrad\n1,0\n", "line 1: unknown key 'forwrad': did you mean 'forward'?"),
        ("W,mouse_yw\n1,0\n", "line 1: unknown column 'mouse_yw': did you mean 'mouse_yaw' (degrees per frame)?"),
        ("W,forward\n1,0\n", "line 1: column 'forward' stands twice"),
        (
            "Up,Left\n1,0\n",
            "line 1: found a column 'up', expected forward to walk, or mouse_pitch in degrees per frame",
        ),
        (
            "frame,x\n1,2\n",
            "line 1: found no column of keys or mouse in 'frame', 'x'; expected a row of names such as forward",
        ),
        ("1,0,0\n", "line 1: found no column of keys or mouse in '1', '0', '0'"),
        ("mouse_dx\n4\n", "line 1: column 'mouse_dx' counts the mouse's pixels"),
        ("mouse_yaw\nnan\n", "line 2: column 'mouse_yaw' must be degrees per frame between -180 and 180"),
        ("W,\n1,7\n", "line 2: found '7' in column 2, which has no name; name it"),
        ('W\n"1\n', "no CSV (unexpected end of data)"),
        ("", "found no row of frames"),
        (",".join(["W", *map(str, range(1000))]), "found 1001 columns, expected at most 1000"),
    ],
)
def test_what_a_table_cannot_mean_is_refused(cells: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(cells.encode(), ".csv")
    assert sentence in str(refused.value)


def test_tables_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    content = parse_file(b"W,A,mouse_yaw,x\n" + b"1,0,0.5,3\n" * 100_000, ".csv")
    assert content.track.frames == 100_000
    with pytest.raises(ValueError, match="line 100002: more than 100000 frames; cut the table"):
        parse_file(b"W\n" + b"1\n" * 100_001, ".csv")
    monkeypatch.setattr(csv_table, "MAX_CELLS", 90)
    with pytest.raises(ValueError, match="line 33: more than 90 cells; cut the table, or take columns out"):
        parse_file(b"W,x,y\n" + b"1,2,3\n" * 50, ".csv")


def test_comments_before_the_names_and_between_the_rows_are_passed_over() -> None:
    content = parse_file(b"# made by a tool, and so on\n# frame,W,mouse_yaw\n0,1,0.5\n# a pause\n1,0,0\n", ".csv")
    assert same_track(content.track, parse_track("forward+yaw_right(0.5) idle"))


@EXAMPLES
@given(tracks())
def test_arrays_hold_a_walk_exactly(track: Track) -> None:
    content = parse_file(npz.write(track, None), ".npz")
    assert same_track(content.track, track) and torch.equal(content.track.mouse, track.mouse)
    assert content.track.words == track.words and content.unused == ()


ARRAYS = ("words", "keys", "mouse", "turns", "prompt_frames", "prompt_texts", "c2w", "fps", "intrinsics", "bumped", "é")


@EXAMPLES
@given(st.sets(st.sampled_from(ARRAYS), min_size=1))
def test_every_array_is_used_refused_or_named(names: set[str]) -> None:
    whole = {
        "words": np.array(["forward"]), "keys": np.ones((3, 1)), "mouse": np.ones((3, 2)), "turns": np.full(3, 2.0),
        "prompt_frames": np.array([1]), "prompt_texts": np.array(["fog"]), "c2w": np.stack([np.eye(4)] * 3),
        "fps": np.array(9.0), "intrinsics": np.array([0.6, 0.9, 0.5, 0.5]), "bumped": np.zeros(3), "é": np.zeros(3),
    }  # fmt: skip
    entries = {name: array_bytes(whole[name]) for name in sorted(names)}

    def read(left_out: str = "") -> Content | str:
        try:
            return parse_file(
                archive_of([(f"{name}.npy", data) for name, data in entries.items() if name != left_out]), ".npz"
            )
        except ValueError as refused:
            return str(refused)

    content = read()
    if isinstance(content, str):
        return
    for name in names:
        without = read(name)
        differs = isinstance(without, str) or not same_content(content, without)
        assert differs or name in content.unused, (name, content.unused)


def same_content(one: Content, other: Content) -> bool:
    """Tell whether two files hold the same walk and the same camera."""
    tracks_are = (one.track is None) == (other.track is None) and (
        one.track is None or same_track(one.track, other.track)
    )
    cameras = [
        (None if c.poses is None else (c.poses.c2w.tolist(), c.poses.intrinsics, c.poses.fps)) for c in (one, other)
    ]
    return tracks_are and cameras[0] == cameras[1]


def test_what_a_track_holds_beside_a_walk_or_behind_its_end_is_told() -> None:
    text = {"type": "track", "version": 1, "frames": 9, "keys": {"forward": [[0, 9]]}, "mouse": {"yaw": [[0, 1]]}}
    assert parse_file(json.dumps(text).encode(), ".json")[2:] == ((), ())
    more = {**text, "zoom": 2, "mouse": {"yaw": [[0, 1]], "roll": [[0, 3]]}}
    assert parse_file(json.dumps(more).encode(), ".json").unused == ("zoom", "mouse.roll")
    for member in ({"keys": {"forward": [[8, 2]]}}, {"mouse": {"pitch": [[9, 1]]}}, {"prompts": [[9, "fog"]]}):
        (note,) = parse_file(json.dumps({**text, **member}).encode(), ".json").notes
        assert note == "What stands behind the track's 9 frames is not played."


@EXAMPLES
@given(tracks())
def test_json_holds_a_walk_in_thousandths_and_is_one_text(track: Track) -> None:
    text = write_track(track)
    content = parse_file(text.encode(), ".json")
    rounded = np.floor(track.mouse.double().numpy() * 1000 + 0.5) / 1000
    assert np.array_equal(content.track.mouse.double().numpy(), rounded.astype(np.float32).astype(np.float64))
    assert same_track(content.track._replace(mouse=track.mouse), track)
    assert write_track(content.track) == text


STEPS = st.tuples(
    st.lists(st.sampled_from(WORDS), max_size=3), st.floats(-90, 90), st.floats(-90, 90), st.integers(1, 7)
)


@EXAMPLES
@given(st.lists(STEPS, min_size=1, max_size=8), st.sampled_from(["{} ", " {}\n", "\t{}  "]))
def test_a_short_text_is_its_steps_one_after_another(
    steps: list[tuple[list[str], float, float, int]], spaced: str
) -> None:
    said, keys, mouse = "", [], []
    for words, yaw, pitch, count in steps:
        turns = [
            f"yaw_{'right' if yaw >= 0 else 'left'}({abs(yaw)!r})",
            f"pitch_{'up' if pitch >= 0 else 'down'}({abs(pitch)!r})",
        ]
        said += spaced.format("+".join([*words, *turns]) + f"*{count}")
        keys += [set(words)] * count
        mouse += [(yaw, pitch)] * count
    track = parse_track(said)
    assert [{word for word, on in zip(track.words, row, strict=True) if on} for row in track.keys.tolist()] == keys
    assert np.allclose(track.mouse.numpy(), mouse, atol=5.1e-4)


def lines_of(entries: list[Any]) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def vpt(keys: list[str], dx: float = 0.0, dy: float = 0.0, **members: Any) -> dict[str, Any]:
    """Return a line as VPT's recorder writes it."""
    mouse = {
        "x": 640.0,
        "y": 360.0,
        "dx": dx,
        "dy": dy,
        "scaledX": 0,
        "scaledY": 0,
        "dwheel": 0,
        "buttons": [],
        "newButtons": [],
    }
    return {"mouse": mouse, "keyboard": {"keys": keys, "newKeys": [], "chars": ""}, "isGuiOpen": False, **members}


def minerl(keys: list[str], pitch: float = 0, yaw: float = 0, **members: Any) -> dict[str, Any]:
    """Return a line as Matrix-Game's benchmark writes it."""
    names = (
        "ESC",
        *LOG_WORDS,
        "drop",
        "inventory",
        "sneak",
        "sprint",
        "swapHands",
        "attack",
        "use",
        "pickItem",
        "hotbar.1",
    )
    return {**{name: int(name in keys) for name in names}, "camera": [pitch, yaw], **members}


ACTIONS = st.tuples(
    st.lists(st.sampled_from(LOG_WORDS), unique=True), st.integers(-1100, 1100), st.integers(-1100, 1100)
)


def check_log(content: Content, actions: list[tuple[list[str], int, int]]) -> None:
    """Hold a log that was read against what was written: words, and steps right and down."""
    track = content.track
    found = [{word for word, on in zip(track.words, row, strict=True) if on} for row in track.keys.tolist()]
    assert found == [set(words) for words, _, _ in actions]
    degrees = np.array([(right, -down) for _, right, down in actions]) * DEGREES_A_STEP
    assert np.allclose(track.mouse.numpy(), degrees, atol=2e-5) and content.unused == ()


@EXAMPLES
@given(st.lists(ACTIONS, min_size=1, max_size=20))
def test_a_log_of_vpt_is_read_line_by_line_in_its_units(actions: list[tuple[list[str], int, int]]) -> None:
    key_of = {word: key for key, word in VPT_KEYS.items()}
    content = parse_file(
        lines_of([vpt([key_of[word] for word in words], dx, dy) for words, dx, dy in actions]), ".jsonl"
    )
    check_log(content, actions)
    assert content.notes[0].startswith("VPT's log: 20 lines a second") and len(content.notes) == 1


@EXAMPLES
@given(st.lists(ACTIONS, min_size=1, max_size=20))
def test_a_log_of_matrix_game_is_read_line_by_line_in_its_units(actions: list[tuple[list[str], int, int]]) -> None:
    turned = [minerl(words, down * DEGREES_A_STEP, right * DEGREES_A_STEP) for words, right, down in actions]
    content = parse_file(lines_of(turned), ".jsonl")
    check_log(content, actions)
    assert content.notes == ()


def test_keys_that_no_model_knows_are_named_with_their_frames() -> None:
    minecraft = parse_file(
        lines_of([minerl(["forward", "sprint"]), minerl(["sprint", "attack"]), minerl([])]), ".jsonl"
    )
    told = "Left out are keys that no model knows: "
    assert minecraft.notes == (f"{told}sprint (2 frames), attack (1 frame).",)
    line = vpt(["key.keyboard.w", "key.keyboard.left.shift"], xpos=1.5, stats={})
    line["mouse"]["buttons"] = [0, 4]
    players = parse_file(lines_of([line, vpt([])]), ".jsonl")
    assert players.notes[1:] == (f"{told}left.shift (1 frame), attack (1 frame), mouse button 4 (1 frame).",)
    assert players.unused == ("xpos", "stats") and players.track.words == ("forward",)
    cells = parse_file(b"W,shift,ctrl\n1,1,0\n1,1,0\n", ".csv")
    assert cells.notes == (f"{told}shift (2 frames).",) and cells.unused == ("ctrl",)
    driven = parse_file(b"W,brake,steer\n1,1,0.5\n1,1,0\n", ".csv")  # no misspelt back
    assert driven.notes == (f"{told}brake (2 frames).",) and driven.unused == ("steer",)


@settings(EXAMPLES, max_examples=100)
@given(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9),
    st.one_of(st.integers(0, 5), st.booleans(), st.none(), st.text(max_size=3)),
    st.booleans(),
)
def test_every_member_of_a_log_is_used_refused_or_named(name: str, value: Any, is_vpt: bool) -> None:
    make, known = (vpt, ["key.keyboard.w"]) if is_vpt else (minerl, ["forward"])
    assume(name not in make([]))
    without, entries = make(known), [{**make(known), name: value}, make(known)]
    content = parse_file(lines_of(entries), ".jsonl")
    used = not same_track(content.track, parse_file(lines_of([without] * 2), ".jsonl").track)
    assert used or name in "".join((*content.unused, *content.notes)) or name in ("tick", "yaw")


def test_the_menu_of_a_game_is_not_walked_through() -> None:
    entries = [vpt(["key.keyboard.w"], 10), vpt(["key.keyboard.w"], 99, isGuiOpen=True), vpt(["key.keyboard.w"], 10)]
    content = parse_file(lines_of(entries), ".jsonl")
    assert content.track.keys[:, 0].tolist() == [1, 0, 1] and content.track.mouse[:, 0].tolist() == [1.5, 0, 1.5]
    assert content.notes[1].startswith("A menu is open in 1 frame (line 2 the first)")


@pytest.mark.parametrize(
    ("entries", "note"),
    [
        (
            [vpt([], 100, yaw=0), vpt([], 100, yaw=30), vpt([], 100, yaw=60)],
            "The log's own yaw turns 60.0 degrees in all, and its mouse 30",
        ),
        ([vpt([], tick=5), vpt([], tick=8)], "tick goes from 5 to 8 (line 2)"),
        ([vpt([]) | {"mouse": None}, vpt([])], "1 frame without mouse (line 1 the first)"),
        ([vpt([]) | {"mouse": None, "keyboard": None}] * 2, "2 frames without mouse and keyboard (line 1 the first)"),
        ([minerl([], 0, 200), minerl([])], "1 frame turned by more than half a turn (line 1)"),
        ([minerl([]), minerl([]) | {"camera": None}], "1 frame without camera (line 2 the first)"),
    ],
)
def test_what_a_log_says_against_itself_is_told(entries: list[Any], note: str) -> None:
    assert any(told.startswith(note) for told in parse_file(lines_of(entries), ".jsonl").notes)


def test_a_log_whose_yaw_agrees_says_so_by_saying_nothing() -> None:
    turned = [vpt([], 100, yaw=170 + 15 * frame if frame == 0 else -190 + 15 * frame) for frame in range(9)]
    assert len(parse_file(lines_of(turned), ".jsonl").notes) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "found no line, expected of a .jsonl file one of: VPT's lines of mouse and keyboard; Matrix-Game's"),
        (b'{"recording": {"size": "64x96"}}\n', 'found members "recording", expected of a .jsonl file one of'),
        (b"[1]\n", "found a list of 1, the first of them 1, expected of a .jsonl file one of"),
        (b'{"a"\n', "line 1: not valid JSON at column 5: Expecting ':' delimiter"),
        (lines_of([minerl([]), [3]]), "line 2: found [3], expected an object of keys and mouse"),
        (lines_of([minerl([], forward=2)]), "line 1: forward must be 1 while the key is held, else 0, not 2"),
        (lines_of([minerl([], attack="x")]), 'line 1: attack must be 1 while the key is held, else 0, not "x"'),
        (lines_of([minerl([]), minerl([], camera=[1])]), "line 2: camera must be [pitch, yaw] in degrees, not [1]"),
        (lines_of([minerl([], camera=[float("nan"), 0])]), "line 1: camera must be [pitch, yaw] in degrees"),
        (lines_of([vpt([]) | {"mouse": 3}]), "line 1: mouse must be an object, not 3"),
        (lines_of([vpt([]) | {"keyboard": {"keys": "w"}}]), 'line 1: keyboard.keys must be a list, not "w"'),
        (lines_of([vpt([], dx="left")]), 'line 1: mouse.dx and mouse.dy must be numbers, not ["left", 0]'),
        (lines_of([vpt([])]) + b'{"mouse": {}, "mouse": {}}', "line 2: 'mouse' stands twice in one object"),
    ],
)
def test_what_a_log_cannot_mean_is_refused(text: bytes, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(text, ".jsonl")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            {"schema_version": 1, "fps": 16, "steps": [{"keys": ["w"], "mouse": [0, 0.1]}]},
            'members "schema_version", "fps", "steps"',
        ),
        ({f"frame{i}": {"cam01": "[1 0 0 0]"} for i in range(12)}, 'members "frame0", "frame1", "frame2"'),
        ({"t_00": 1.0, "t_01": 0.0, "fx": 700.0}, 'members "t_00", "t_01", "fx"'),
    ],
    ids=["flashdreams", "recammaster", "polycam"],
)
def test_json_of_other_programs_is_refused_by_what_is_in_it(members: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(json.dumps(members).encode(), ".json")
    assert f"found {told}" in str(refused.value) and "expected of a .json file one of" in str(refused.value)


def test_long_logs_and_tables_hear_stop() -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    from worldmodel.reading.asked import Asked

    for suffix, text in ((".csv", b"W\n" + b"1\n" * 5000), (".jsonl", lines_of([minerl(["forward"])] * 5000))):
        with pytest.raises(Stopped):
            parse_file(text, suffix, Asked(check=stop))


def test_spans_are_found_whatever_says_which_frames_are_held() -> None:
    flags = [True, True, False, True]
    for held in (flags, iter(flags), np.array(flags), (np.float32(flag) != 0 for flag in flags)):
        assert held_spans(held) == ((0, 2), (3, 1))
    assert held_spans([]) == ()
