"""The notebook API: lazy recipes, previews, plans and runs."""
