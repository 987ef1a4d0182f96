"""The table `pixels`: a recipe or collection over an area and interval as rows of chips or pixels."""
