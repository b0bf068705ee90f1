"""Counting: what a kernel is, what it reads and writes, what lives, what it takes at least, and what fits a card."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest
import torch
import torch.nn.functional as F
from beside_authors import authors_model
from beside_matrix_game2 import authors_modules
from comfy_host import HostError

from worldmodel.bench.__main__ import main
from worldmodel.bench.card import RESERVED, Phase, card_bytes, missing, plan
from worldmodel.bench.count import chunk_of, denoised, forms_of, picture_of
from worldmodel.bench.counting import Cost, bytes_of, counted, weights_of
from worldmodel.bench.plan import allocated
from worldmodel.bench.released import (
    MATRIX_GAME_2_SIZES,
    MATRIX_GAME_3_SIZES,
    MODELS,
    PICTURES,
    Form,
    clip_constants_matrix_game_3,
    matrix_game_2,
    matrix_game_3,
)
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import Sizes

SMALL_2 = {
    "dim": 32, "heads": 2, "ffn_dim": 48, "freq_dim": 16, "layers": 3, "context_dim": 24, "keyboard_dim": 4,
    "keyboard_width": 8, "action_heads": 1, "action_blocks": range(2), "mouse": True,
}  # fmt: skip
SMALL_3 = Sizes(
    dim=48, ffn_dim=64, freq_dim=16, layers=3, text_dim=20, channels=48, cell=16, keyboard_dim=6, keyboard_width=8,
    action_heads=2, action_head_size=16, action_blocks=(0, 1), heads=3,
)  # fmt: skip


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_little_network_costs_what_a_hand_counts(device):
    layer = torch.nn.Linear(8, 16, device=device)
    x = torch.zeros(5, 8, device=device)
    with counted() as counter:
        y = layer(x)
        F.gelu(y).add_(1)
    linear = 4 * (5 * 8 + 16 * 8 + 16 + 5 * 16)
    # gelu reads and writes; so does the sum, whose operand is given and result
    assert counter.cost == Cost(3, linear + 2 * 4 * 80 + 2 * 4 * 80, 2 * 5 * 8 * 16)
    assert counter.by_name["gelu"].kernels == 1


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_views_are_no_kernels_and_copies_are(device):
    x = torch.zeros(4, 6, device=device)
    with counted() as counter:
        x.t()[1:].unflatten(1, (2, 2)).unsqueeze(0).expand(3, -1, -1, -1)
        x.reshape(3, 8).flatten().view(2, 12).contiguous()
    assert counter.cost == Cost()
    with counted() as counter:
        x.t().reshape(24)
    assert counter.cost.kernels == 1 and counter.cost.bytes == 2 * x.nbytes


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_attention_is_one_kernel_and_its_result_lies_as_it_is_used(device):
    q, k = (torch.zeros(1, 2, count, 8, device=device) for count in (3, 5))
    with counted() as counter:
        out = F.scaled_dot_product_attention(q, k, k).transpose(1, 2)
        if device == "meta":  # on a CPU it depends on the size
            out.flatten(2)
    assert counter.cost == Cost(1, 2 * q.nbytes + 2 * k.nbytes, 2 * 2 * 2 * 3 * 5 * 8)


def test_convolutions_and_products_of_whole_numbers_count_too():
    with counted() as counter:
        F.conv3d(torch.zeros(1, 3, 4, 4, 4, device="meta"), torch.zeros(6, 3, 1, 2, 2, device="meta"), stride=(1, 2, 2))
    assert counter.cost.flop == 2 * 6 * 4 * 2 * 2 * 3 * 4
    whole = torch.zeros(32, 16, dtype=torch.int8, device="meta")
    with counted() as counter:
        torch._int_mm(whole, whole.t())
    assert counter.cost.flop == 2 * 32 * 32 * 16


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_peak_is_what_lives_at_once_and_views_add_nothing(device):
    given = torch.zeros(10, device=device)
    with counted([given, given[2:]]) as counter:
        first = torch.zeros(100, device=device)
        second = first + 1
        view = second[3:]
        del first, second
        third = torch.zeros(50, device=device)
    assert counter.live == 40 + view.untyped_storage().nbytes() + third.nbytes == 640
    assert counter.peak == 840
    with counted() as counter:
        given[2:].add_(1)
    assert counter.peak == 0, "what was there before counts only where it is said"


@pytest.mark.parametrize("kept", [True, False])
def test_matrix_game_3_takes_its_bound_the_mouse_of_every_token_and_what_is_made_anew(kept):
    model = matrix_game_3(Form((64, 96), kept=kept), SMALL_3, (8, 16))
    later = model.passes[1]
    with counted() as counter:
        later.before()
        before = counter.cost
        later.run()
    flop = (counter.cost - before).flop
    tokens, given, latents = 6, 9, 19
    width, levels = 2 * 16, 2
    mouse = 2 * 2 * 24 * width * tokens * latents
    begun = 2 * given * tokens * (48 * 4 * 48 + 3 * 48 * 48)  # what given latents begin with is made again each time
    times = 2 * levels * (16 * 48 + 48 * 48 + 48 * 6 * 48)
    extra = 0
    if not kept:
        extra = clip_constants_matrix_game_3(SMALL_3, latents, given, tokens) - begun - 2 * latents * 2 * 24 * width
    assert flop == later.bound + mouse + begun + times + extra


def test_matrix_game_2_takes_its_bound_and_the_mouse_of_every_token():
    model = matrix_game_2(Form((64, 96)), SMALL_2, 4)
    noisy, clean = model.passes
    tokens = 24
    with counted() as counter:
        noisy.before()
        before = counter.cost
        noisy.run()
    assert (counter.cost - before).flop == noisy.bound + 2 * 2 * 24 * 64 * 3 * tokens
    assert clean.bound < noisy.bound


def test_the_released_networks_have_the_released_files_parameters():
    network = MatrixGame3(MATRIX_GAME_3_SIZES, device="meta")
    assert sum(part.numel() for part in network.parameters()) == 6_469_915_584


def test_attention_in_8_bits_leaves_at_most_83_hundredths_of_the_weights():
    plain, packed = (weights_of(matrix_game_3(Form(PICTURES["matrix-game-3"], int8=int8)).network) for int8 in (0, 1))
    assert bytes_of(packed) <= 0.83 * bytes_of(plain)


# ---------------------------------------------------------------- cards

GIGABYTE = 10**9
PHASES = {"denoise": Phase({"network": 10 * GIGABYTE}, 4 * GIGABYTE), "decode": Phase({"VAE": GIGABYTE}, GIGABYTE)}
LOWER = {**PHASES, "denoise": Phase({"network": 10 * GIGABYTE}, GIGABYTE)}


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("24GB", ["denoise: fits beside all other weights, 8.00 GB", "decode: fits beside all"]),
        (
            "15GB",
            ["denoise: fits, 0.00 GB to spare; offloaded meanwhile as far as needed: VAE", "decode: fits"],
        ),
        ("13GB", ["denoise: 2.00 GB of 10.00 GB", "decode: fits", "to lower: less; then every phase fits"]),
        ("6GB", ["denoise: 9.00 GB of 10.00 GB", "decode: fits", "to lower: less; then at most 6.00 GB"]),
        ("4 GB", ["denoise: does not fit, its working memory alone is 4.00 GB", "decode", "to lower: less; then"]),
        ("1.5GB", ["denoise: does not fit", "decode: does not fit", "to lower: nothing counted here is enough"]),
    ],
)
def test_a_card_is_told_what_fits_what_is_offloaded_and_what_to_lower(card, words):
    lines = plan(PHASES, card_bytes(card), {"less": LOWER})
    assert len(lines) == len(words) and all(line.startswith(begin) for line, begin in zip(lines, words, strict=True))


def test_what_is_missing_is_the_hungriest_phase():
    assert missing(PHASES, 14 * GIGABYTE + RESERVED) == 0 and missing(PHASES, 14 * GIGABYTE) == RESERVED


@pytest.mark.parametrize("text", ["", "12 apples", "-3GB", "0.5GB", "1e9", "9" * 400])
def test_a_card_of_no_size_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="^--card: found .* expected more than 1 GB"):
        card_bytes(text)


@pytest.mark.parametrize("text", ["352", "352x", "0x640", "x", "350x640", "352x640x3"])
def test_a_picture_of_no_size_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="^--picture: found"):
        picture_of(text, "matrix-game-2")


def test_the_command_prints_all_of_it(capsys, monkeypatch):
    monkeypatch.setitem(MODELS, "matrix-game-3", lambda form: matrix_game_3(form, SMALL_3, (8, 16)))
    words = ["count", "matrix-game-3", "--picture", "64x96", "--attention", "bf16", "--constants", "kept"]
    assert main([*words, "--vae", "light-75", "--card", "40GB", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["weights bytes"] == 2 * sum(part.numel() for part in MatrixGame3(SMALL_3, device="meta").parameters())
    assert {"kernels", "bytes", "gflop", "bound gflop"} == set(found["passes"]["a chunk"])
    assert all(row["bound gflop"] <= row["gflop"] for row in found["passes"].values())
    assert set(found["peak bytes"]) == {"load", "encode, UMT5-XXL", "encode", "denoise", "decode"}
    for name, peak in found["peak bytes"].items():
        assert peak["kept"] + peak["activations"] == peak["working"] == peak["together"] - peak["weights"]
        assert peak["activations"] > 0 or peak["working"] == 0, name
    assert all("fits beside all other weights" in line for line in found["cards"]["40GB"])


def test_a_phase_is_told_apart_into_what_it_keeps_and_what_comes_and_goes(monkeypatch):
    monkeypatch.setitem(MODELS, "matrix-game-3", lambda form: matrix_game_3(form, SMALL_3, (8, 16)))
    peaks = {
        (int8, kept): chunk_of("matrix-game-3", Form((64, 96), int8, kept))[1]["denoise"]
        for int8 in (False, True)
        for kept in (False, True)
    }
    plain = peaks[False, True]
    network = MatrixGame3(SMALL_3, device="meta")
    constants = 2 * network.kept_numbers(19, 4, 6, 512)  # at most, without the tables of positions
    assert 0.9 * constants < plain.kept - peaks[False, False].kept < 1.1 * constants
    for kept in (False, True):  # weights in 8 bits are weights, however they are looked at
        assert abs(peaks[True, kept].kept - peaks[False, kept].kept) < 100  # but for what a process makes once
        assert peaks[True, kept].parts["network"] < peaks[False, kept].parts["network"]


def test_a_folder_without_the_authors_code_is_named_in_a_sentence(tmp_path):
    with pytest.raises(HostError, match=r"found no wan/modules/model\.py in .*; fetch https://github.com/SkyworkAI/"):
        authors_model(tmp_path, "cpu", torch.float32)
    (tmp_path / "wan" / "modules").mkdir(parents=True)
    (tmp_path / "wan" / "modules" / "model.py").touch()
    with pytest.raises(HostError, match=r"found no wan/modules/action_module\.py"):
        authors_model(tmp_path, "cpu", torch.float32)
    with pytest.raises(
        HostError, match=r"found no wan/modules/attention\.py in .*; fetch https://github.com/SkyworkAI/"
    ):
        authors_modules(tmp_path)


def test_a_family_has_its_forms():
    asked = Namespace(picture=None, attention=None, constants=None, vae="whole")
    assert len(forms_of(asked, "matrix-game-3")) == 4 and len(forms_of(asked, "matrix-game-2")) == 1


def test_a_chunk_of_matrix_game_2_costs_no_more_than_is_written_down():
    """Casts and joins around rotations, copies into the cache or a clean pass's last block would show here.

    Blocks of a kind cost the same, so 30 of them are counted as few.
    """

    def of(acting, plain):
        sizes = {**MATRIX_GAME_2_SIZES, "layers": acting + plain, "action_blocks": range(acting)}
        model = matrix_game_2(Form((352, 640)), sizes)
        return (*denoised(model)[0], model.chunk_bound)

    counts = of(1, 1), of(2, 1), of(1, 2)
    kernels, size, flop, bound = (
        one + 14 * (two - one) + 14 * (three - one) for one, two, three in zip(*counts, strict=True)
    )
    assert kernels <= 4300 and size <= 97e9
    assert 1 <= flop / bound < 1.001


def test_what_is_planned_is_what_is_taken(capsys):
    assert main(["plan", "matrix-game-2", "--precision", "fp32", "--small", "--phase", "decode"]) == 0
    *_, said, ratio = capsys.readouterr().out.splitlines()
    assert said == "farther apart than 10%: none"
    name, value = ratio.removeprefix("ratio ").split()
    assert name == "matrix-game-2-fp32/64x96/decode" and abs(float(value) - 1) < 0.05
    with pytest.raises(SystemExit):
        main(["plan", "matrix-game-9"])
    assert "family: found 'matrix-game-9', expected one of matrix-game-2" in capsys.readouterr().err


def test_the_peak_of_the_allocator_holds_what_kernels_take_for_themselves():
    x = torch.zeros(64, 1000, dtype=torch.bfloat16)
    taken = allocated(lambda: F.rms_norm(x, (1000,)))
    assert 64 * 1000 * 4 < taken < 64 * 1000 * 20
