"""Options of commands that take a recipe, made from what `Recipe` and the table of methods say of each parameter."""

from __future__ import annotations

import enum
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

from napari_gdls.cli.options import number, whole_number
from napari_gdls.recipe import METHODS, Parameter, Recipe

_USUAL, _ADVANCED = "Recipe", "Recipe: seldom needed"


def with_recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every parameter of the recipe.

    Parameters
    ----------
    command : callable
        Its keyword `recipe_changes` receives the parameters that the user gave, as a dict.

    Returns
    -------
    callable
        For typer; the options stand where `recipe_changes` does in the signature.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    usual_first = sorted(Recipe.parameters().items(), key=lambda item: item[1].advanced)
    options = {name: _option(name, parameter) for name, parameter in usual_first}

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        named = {name: given.pop(name) for name in options}
        changes = {name: _plain(value) for name, value in named.items() if value is not None}
        command(recipe_changes=changes, **given)

    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command).parameters.values():
        if own.name != "recipe_changes":
            parameters.append(own.replace(annotation=hints[own.name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        parameters.extend(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in options.items()
        )
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapped


def _option(name: str, parameter: Parameter) -> Any:
    flag = "--" + name.replace("_", "-")
    if parameter.kind is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    option = typer.Option(
        flag,
        help=_help(name, parameter),
        rich_help_panel=_ADVANCED if parameter.advanced else _USUAL,
        show_default=False,
        **({float: number(), int: whole_number()}.get(parameter.kind, {}) if not parameter.choices else {}),
    )
    kind = enum.Enum(name, {choice: choice for choice in parameter.choices}) if parameter.choices else parameter.kind
    return Annotated[typing.Optional[kind], option]  # noqa: UP045  (known at run time only)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _help(name: str, parameter: Parameter) -> str:
    """What it does, its unit and default, and which methods have it, unless all do."""
    by_method = {method: row.thresholds[name] for method, row in METHODS.items() if name in row.thresholds}
    if by_method:
        return " ".join(
            f"{method}: {threshold.help} Default: {threshold.default_in_words}."
            for method, threshold in by_method.items()
        )
    default = getattr(Recipe(), name)
    if parameter.kind is bool:
        default = "yes" if default else "no"
    unit = f" {parameter.unit}" if parameter.unit and default is not None else ""
    users = [method for method in METHODS if name in Recipe.parameters_of(method)]
    only = "" if len(users) in (0, len(METHODS)) else f" For {', '.join(users)}."
    shown = parameter.unset if default is None else default
    return f"{parameter.help} Default: {shown}{unit}.{only}" if shown != "default" else f"{parameter.help}{only}"
