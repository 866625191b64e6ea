"""`python -m tests.fuzz.guided TARGET [OPTION …]`: one target under libFuzzer; options and folders are libFuzzer's.

Interpreted, so that the lines and comparisons that an input reaches are seen, and every header knows its bounds.
"""

import importlib
import sys

import atheris

# What is imported first isn't looked at: its lines say nothing about an input, and would take most of the time.
_PLAIN = {"graph": ("bise.tables.prefix32", "bise.tables.prefix128", "bise.instance.instance")}


def main(target: str, *options: str) -> None:
    """Ends the process, with a status other than 0 where something was found."""
    for name in ("bise.hot", *_PLAIN.get(target, ())):
        importlib.import_module(name)
    with atheris.instrument_imports(include=["bise"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    module.examine(b"")  # makes what all inputs share
    atheris.Setup([sys.argv[0], *options], module.examine)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
