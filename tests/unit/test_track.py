"""Tracks: equal tracks are equal texts, nothing is lost between text and track, and mistakes are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from worldmodel.reading.limits import DEFAULT_FRAMES, MAX_FRAMES, thousandths
from worldmodel.track.presets import PRESETS, preset
from worldmodel.track.timeline import WORDS, Keyframe, Timeline
from worldmodel.track.track import (
    Track,
    parse_timeline,
    parse_track,
    same_track,
    sample,
    sample_curve,
    timeline_of,
    write_track,
)
from worldmodel.variants import NO_KEYS, VARIANTS

EDITORS_EXAMPLE = """{"type":"track","version":1,"frames":177,
 "keys":{"forward":[[4,78],[92,76]],"back":[[80,6],[171,6]],"left":[[62,13],[134,7]],"right":[[30,11],[104,10]]},
 "mouse":{"yaw":[[12,0],[17,3.5],[37,3.5],[42,0]],"pitch":[[50,0],[57,1.3,"smooth"],[70,0]]},
 "prompts":[[0,"a quiet street, early morning"],[64,"it starts to rain"],[129,"a door opens"]]}"""


def document(**members: object) -> str:
    """A track's JSON with some members replaced."""
    return json.dumps({"type": "track", "version": 1, "frames": 57, **members})


def random_timeline(seed: int) -> Timeline:
    """Any timeline at all: unsorted, overlapping, over-long."""
    random = np.random.default_rng(seed)
    frames = int(random.integers(1, 120))
    curves = []
    for _ in range(2):
        at = random.permutation(150)[: random.integers(0, 6)]
        curves.append(
            tuple(Keyframe(int(f), random.uniform(-9, 9), str(random.choice(["linear", "smooth", "hold"]))) for f in at)
        )
    words = random.permutation(list(WORDS))[: random.integers(0, 5)]
    keys = [(str(word), tuple((int(s), int(n)) for s, n in random.integers(1, 60, (4, 2)))) for word in words]
    prompts = tuple((int(frame), f'"é {frame}\n') for frame in random.permutation(99)[:3])
    return Timeline(frames, tuple(keys), *curves, prompts, (("note", '{"b":[1,2.5]}'),), (("roll", "[]"),))


@pytest.mark.parametrize("seed", range(30))
def test_reading_undoes_writing(seed: int) -> None:
    text = write_track(random_timeline(seed))
    assert write_track(parse_timeline(text)) == text
    assert same_track(parse_track(text), sample(random_timeline(seed)))


@pytest.mark.parametrize("seed", range(10))
def test_equal_tracks_are_equal_texts(seed: int) -> None:
    timeline = random_timeline(seed)
    pieces = tuple((word, tuple((f, 1) for s, n in spans for f in range(s, s + n))) for word, spans in timeline.keys)
    other = timeline._replace(
        keys=pieces[::-1], yaw=timeline.yaw[::-1], pitch=timeline.pitch[::-1], prompts=timeline.prompts[::-1]
    )
    assert write_track(other) == write_track(timeline)


