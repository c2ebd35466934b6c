"""`python -m argo.cli` runs the `argosy` command."""

from argosy import main

if __name__ == "__main__":
    main()
