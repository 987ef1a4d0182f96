from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from pyproj import CRS


def _item(item_id="a", moment="2020-06-01T10:00:00Z", box=(10.0, 50.0, 11.0, 51.0), bands=("B04", "SCL"), **properties):
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    assets = {
        band: {
            "href": f"/data/{item_id}/{band}.tif",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "proj:code": "EPSG:32632",
            "proj:transform": [10.0, 0.0, 600000.0, 0.0, -10.0, 5600000.0],
            "proj:shape": [100, 200],
            "bands": [
                {"name": band, "data_type": "uint16", "nodata": 0, "raster:scale": 0.0001, "raster:offset": -0.1}
            ],
        }
        for band in bands
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": item_id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(box),
        "properties": {"datetime": moment, **properties},
        "links": [],
        "assets": assets,
    }


@pytest.fixture
def make_item() -> Callable[..., dict]:
    return _item


@pytest.fixture
def write_cube(tmp_path) -> Callable[..., Path]:
    """Write a cube of 3 dates, 4 rows and 5 columns of 20 m in EPSG:3035; `change` may spoil it before it is closed."""

    def write(*, names=("time", "y", "x"), south_up=False, change=None, **attributes):
        path = tmp_path / "cube.nc"
        y = 2500000.0 - 20.0 * np.arange(4)
        axes = ([0, 10, 31], y[::-1] if south_up else y, 5e6 + 20.0 * np.arange(5))
        with netCDF4.Dataset(path, "w") as cube:
            for name, values in zip(names, axes, strict=True):
                cube.createDimension(name, len(values))
                cube.createVariable(name, "f8", (name,))[:] = values
            cube[names[0]].units = "days since 2020-01-01"
            cube.createVariable("crs", "i4").crs_wkt = CRS.from_epsg(3035).to_wkt()
            for variable in ("B2", "SCL"):
                band = cube.createVariable(variable, "u2", names, fill_value=0)
                band.grid_mapping = "crs"
                band.setncatts(attributes)
            if change:
                change(cube)
        return path

    return write


_PRODUCT = """<?xml version="1.0"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd"><n1:General_Info><Product_Info>
<PRODUCT_START_TIME>2023-05-01T10:00:31.024Z</PRODUCT_START_TIME><PRODUCT_URI>{name}.SAFE</PRODUCT_URI>
<PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL><PRODUCT_TYPE>S2MSI2A</PRODUCT_TYPE>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE><GENERATION_TIME>2023-05-01T15:00:00.000000Z</GENERATION_TIME>
<Datatake datatakeIdentifier="GS2B_X"><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME>
<SENSING_ORBIT_NUMBER>122</SENSING_ORBIT_NUMBER><SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION></Datatake>
</Product_Info><Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>{offsets}
</Product_Image_Characteristics></n1:General_Info><n1:Geometric_Info>
<EXT_POS_LIST>{corners}</EXT_POS_LIST></n1:Geometric_Info></n1:Level-2A_User_Product>"""

_TILE = """<?xml version="1.0"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://psd"><n1:General_Info>
<TILE_ID>S2B_OPER_MSI_L2A_TL_2BPS_20230501T150000_A032000_T32TQM_N05.09</TILE_ID>
<SENSING_TIME>2023-05-01T10:10:00.1Z</SENSING_TIME></n1:General_Info><n1:Geometric_Info><Tile_Geocoding>
<HORIZONTAL_CS_CODE>EPSG:32632</HORIZONTAL_CS_CODE>{grids}</Tile_Geocoding>
<Mean_Sun_Angle>
<ZENITH_ANGLE unit="deg">30.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">150.25</AZIMUTH_ANGLE></Mean_Sun_Angle>
</n1:Geometric_Info><n1:Quality_Indicators_Info><Image_Content_QI><CLOUDY_PIXEL_PERCENTAGE>12.5</CLOUDY_PIXEL_PERCENTAGE>
<WATER_PERCENTAGE>3.25</WATER_PERCENTAGE></Image_Content_QI></n1:Quality_Indicators_Info></n1:Level-2A_Tile_ID>"""

_GRID = """<Size resolution="{r}"><NROWS>{n}</NROWS><NCOLS>{n}</NCOLS></Size>
<Geoposition resolution="{r}"><ULX>699960</ULX><ULY>5000040</ULY><XDIM>{r}</XDIM><YDIM>-{r}</YDIM></Geoposition>"""

_IMAGES = ("R10m/T_B02_10m", "R20m/T_B02_20m", "R60m/T_B02_60m", "R20m/T_SCL_20m", "R10m/T_TCI_10m", "R20m/T_AOT_20m")


@pytest.fixture
def write_safe(tmp_path) -> Callable[..., Path]:
    """Write the files of a Level-2A product; the images are there, but empty."""

    def write(name="S2B_MSIL2A_20230501T100031_N0509_R122_T32TQM_20230501T150000", **given):
        offsets = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{-1000 - i}</BOA_ADD_OFFSET>' for i in range(13))
        filled = {"baseline": "05.09", "offsets": offsets, "corners": "45 11 45 12 44 12 44 11 45 11 "} | given
        folder = tmp_path / f"{name}.SAFE"
        granule = folder / "GRANULE" / "L2A_T32TQM"
        for image in given.get("images", _IMAGES):
            file = granule / "IMG_DATA" / f"{image}.jp2"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"1234")
        granule.mkdir(parents=True, exist_ok=True)
        grids = "".join(_GRID.format(r=r, n=109800 // r) for r in (10, 20, 60))
        (granule / "MTD_TL.xml").write_text(_TILE.format(grids=grids))
        (folder / "MTD_MSIL2A.xml").write_text(_PRODUCT.format(name=name, **filled))
        return folder

    return write
