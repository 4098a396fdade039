"""What a run will cost: measured on a sample, forecast for all images."""
