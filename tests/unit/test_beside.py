"""Work beside the caller's: in order, on one thread, and whatever goes wrong comes back to the caller."""

import threading

import pytest
import torch

from worldmodel.layers.beside import WAITING, Beside


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
