"""The parts of the Custom page."""
