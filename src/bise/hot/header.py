"""Header classes: fields at fixed offsets of a packet or a table record, the same memory in every mode.

Reads widen to a signed 64-bit integer (64-bit fields are read as signed), stores mask. In CPython a field is a
descriptor over raw memory; compiled, an instance is a pointer and a field one load or store (`lowering`).
"""

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from bise.hot.mode import MODE, Mode


class OutOfBounds(IndexError):
    """A header was laid over octets that the packet does not have (interpreted and checked mode)."""


class Bounded(Protocol):
    """What a header inside a packet is made from: where its contiguous octets begin, and how many there are."""

    data: Any
    length: Any


# What reads a field of so many bits, in network order or not, at an address; there are none of 48 bits.
_WHOLE = {8: ctypes.c_uint8, 16: ctypes.c_uint16, 32: ctypes.c_uint32, 64: ctypes.c_int64}
_MEMORY: dict[tuple[int, bool], Any] = {(bits, False): kind.from_address for bits, kind in _WHOLE.items()}
_MEMORY |= {(bits, True): kind.__ctype_be__.from_address for bits, kind in _WHOLE.items()}


class Field:
    """One field: `bits` wide, in network order (`big`) or the machine's; `offset` in octets from the header's start."""

    def __init__(self, bits: int, big: bool, constant: bool = False) -> None:
        self.bits, self.big, self.constant = bits, big, constant
        self.offset = 0
        self.octets = bits // 8
        self._memory = _MEMORY.get((bits, big))

    def __get__(self, header: "Header | None", owner: type | None = None) -> Any:
        if header is None:
            return self
        if self._memory is not None:
            return self._memory(header.address + self.offset).value
        octets = ctypes.string_at(header.address + self.offset, self.octets)
        return int.from_bytes(octets, "big" if self.big else "little", signed=self.bits == 64)

    def __set__(self, header: "Header", value: int) -> None:
        octets = (int(value) & ((1 << self.bits) - 1)).to_bytes(self.octets, "big" if self.big else "little")
        ctypes.memmove(header.address + self.offset, octets, self.octets)


def u8(constant: bool = False) -> Any:
    """An octet."""
    return Field(8, False, constant)


def be16() -> Any:
    """16 bits in network order."""
    return Field(16, True)


def be32() -> Any:
    """32 bits in network order."""
    return Field(32, True)


def be48() -> Any:
    """48 bits in network order: a MAC address as an integer."""
    return Field(48, True)


def be64() -> Any:
    """64 bits in network order, read as signed: half of an IPv6 address."""
    return Field(64, True)


def le16(constant: bool = False) -> Any:
    """16 bits in the machine's order. `constant`: never written while hot code that reads it runs."""
    return Field(16, False, constant)


def le32(constant: bool = False) -> Any:
    """32 bits in the machine's order. `constant`: never written while hot code that reads it runs."""
    return Field(32, False, constant)


def le64(constant: bool = False) -> Any:
    """64 bits in the machine's order, read as signed. `constant`: never written while hot code that reads it runs."""
    return Field(64, False, constant)


class Header:
    """Subclass with fields in order. `X(address)` is a record in memory, `X(packet, offset)` a header in a packet.

    The second form is only as good as the packet's `length`: compiled code trusts it, the other modes raise
    OutOfBounds. `size` is in octets.
    """

    __slots__ = ("address", "memory")
    fields: ClassVar[dict[str, Field]] = {}
    size: ClassVar[int] = 0

    def __init__(self, place: "int | Bounded", offset: int | None = None) -> None:
        self.memory: Any = None
        if offset is None:
            self.address = int(place)  # type: ignore[call-overload]
            return
        if not 0 <= offset <= place.length - self.size:  # type: ignore[union-attr]
            raise OutOfBounds(f"{type(self).__name__} at {offset} of a packet of {place.length} octets")  # type: ignore[union-attr]
        self.address = place.data + offset  # type: ignore[union-attr]

    def __init_subclass__(cls) -> None:
        cls.fields = dict(cls.fields) | {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        cls.size = 0
        for field in cls.fields.values():
            field.offset = cls.size
            cls.size += field.octets
        if MODE is not Mode.INTERPRETED:
            from bise.hot import lowering

            lowering.register_header(cls)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name):#x}" for name in self.fields)
        return f"{type(self).__name__}({values})"


H = TypeVar("H", bound=Header)


def nth(cls: type[H], start: int, number: int) -> H:
    """Record `number` of an array of `cls` that begins at address `start`."""
    return cls(start + number * cls.size)


def local(cls: type[H]) -> Callable[[], H]:
    """A function that makes an instance on the stack of the function that it is inlined into; contents undefined."""
    if MODE is not Mode.INTERPRETED:
        from bise.hot import lowering

        return lowering.local(cls)  # type: ignore[no-any-return]

    def make() -> H:
        memory = ctypes.create_string_buffer(cls.size)
        record = cls(ctypes.addressof(memory))
        record.memory = memory
        return record

    return make
