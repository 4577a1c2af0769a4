"""A deployed stack, by the login of whoever asks: `preview-live`, `deploy`, `drift`, and what it says of itself."""
