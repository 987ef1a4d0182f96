"""Ships by their AIS positions: tracks, calls at ports, encounters, presence."""
