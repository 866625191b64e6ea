"""`bise completion`: what a shell needs to complete verbs, options, and the names that are there."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]

Shell = Literal["bash", "zsh", "fish"]
_INTERFACES = Path("/sys/class/net")


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.", show_default=False)]) -> None:
    """Print the completion script of a shell: `source <(bise completion bash)` in ~/.bashrc."""
    print(script(shell))


def script(shell: Shell) -> str:
    """To be sourced, or put where the shell looks for a file named after the command."""
    found = get_completion_script(prog_name="bise", complete_var="_BISE_COMPLETE", shell=shell)
    if shell != "zsh":
        return found
    # A file that zsh loads at the first Tab has to answer that Tab, too.
    last = "compdef _bise_completion bise"
    both = f'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _bise_completion "$@"; else {last}; fi'
    return found.replace(last, both)


def teach_shells() -> None:
    """From now on the command answers the scripts' questions, which come by the variable _BISE_COMPLETE."""
    completion_init()


def interfaces() -> list[str]:
    """Names for --port; the loopback interface is nobody's port."""
    try:
        return sorted(path.name for path in _INTERFACES.iterdir() if path.name != "lo")
    except OSError:
        return []


def modes() -> list[str]:
    """Words for --mode."""
    from bise.control.config import Mode

    return [mode.value for mode in Mode]
