"""Numbers, sentences and names in the owner's language, and the text of others made harmless."""
