"""Work beside the caller's: in order, on one thread, and whatever goes wrong comes back to the caller."""

import random
import threading

import pytest
import torch

from worldmodel.layers.beside import WAITING, Beside
from worldmodel.layers.threads import few_threads


def test_everything_comes_back_in_order():
    with Beside(lambda number: number * number) as beside:
        got = []
        for number in range(20):
            beside.give(number)
            got += beside.take()
        got += beside.take_all()
    assert got == [number * number for number in range(20)]


def test_it_works_in_another_thread_on_one_cpu_thread_in_the_callers_inference_mode():
    before = torch.get_num_threads()

    def look(_):
        return threading.get_ident(), torch.get_num_threads(), torch.is_inference_mode_enabled()

    for inference in (True, False):
        with torch.inference_mode(inference), Beside(look) as beside:
            beside.give(0)
            ((thread, count, mode),) = beside.take_all()
        assert thread != threading.get_ident()
        assert (count, mode) == (1, inference)
    assert torch.get_num_threads() == before


def test_it_takes_as_many_cpu_threads_as_it_is_told_or_those_of_any_new_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with few_threads():
            for told, count in ((None, 3), (2, 2), (1, 1)):
                with Beside(lambda _: torch.get_num_threads(), told) as beside:
                    beside.give(0)
                    assert beside.take_all() == [count]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_goes_wrong_is_raised_to_the_caller_and_the_thread_ends(error):
    def fail(number):
        if number == 1:
            raise error
        return number

    with pytest.raises(type(error)), Beside(fail) as beside:
        for number in range(3 * WAITING):  # more than may wait: a failure must not block who brings the next
            beside.give(number)
        assert beside.take_all() is None
    assert not any(thread.name == "worldmodel-beside" for thread in threading.enumerate())


def test_what_comes_after_a_failure_is_not_done():
    done = []

    def work(number):
        done.append(number)
        if number == 0:
            raise ValueError

    with pytest.raises(ValueError), Beside(work) as beside:
        for number in range(4):
            beside.give(number)
        beside.take_all()
    assert done == [0]


def test_leaving_drops_what_waits():
    begun, go, done = threading.Event(), threading.Event(), []

    def work(number):
        begun.set()
        go.wait(30)
        done.append(number)

    with pytest.raises(KeyError), Beside(work) as beside:
        for number in range(1 + WAITING):
            beside.give(number)
            begun.wait(30)

        def let_go():
            while not beside._over:
                threading.Event().wait(0.01)
            go.set()

        threading.Thread(target=let_go).start()
        raise KeyError
    assert done == [0]
    assert not any(thread.name == "worldmodel-beside" for thread in threading.enumerate())


def test_no_more_than_a_few_wait():
    held, go = [], threading.Event()

    def work(number):
        go.wait(30)
        return number

    def bring(beside):
        for number in range(6):
            beside.give(number)
            held.append(number)

    with Beside(work) as beside:
        bringer = threading.Thread(target=bring, args=(beside,))
        bringer.start()
        bringer.join(0.2)  # it cannot end while nothing is done
        assert len(held) <= 1 + WAITING
        go.set()
        bringer.join(30)
        assert beside.take_all() == [*range(6)]


def test_waiting_can_be_broken_off():
    go = threading.Event()

    def stop():
        go.set()
        raise InterruptedError

    with pytest.raises(InterruptedError), Beside(lambda _: go.wait(30)) as beside:
        beside.give(0)
        beside.take_all(meanwhile=stop)


def test_a_failure_is_raised_again_by_whoever_takes_later():
    def fail(_):
        raise ValueError("once and for all")

    with Beside(fail) as beside:
        beside.give(0)
        for ask in (beside.next, beside.take, beside.take_all, beside.next):
            with pytest.raises(ValueError, match="once and for all"):
                ask()
        assert beside.over


def test_who_waits_for_room_or_for_a_piece_hears_a_stop():
    begun, go, looks = threading.Event(), threading.Event(), []

    def work(number):
        begun.set()
        assert go.wait(30)
        return number

    def stop():
        looks.append(1)
        raise InterruptedError

    with Beside(work) as beside:
        beside.give(0)
        assert begun.wait(30)
        for number in range(WAITING):
            beside.give(1 + number)
        with pytest.raises(InterruptedError):
            beside.give("refused", stop)
        with pytest.raises(InterruptedError):
            beside.next(stop)
        go.set()
        assert beside.take_all() == [*range(1 + WAITING)]  # and not what was refused
    assert looks == [1, 1]


def test_work_can_end_where_nobody_wants_the_rest():
    begun, seen = threading.Event(), []

    def work(_):
        begun.set()
        while not beside.over:
            pass
        seen.append("over")

    with Beside(work) as beside:
        beside.give(0)
        assert begun.wait(30)
        assert not beside.over
    assert seen == ["over"]


class Stopped(Exception):
    """The user's Stop."""


class Walk:
    """A rollout of pieces made of steps, whose worker decodes each in parts; a stop comes at one of all their moments.

    Everything that is made is in `kept` before it is handed over, as a journal does; `film` is what was decoded.
    """

    PIECES, STEPS, PARTS = 6, 3, 4

    def __init__(self, moment):
        self.left, self.turn, self.stop = moment, threading.Lock(), False
        self.kept, self.film = [], []

    def passes(self):
        with self.turn:
            self.left -= 1
            self.stop = self.stop or self.left == 0

    def heard(self):
        if self.stop:
            raise Stopped

    def decode(self, piece):
        for part in range(self.PARTS):
            self.passes()
            self.film.append((piece, part))
            if self.beside.over:
                return None
        return piece

    def run(self):
        shown = []
        with Beside(self.decode) as self.beside:
            for piece in range(self.PIECES):
                for _ in range(self.STEPS):
                    self.passes()
                    self.heard()
                    shown += self.beside.take()
                self.kept.append(piece)
                self.beside.give(piece, self.heard)
            shown += self.beside.take_all(self.heard)
        return shown


MOMENTS = Walk.PIECES * (Walk.STEPS + Walk.PARTS)


def within(seconds, work):
    """Return what `work` returned or raised in a thread of its own, which must end."""
    told = []

    def run():
        try:
            told.append(work())
        except Stopped as stop:
            told.append(stop)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return told[0]


def test_a_stop_at_fifty_random_moments_loses_nothing_and_never_hangs():
    draw, stopped = random.Random(12), 0
    whole = [(piece, part) for piece in range(Walk.PIECES) for part in range(Walk.PARTS)]
    for _ in range(50):
        walk = Walk(draw.randint(1, MOMENTS))
        shown = within(30, walk.run)
        assert not any(thread.name == "worldmodel-beside" for thread in threading.enumerate())
        assert walk.kept == [*range(len(walk.kept))]
        assert walk.film == whole[: len(walk.film)]  # in order, nothing twice
        assert len(walk.film) <= len(walk.kept) * Walk.PARTS  # never ahead of what is kept
        if isinstance(shown, Stopped):
            stopped += 1
        else:
            assert shown == walk.kept == [*range(Walk.PIECES)] and walk.film == whole
    assert stopped > 25
    assert within(30, Walk(0).run) == [*range(Walk.PIECES)]
