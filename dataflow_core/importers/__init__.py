"""From files to records for review: what a file holds, told by its content, and the records that come of it."""
