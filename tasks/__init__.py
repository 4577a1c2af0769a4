"""One file, one family of tasks; it ships in the flow image, so an edit here registers nothing."""
