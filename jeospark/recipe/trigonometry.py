"""Trigonometric and hyperbolic processes; angles in radians. Outside a function's range the result is NaN."""

import numpy as np

from jeospark.recipe.arithmetic import declare_elementwise

_FUNCTIONS = {
    "sin": ("Sine.", np.sin),
    "cos": ("Cosine.", np.cos),
    "tan": ("Tangent.", np.tan),
    "arcsin": ("Inverse sine.", np.arcsin),
    "arccos": ("Inverse cosine.", np.arccos),
    "arctan": ("Inverse tangent.", np.arctan),
    "sinh": ("Hyperbolic sine.", np.sinh),
    "cosh": ("Hyperbolic cosine.", np.cosh),
    "tanh": ("Hyperbolic tangent.", np.tanh),
    "arsinh": ("Inverse hyperbolic sine.", np.arcsinh),
    "arcosh": ("Inverse hyperbolic cosine.", np.arccosh),
    "artanh": ("Inverse hyperbolic tangent.", np.arctanh),
}

for _name, (_summary, _function) in _FUNCTIONS.items():
    declare_elementwise(_name, _summary, _function, ("x", "A number."), category="trigonometry")
declare_elementwise(
    "arctan2", "Angle of a point.", np.arctan2, ("y", "The ordinate."), ("x", "The abscissa."), category="trigonometry"
)
