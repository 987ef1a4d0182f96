"""The catalogue: STAC 1.1 items of each collection in one GeoParquet file, and the readers that make items."""
