"""Where the code can be extended, what it is tied to, what stands in the way of a swap."""
