"""What a round asks, decides and admits."""
