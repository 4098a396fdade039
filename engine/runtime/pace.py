"""How many images go into one call of a column, by what an image takes here.

    batch_size 16, timeout_s 300      0.1 s per image: 16      10 s: 7      100 s: 1

A call has a deadline, after which its process is taken to hang. On a machine that is much slower than the batch size
was meant for, whole batches would run into it again and again. So the first image of a column is run once by itself,
for its time alone; its answer is thrown away, and the batches of all but very slow models stay what they would have
been, in every run. The calls that follow correct the estimate.
"""

from stages.annotate.resources import Resources

SHARE = 0.25
"""Of the deadline, that a call should take at most: some images take several times as long as others."""


class Pace:
    """Of one column. measured: whether its first image has been tried, or need not be."""

    def __init__(self, resources: Resources, *, is_paid: bool = False) -> None:
        self._most = resources.batch_size
        self._enough_s = SHARE * resources.timeout_s
        self._rehearsed_s: float | None = None
        self._seconds, self._images = 0.0, 0
        self.measured = is_paid or resources.batch_size == 1

    @property
    def size(self) -> int:
        """Images per call."""
        each_s = self._seconds / self._images if self._images else self._rehearsed_s
        if not each_s:
            return self._most
        return max(1, min(self._most, int(self._enough_s / each_s)))

    def rehearsed(self, seconds: float | None) -> None:
        """The first image took this long; None: it failed, and says nothing."""
        self.measured, self._rehearsed_s = True, seconds

    def took(self, images: int, seconds: float) -> None:
        """A call that went well."""
        self._images += images
        self._seconds += seconds

    def limit(self, images: int) -> None:
        """From now on so many at most: there was no memory for more."""
        self._most = min(self._most, max(1, images))
