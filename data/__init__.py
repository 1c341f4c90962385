"""Long-output data sets, one file a recipe."""
