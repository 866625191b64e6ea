"""How functions are put together before they are optimised, once, as the one module of the entry that calls them.

Left to itself, Numba optimises each function for itself, makes machine code and two wrappers of it, and then does the
same to its callers with it inside. What is always inlined needs none of this: a `hot` function stays as it was lowered,
and an entry gathers all that it calls.
"""

from functools import cached_property
from typing import Any

from numba import njit
from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering

_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """A function's code to be inlined: as it was lowered."""

    def _optimize_functions(self, module: Any) -> None:
        """Its entry's module will be, with it inside."""

    def finalize(self) -> None:
        self._finalized = True


class _Whole(JITCodeLibrary):  # type: ignore[misc]
    """An entry's code and that of all that it calls."""

    def finalize(self) -> None:
        self._linking_libraries = _called_by(self)
        super().finalize()


def _called_by(library: JITCodeLibrary) -> list[CodeLibrary]:
    """All libraries below, each once, after whoever calls it: the linker takes what is asked for by then."""
    found: dict[CodeLibrary, None] = {}

    def visit(one: CodeLibrary) -> None:
        if isinstance(one, _Part | _Whole):
            for called in one._linking_libraries:
                if called not in found:
                    visit(called)
        found[one] = None

    visit(library)
    return list(found)[-2::-1]


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):  # type: ignore[misc]
    """Lowers, and makes no machine code."""

    _name = "lower to be inlined"

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        # Callers find the code by what would be the compiled function: anything that is its own.
        state["cr"] = lowered = state["cr"]._replace(cfunc=object())
        state.targetctx.insert_user_function(lowered.cfunc, lowered.fndesc, [state.library])
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _WholeLowering(NativeLowering):  # type: ignore[misc]
    _name = "lower an entry"

    def run_pass(self, state: Any) -> bool:
        state.library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


class _PartCompiler(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        return [_passes(self.state, _PartLowering)]


class EntryCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's passes for an entry."""

    def define_pipelines(self) -> list[Any]:
        return [_passes(self.state, _WholeLowering)]


def _passes(state: Any, lowering: type[NativeLowering]) -> Any:
    """Numba's own, but for the lowering."""
    manager = DefaultPassBuilder.define_nopython_pipeline(state)
    manager.passes = [(lowering if one is NativeLowering else one, why) for one, why in manager.passes]
    manager._finalized = False
    manager.finalize()
    return manager


class Inlined(CPUDispatcher):  # type: ignore[misc]
    """A function that is inlined into entries, and into others of its kind."""

    def __init__(self, function: Any) -> None:
        options = {"nopython": True, "forceinline": True, **_OPTIONS, "no_cpython_wrapper": True}
        super().__init__(function, targetoptions=options, pipeline_class=_PartCompiler)

    def add_overload(self, result: Any) -> None:
        self.overloads[tuple(result.signature.args)] = result

    @cached_property
    def _called_from_python(self) -> Any:
        return njit(pipeline_class=EntryCompiler, **_OPTIONS)(self.py_func)

    def __call__(self, *arguments: Any) -> Any:
        return self._called_from_python(*arguments)
