"""What the parts of the study measure, a file each."""
