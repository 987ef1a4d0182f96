"""Places on the ellipsoid WGS 84: distances, Cartesian coordinates, the nearest of many; no pole or dateline matters.

Longitude and latitude are degrees; lengths are metres. Cartesian coordinates are earth-centred, earth-fixed (EPSG:4978)
on the ellipsoid's surface: a chord of them is shorter than the geodesic by less than d³/24R², 1 mm for 10 km.
"""

from math import asin, atan, atan2, cos, radians, sin, sqrt, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.jit import compiled

Floats = NDArray[np.float64]

A = 6_378_137.0
"""Semi-major axis."""
F = 1 / 298.257223563
"""Flattening."""
B = A * (1 - F)
E2 = F * (2 - F)
RADIUS = 6_371_008.8
"""Mean radius, used where the ellipsoid's formula does not converge."""
LEAF = 16
"""Points of a k-d tree that are not divided further."""


def geodesic(lon1: Floats, lat1: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Lengths of geodesics, by Vincenty's inverse formula, doi:10.1179/sre.1975.23.176.88.

    It is good to a millimetre but for points nearly opposite on the Earth, where the formula does not converge: there,
    the great circle of the mean sphere (within 0.6 %).

    Args:
        lon1: Degrees, shape (n,), as the others.
        lat1: See `lon1`.
        lon2: See `lon1`.
        lat2: See `lon1`.

    Returns:
        Metres, shape (n,); NaN where a coordinate is.
    """
    found = np.empty(len(lon1))
    _geodesics(lon1, lat1, lon2, lat2, found)
    return found


def ecef(lon: Floats, lat: Floats) -> Floats:
    """Cartesian coordinates, shape (n, 3), of points on the ellipsoid."""
    phi, theta = np.radians(lat), np.radians(lon)
    normal = A / np.sqrt(1 - E2 * np.sin(phi) ** 2)
    return np.stack(
        [normal * np.cos(phi) * np.cos(theta), normal * np.cos(phi) * np.sin(theta), normal * (1 - E2) * np.sin(phi)],
        axis=1,
    )


def lonlat(points: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude of Cartesian coordinates near the surface; Bowring, doi:10.1179/sre.1976.23.181.323."""
    x, y, z = points.T
    across = np.hypot(x, y)
    beta = np.arctan2(z * A, across * B)
    second = E2 / (1 - E2)
    phi = np.arctan2(z + second * B * np.sin(beta) ** 3, across - E2 * A * np.cos(beta) ** 3)
    return np.degrees(np.arctan2(y, x)), np.degrees(phi)


@compiled(nogil=True, error_model="numpy")
def metres(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Any:
    """One geodesic of `geodesic`, for other kernels."""
    if not (lon1 == lon1 and lat1 == lat1 and lon2 == lon2 and lat2 == lat2):  # noqa: PLR0124 - NaN
        return np.nan
    if lon1 == lon2 and lat1 == lat2:
        return 0.0
    difference = radians((lon2 - lon1 + 180.0) % 360.0 - 180.0)
    u1, u2 = atan((1 - F) * tan(radians(lat1))), atan((1 - F) * tan(radians(lat2)))
    su1, cu1, su2, cu2 = sin(u1), cos(u1), sin(u2), cos(u2)
    turn = difference
    for _ in range(100):
        s, c = sin(turn), cos(turn)
        across = sqrt((cu2 * s) ** 2 + (cu1 * su2 - su1 * cu2 * c) ** 2)
        if across == 0.0:
            return 0.0
        along = su1 * su2 + cu1 * cu2 * c
        sigma = atan2(across, along)
        azimuth = cu1 * cu2 * s / across
        squared = 1 - azimuth * azimuth
        middle = along - 2 * su1 * su2 / squared if squared > 1e-15 else 0.0
        k = F / 16 * squared * (4 + F * (4 - 3 * squared))
        series = sigma + k * across * (middle + k * along * (2 * middle * middle - 1))
        before, turn = turn, difference + (1 - k) * F * azimuth * series
        if abs(turn - before) < 1e-12:
            return _length(squared, sigma, across, along, middle)
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(difference / 2) ** 2
    return 2 * RADIUS * asin(min(1.0, sqrt(half)))


@compiled(nogil=True, error_model="numpy")
def _length(squared: Any, sigma: Any, across: Any, along: Any, middle: Any) -> Any:
    u = squared * (A * A - B * B) / (B * B)
    big = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    small = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    twice = 2 * middle * middle - 1
    inner = along * twice - small / 6 * middle * (4 * across * across - 3) * (4 * middle * middle - 3)
    return B * big * (sigma - small * across * (middle + small / 4 * inner))


@compiled(nogil=True)
def _geodesics(lon1: Any, lat1: Any, lon2: Any, lat2: Any, out: Any) -> None:
    for row in range(len(out)):
        out[row] = metres(lon1[row], lat1[row], lon2[row], lat2[row])


def tree(points: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Arrange points as a balanced k-d tree; Bentley, doi:10.1145/361002.361007.

    Args:
        points: Shape (n, 3), finite.

    Returns:
        The points in the order of the tree, and which each of them was. A range of places longer than a leaf is
        divided by its middle one, along the axis in which its box is widest.
    """
    order = np.arange(len(points))
    ranges = [(0, len(points))]
    while ranges:
        first, last = ranges.pop()
        if last - first <= LEAF:
            continue
        part = order[first:last]
        axis = int(np.argmax(np.ptp(points[part], axis=0)))
        order[first:last] = part[np.argpartition(points[part, axis], (last - first) // 2)]
        middle = (first + last) // 2
        ranges += [(first, middle), (middle + 1, last)]
    return np.ascontiguousarray(points[order]), order


def nearest(placed: Floats, queries: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """The k nearest points of a tree to each query.

    Args:
        placed: From `tree`, n points.
        queries: Shape (m, 3).
        k: How many; those that n is too few for are place -1 at an infinite distance.

    Returns:
        Places in the tree and straight distances, both of shape (m, k), the nearest first; of equally near ones, the
        one that comes first in the tree.
    """
    places = np.full((len(queries), k), -1, np.int64)
    apart = np.full((len(queries), k), np.inf)
    if len(placed):
        axes = np.zeros(len(placed), np.int8)
        _axes(placed, axes)
        _nearest(placed, axes, queries, places, apart)
    return places, np.sqrt(apart)


@compiled(nogil=True)
def _axes(placed: Any, axes: Any) -> None:
    """The axis that each node splits: the one that `tree` chose, found from the same box."""
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1], size = 0, len(placed), 1
    while size:
        size -= 1
        first, last = stack[size]
        if last - first <= LEAF:
            continue
        widest = -1.0
        middle = (first + last) // 2
        for axis in range(3):
            low, high = placed[first, axis], placed[first, axis]
            for row in range(first, last):
                low, high = min(low, placed[row, axis]), max(high, placed[row, axis])
            if high - low > widest:
                widest, axes[middle] = high - low, axis
        stack[size, 0], stack[size, 1] = first, middle
        stack[size + 1, 0], stack[size + 1, 1] = middle + 1, last
        size += 2


@compiled(nogil=True)
def _nearest(placed: Any, axes: Any, queries: Any, places: Any, apart: Any) -> None:
    stack, bounds = np.empty((128, 2), np.int64), np.empty(128)
    for query in range(len(queries)):
        stack[0, 0], stack[0, 1], bounds[0], size = 0, len(placed), 0.0, 1
        while size:
            size -= 1
            first, last = stack[size]
            if first >= last or bounds[size] > apart[query, -1]:
                continue
            if last - first <= LEAF:
                for place in range(first, last):
                    _insert(places[query], apart[query], place, _squared(placed[place], queries[query]))
                continue
            node = (first + last) // 2
            _insert(places[query], apart[query], node, _squared(placed[node], queries[query]))
            off = queries[query, axes[node]] - placed[node, axes[node]]
            left = off < 0
            near = (first, node) if left else (node + 1, last)
            far = (node + 1, last) if left else (first, node)
            here = bounds[size]
            stack[size, 0], stack[size, 1], bounds[size] = far[0], far[1], max(here, off * off)
            stack[size + 1, 0], stack[size + 1, 1], bounds[size + 1] = near[0], near[1], here
            size += 2


@compiled(nogil=True)
def _squared(one: Any, other: Any) -> Any:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


@compiled(nogil=True)
def _insert(places: Any, apart: Any, node: Any, squared: Any) -> None:
    """Put a node among the k nearest so far, which are sorted by distance, then place."""
    at = len(apart)
    while at and (squared < apart[at - 1] or (squared == apart[at - 1] and node < places[at - 1])):
        at -= 1
    if at == len(apart):
        return
    for place in range(len(apart) - 1, at, -1):
        apart[place], places[place] = apart[place - 1], places[place - 1]
    apart[at], places[at] = squared, node
