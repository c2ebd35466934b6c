"""Files -> models: YAML with positions, Python definitions, Hera; mistakes -> diagnostics."""
