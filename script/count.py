"""Adds up what script/test has seen and prints "N passed, N failed": python script/count.py RESULT…

A result is a file that one run of pytest wrote (JUnit's XML), or one with the word passed or failed.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree


def counted(results: Iterable[Path]) -> tuple[int, int]:
    """Passed and failed in `results`; skipped tests are neither. A missing result is a failure."""
    passed = failed = 0
    for result in results:
        if not result.exists():
            print(f"{result.stem} came to no end")
            failed += 1
        elif result.suffix == ".check":
            good = result.read_text().strip() == "passed"
            passed, failed = passed + good, failed + (not good)
        else:
            for suite in ElementTree.parse(result).getroot().iter("testsuite"):
                broken = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                failed += broken
                passed += int(suite.get("tests", 0)) - broken - int(suite.get("skipped", 0))
    return passed, failed


def main(*results: str) -> int:
    """The exit status: 1 if anything failed, or if nothing was there to pass."""
    passed, failed = counted(Path(result) for result in results)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
