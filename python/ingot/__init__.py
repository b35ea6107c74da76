"""Metal compute from Python."""
