"""The rule language: YAML files and small expressions in, a checked and compiled rule book out."""
