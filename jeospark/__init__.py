"""jeospark: Earth-observation processing engine on Spark."""

__version__ = "0.1.0"
