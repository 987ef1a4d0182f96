"""Errors that say what went wrong, where, and what to do about it.

Every leaf is one line; the texts are made where the facts are known.
"""


class JeosparkError(Exception):
    """Base of all errors that jeospark raises on purpose.

    Args:
        what: What went wrong, with the offending value in it.
        where: The file, item, band, node or setting concerned.
        remedy: What the reader can do now.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(what, where, remedy)

    def __str__(self) -> str:
        place = f" [{self.where}]" if self.where else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{self.what}{place}.{advice}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.remedy)


def _rebuild(kind: type[JeosparkError], what: str, where: str, remedy: str) -> JeosparkError:
    return kind(what, where=where, remedy=remedy)


class SettingError(JeosparkError):
    """A setting or environment variable cannot be used."""


class JavaError(JeosparkError):
    """Java is missing, or not a version that Spark runs on."""


class RecipeError(JeosparkError):
    """A process graph is not well formed; base of the recipe errors."""


class UnknownProcessError(RecipeError):
    """A node names a process that jeospark does not have."""


class ArgumentError(RecipeError):
    """A process got an argument that is missing, unknown, or of the wrong type."""


class DimensionError(RecipeError):
    """A process names a dimension or label that the data cube does not have."""


class CatalogError(JeosparkError):
    """The catalogue cannot answer; base of the catalogue errors."""


class CollectionNotFoundError(CatalogError):
    """No collection of that id is in the catalogue."""


class SourceError(CatalogError):
    """A source (SAFE, netCDF, STAC) cannot be made into items."""


class RasterError(JeosparkError):
    """An asset cannot give pixels; base of the raster errors."""


class AssetMissingError(RasterError):
    """The asset's file is not there."""


class AssetUnreadableError(RasterError):
    """The asset is there, but empty, truncated, or of no known format."""


class NoCrsError(RasterError):
    """The raster has no coordinate reference system."""


class NotRectifiedError(RasterError):
    """The raster is rotated, sheared, or placed by ground control points only."""


class NodataError(RasterError):
    """A nodata value that the data type cannot hold, or none where one is needed."""


class BandMissingError(RasterError):
    """An item or asset lacks a band that the recipe reads."""


class PlanError(JeosparkError):
    """No plan can be made; base of the planning errors."""


class EmptySelectionError(PlanError):
    """The filters leave no item."""


class ExtentError(PlanError):
    """A bounding box or interval is inverted, empty, or outside the grid."""


class GridError(PlanError):
    """A grid cannot be made or does not hold the asked-for tile."""


class TooLargeError(PlanError):
    """A unit of work cannot fit in the memory given to it."""


class OutputError(JeosparkError):
    """A result cannot be published; base of the output errors."""


class OutputUnwritableError(OutputError):
    """The output folder cannot be written."""


class DiskFullError(OutputError):
    """No space is left at the output or the scratch folder."""


class OutputTakenError(OutputError):
    """The output folder holds the results of another recipe."""


class RunFailedError(JeosparkError):
    """More units failed than the run allows."""
