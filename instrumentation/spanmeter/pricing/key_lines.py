"""On which line of a TOML text each key stands; `tomllib` does not tell, and neither does tomlkit (its issue 55)."""

from __future__ import annotations

import re
import tomllib
from typing import Final

Path = tuple[str | int, ...]

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_STATEMENT: Final = re.compile(rf"[ \t]*(?:(?P<table>\[\[?)[ \t]*(?P<header>{_DOTTED})|(?P<key>{_DOTTED})[ \t]*=)")
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|' + r"'''.*?'''(?!')|" + r""""(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|.""", re.DOTALL
)


def key_lines(text: str) -> dict[Path, int]:
    """The lines, counted from 1, of all tables and keys of a valid TOML text; items of arrays of tables are numbered.

    Keys inside an inline table are on the line of the key that holds it.
    """
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    position, line = 0, 1
    while position < len(text):
        statement = _STATEMENT.match(text, position)
        if statement and statement["header"]:
            table = _opened(_parts(statement["header"]), arrays, is_array=statement["table"] == "[[")
            lines[table] = line
        elif statement:
            lines[table + _parts(statement["key"])] = line
        end = _end(text, statement.end() if statement else position)
        line += text.count("\n", position, end)
        position = end
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a key, or of the closest table that holds it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _opened(parts: Path, arrays: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        path = (*path, arrays[path]) if path in arrays else path
    path = (*path, parts[-1])
    if is_array:
        arrays[path] = arrays.get(path, -1) + 1
    return (*path, arrays[path]) if path in arrays else path


def _parts(dotted: str) -> Path:
    found: Path = ()
    inner = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        ((part, inner),) = inner.items()
        found = (*found, part)
    return found


def _end(text: str, position: int) -> int:
    """The start of the next statement: after the newline that is in no string, bracket or brace."""
    depth = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            break
        position = token.end()
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if token[0] == "\n" and depth <= 0:
            break
    return position
