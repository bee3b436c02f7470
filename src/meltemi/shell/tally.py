"""Counters and histograms of one event loop: numbers without locks, in the form that Prometheus reads.

Place:  shell · under measures

`prometheus_client` takes a lock for each number and sums a histogram in three of them. A push to a proxy moves a dozen:
7 of the 70 µs that it cost (docs/design/0031). What is exported is the library's own families.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString  # pyright: ignore[reportUnknownVariableType]

Labels = tuple[str, ...]
T = TypeVar("T")


class Count:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        """Add."""
        self.value += by


class Clock(Count):
    """A number of seconds that grows by those spent within it. It does not stand within itself."""

    __slots__ = ("_since", "now")

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic
        """The clock that it looks at."""

    def __enter__(self) -> None:
        self._since = self.now()

    def __exit__(self, *_: object) -> None:
        self.value += self.now() - self._since


class Spread:
    """How often values were up to each of some bounds."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value: a bound is still below itself."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def written(self) -> tuple[list[tuple[str, float]], float]:
        """Pairs of bound and how many were up to it, and the sum, as Prometheus has them."""
        seen, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            seen += count
            buckets.append((floatToGoString(bound), float(seen)))
        return buckets, self._sum


class Family(Collector, Generic[T]):
    """Numbers of one name, by the values of their labels."""

    def __init__(self, make: Callable[[], T], metric: Callable[[Mapping[Labels, T]], Metric]) -> None:
        """`make`: a number; `metric`: all of them as Prometheus has them."""
        self._make = make
        self._metric = metric
        self._known: dict[Labels, T] = {}

    def labels(self, *values: str) -> T:
        """The one of these values, in the order of the labels' names; none where there are none."""
        one = self._known.get(values)
        if one is None:
            one = self._known[values] = self._make()
        return one

    def collect(self) -> Iterator[Metric]:
        """As Prometheus has it."""
        yield self._metric(self._known)


C = TypeVar("C", bound=Count)


def counts(name: str, about: str, labels: Sequence[str], make: Callable[[], C]) -> Family[C]:
    """Counters; `make` is their class."""

    def metric(known: Mapping[Labels, Count]) -> Metric:
        family = CounterMetricFamily(name, about, labels=labels)
        for values, one in known.items():
            family.add_metric(values, one.value)
        return family

    return Family(make, metric)


def spreads(name: str, about: str, labels: Sequence[str], bounds: tuple[float, ...]) -> Family[Spread]:
    """Histograms."""

    def metric(known: Mapping[Labels, Spread]) -> Metric:
        family = HistogramMetricFamily(name, about, labels=labels)
        for values, one in known.items():
            family.add_metric(values, *one.written())
        return family

    return Family(lambda: Spread(bounds), metric)
