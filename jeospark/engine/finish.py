"""What a run leaves beside its COGs: the STAC collection and the report, made again from plan and ledger at any time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow.dataset as ds

from jeospark import grid
from jeospark.catalog.footprint import footprint_of_grid
from jeospark.catalog.publish import item_href, write_collection
from jeospark.engine import ledger, plan
from jeospark.engine.job import Job
from jeospark.engine.run import RunResult
from jeospark.model import Unit
from jeospark.recipe.analysis import period
from jeospark.report.page import write_report
from jeospark.report.record import RunInfo, TileArea
from jeospark.schema import UNITS, unit_of
from jeospark.task.product import product, versions
from jeospark.task.program import program
