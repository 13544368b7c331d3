"""One module for each stage of the DVC pipeline."""
