"""A parent's side: processes that work ahead of it, each an interpreter of its own.

They are started anew rather than forked: a child has neither the keys of the run nor its environment nor its threads.
It ends with its parent, however that ends, because what joins them breaks then. Ctrl-C does not reach it: what that
means is the parent's to decide. What a child has ready and the parent has not taken is bounded (`child`).
"""

import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from analyzer.processes.child import Kind

T = TypeVar("T")
R = TypeVar("R")
_ENVIRONMENT: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "OPENBLAS_NUM_THREADS", "PATH", "TZ")
_BUFFER: Final = 1 << 20


class ChildLost(Exception):  # noqa: N818  # it is lost, and so is what it would have given
    """A process ended before its work, or failed in it: how, in one sentence."""


class _Child:
    """One process."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._socket, theirs = socket.socketpair()
        boot = f"import sys; sys.path[:] = {sys.path!r}; from analyzer.processes.child import serve; serve()"
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", boot],
                    stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL,
                    pass_fds=tuple(descriptors), process_group=0,
                    env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                )  # fmt: skip
            except OSError as error:
                self._socket.close()
                raise ChildLost(f"a process of --jobs cannot be started ({error.strerror})") from None
        self._answers = self._socket.makefile("rb", _BUFFER)

    def call(self, work: Callable[..., Iterator[T]], arguments: tuple[Any, ...]) -> Generator[T, None, None]:
        """Has it call what gives an iterator; what that yields. The answers of one call are taken before the next."""
        try:
            self._socket.sendall(pickle.dumps((work, arguments), protocol=5), getattr(socket, "MSG_NOSIGNAL", 0))
        except OSError:
            raise self._lost() from None
        return self._taken()

    def _taken(self) -> Generator[Any, None, None]:
        while True:
            try:
                kind, value = pickle.load(self._answers)  # noqa: S301  # from our child, over a socket of these two
            except (EOFError, OSError, pickle.UnpicklingError):
                raise self._lost() from None
            if kind is Kind.END:
                return
            if kind is Kind.FAULT:
                raise ChildLost(f"a process of --jobs failed ({value})")
            yield value
            del value  # its memory, before the next one is taken

    def _lost(self) -> ChildLost:
        with suppress(OSError):  # of a socket that the other side has closed
            self._socket.shutdown(socket.SHUT_RDWR)  # so that it ends in any case
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return ChildLost(f"a process of --jobs {how} before its work was done")

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._socket.close()


class Children:
    """So many processes beside this one; with none of them everything is done here.

    `descriptors` are open files that they may read, under the same numbers. ChildLost where one cannot be started.
    """

    def __init__(self, count: int, descriptors: Iterable[int] = ()) -> None:
        self._children: list[_Child] = []
        try:
            for _ in range(count):
                self._children.append(_Child(descriptors))
        except ChildLost:
            self.close()
            raise

    def close(self) -> None:
        """Ends them, whatever they do."""
        for child in self._children:
            child.close()

    def ahead(self, work: Callable[..., Generator[T, None, None]], *arguments: Any) -> Generator[T, None, None]:
        """What a generator function yields, made ahead of who takes it. ChildLost where it could not be made."""
        return self._children[0].call(work, arguments) if self._children else work(*arguments)

    def each(self, work: Callable[[T], R], items: Sequence[T], /) -> Iterator[R]:
        """See `core.each.Each`; this process takes its share. ChildLost where one got lost."""
        ways = len(self._children) + 1
        shares = [items[way::ways] for way in range(ways)]
        theirs = zip(self._children, shares[1:], strict=True)
        flows = [map(work, shares[0]), *(child.call(map, (work, share)) for child, share in theirs if share)]
        for number in range(len(items)):
            flow = flows[number % ways]
            result = next(flow)
            if number + ways >= len(items):
                deque(flow, 0)  # the last one of this flow: what is left is its end
            yield result
