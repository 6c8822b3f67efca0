"""Run the program of a page, which is read from stdin; ``await`` may be outside of functions, as in a notebook."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys

if __name__ == "__main__":
    code = compile(sys.stdin.read(), "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, {"__name__": "__main__"})
    if inspect.iscoroutine(result):
        asyncio.run(result)
