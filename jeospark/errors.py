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


class SedonaError(JeosparkError):
    """Sedona or its jars are missing, or do not fit Spark."""


class ForbiddenError(JeosparkError):
    """A recipe, an item or a query would reach what it is not allowed to reach."""


class SqlError(JeosparkError):
    """A query cannot be answered; base of the errors of SQL. A note shows the place in the query."""


class SqlLimitError(SqlError):
    """An answer needs more rows, seconds or bytes than allowed."""


class OptionError(SqlError):
    """An option of a data source or table function is unknown, malformed, or excluded by another."""


class CrsUnknownError(SqlError):
    """Geometries have no CRS, or several, where exactly one must be known."""


class SqlCrsError(SqlError):
    """A function of SQL has geometries in two CRS."""


class FormatError(SqlError):
    """An answer cannot be written in a format."""


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


class StorageError(JeosparkError):
    """A storage does not give or take what it should; base of the storage errors. The asset may be in order."""


class StorageUnreachableError(StorageError):
    """A storage refuses the connection, breaks off, or does not answer in time."""


class StorageSlowError(StorageError):
    """A storage sends less than a usable number of bytes a second."""


class StorageAnswerError(StorageError):
    """A storage answers with something else than what was asked for."""


class StorageDeniedError(StorageError):
    """A storage refuses access: the token is missing, wrong or expired."""


class CredentialError(JeosparkError):
    """A token cannot be read, or stands where others would see it."""


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


class LedgerError(OutputError):
    """What happened to some units could not be written down."""


class WorkerLostError(JeosparkError):
    """The worker that made a unit died, again and again."""


class RunFailedError(JeosparkError):
    """Spark gave a run up before its end, or did not start."""


class SubmitError(JeosparkError):
    """A job cannot be handed to a cluster; base of the errors of submission."""


class JobFileError(SubmitError):
    """The file of a job cannot be run, or what it is given would not reach it."""


class ProfileError(SubmitError):
    """A file of Spark properties is missing, or a line of it is none."""


class ArchiveError(SubmitError):
    """An environment archive is missing, cannot be made, or would write outside its folder."""


class ClusterDownError(SubmitError):
    """The cluster does not answer, or nothing says where it is."""


class QueueError(SubmitError):
    """The cluster has no such queue."""


class VectorError(JeosparkError):
    """A vector layer cannot be made or read; base of the vector errors."""


class LayerNotFoundError(VectorError):
    """No vector layer of that name is in the catalogue."""


class LayerTakenError(VectorError):
    """A vector layer of that name is there already."""


class LayerNameError(VectorError):
    """A text cannot be the name of a vector layer."""


class VectorSourceError(VectorError):
    """A source of features is missing, of no known format, damaged, or cut short."""


class VectorEncodingError(VectorError):
    """A source's texts are not in the encoding that it states."""


class LayerCrsError(VectorError):
    """A layer has no CRS, one that nobody knows, or one that its features do not fit."""


class TransformError(VectorError):
    """Coordinates cannot be transformed to another CRS."""


class FeedError(VectorError):
    """A feed's file does not have the form that its reader expects."""


class ZoneError(JeosparkError):
    """A zone of zonal statistics cannot be used; base of the errors of zones."""


class ZoneMissingError(ZoneError):
    """A zone without an id or a geometry, or with one that has no point."""


class ZoneUnreadableError(ZoneError):
    """A zone's geometry is not WKB, or has a coordinate that is no number."""


class ZoneKindError(ZoneError):
    """A zone is not a polygon: lines and points have no area."""


class ZoneInvalidError(ZoneError):
    """A zone's rings cross, touch along a line, or lie outside each other."""


class ZoneDuplicateError(ZoneError):
    """Several zones have one id."""


class ZoneOutsideError(ZoneError):
    """A zone meets no pixel of the plan, or has no place in the CRS of the grid."""
