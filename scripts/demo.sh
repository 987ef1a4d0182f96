#!/bin/sh
# Set up, and make composites of JRC's Sentinel-2 cubes of Romania per month and per year; results in demo-output/.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --demo
. scripts/env.sh

JEOSPARK_CATALOG="$PWD/demo-output/catalog"
export JEOSPARK_CATALOG
mkdir -p demo-output
data=$(python -c 'import importlib.util as u, pathlib as p; print(p.Path(u.find_spec("nrt.data").origin).parent)')

for pixel in 10m 20m; do
  jeospark ingest "$data/sentinel2_cube_subset_romania_$pixel.nc" --collection "romania-$pixel" --sensor sentinel-2-l2a
done

composite() { # collection, period, near infrared, bands
  echo "== $1 per $2"
  python scripts/demo_recipe.py "$@" > "demo-output/$1-$2.json"
  spark-submit --properties-file conf/local.conf jobs/composite.py "demo-output/$1-$2.json" \
    --title "Romania, Sentinel-2 at ${1#romania-}, per $2" --output "demo-output/$1-$2"
}

for period in month year; do
  composite romania-10m "$period" B08 B02 B03 B04 B08
  composite romania-20m "$period" B8A B03 B04 B8A B11
done

echo
echo "Composites (COG), STAC catalogues, quicklooks (PNG) and reports:"
for folder in demo-output/romania-*/; do
  echo "  ${folder}report.html   ${folder}collection.json   ${folder}*/*.tif   ${folder}*/*.png"
done
echo
echo "To go on with their catalogue, in Python or by jeospark:"
echo "  . scripts/env.sh; export JEOSPARK_CATALOG=\"$JEOSPARK_CATALOG\""
