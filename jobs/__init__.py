"""spark-submit jobs: arguments in, a plan, a run, an exit code."""
