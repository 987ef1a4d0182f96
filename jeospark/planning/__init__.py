"""Recipe × items × grid → units, in Arrow batches; the engine runs the same functions here or on a cluster."""
