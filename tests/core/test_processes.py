import pytest

from phenolens.core import processes


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (1, 0)),
        ({"WORLD_SIZE": "4", "RANK": "3"}, (4, 3)),
        ({"WORLD_SIZE": "1", "RANK": "0"}, (1, 0)),
        ({"RANK": "2"}, (1, 0)),
    ],
)
def test_number_and_rank_are_those_of_torchrun_s_variables(monkeypatch, environment, expected):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (processes.count(), processes.rank()) == expected
