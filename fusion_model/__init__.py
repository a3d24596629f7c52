"""Expression Lens: the inference library that reads facial expressions in pictures."""
