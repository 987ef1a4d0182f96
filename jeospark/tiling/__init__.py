"""How the Earth is cut into output tiles, in plain numbers; `jeospark.grid` makes GeoBoxes of them."""
