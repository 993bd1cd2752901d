"""`batchspec completion`: what a shell needs to complete batchspec's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from batchspec.cli.door import put_file
from batchspec.cli.options import examples
from batchspec.cli.words import Choice
from batchspec.errors import BatchspecError

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=examples(
        "echo 'eval \"$(batchspec completion bash)\"' >> ~/.bashrc",
        "echo 'eval \"$(batchspec completion zsh)\"' >> ~/.zshrc",
        "batchspec completion fish > ~/.config/fish/completions/batchspec.fish",
    )
)
@click.argument("shell", type=Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    complete = get_completion_class(shell)
    if complete is None:
        raise BatchspecError(f"the installed version of click has no completion for {shell}")
    root = context.find_root().command
    put_file(f"{complete(root, {}, 'batchspec', '_BATCHSPEC_COMPLETE').source()}\n")
