"""How headers and primitives become LLVM IR. Imported only where hot code is compiled.

A header instance is a pointer, a field an inbounds GEP with one load or store (and a byte swap), so that LLVM can keep
a record made by `local` in registers and tell packets, notes and tables apart.
"""

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    models,
    overload,
    register_model,
    type_callable,
    typeof_impl,
)

from bise.hot import primitives
from bise.hot.header import Field, Header, OutOfBounds, nth
from bise.hot.mode import MODE, Mode

_INT8, _INT32, _INT64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_POINTER = _INT8.as_pointer()
_KINDS: dict[type[Header], "HeaderType"] = {}


class HeaderType(types.Type):  # type: ignore[misc]
    """The Numba type of one header class."""

    def __init__(self, header: type[Header]) -> None:
        self.header = header
        super().__init__(name=f"{header.__module__}.{header.__qualname__}")


@register_model(HeaderType)
class _HeaderModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: HeaderType) -> None:
        super().__init__(manager, kind, _POINTER)


@infer_getattr
class _HeaderAttributes(AttributeTemplate):  # type: ignore[misc]
    key = HeaderType

    def generic_resolve(self, kind: HeaderType, name: str) -> Any:
        return types.int64 if name == "address" or name in kind.header.fields else None


def _place(builder: Any, start: Any, field: Field) -> Any:
    inside = builder.gep(start, [ir.Constant(_INT64, field.offset)], inbounds=True)
    return builder.bitcast(inside, ir.PointerType(ir.IntType(field.bits)))


def _load_field(builder: Any, start: Any, field: Field) -> Any:
    value = builder.load(_place(builder, start, field))
    value.align = 1
    if field.constant:
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
    if field.big and field.bits > 8:
        value = builder.bswap(value)
    return value if field.bits == 64 else builder.zext(value, _INT64)


@lower_getattr_generic(HeaderType)
def _read(context: Any, builder: Any, kind: HeaderType, start: Any, name: str) -> Any:
    if name == "address":
        return builder.ptrtoint(start, _INT64)
    return _load_field(builder, start, kind.header.fields[name])


