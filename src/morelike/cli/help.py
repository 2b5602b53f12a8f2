"""Help texts: arguments by their plain names, options in groups, examples last. Groups that know near misses."""

from __future__ import annotations

import difflib
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

__all__ = ["Command", "Group"]


class Command(TyperCommand):
    """A command. Its epilog holds its examples, one a line; contexts are Any, as typer moves click's class about."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click calls it so
        return ["[OPTIONS]", *(_usage(one) for one in self.params if isinstance(one, TyperArgument))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        last: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if isinstance(parameter, TyperArgument):
                groups["Arguments"].append((_plain(parameter), parameter.help or ""))
                continue
            record = parameter.get_help_record(ctx)
            if record is not None:
                panel = getattr(parameter, "rich_help_panel", None)
                (groups.setdefault(panel, []) if panel else last).append(record)
        groups["Options"] = last
        for name, rows in groups.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click calls it so
        if self.epilog:
            with formatter.section("Examples"):
                for example in self.epilog.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{example.strip()}\n")


class Group(TyperGroup):
    """A command of commands, which says what a mistyped one may have been meant to be."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known, n=2)
            say = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
            ctx.fail(f"there is no command {name!r}; {say}")
        return super().resolve_command(ctx, args)


def _plain(argument: TyperArgument) -> str:
    return str(argument.metavar or argument.name).upper()


def _usage(argument: TyperArgument) -> str:
    name = _plain(argument) if argument.required else f"[{_plain(argument)}]"
    return name if argument.nargs == 1 else f"{name}..."
