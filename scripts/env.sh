# To be sourced from the project's root after scripts/setup.sh: what spark-submit needs to find.
unset PYTHONPATH SPARK_HOME
PATH="$PWD/.venv/bin:$PATH"
JAVA_HOME=$(.venv/bin/python -c 'from jeospark.engine.java import ensure_java; print(ensure_java())')
PYSPARK_PYTHON="$PWD/.venv/bin/python"
export PATH JAVA_HOME PYSPARK_PYTHON
# One machine: Spark listens on loopback only.
SPARK_LOCAL_IP=127.0.0.1
export SPARK_LOCAL_IP
# Sedona tells its makers of each start, over the network, unless this is set.
DO_NOT_TRACK=true
export DO_NOT_TRACK
