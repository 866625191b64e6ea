"""What Linux and the operator want, in plain Python: never hot, knows no feature."""
