"""From records to files: what is wanted, what the target would make of it, the files, and what goes along with them."""
