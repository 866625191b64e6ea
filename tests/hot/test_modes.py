"""The three modes mean the same: every primitive, every kind of field."""

import pytest

from bise.hot import MODE, Mode
from tests.modes import MODES, run

pytestmark = pytest.mark.skipif(MODE is not Mode.COMPILED, reason="runs all modes itself")


@pytest.mark.parametrize("module", ["tests.hot.every_primitive", "tests.hot.every_field"])
def test_all_modes_agree(module):
    said = {mode: run(mode, module, 500).splitlines() for mode in MODES}
    assert len(said["compiled"]) > 10
    assert said["checked"] == said["compiled"]
    assert said["interpreted"] == said["compiled"]
