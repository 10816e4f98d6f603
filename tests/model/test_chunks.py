from hypothesis import given
from hypothesis import strategies as st

from phenolens.model.chunks import chunks


@given(st.lists(st.text("A", max_size=9), max_size=20), st.integers(1, 30), st.one_of(st.none(), st.integers(1, 5)))
def test_stretches_are_whole_in_order_within_the_limits_and_as_long_as_can_be(sequences, bases, most):
    found = list(chunks(sequences, bases=bases, most=most))
    assert [i for first, last in found for i in range(first, last)] == list(range(len(sequences)))
    for first, last in found:
        assert last - first == 1 or sum(map(len, sequences[first:last])) <= bases
        assert most is None or 1 <= last - first <= most
        if last < len(sequences):
            assert last - first == most or sum(map(len, sequences[first : last + 1])) > bases
