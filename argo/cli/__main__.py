"""`python -m argo.cli` runs the `argosy` command."""

from argo.cli import main

if __name__ == "__main__":
    main(lambda: None)
