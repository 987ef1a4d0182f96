"""One unit of work: read, evaluate, write, tell the outcome; no Spark here."""
