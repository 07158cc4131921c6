"""What becomes of admitted updates: mean, outer step, checkpoint, evaluation."""
