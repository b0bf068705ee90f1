"""Small networks compute on one thread, and nobody else in the process notices."""

import threading

import pytest
import torch
from torch import nn

from worldmodel.layers.threads import SMALL, few_threads, is_small, threads_for


@pytest.fixture(autouse=True)
def three_threads():
    """A number that no default has, and that is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def in_new_thread(work):
    told = []
    thread = threading.Thread(target=lambda: told.append(work()))
    thread.start()
    thread.join()
    return told[0]


def test_the_calling_thread_computes_on_one_thread_and_gets_its_own_number_back():
    with few_threads():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_number_comes_back_whatever_ends_the_work(error):
    with pytest.raises(error), few_threads():
        raise error
    assert torch.get_num_threads() == 3
    assert in_new_thread(torch.get_num_threads) == 3


def test_threads_that_are_born_meanwhile_keep_the_hosts_number():
    with few_threads():
        assert in_new_thread(torch.get_num_threads) == 3
        with few_threads(2):
            assert torch.get_num_threads() == 2
            assert in_new_thread(torch.get_num_threads) == 3
        assert torch.get_num_threads() == 1
    assert in_new_thread(torch.get_num_threads) == 3


def test_threads_that_run_already_keep_their_own_number():
    begun, go, seen = threading.Event(), threading.Event(), []

    def other():
        torch.get_num_threads()  # else torch counts this thread as new
        torch.set_num_threads(2)
        begun.set()
        go.wait(30)
        seen.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait(30)
    torch.set_num_threads(3)
    with few_threads():
        go.set()
        thread.join()
    assert seen == [2]
    assert torch.get_num_threads() == 3


def test_many_at_once_leave_the_hosts_number():
    failures = []

    def work():
        for _ in range(20):
            before = torch.get_num_threads()
            with few_threads():
                if torch.get_num_threads() != 1:
                    failures.append("inside")
            if torch.get_num_threads() != before:
                failures.append("after")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert in_new_thread(torch.get_num_threads) == torch.get_num_threads() == 3


def test_small_is_a_matter_of_the_work_in_a_pass():
    with torch.device("meta"):
        layer = nn.Linear(1000, 100, bias=False)
    assert is_small(layer, SMALL // 100_000)
    assert not is_small(layer, SMALL // 100_000 + 1)
    with threads_for(layer, 10):
        assert torch.get_num_threads() == 1
    with threads_for(layer, SMALL):
        assert torch.get_num_threads() == 3
