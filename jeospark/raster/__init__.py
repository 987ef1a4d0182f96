"""Rasters: the only door to rasterio and GDAL."""
