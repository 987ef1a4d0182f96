"""What features are read from: each module opens one family of formats and reads it in pieces, as Arrow."""
