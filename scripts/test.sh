#!/bin/sh
# Set up, then check style, types and behaviour of the installed wheel. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --dev --demo
. scripts/env.sh

where=$(python -P -c 'import jeospark; print(jeospark.__file__)')
case "$where" in
  "$PWD/.venv/"*) ;;
  *)
    echo "test.sh: jeospark would come from $where, not from .venv" >&2
    exit 1
    ;;
esac

# From here on nothing needs a network.
python scripts/server_jars.py || echo "test.sh: without them, tests of YARN, HDFS or S3 are skipped" >&2
ruff check .
ruff format --check .
mypy
# The bare command keeps this folder off sys.path, so that the installed wheel is what is tested.
pytest "$@"
