"""The first random number of many streams at once, the same that numpy gives one by one.

A stream costs numpy 25 µs to set up, which is half a minute for the splits of a million piles. Here its seeding
(`numpy.random.SeedSequence`, M. O'Neill's seed_seq_fe) and one step of its generator (`numpy.random.PCG64`, XSL-RR
128/64) run over whole arrays: 0.4 µs a stream.
"""

import numpy as np
import numpy.typing as npt

from core.seeding import Purpose

_U32 = npt.NDArray[np.uint32]
_U64 = npt.NDArray[np.uint64]
_POOL = 4  # words
_MASK = 0xFFFFFFFF
_LOW = np.uint64(_MASK)
_HALF = np.uint64(32)
_PCG_HIGH, _PCG_LOW = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)  # the multiplier


def first_uniforms(seed: int, keys: npt.NDArray[np.int64], purpose: Purpose) -> npt.NDArray[np.float64]:
    """Return ``generator(seed, key, purpose).random()`` for each key: (N,) in [0, 1).

    Args:
        seed: 0 or more.
        keys: (N,), each 0 to 2**32 - 1.
        purpose: the last word of each stream's key.

    Raises:
        ValueError: a key is out of range.
    """
    if keys.size and not 0 <= keys.min() <= keys.max() <= _MASK:
        raise ValueError(f"keys should be 0 to {_MASK}, got {keys.min()} to {keys.max()}")
    words: list[_U32 | int] = [*_words(seed), keys.astype(np.uint32), int(purpose)]
    state = _generate(_pool(words, len(keys)))  # (8, N)
    start_high, start_low, key_high, key_low = (
        state[2 * k].astype(np.uint64) | (state[2 * k + 1].astype(np.uint64) << _HALF) for k in range(4)
    )
    step_high = (key_high << np.uint64(1)) | (key_low >> np.uint64(63))
    step_low = (key_low << np.uint64(1)) | np.uint64(1)
    high, low = _add(start_high, start_low, step_high, step_low)
    for _ in range(2):  # one to end the seeding, one for the number
        high, low = _add(*_times_multiplier(high, low), step_high, step_low)
    mixed, turn = high ^ low, high >> np.uint64(58)
    drawn = (mixed >> turn) | (mixed << ((np.uint64(64) - turn) & np.uint64(63)))
    return np.asarray((drawn >> np.uint64(11)) * 2.0**-53)


def _words(seed: int) -> list[int]:
    words = [seed & _MASK]
    while seed := seed >> 32:
        words.append(seed & _MASK)
    return words


def _pool(words: list[_U32 | int], count: int) -> list[_U32]:
    """Return SeedSequence's pool for the entropy `words`, a number or (N,) each."""
    entropy = [np.broadcast_to(np.asarray(word, dtype=np.uint32), count) for word in words]
    entropy += [np.zeros(count, dtype=np.uint32)] * (_POOL - len(entropy))
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in entropy[:_POOL]]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _mix(pool[target], hashed(pool[source]))
    for word in entropy[_POOL:]:
        for target in range(_POOL):
            pool[target] = _mix(pool[target], hashed(word))
    return pool


def _generate(pool: list[_U32]) -> list[_U32]:
    hashed = _Hash(0x8B51F9DD, 0x58F38DED)
    return [hashed(pool[k % _POOL]) for k in range(2 * _POOL)]


class _Hash:
    """SeedSequence's hash, whose constant moves on with each call."""

    def __init__(self, constant: int, multiplier: int) -> None:
        self._constant, self._multiplier = constant, multiplier

    def __call__(self, value: _U32) -> _U32:
        value = value ^ np.uint32(self._constant)
        self._constant = self._constant * self._multiplier & _MASK
        value = value * np.uint32(self._constant)
        return np.asarray(value ^ (value >> np.uint32(16)))


def _mix(one: _U32, other: _U32) -> _U32:
    mixed = one * np.uint32(0xCA01F9DD) - other * np.uint32(0x4973F715)
    return np.asarray(mixed ^ (mixed >> np.uint32(16)))


def _add(high: _U64, low: _U64, other_high: _U64, other_low: _U64) -> tuple[_U64, _U64]:
    """Return the sum of two 128-bit numbers as its high and low words."""
    total = low + other_low
    return high + other_high + (total < low), total


def _times_multiplier(high: _U64, low: _U64) -> tuple[_U64, _U64]:
    """Return the product of 128-bit numbers and PCG64's multiplier, as its high and low words."""
    low_0, low_1 = low & _LOW, low >> _HALF
    other_0, other_1 = _PCG_LOW & _LOW, _PCG_LOW >> _HALF
    middle = low_1 * other_0 + (low_0 * other_0 >> _HALF)
    carried = low_0 * other_1 + (middle & _LOW)
    carry = low_1 * other_1 + (middle >> _HALF) + (carried >> _HALF)
    return carry + high * _PCG_LOW + low * _PCG_HIGH, low * _PCG_LOW