@pytest.mark.parametrize("seed", range(10))
def test_a_dense_track_survives_its_text(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    keys = (torch.rand(40, 3, generator=random) > 0.5).float()
    held = torch.randint(-4000, 4000, (10, 2), generator=random).repeat_interleave(4, 0)
    mouse = (held.double() / 1000).float()
    track = Track(("forward", "left", "jump"), keys, mouse, ((3, "rain"),))
    assert same_track(parse_track(write_track(track)), track)
    assert timeline_of(parse_track(write_track(track))) == timeline_of(track)


def test_writing_is_compact_and_ordered() -> None:
    text = write_track(parse_timeline(document(keys={"right": [[3, 2], [5, 1], [0, 1]], "forward": []}, note="x")))
    assert text == (
        '{"type":"track","version":1,"frames":57,"keys":{"right":[[0,1],[3,3]]},"mouse":{},"prompts":[],"note":"x"}'
    )


def test_numbers_are_rounded_half_up_to_thousandths() -> None:
    assert [thousandths(value) for value in (0.0625, -0.0625, 1.0004, -0.0001, 3.5)] == [0.063, -0.062, 1.0, 0.0, 3.5]
    assert str(thousandths(-0.0001)) == "0.0"


def test_members_of_later_editors_are_written_back() -> None:
    text = write_track(parse_timeline(document(author={"b": 1.0, "a": [None]}, mouse={"roll": [[0, 1]]})))
    assert text.endswith('"mouse":{"roll":[[0,1]]},"prompts":[],"author":{"b":1,"a":[null]}}')
    assert write_track(parse_timeline(text)) == text


def test_what_lies_beyond_the_length_is_kept_but_not_played() -> None:
    text = document(frames=10, keys={"forward": [[8, 10]], "jump": [[30, 2]]}, mouse={"yaw": [[0, 0], [20, 4]]})
    timeline = parse_timeline(text)
    assert timeline.keys == (("forward", ((8, 10),)), ("jump", ((30, 2),)))
    track = sample(timeline)
    assert track.frames == 10 and track.words == ("forward",)
    assert track.keys[:, 0].tolist() == [0] * 8 + [1] * 2
    torch.testing.assert_close(track.mouse[:, 0], torch.arange(10) / 5)


@pytest.mark.parametrize("text", [None, "", "  \n", "null", "{}"])
def test_no_text_is_an_empty_track_of_the_default_length(text: str | None) -> None:
    track = parse_track(text)
    assert track.frames == DEFAULT_FRAMES == 57
    assert track.words == () and not track.mouse.any() and track.prompts == ()


def test_curves_ease_and_hold() -> None:
    curve = (Keyframe(2, 1.0), Keyframe(4, 3.0, "smooth"), Keyframe(8, -1.0, "hold"), Keyframe(10, 5.0))
    expected = [1, 1, 1, 2, 3, 3 - 4 * 0.15625, 1, 3 - 4 * 0.84375, -1, -1, 5, 5]
    np.testing.assert_allclose(sample_curve(curve, 12), expected)


def test_the_editors_example_reads() -> None:
    track = parse_track(EDITORS_EXAMPLE)
    assert track.frames == 177 and track.words == ("forward", "back", "left", "right")
    assert track.keys.sum(0).tolist() == [154, 12, 20, 21]
    assert track.mouse[17, 0] == 3.5 and track.prompts[2] == (129, "a door opens")


def test_short_text_says_the_same_as_json() -> None:
    typed = parse_track("forward*24 right + yaw_right * 12\nidle*8 yaw_left(2.5)+pitch_up back+left")
    written = parse_track(
        document(
            frames=46,
            keys={"forward": [[0, 24]], "right": [[24, 12]], "back": [[45, 1]], "left": [[45, 1]]},
            mouse={
                "yaw": [[0, 0, "hold"], [24, 1.5, "hold"], [36, 0, "hold"], [44, -2.5], [45, 0]],
                "pitch": [[0, 0, "hold"], [44, 1.5], [45, 0]],
            },
        )
    )
    assert same_track(typed, written)
    assert write_track(parse_timeline("forward forward*2")) == write_track(parse_timeline("forward*3"))


def test_every_models_keys_can_be_asked_for() -> None:
    for keyboard in (variant.keyboard or NO_KEYS for variant in VARIANTS.values()):
        assert {word for i, word in enumerate(keyboard.words) if i != keyboard.idle} <= set(WORDS)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("frames", [*range(1, 30), 57, 117, 600])
def test_presets_fill_their_length_and_turn_humanly(name: str, frames: int) -> None:
    timeline = preset(name, frames, seed=frames)
    track = sample(timeline)
    assert parse_timeline(write_track(timeline)) == timeline
    assert track.frames == frames
    assert track.mouse.abs().max() <= 4 and not track.mouse[:, 1].any()
    assert all(keyframe.frame < frames for keyframe in timeline.yaw)
    assert all(start + length <= frames for _, spans in timeline.keys for start, length in spans)


def test_the_random_preset_depends_on_its_seed_only() -> None:
    texts = [write_track(preset("random from a seed", 117, seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_looking_around_ends_where_it_began() -> None:
    yaw = sample(preset("look around", 117)).mouse[:, 0].double().cumsum(0)
    assert abs(yaw[-1]) < 1e-9 and yaw.max() == 60 and yaw.min() == -60


MISTAKES = {
    "forward*12 Q*3": "Track text: frame 12: unknown key 'Q': use one of forward, back",
    "forwad": "Track text: frame 0: unknown key 'forwad': did you mean 'forward'?",
    "W*3": "Track text: frame 0: unknown key 'W': write the word, 'forward'",
    "nomove": "Track text: frame 0: unknown key 'nomove': it is what a model does while no key is held",
    "forward*0": "Track text: frame 0: 'forward*0' needs a whole number of frames from 1 to 100000",
    "back forward*-1": "Track text: frame 1: 'forward*-1' needs a whole number",
    "forward*2.5": "needs a whole number of frames",
    "forward*": "needs a whole number of frames",
    "forward*²": "needs a whole number of frames",
    "forward*99999999999999999999": "needs a whole number of frames",
    "forward*100000 back": "Track text: frame 100000: 'back' makes the track longer than 100000 frames",
    "forward*2*3": "more than one '*'",
    "forward+": "Track text: frame 0: '' in 'forward+' is not a key",
    "yaw_right(nan)": "Track text: frame 0: yaw_right takes degrees per frame from 0 to 180, not 'nan'",
    "yaw_right(-2)": "yaw_right takes degrees per frame from 0 to 180, not '-2'",
    "yaw_right(170)+yaw_right(170)": "turns more than 180 degrees in a frame",
    "yaw_right(2": "is not a key",
    "forward(3)": "'forward' takes no number in brackets",
    '{"type":"track"': "Track JSON: not valid JSON at line 1, column 16",
    "[1]": "Track JSON: a track is an object",
    '{"frames":3}': 'Track JSON: type must be "track", and it is missing',
    '{"type":"clip"}': 'Track JSON: type must be "track", not "clip"',
    '{"type":"poses","version":1}': "type 'poses' is a camera, not a track; read it from a file with Load Track",
    '{"type":"path","version":1}': "Track JSON: type 'path' is a camera, not a track; give it to Camera Path",
    '{"type":"track"}': "Track JSON: version must be 1, and it is missing",
    document(version=3): "made by a newer version (3), this one reads up to 1",
    document(version=True): "version must be 1, not true",
    '{"type":"track","version":1}': "frames is missing",
    document(frames=0): "Track JSON: frames must be a whole number from 1 to 100000, not 0",
    document(frames=MAX_FRAMES + 1): "frames must be a whole number from 1 to 100000, not 100001",
    document(frames=True): "frames must be a whole number from 1 to 100000, not true",
    document(frames=5.5): "frames must be a whole number from 1 to 100000, not 5.5",
    document(frames="57"): 'frames must be a whole number from 1 to 100000, not "57"',
    document(keys=[]): "keys must be an object, not []",
    document(keys={"Q": [[37, 2]]}): "Track JSON: frame 37: unknown key 'Q': use one of forward",
    document(
        keys={"forward": [[-1, 2]]}
    ): "keys.forward[0] first frame must be a whole number from 0 to 100000, not -1",
    document(
        keys={"forward": [[0, 1], [3, 0]]}
    ): "keys.forward[1] length must be a whole number from 1 to 100000, not 0",
    document(keys={"forward": [[0, 1, 2]]}): "keys.forward[0] must be [first frame, length], not [0, 1, 2]",
    document(keys={"forward": [[99999, 9]]}): "keys.forward[0] ends at frame 100007",
    document(mouse={"yaw": [[3, float("nan")]]}): "frame 3: mouse.yaw[0] must be degrees per frame",
    document(mouse={"yaw": [[3, float("inf")]]}): "between -180 and 180, not infinity",
    '{"type":"track","version":1,"frames":1e999}': "frames must be a whole number from 1 to 100000, not infinity",
    document(mouse={"pitch": [[3, True]]}): "frame 3: mouse.pitch[0] must be degrees per frame",
    document(mouse={"yaw": [[3, 1, "bouncy"]]}): 'easing must be one of linear, smooth, hold, not "bouncy"',
    document(mouse={"yaw": [[3, 1], [3, 2]]}): "frame 3: mouse.yaw has two keyframes here; keep one",
    document(prompts=[[0]]): "prompts[0] must be [frame, text], not [0]",
    document(prompts=[[0, "a"], [0, "b"]]): "frame 0: two prompts start here; keep one",
    document(prompts=[[0, "\ud800"]]): "prompts[0] holds half of a character",
    document(note=float("nan")): '"note" holds NaN or infinity',
    '{"type":"track","type":"track"}': "'type' stands twice in one object; keep one",
    "[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_track(text)
    sentence = str(error.value)
    assert MISTAKES[text] in sentence
    assert sentence.startswith(("Track JSON: ", "Track text: ")) and "\n" not in sentence and len(sentence) < 260


def test_presets_refuse_bad_lengths_by_name() -> None:
    for frames in (0, -3, MAX_FRAMES + 1, True, 2.5):
        with pytest.raises(ValueError, match="frames must be a whole number"):
            preset("walk", frames)
    with pytest.raises(ValueError, match="expected one of walk"):
        preset("swim", 12)
