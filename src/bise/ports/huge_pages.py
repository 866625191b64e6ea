"""Reserved huge pages of this machine, as the kernel counts them."""

from pathlib import Path

_SIZES = Path("/sys/kernel/mm/hugepages")


def free_octets() -> int:
    """Octets of huge pages of all sizes that are reserved and not yet taken."""
    free = 0
    for folder in _SIZES.glob("hugepages-*kB"):
        octets = int(folder.name.removeprefix("hugepages-").removesuffix("kB")) << 10
        free += octets * int((folder / "free_hugepages").read_text())
    return free
