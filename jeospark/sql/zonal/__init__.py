"""The table function `zonal_stats`: statistics of a recipe's or collection's pixels by zones of a query."""
