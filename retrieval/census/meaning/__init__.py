"""What a name, a call or an expression means: values, bodies, calls, containers, traces."""
