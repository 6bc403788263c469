"""What a script uses: step files, servings of one's own, and generators with `run`. After DataFlow's interfaces."""
