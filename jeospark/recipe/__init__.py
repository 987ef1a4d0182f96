"""Recipes: openEO process graphs, the processes they are made of, and what they compute.

Importing the package registers all processes.
"""

from jeospark.recipe import (
    arithmetic,
    arrays,
    comparison,
    cubes,
    endpoints,
    filters,
    indices,
    logic,
    masks,
    merge,
    reducers,
    spatial,
    temporal,
    trigonometry,
)

FAMILIES = (
    arithmetic,
    arrays,
    comparison,
    cubes,
    endpoints,
    filters,
    indices,
    logic,
    masks,
    merge,
    reducers,
    spatial,
    temporal,
    trigonometry,
)
"""The modules that declare processes."""
