"""What is known of an experiment before anything runs; imports no NumPy."""
