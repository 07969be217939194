"""States in; differences, proof, pictures and undo out."""
