"""The `argosy` command: one lazily imported module a group of commands."""


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    import gc

    # What a command imports stays: looking for garbage among it is a tenth of the time that a short one takes.
    # `app` turns the collector on again for commands that run for long.
    gc.disable()
    from argo.cli import app

    app.main()
