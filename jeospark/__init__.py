"""jeospark: Earth-observation processing engine on Spark."""
