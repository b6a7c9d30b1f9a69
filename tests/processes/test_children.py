"""Other processes: what they give, in order; how they end; what they do not know."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from analyzer.processes.children import ChildLost, Children
from tests.processes import work


@contextmanager
def children(number: int) -> Iterator[Children]:
    made = Children(number)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def two() -> Iterator[Children]:
    with children(2) as made:
        yield made


def test_what_a_child_yields_comes_in_order(two: Children) -> None:
    assert list(two.ahead(work.count, 3, 300)) == list(range(3, 300))
    assert list(two.ahead(work.count, 0, 0)) == []


@pytest.mark.parametrize("items", [0, 1, 2, 3, 10])
def test_results_are_in_the_order_of_the_items(two: Children, items: int) -> None:
    expected = [number * number for number in range(items)]
    assert list(two.each(work.square, range(items))) == expected
    assert list(Children(0).each(work.square, range(items))) == expected


def test_a_call_may_follow_whatever_was_done_before(two: Children) -> None:
    assert list(two.each(work.square, [2, 3])) == [4, 9]
    with pytest.raises(ChildLost):
        list(two.ahead(work.fail, 1))
    assert list(two.ahead(work.count, 0, 2)) == [0, 1]


def test_a_fault_in_a_child_is_told_without_its_text(two: Children) -> None:
    taken = two.ahead(work.fail, 2)
    assert [next(taken), next(taken)] == [0, 1]
    with pytest.raises(ChildLost, match=r"^a process of --jobs failed \(ValueError in fail:\d+\)$"):
        next(taken)


def test_a_child_that_dies_is_told_not_taken_for_the_end() -> None:
    with children(1) as made:
        taken = made.ahead(work.die, 2)
        assert [next(taken), next(taken)] == [0, 1]
        with pytest.raises(ChildLost, match=r"was ended by signal 9 before its work was done$"):
            list(taken)
        with pytest.raises(ChildLost):  # nor for one that works
            list(made.ahead(work.count, 0, 2))


def test_a_child_that_cannot_give_what_it_has_keeps_nobody_waiting() -> None:
    with children(1) as made, pytest.raises(ChildLost, match=r"^a process of --jobs ended with 1 before"):
        list(made.ahead(work.unsendable))


def test_a_child_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ChildLost, match=r"^a process of --jobs cannot be started \(No such file or directory\)$"):
        Children(2)


def test_children_know_nothing_of_keys_and_nothing_of_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """keys.md: a bundle may take a key from the environment. A terminal interrupts the group of the command."""
    monkeypatch.setenv("UE1_CK", "00112233445566778899aabbccddeeff")
    with children(1) as made:
        ((names, group),) = made.ahead(work.surroundings)
    assert "UE1_CK" not in names
    assert group != os.getpgid(0)


def test_a_child_ends_with_the_run_whatever_it_does() -> None:
    with children(1) as made:
        number = next(made.ahead(work.idle, 0))
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


PARENT = """
import sys
from analyzer.processes.children import Children
from tests.processes import work
number = next(Children(1, [int(sys.argv[1])]).ahead(work.idle, 0))
print(number, flush=True)
sys.stdin.read()
"""


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    """The child holds the writing end of a pipe: its end is the pipe's."""
    reading, writing = os.pipe()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(writing)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(writing,), env=environment,
    )  # fmt: skip
    os.close(writing)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent, os.fdopen(reading, "rb") as pipe:
        assert int(parent.stdout.readline()) > 0
        parent.send_signal(signal.SIGKILL)
        assert pipe.read() == b""
