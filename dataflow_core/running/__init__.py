"""A run being executed: from its inputs to records, at the pace that its endpoint takes."""
