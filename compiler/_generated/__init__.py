"""Generated data; each file names its generator, which has a `--check` that says whether it is current."""