@lower_setattr_generic(HeaderType)
def _write(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> None:
    kind, given = signature.args
    field = kind.header.fields[name]
    value = context.cast(builder, arguments[1], given, types.int64)
    if field.bits < 64:
        value = builder.trunc(value, ir.IntType(field.bits))
    if field.big and field.bits > 8:
        value = builder.bswap(value)
    builder.store(value, _place(builder, arguments[0], field)).align = 1


def register_header(cls: type[Header]) -> None:
    """Teaches the compiler one header class: its type and both of its constructors."""
    kind = HeaderType(cls)
    _KINDS[cls] = kind
    typeof_impl.register(cls)(lambda value, context: kind)
    type_callable(cls)(lambda context: _constructor_type(kind))

    @lower_builtin(cls, types.Integer)
    def _record(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(context.cast(builder, arguments[0], signature.args[0], types.int64), _POINTER)

    @lower_builtin(cls, HeaderType, types.Integer)
    def _header(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        packet = signature.args[0].header
        offset = context.cast(builder, arguments[1], signature.args[1], types.int64)
        if MODE is Mode.CHECKED:
            _check(context, builder, packet, arguments[0], offset, cls.size)
        data = builder.inttoptr(_load_field(builder, arguments[0], packet.fields["data"]), _POINTER)
        return builder.gep(data, [offset], inbounds=True)


def _constructor_type(kind: HeaderType) -> Callable[..., Any]:
    def resolve(place: Any, offset: Any = None) -> Any:
        if offset is None:
            return kind if isinstance(place, types.Integer) else None
        bounded = isinstance(place, HeaderType) and {"data", "length"} <= place.header.fields.keys()
        return kind if bounded and isinstance(offset, types.Integer) else None

    return resolve


def _check(context: Any, builder: Any, packet: type[Header], notes: Any, offset: Any, octets: int) -> None:
    length = _load_field(builder, notes, packet.fields["length"])
    last = builder.sub(length, ir.Constant(_INT64, octets))
    outside = builder.or_(
        builder.icmp_signed("<", offset, ir.Constant(_INT64, 0)), builder.icmp_signed(">", offset, last)
    )
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, OutOfBounds, ("a header outside of its packet",))


@type_callable(nth)  # type: ignore[untyped-decorator]
def _nth_type(context: Any) -> Any:
    def resolve(cls: Any, start: Any, number: Any) -> Any:
        return _KINDS.get(getattr(cls, "typing_key", None))

    return resolve


@lower_builtin(nth, types.Any, types.Integer, types.Integer)  # type: ignore[untyped-decorator]
def _nth(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    start, number = (
        context.cast(builder, value, kind, types.int64)
        for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
    )
    size = ir.Constant(_INT64, signature.return_type.header.size)
    return builder.gep(builder.inttoptr(start, _POINTER), [builder.mul(number, size)], inbounds=True)


def local(cls: type[Header]) -> Any:
    """An intrinsic: room for one instance on the stack of the function that it is inlined into."""
    kind = _KINDS[cls]

    @intrinsic  # type: ignore[untyped-decorator]
    def make(typing: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            room = cgutils.alloca_once(builder, ir.ArrayType(_INT8, cls.size))
            return builder.bitcast(room, _POINTER)

        return kind(), code

    return make


@overload(int)  # type: ignore[untyped-decorator]
def _enum_as_integer(member):  # type: ignore[no-untyped-def]
    """Numba knows `int` of numbers only."""
    if isinstance(member, types.IntEnumMember):
        return lambda member: member.value
    return None


def _lowered(function: Any, arity: int, result: Any = types.int64) -> Callable[[Any], Any]:
    """Registers LLVM code for a primitive whose arguments are all 64-bit integers."""

    def register(code: Callable[..., Any]) -> Any:
        def resolve(context: Any) -> Any:
            parameters = ", ".join("abcd"[:arity])
            return eval(f"lambda {parameters}: result", {"result": result})

        type_callable(function)(resolve)

        @lower_builtin(function, *[types.Any] * arity)
        def _call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pairs = zip(arguments, signature.args, strict=True)
            value = code(builder, *(context.cast(builder, given, kind, types.int64) for given, kind in pairs))
            return context.get_dummy_value() if result is types.void else value

        return code

    return register


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    return builder.inttoptr(address, ir.PointerType(ir.IntType(bits)))


def _register_memory(bits: int, load: Any, store: Any) -> None:
    @_lowered(load, 1)
    def _load(builder: Any, address: Any) -> Any:
        value = builder.load(_pointer(builder, address, bits))
        value.align = 1
        return value if bits == 64 else builder.zext(value, _INT64)

    @_lowered(store, 2, types.void)
    def _store(builder: Any, address: Any, value: Any) -> None:
        narrow = value if bits == 64 else builder.trunc(value, ir.IntType(bits))
        builder.store(narrow, _pointer(builder, address, bits)).align = 1


_register_memory(8, primitives.load8, primitives.store8)
_register_memory(16, primitives.load16, primitives.store16)
_register_memory(32, primitives.load32, primitives.store32)
_register_memory(64, primitives.load64, primitives.store64)


@_lowered(primitives.load_acquire, 1)
def _load_acquire(builder: Any, address: Any) -> Any:
    return builder.load_atomic(_pointer(builder, address, 64), "acquire", 8)


@_lowered(primitives.store_release, 2, types.void)
def _store_release(builder: Any, address: Any, value: Any) -> None:
    builder.store_atomic(value, _pointer(builder, address, 64), "release", 8)


@_lowered(primitives.copy_line, 2, types.void)
def _copy_line(builder: Any, to: Any, source: Any) -> None:
    kind = ir.PointerType(ir.VectorType(_INT64, 8))
    builder.store(builder.load(builder.inttoptr(source, kind), align=1), builder.inttoptr(to, kind), align=1)


@_lowered(primitives.store_release32, 2, types.void)
def _store_release32(builder: Any, address: Any, value: Any) -> None:
    builder.store_atomic(builder.trunc(value, _INT32), _pointer(builder, address, 32), "release", 4)


@_lowered(primitives.fence, 0, types.void)
def _fence(builder: Any) -> None:
    builder.fence("seq_cst")


_lowered(primitives.add64, 2)(lambda builder, a, b: builder.add(a, b))
_lowered(primitives.sub64, 2)(lambda builder, a, b: builder.sub(a, b))
_lowered(primitives.mul64, 2)(lambda builder, a, b: builder.mul(a, b))
_lowered(primitives.shift_left64, 2)(lambda builder, a, bits: builder.shl(a, bits))
_lowered(primitives.shift_right64, 2)(lambda builder, a, bits: builder.lshr(a, bits))
_lowered(primitives.unsigned_less, 2, types.boolean)(lambda builder, a, b: builder.icmp_unsigned("<", a, b))
_lowered(primitives.popcount64, 1)(lambda builder, a: builder.ctpop(a))
_lowered(primitives.lowest_bit, 1)(lambda builder, a: builder.cttz(a, ir.Constant(ir.IntType(1), 0)))


@_lowered(primitives.mix64, 1)
def _mix64(builder: Any, a: Any) -> Any:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        a = builder.mul(builder.xor(a, builder.lshr(a, ir.Constant(_INT64, shift))), ir.Constant(_INT64, factor))
    return builder.xor(a, builder.lshr(a, ir.Constant(_INT64, 31)))


def _ask_for(builder: Any, address: Any, writing: bool) -> None:
    kind = ir.FunctionType(ir.VoidType(), [_POINTER, _INT32, _INT32, _INT32])
    function = builder.module.declare_intrinsic("llvm.prefetch", [_POINTER], kind)
    hints = [ir.Constant(_INT32, hint) for hint in (int(writing), 3, 1)]  # keep in all caches, data
    builder.call(function, [builder.inttoptr(address, _POINTER), *hints])


@_lowered(primitives.prefetch, 1, types.void)
def _prefetch(builder: Any, address: Any) -> None:
    _ask_for(builder, address, writing=False)


@_lowered(primitives.prefetch_write, 1, types.void)
def _prefetch_write(builder: Any, address: Any) -> None:
    _ask_for(builder, address, writing=True)


@_lowered(primitives.expect, 2)
def _expect(builder: Any, value: Any, common: Any) -> Any:
    kind = ir.FunctionType(_INT64, [_INT64, _INT64])
    return builder.call(builder.module.declare_intrinsic("llvm.expect", [_INT64], kind), [value, common])


@_lowered(primitives.rarely, 0, types.void)
def _rarely(builder: Any) -> None:
    nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], side_effect=True)  # it can't be moved
    set.add(nothing.attributes, "cold")  # llvmlite doesn't know that of calls


@_lowered(primitives.pause, 0, types.void)
def _pause(builder: Any) -> None:
    if platform.machine() in ("x86_64", "AMD64"):
        kind = ir.FunctionType(ir.VoidType(), [])
        builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", [], kind), [])


@_lowered(primitives.cycles, 0)
def _cycles(builder: Any) -> Any:
    function = builder.module.declare_intrinsic("llvm.readcyclecounter", [], ir.FunctionType(_INT64, []))
    return builder.call(function, [])


@_lowered(primitives.call3, 4)
def _call3(builder: Any, function: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_INT64, [_INT64] * 3)
    return builder.call(builder.inttoptr(function, ir.PointerType(kind)), [a, b, c])
