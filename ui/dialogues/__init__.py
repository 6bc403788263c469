"""The parts of the Dialogues page."""
