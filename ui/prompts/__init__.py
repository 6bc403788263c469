"""The parts of the Prompts page, and choosing a prompt for a run."""
