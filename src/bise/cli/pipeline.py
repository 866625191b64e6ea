"""`bise pipeline`: the source that was generated for the graph that runs."""

from bise.cli import show
from bise.cli.words import Json, Name
from bise.control.messages import Pipeline
from bise.control.socket import ControlClient


def pipeline(name: Name = "default", json: Json = False) -> None:
    """Show the source of the pipeline that runs, as it was generated and compiled."""
    with ControlClient(name) as bise:
        reply: Pipeline = bise.ask("pipeline")
    if json:
        show.as_json(reply)
    else:
        print(f"# {reply['path']}\n{reply['source']}", end="")
