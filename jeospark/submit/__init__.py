"""Jobs handed to a cluster: environment archive, memory, the spark-submit line, and what becomes of it."""
