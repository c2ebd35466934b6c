"""Files -> models: YAML with positions, Python definitions, Hera, dotenv; mistakes -> diagnostics."""
