"""The HTTP face of the embedded Hub."""
