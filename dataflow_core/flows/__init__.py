"""What goes over more than one run: runs saved as files and made again, and pipelines of runs."""
