"""What happens to an image and its record, one step per module."""
