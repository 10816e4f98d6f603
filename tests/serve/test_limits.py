"""The token bucket against its closed form."""

from phenolens.serve import limits
from phenolens.serve.limits import Buckets


def test_twice_the_rate_at_once_then_the_rate():
    buckets = Buckets(10)
    assert [buckets.take("a", 5.0) for _ in range(20)] == [0] * 20
    assert abs(buckets.take("a", 5.0) - 0.1) < 1e-9
    assert buckets.take("a", 5.05) > 0
    assert buckets.take("b", 5.05) == 0
    assert sum(buckets.take("a", 5.1 + i / 100) == 0 for i in range(1000)) in (100, 101)
    assert [buckets.take("a", 99.0) for _ in range(21)].count(0) == 20


def test_a_rate_below_one_lets_one_through():
    buckets = Buckets(0.1)
    assert buckets.take("a", 0.0) == 0
    assert abs(buckets.take("a", 0.0) - 10) < 1e-9
    assert buckets.take("a", 10.0) == 0


def test_only_so_many_clients_are_remembered_the_latest(monkeypatch):
    monkeypatch.setattr(limits, "MOST_CLIENTS", 3)
    buckets = Buckets(0.5)
    for client in "abacd":
        buckets.take(client, 0.0)
    assert list(buckets.left) == ["a", "c", "d"]
