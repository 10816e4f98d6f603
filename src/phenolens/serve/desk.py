"""Where requests wait for the model: one thread works for all of them, and takes what waits together.

A request comes in pieces, each some sequences. Of all requests that ask in the same way the thread takes one piece each in turn until a
step is full; then those that were not served come first. So many small requests cost as much as one large one, and a small one waits
for a step of a large one, not for its end. Nobody waits for a step to fill: what arrives meanwhile makes the next one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from phenolens.serve.limits import Limits, Refusal

STEP_BASES = 1 << 14  # of a step, unless it is one piece
Piece = list[str]
Work = Callable[[Any, list[Piece]], Sequence[Any]]
Result = TypeVar("Result")


@dataclass(eq=False)
class _Ticket:
    """A request that waits: how it asks, pieces that were not worked on, results of the others, and who gets these when all are there."""

    way: Hashable
    pieces: deque[Piece]
    answer: asyncio.Future[list[Any]]
    done: list[Any] = field(default_factory=list)


class Desk:
    """A bounded queue before one worker thread.

    Parameters
    ----------
    work : (way, pieces) -> one result for each piece, the same whatever other pieces are there.
    limits : `waiting` is used.
    """

    def __init__(self, work: Work, limits: Limits) -> None:
        self.work, self.limits = work, limits
        self.inside = 0  # requests
        self.waiting: list[_Ticket] = []
        self.arrived = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work on what comes inside the block."""
        worker = asyncio.create_task(self._attend())
        try:
            yield
        finally:
            worker.cancel()
            self.thread.shutdown(cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for one request inside the block.

        Raises
        ------
        Refusal : 503 when all places are taken.
        """
        if self.inside >= self.limits.waiting:
            raise Refusal(503, f"{self.inside:,} requests wait already; ask again in some seconds", retry=5)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what a function says that must not run beside the model."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def ask(self, way: Hashable, pieces: list[Piece]) -> list[Any]:
        """Return the result of every piece; whoever stops waiting has no more of its pieces worked on."""
        ticket = _Ticket(way, deque(pieces), asyncio.get_running_loop().create_future())
        self.waiting.append(ticket)
        self.arrived.set()
        return await ticket.answer

    async def _attend(self) -> None:
        while True:
            await self.arrived.wait()
            if not (taken := self._take()):
                self.arrived.clear()
                continue
            step = self.run(self.work, taken[0][0].way, [piece for _, piece in taken])
            await asyncio.wait([found := asyncio.create_task(step)])
            _give([ticket for ticket, _ in taken], found)

    def _take(self) -> list[tuple[_Ticket, Piece]]:
        """Return the pieces of the next step, of one way; those who wait longest come first."""
        waiting = [ticket for ticket in self.waiting if not ticket.answer.done()]
        turn = deque(ticket for ticket in waiting if ticket.way == waiting[0].way)
        taken: list[tuple[_Ticket, Piece]] = []
        room = STEP_BASES
        while turn:
            ticket = turn.popleft()
            room -= sum(map(len, ticket.pieces[0]))
            if taken and room < 0:
                break
            taken.append((ticket, ticket.pieces.popleft()))
            if ticket.pieces:
                turn.append(ticket)
        served = {id(ticket) for ticket, _ in taken}
        left = (ticket for ticket in waiting if ticket.pieces)
        self.waiting = sorted(left, key=lambda ticket: id(ticket) in served)
        return taken


def _give(tickets: list[_Ticket], found: "asyncio.Future[Sequence[Any]]") -> None:
    """Hand the results of a step, one for each of the tickets, or its error, to those who still wait."""
    error = found.exception()
    if error is None:
        for ticket, result in zip(tickets, found.result(), strict=True):
            ticket.done.append(result)
    for ticket in tickets:
        if ticket.answer.done():
            continue
        if error is not None:
            ticket.answer.set_exception(error)
        elif not ticket.pieces:
            ticket.answer.set_result(ticket.done)
