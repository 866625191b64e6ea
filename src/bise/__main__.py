"""Where the command `bise` begins."""

import signal


def main() -> None:
    """Until the command line stands, Ctrl-C ends us without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bise.cli import main as run_command

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_command()


if __name__ == "__main__":
    main()
