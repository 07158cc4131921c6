"""From files to token windows: found, extracted, tokenised, stored encrypted, and sampled."""
