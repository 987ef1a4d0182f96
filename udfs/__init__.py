"""Kernels: pure functions on arrays, with numpy and numba only; no I/O, no Spark, no jeospark.

Arrays in, arrays out; inputs are never modified. Beside `data` goes `valid`, a boolean array of the same shape (or
broadcast to it) in which True means usable; False is openEO's null. NaN in a valid cell is a value like any other.
"""
