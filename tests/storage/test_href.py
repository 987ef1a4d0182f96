import pytest
import rasterio

from jeospark.errors import AssetUnreadableError
from jeospark.settings import Settings
from jeospark.storage.href import absolute, gdal_options, gdal_path, hadoop_path


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/data/a b.tif", "/data/a b.tif"),
        ("file:///data/a%20b.tif", "/data/a b.tif"),
        ("https://host/a.tif?x=1", "/vsicurl/https://host/a.tif?x=1"),
        ("s3://bucket/key/a.tif", "/vsis3/bucket/key/a.tif"),
        ("/vsizip/{/data/S2A.zip}/a.jp2", "/vsizip/{/data/S2A.zip}/a.jp2"),
    ],
)
def test_href_becomes_what_gdal_opens(href, path):
    assert gdal_path(href) == path


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("/data/a b.parquet", "file:///data/a b.parquet"),
        ("file:///data/a.parquet", "file:///data/a.parquet"),
        ("hdfs://host:9000/a", "hdfs://host:9000/a"),
        ("s3://bucket/a", "s3a://bucket/a"),
    ],
)
def test_a_path_is_on_a_mounted_file_system_for_spark_too(href, path):
    assert hadoop_path(href) == path


def test_variable_is_opened_inside_its_file():
    assert gdal_path("/data/cube.nc", "B4") == 'NETCDF:"/data/cube.nc":B4'


def test_unknown_scheme_is_named():
    with pytest.raises(AssetUnreadableError, match="root://"):
        gdal_path("root://eos//a.tif")


def test_rasterio_takes_the_options_as_they_are():
    options = gdal_options(Settings.load({"JEOSPARK_GDAL_CACHE_MB": "33"}))
    with rasterio.Env(**options) as env:
        assert env.options["GDAL_CACHEMAX"] == 33 * 1024 * 1024
        assert env.options["GDAL_HTTP_RETRY_CODES"] == "ALL"


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("/data/x/../out/", "/data/out"),
        ("file:///data/a%20b/", "/data/a b"),
        # Refused where it would be written.
        ("file:///data/a#b", "file:///data/a#b"),
        ("root://host//out/", "root://host//out"),
    ],
)
def test_an_output_is_a_path_wherever_it_is_one(href, expected):
    assert absolute(href) == expected
