"""Draws made many at once are those of numpy, one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.seeding import Purpose, generator
from dataset.draws import first_uniforms
from dataset.manifest import LARGEST_SEED

KEYS = st.lists(st.integers(0, 2**32 - 1), max_size=20)


@given(seed=st.integers(0, LARGEST_SEED), keys=KEYS, purpose=st.sampled_from(Purpose))
def test_they_are_numpys_first_numbers(seed: int, keys: list[int], purpose: Purpose) -> None:
    drawn = first_uniforms(seed, np.array(keys, dtype=np.int64), purpose)
    assert drawn.tolist() == [generator(seed, key, purpose).random() for key in keys]


@pytest.mark.parametrize("keys", [[-1, 3], [3, 2**32]])
def test_keys_of_more_than_one_word_are_refused(keys: list[int]) -> None:
    with pytest.raises(ValueError, match=r"keys should be 0 to 4294967295, got"):
        first_uniforms(0, np.array(keys), Purpose.SPLIT)
