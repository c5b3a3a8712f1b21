"""The kinds that read code as it is written: names, statements, texts, figures, other languages."""
