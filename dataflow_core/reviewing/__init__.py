"""What people do with records: one by one, many at once, and with a model that writes them again."""
