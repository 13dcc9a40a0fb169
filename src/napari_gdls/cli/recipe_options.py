"""Options of commands that take a recipe, made from what the recipe and the table of methods say of each parameter."""

from __future__ import annotations

import enum
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from napari_gdls.cli.options import number, whole_number
from napari_gdls.overlap.recipe import UnmixingRecipe
from napari_gdls.recipe import METHODS, Parameter, Recipe

_USUAL, _ADVANCED = "Recipe", "Recipe: seldom needed"


Options = Mapping[str, Mapping[str, Any]]
"""By parameter, what its option has of its own: ``flag``, ``parser`` and ``metavar`` as of `typer.Option`."""


def with_recipe_options(
    recipe: type[Recipe] | type[UnmixingRecipe], own: Options = MappingProxyType({})
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for every parameter of a recipe.

    Parameters
    ----------
    recipe : type
        Kind of recipe.
    own : mapping, optional
        Options that are not called after their parameter, or whose text needs a parser.

    Returns
    -------
    callable
        Decorator of a command. The keyword `recipe_changes` of the command receives the parameters that the user gave,
        as a dict; the options stand where `recipe_changes` does in its signature.
    """
    usual_first = sorted(recipe.parameters().items(), key=lambda item: item[1].advanced)
    options = {name: _option(recipe, name, parameter, own.get(name, {})) for name, parameter in usual_first}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = typing.get_type_hints(command, include_extras=True)

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            named = {name: given.pop(name) for name in options}
            changes = {name: _plain(value) for name, value in named.items() if value is not None}
            command(recipe_changes=changes, **given)

        parameters: list[inspect.Parameter] = []
        for each in inspect.signature(command).parameters.values():
            if each.name != "recipe_changes":
                parameters.append(each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            parameters.extend(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
                for name, annotation in options.items()
            )
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return decorate


def _option(
    recipe: type[Recipe] | type[UnmixingRecipe], name: str, parameter: Parameter, own: Mapping[str, Any]
) -> Any:
    plain = {each: value for each, value in own.items() if each != "flag"}
    flag = own.get("flag", "--" + name.replace("_", "-"))
    if parameter.kind is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    if not plain and not parameter.choices:
        plain = {float: number(), int: whole_number()}.get(parameter.kind, {})
    option = typer.Option(
        flag,
        help=_help_of_method(name, parameter) if recipe is Recipe else _help(parameter, getattr(recipe(), name)),
        rich_help_panel=_ADVANCED if parameter.advanced else _USUAL,
        show_default=False,
        **plain,
    )
    kind = enum.Enum(name, {choice: choice for choice in parameter.choices}) if parameter.choices else parameter.kind
    return Annotated[typing.Optional[kind], option]  # noqa: UP045  (known at run time only)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _help_of_method(name: str, parameter: Parameter) -> str:
    """What it does, its unit and default, and which methods have it, unless all do."""
    by_method = {method: row.thresholds[name] for method, row in METHODS.items() if name in row.thresholds}
    if by_method:
        return " ".join(
            f"{method}: {threshold.help} Default: {threshold.default_in_words}."
            for method, threshold in by_method.items()
        )
    users = [method for method in METHODS if name in Recipe.parameters_of(method)]
    only = "" if len(users) in (0, len(METHODS)) else f" For {', '.join(users)}."
    return f"{_help(parameter, getattr(Recipe(), name))}{only}"


def _help(parameter: Parameter, default: Any) -> str:
    """What it does, its unit and default."""
    if parameter.kind is bool:
        default = "yes" if default else "no"
    unit = f" {parameter.unit}" if parameter.unit and default is not None else ""
    shown = parameter.unset if default is None else default
    return f"{parameter.help} Default: {shown}{unit}." if shown != "default" else parameter.help
