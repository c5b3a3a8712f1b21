"""Size, debt, copies, cycles, pitfalls, readability."""
