"""A child's side: calls generators that it is told, and writes what they yield."""

import os
import pickle
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any, Final

from analyzer.core.faults import described

Task = tuple[Callable[..., Iterator[Any]], tuple[Any, ...]]
_AHEAD: Final = 2  # results that wait for the parent, beside the one on its way


class Kind(Enum):
    """What an answer is. Every task is answered by values, and then by its end or a fault."""

    VALUE = auto()
    END = auto()
    FAULT = auto()


def serve() -> None:
    """Works until the parent lets go of the socket that is standard input and output, or is no more."""
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    answers: queue.Queue[tuple[Kind, Any]] = queue.Queue(_AHEAD)
    threading.Thread(target=_receive, args=(tasks,), daemon=True).start()
    threading.Thread(target=_send, args=(answers,), daemon=True).start()
    while True:
        work, arguments = tasks.get()
        try:
            for value in work(*arguments):
                answers.put((Kind.VALUE, value))
                del value  # its memory, before the next one is made
        except Exception as fault:  # noqa: BLE001  # told to the parent, which ends its run by it
            answers.put((Kind.FAULT, described(fault)))
        else:
            answers.put((Kind.END, None))


def _receive(tasks: "queue.SimpleQueue[Task]") -> None:
    """Takes tasks. Their end is the parent's: whatever is being done has no use any more."""
    try:
        while True:
            tasks.put(pickle.load(sys.stdin.buffer))  # noqa: S301  # from the parent, over a socket of these two
    finally:
        os._exit(1)  # whatever ended it: without this thread the parent would wait for ever


def _send(answers: "queue.Queue[tuple[Kind, Any]]") -> None:
    try:
        while True:
            pickle.dump(answers.get(), sys.stdout.buffer, protocol=5)
            sys.stdout.buffer.flush()
    finally:
        os._exit(1)  # as above
