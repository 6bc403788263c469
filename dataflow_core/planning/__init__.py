"""What a run is to make: its inputs, out of tasks, intents or a recipe, and the examples shown with them."""
