"""The mathematics of the judge: reads a cleaned answer into a value and compares two values."""
