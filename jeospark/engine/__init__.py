"""Plans and runs on Spark."""
