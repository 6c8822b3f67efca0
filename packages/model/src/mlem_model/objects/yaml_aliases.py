"""Counting what the aliases of a YAML document stand for, before the document is built.

A few lines of them can mean billions of values.
"""

from __future__ import annotations

from typing import Any

import yaml

MOST_VALUES = 100_000
"""Values that a document with aliases may stand for: a declaration that shares some lines has a few hundred."""
MOST_LEVELS = 100


def expect_few(root: Any) -> None:
    """Refuse a document whose aliases stand for too many values, or for themselves.

    Args:
        root: The document's root node, as composed: what an alias names is there once.

    Raises:
        MarkedYAMLError: It is refused; the mark is where the values are.
    """
    sizes: dict[int, int] = {}
    begun: set[int] = set()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, is_done = stack.pop()
        key = id(node)
        if is_done:
            sizes[key] = 1 + sum(sizes[id(child)] for child in _children(node))
            if sizes[key] > MOST_VALUES:
                raise _refused(f"aliases that stand for more than {MOST_VALUES} values", node)
            begun.discard(key)
            continue
        if key in sizes:
            continue
        if key in begun:
            raise _refused("an alias that stands for itself", node)
        if len(begun) > MOST_LEVELS:
            raise _refused(f"more than {MOST_LEVELS} levels", node)
        begun.add(key)
        stack.append((node, True))
        stack += [(child, False) for child in _children(node)]


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refused(problem: str, node: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
