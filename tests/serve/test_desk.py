"""The queue before the model: everyone gets the own answers whatever is worked on together, nobody waits for the end of a large request."""

import asyncio
import threading

import pytest

from phenolens.serve import desk as desks
from phenolens.serve.desk import Desk
from phenolens.serve.limits import Limits, Refusal


class Counting:
    """Work whose right answers are plain: how many of a letter each piece has; it notes what it did in each step, and can be held up."""

    def __init__(self):
        self.steps = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, letter, pieces):
        self.go.wait(10)
        self.steps.append((letter, pieces))
        if letter == "?":
            raise ValueError("no letter")
        return [[text.count(letter) for text in piece] for piece in pieces]


def told(scene, **limits):
    """Play a scene, a coroutine of (desk, work), and return the work."""

    async def play():
        work = Counting()
        desk = Desk(work, Limits(**limits))
        async with desk.open():
            await asyncio.wait_for(scene(desk, work), 10)
        return work

    return asyncio.run(play())


async def begun(desk, work, *questions):
    """Hold the thread up with a first request, and let the questions wait behind it."""
    work.go.clear()
    first = asyncio.create_task(desk.ask("A", [["A"]]))
    await asyncio.sleep(0.02)
    waiting = [asyncio.create_task(desk.ask(*question)) for question in questions]
    await asyncio.sleep(0.02)
    return first, waiting


def test_those_who_ask_alike_are_worked_on_together_and_get_their_own():
    async def scene(desk, work):
        questions = [("C", [["AC", "CC"], ["C" * i]]) for i in range(5)] + [("G", [["GC"]])]
        first, waiting = await begun(desk, work, *questions)
        work.go.set()
        assert await first == [[1]]
        assert await asyncio.gather(*waiting) == [[[1, 2], [i]] for i in range(5)] + [[[1]]]

    assert [letter for letter, _ in told(scene).steps] == ["A", "C", "G"]


def test_a_small_request_waits_for_a_step_of_a_large_one_not_for_its_end(monkeypatch):
    monkeypatch.setattr(desks, "STEP_BASES", 100)

    async def scene(desk, work):
        large = ("C", [["C" * 60]] * 10)
        first, waiting = await begun(desk, work, large, ("C", [["AC"]]), ("G", [["G"]]))
        work.go.set()
        small = await asyncio.gather(*waiting[1:])
        assert small == [[[1]], [[1]]]
        assert not waiting[0].done()
        assert await waiting[0] == [[60]] * 10
        await first

    steps = told(scene).steps
    assert [sum(len(text) for piece in pieces for text in piece) for _, pieces in steps] == [1, 62, 1] + [60] * 9


def test_all_places_taken_is_said_and_a_place_comes_back():
    async def scene(desk, work):
        with desk.place(), desk.place():
            with pytest.raises(Refusal, match="2 requests wait already") as caught, desk.place():
                pass
            assert (caught.value.status, caught.value.retry) == (503, 5)
        with desk.place():
            assert desk.inside == 1

    told(scene, waiting=2)


def test_who_leaves_is_not_worked_for():
    async def scene(desk, work):
        first, (gone, stays) = await begun(desk, work, ("C", [["CC"]] * 3), ("C", [["C"]]))
        gone.cancel()
        await asyncio.sleep(0)
        work.go.set()
        assert await stays == [[1]]
        assert await first == [[1]]
        assert desk.waiting == []

    assert told(scene).steps == [("A", [["A"]]), ("C", [["C"]])]


def test_an_error_reaches_those_of_its_step_and_nobody_else():
    async def scene(desk, work):
        first, waiting = await begun(desk, work, ("?", [["A"], ["C"]]), ("?", [["A"]]), ("C", [["C"]]))
        work.go.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in found[:2]] == ["no letter", "no letter"]
        assert found[2] == [[1]]
        await first

    told(scene)
