"""CEL expressions: read once, evaluated within a bound on their steps, with plain values in and out.

Pure. Must not know what an expression is for. The language is cel-python's; Kubernetes' libraries of strings, lists,
regular expressions, sets and quantities are in celfunctions. Not had: optional types (`.?`), url, ip, cidr, authorizer.

cel-python is imported when the first expression is read: a cluster without any does not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lark

STEPS = 10_000
"""Of all the expressions of one policy on one request: half a second of a processor at the most."""
LONGEST = 16_384
"""Letters of an expression."""


class CelError(Exception):
    """The expression cannot be read, or has no value. The text is in Kubernetes' words where there are such."""


class Exhausted(Exception):
    """The steps are used up."""


@dataclass(slots=True)
class Budget:
    left: int = STEPS

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Exhausted


def value_of(plain: Any) -> Any:
    """A value as expressions want it; made once for an object that several look at."""
    from celpy.adapter import json_to_cel

    return None if plain is None else json_to_cel(plain)


class Program:
    """One expression. `names`: variables that a caller may have to provide, as they are written in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parsed(text)

    def evaluate(self, values: Mapping[str, Any], budget: Budget) -> Any:
        """The plain value. `values`: made by `value_of`. CelError; Exhausted."""
        from celpy.evaluation import Activation, CELEvalError

        from cluster.apiserver.admission.celfunctions import FUNCTIONS, NAMESPACES

        activation = Activation(vars={**NAMESPACES, **values}, functions=FUNCTIONS)
        try:
            return _plain(_evaluator()(self._tree, activation, budget).evaluate())
        except CELEvalError as error:
            raise CelError(_words(error)) from None
        except (RecursionError, ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
            raise CelError(f"{type(error).__name__}: {str(error)[:200]}") from None


@lru_cache(maxsize=1024)
def program(text: str) -> Program:
    """CelError for what cannot be read."""
    return Program(text)


@lru_cache(maxsize=1)
def _environment() -> Any:
    import celpy

    return celpy.Environment()


def _parsed(text: str) -> lark.Tree[Any]:
    from celpy.celparser import CELParseError

    if type(text) is not str or not text.strip():
        raise CelError("compilation failed: expression is required")
    if len(text) > LONGEST:
        raise CelError(f"compilation failed: the expression has more than {LONGEST} letters")
    try:
        tree: lark.Tree[Any] = _environment().compile(text)
    except CELParseError as error:
        where = f"{error.line}:{error.column}" if error.line else "1:1"
        raise CelError(f"compilation failed: ERROR: <input>:{where}: Syntax error") from None
    except (RecursionError, ValueError) as error:
        raise CelError(f"compilation failed: {type(error).__name__}") from None
    return tree


@lru_cache(maxsize=1)
def _evaluator() -> Any:
    """cel-python's evaluator, which counts its steps."""
    from celpy.evaluation import Evaluator

    class Counting(Evaluator):
        def __init__(self, ast: Any, activation: Any, budget: Budget) -> None:
            super().__init__(ast, activation)
            self.budget = budget

        def sub_evaluator(self, ast: Any) -> Any:
            self.budget.step()
            return Counting(ast, self.activation, self.budget)

        def visit_children(self, tree: Any) -> Any:
            self.budget.step()
            return super().visit_children(tree)

    return Counting


def _plain(value: Any) -> Any:
    from celpy import celtypes

    match value:
        case None | bool():
            return value
        case celtypes.BoolType():
            return bool(value)
        case celtypes.MapType():
            return {str(key): _plain(item) for key, item in value.items()}
        case celtypes.ListType() | list():
            return [_plain(item) for item in value]
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
    return str(value)


def _words(error: Any) -> str:
    text = str(error.args[0]) if error.args else "no value"
    if text.startswith("no such member in mapping: "):
        return "no such key: " + text.removeprefix("no such member in mapping: ").strip("'")
    return text.partition(" (in activation")[0][:300]
