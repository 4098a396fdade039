"""How many images go into one call of a column, by what an image takes here.

    batch_size 16      0.1 s per image: 16      4 s: 16      10 s: 1      100 s: 1

The first image of a column is run once by itself, for its time. Where a full batch would then take more than a share of
the time that a call has, calls hold what takes some seconds: a slow model gains nothing from batches, and whoever waits
sees it move. All other models are called with the same batches in every run. The calls that follow correct what the
first image said.
"""

from stages.annotate.resources import Resources

SHARE = 0.25
"""Of the time that a call has, that a full batch may take: some images take several times as long as others."""
PART_S = 10.0
"""What a call of a model takes that is too slow for full batches."""
IDLE_S = 300.0
"""Without a `timeout_s`: after this long an actor is asked whether it still works."""
LONGEST_S = 3600.0
"""Without a `timeout_s`: after this long it is taken to hang even if it does."""


class Pace:
    """Of one column. measured: whether its first image has been tried, or need not be. timeout_s, longest_s: of a call
    (see `Call`)."""

    def __init__(self, resources: Resources, *, is_paid: bool = False) -> None:
        self.timeout_s = IDLE_S if resources.timeout_s is None else resources.timeout_s
        self.longest_s = LONGEST_S if resources.timeout_s is None else resources.timeout_s
        self.measured = is_paid
        self._most = resources.batch_size
        self._rehearsed_s: float | None = None
        self._seconds, self._images = 0.0, 0

    @property
    def size(self) -> int:
        """Images per call."""
        each_s, enough_s = self.each_s, SHARE * self.timeout_s
        if not each_s or each_s * self._most <= enough_s:
            return self._most
        return max(1, min(self._most, int(min(PART_S, enough_s) / each_s)))

    @property
    def each_s(self) -> float | None:
        """Seconds per image; None while nothing is known."""
        return self._seconds / self._images if self._images else self._rehearsed_s

    @property
    def keeps_first(self) -> bool:
        """Whether the answer for the first image counts. That of a model which is called with full batches does not:
        it is asked again as one of its batch, so that batches are the same in every run."""
        return self._most == 1 or self.size < self._most

    def rehearsed(self, seconds: float | None) -> None:
        """The first image took this long, or longer; None: it failed, and says nothing."""
        self.measured, self._rehearsed_s = True, seconds

    def took(self, images: int, seconds: float) -> None:
        """A call that went well, or that had no more time: then an image takes at least as long."""
        self._images += images
        self._seconds += seconds

    def limit(self, images: int) -> None:
        """From now on so many at most: there was no memory for more."""
        self._most = min(self._most, max(1, images))
