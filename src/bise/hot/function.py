"""`hot`, `entry` and `external`: how a Python function becomes machine code, and how the two sides call each other."""

import ctypes
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from bise.hot.mode import MODE, Mode
from bise.hot.primitives import FUNCTIONS

F = TypeVar("F", bound=Callable[..., Any])
_LIBRARIES: list[ctypes.CDLL] = [ctypes.CDLL(None, use_errno=True)]
_STAND_INS: dict[str, Callable[..., Any]] = {}  # kept as long as the process, as machine code may call them
_ANSWERING: dict[str, Callable[..., Any]] = {}
_KINDS: dict[str, Any] = {
    "void": None,
    "i16": ctypes.c_int16,
    "u16": ctypes.c_uint16,
    "i32": ctypes.c_int32,
    "u32": ctypes.c_uint32,
    "i64": ctypes.c_int64,
}

if MODE is not Mode.INTERPRETED:
    import llvmlite.binding
    import numba

    from bise.hot import cache, lowering  # noqa: F401 (it teaches the compiler the primitives)
    from bise.hot.inlining import EntryCompiler, Inlined

    numba.config.CACHE_DIR = str(cache.folder())
    # Loops over tables would become vector gathers: 10 cycles an element where the microcode guards against Downfall,
    # against 2 for plain loads.
    numba.config.LOOP_VECTORIZE = 0
    _NUMBA = {
        "void": numba.types.void,
        "i16": numba.types.int16,
        "u16": numba.types.uint16,
        "i32": numba.types.int32,
        "u32": numba.types.uint32,
        "i64": numba.types.int64,
    }


def hot(function: F) -> F:
    """Marks a function of the fast path: integers and header instances in and out, no exceptions, bounded loops."""
    if MODE is Mode.INTERPRETED:
        return function
    return Inlined(function)  # type: ignore[return-value]


def plain(function: F) -> F:
    """The Python function that a `hot` one was made of: for control code that calls it a few times, and would wait for
    the compiler longer than for all answers. What it calls should be plain, too."""
    return getattr(function, "py_func", function)


class Entry:
    """A function with a plain C signature: 64-bit integers in, one out. Compiled or found in the cache at first use.

    Calling the object from Python holds no GIL meanwhile. In checked mode OutOfBounds reaches a Python caller.
    """

    def __init__(self, source: Callable[..., int], arity: int, cached: bool) -> None:
        self.source, self._arity, self._cached = source, arity, cached

    @cached_property
    def _form(self) -> tuple[int, Callable[..., int]]:
        """Its address, and what Python calls."""
        if MODE is Mode.INTERPRETED:
            FUNCTIONS[len(FUNCTIONS) + 1] = self.source
            return len(FUNCTIONS), self.source
        kind = numba.types.int64(*[numba.types.int64] * self._arity)
        options = {"error_model": "numpy", "cache": self._cached, "pipeline_class": EntryCompiler}
        if MODE is Mode.CHECKED:
            # Numba's own call raises OutOfBounds in Python; hot code calls the C wrapper that is compiled beside it.
            checked = numba.njit(kind, nogil=True, **options)(self.source)
            (made,) = checked.overloads.values()
            return made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name), checked
        compiled = numba.cfunc(kind, nopython=True, **options)(self.source)
        call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * self._arity)(compiled.address)
        call.keeps_alive = compiled
        return compiled.address, call

    @property
    def address(self) -> int:
        """What other hot code calls through a pointer; interpreted, a number that `call3` knows."""
        return self._form[0]

    def compile(self) -> None:
        """Does now what its first use would wait for. Raises what the compiler says."""
        _ = self._form

    def __call__(self, *arguments: int) -> int:
        return self._form[1](*arguments)


_DECLARED: list[Entry] = []


def entry(arity: int, cached: bool = True) -> Callable[[Callable[..., int]], Entry]:
    """Makes an Entry of a module-level function of `arity` 64-bit integers; its code is kept in the cache folder."""

    def make(function: Callable[..., int]) -> Entry:
        made = Entry(function, arity, cached)
        _DECLARED.append(made)
        return made

    return make


def declared() -> list[Entry]:
    """The entries of all modules imported so far."""
    return list(_DECLARED)


def load_library(path: str) -> ctypes.CDLL:
    """Makes the C symbols of a shared library known to hot code. Raises OSError."""
    library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL, use_errno=True)
    _LIBRARIES.append(library)
    if MODE is not Mode.INTERPRETED:
        llvmlite.binding.load_library_permanently(path)
    return library


def libraries() -> list[str]:
    """The paths of the libraries loaded so far, for another process that is to compile the same code."""
    return [library._name for library in _LIBRARIES[1:]]


def external(symbol: str, result: str, arguments: tuple[str, ...]) -> Any:
    """A C function by symbol, for hot code; kinds are void, i16, u16, i32, u32, i64 (pointers are i64).

    Resolved when it is compiled (interpreted: when it is first called), so the library may be loaded later.
    """
    if MODE is not Mode.INTERPRETED:
        return numba.types.ExternalFunction(symbol, _NUMBA[result](*(_NUMBA[kind] for kind in arguments)))

    def call(*given: int) -> int:
        if symbol in _STAND_INS:
            return _STAND_INS[symbol](*given)  # type: ignore[no-any-return]
        for library in reversed(_LIBRARIES):
            function = getattr(library, symbol, None)
            if function is not None:
                function.restype = _KINDS[result]
                function.argtypes = [_KINDS[kind] for kind in arguments]
                return function(*given)  # type: ignore[no-any-return]
        raise AttributeError(f"no loaded library has {symbol}")

    return call


def stand_in(symbol: str, result: str, arguments: tuple[str, ...], function: Callable[..., Any]) -> None:
    """Makes a Python function answer for a C symbol that no library brings; another one may take its place. Call it
    before hot code that asks for it is loaded; kinds as in `external`."""
    _ANSWERING[symbol] = function
    if symbol in _STAND_INS:
        return  # machine code that is loaded holds its address
    kind = ctypes.CFUNCTYPE(_KINDS[result], *(_KINDS[one] for one in arguments))
    _STAND_INS[symbol] = kind(lambda *given: _ANSWERING[symbol](*given))
    if MODE is not Mode.INTERPRETED:
        address = ctypes.cast(_STAND_INS[symbol], ctypes.c_void_p).value
        llvmlite.binding.add_symbol(symbol, address)
