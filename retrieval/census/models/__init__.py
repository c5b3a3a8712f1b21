"""Which models there are, whose weights they take, what runs them."""
