"""Print the recipe of the demonstration: cloud-masked composites of a collection per month or year, as openEO JSON.

    python scripts/demo_recipe.py COLLECTION PERIOD NIR BAND [BAND …]

The bands are median reflectance (BAND …), median and greatest NDVI, and how many observations were usable.
"""

import sys

from jeospark.lab.recipe import REFLECTANCE, Recipe, load_collection

CLOUDS = (3, 8, 9, 10)
"""Cloud shadow, cloud of medium and high probability, thin cirrus in the scene classification of Sentinel-2 L2A."""


def composite(collection: str, period: str, nir: str, *bands: str) -> Recipe:
    """The recipe; clouds are grown by 20 m."""
    clear = load_collection(collection, bands=[*bands, "SCL"]).mask_classes(CLOUDS, dilation=20)
    ndvi = clear.ndvi(nir=nir, red="B04").as_band("ndvi")
    medians = clear.bands(*bands).aggregate(period, "median")
    return medians.merge(
        ndvi.aggregate(period, "median").rename_bands({"ndvi": "ndvi_median"}),
        ndvi.aggregate(period, "max").rename_bands({"ndvi": "ndvi_max"}),
        ndvi.aggregate(period, "count").rename_bands({"ndvi": "count"}),
    ).save(**REFLECTANCE, bands={"count": {"scale": 1}})


if __name__ == "__main__":
    print(composite(*sys.argv[1:]).to_json())
