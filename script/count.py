"""Adds up what script/test has seen and prints "N passed, N failed": python script/count.py PASSED FAILED REPORT…

PASSED and FAILED count the checks that are no tests; each REPORT is what one pytest run wrote (JUnit's XML).
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree


def counted(reports: Iterable[Path]) -> tuple[int, int]:
    """Tests passed and failed in `reports`; skipped ones are neither. A missing report is a failure."""
    passed = failed = 0
    for report in reports:
        if not report.exists():
            print(f"{report}: that run of pytest came to no end")
            failed += 1
            continue
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            broken = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failed += broken
            passed += int(suite.get("tests", 0)) - broken - int(suite.get("skipped", 0))
    return passed, failed


def main(passed: str, failed: str, *reports: str) -> int:
    """The exit status: 1 if anything failed, or if nothing was there to pass."""
    tests_passed, tests_failed = counted(Path(report) for report in reports)
    all_passed, all_failed = int(passed) + tests_passed, int(failed) + tests_failed
    print(f"{all_passed} passed, {all_failed} failed")
    return int(all_failed > 0 or tests_passed == 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
