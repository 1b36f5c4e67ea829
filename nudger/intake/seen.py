"""Which events have been counted: ids remembered exactly, by generation of stream time."""

from __future__ import annotations

import sys
from array import array

from nudger.errors import EventError


class SeenIds:
    """The ids applied within the last `lateness` (and the slack), by 64-bit key with 32 bits of content.

    A generation is half the window long and begins at fixed stream times; it is forgotten when the whole of it lies
    behind lateness and slack. When there are more than *max_ids*, the oldest generation goes early and `floor` rises,
    so that what can no longer be told from a repeat is refused openly.
    """

    def __init__(self, lateness: int, slack: int, max_ids: int) -> None:
        self._keep = lateness + slack
        self._length = max(1, lateness // 2)
        self._max = max_ids
        self._generations: dict[int, dict[int, int]] = {}
        self._current: dict[int, int] = {}
        self._number = -1
        self._older: list[dict[int, int]] = []
        self._keys: list[int] = []
        self._contents: list[int] = []
        self.floor = 0

    @property
    def oldest(self) -> int:
        """The number of the oldest generation that is still needed."""
        return min(self._generations, default=0)

    def __len__(self) -> int:
        return sum(map(len, self._generations.values()))

    def add(self, key: int, content: int, stream: int) -> bool:
        """Remember an event about to be counted at stream time *stream* (ms); tell whether it is new.

        Raises:
            EventError: `id_reused`: the id was counted with other content.
        """
        number = stream // self._length
        if number != self._number:
            self._turn(number, stream)
        held = self._current.get(key)
        if held is None:
            for generation in self._older:
                held = generation.get(key)
                if held is not None:
                    break
            else:
                self._current[key] = content
                self._keys.append(key)
                self._contents.append(content)
                return True
        if held != content:
            raise EventError("id_reused", "an event with this id has been counted with other content")
        return False

    def remove(self, key: int) -> None:
        """Forget an event that could not be counted after all."""
        for generation in self._generations.values():
            generation.pop(key, None)
        if key in self._keys:
            at = self._keys.index(key)
            del self._keys[at], self._contents[at]

    def pack(self, stream: int) -> tuple[int, bytes] | None:
        """Return (generation, packed ids) added since the last call, for the commit; None when there are none."""
        if not self._keys:
            return None
        keys, contents = array("Q", self._keys), array("I", self._contents)
        if sys.byteorder == "big":  # the record is little-endian everywhere
            keys.byteswap()
            contents.byteswap()
        self._keys, self._contents = [], []
        return stream // self._length, keys.tobytes() + contents.tobytes()

    def restore(self, generation: int, ids: bytes) -> None:
        """Take up a record of an earlier commit."""
        count = len(ids) // 12
        keys, contents = array("Q"), array("I")
        keys.frombytes(ids[: count * 8])
        contents.frombytes(ids[count * 8 :])
        if sys.byteorder == "big":
            keys.byteswap()
            contents.byteswap()
        self._generations.setdefault(generation, {}).update(zip(keys, contents, strict=True))

    def _turn(self, number: int, stream: int) -> None:
        """Begin a generation and forget those that lie behind."""
        self._number = number
        self._current = self._generations.setdefault(number, {})
        for old in [old for old in self._generations if (old + 1) * self._length + self._keep <= stream]:
            del self._generations[old]
        while len(self) > self._max and len(self._generations) > 1:
            oldest = min(self._generations)
            del self._generations[oldest]
            self.floor = (oldest + 1) * self._length
        self._older = [held for at, held in sorted(self._generations.items(), reverse=True) if at != number]
