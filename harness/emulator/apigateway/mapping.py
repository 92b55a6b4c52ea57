"""Mapping templates of API Gateway, as far as they are references and ``#set``.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from harness.emulator.door.errors import AwsError
from harness.states_language import jsonpath

_MOST = 10 << 20
"""Characters that a template may make: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
_LONGEST = 300 << 10
"""Characters of a template."""
_DEEPEST = 50
_DIRECTIVE = re.compile(r"#(if|foreach|else|elseif|macro|end|define)\b")
_SET = re.compile(r"^[ \t]*#set\s*\(\s*\$\{?(\w+)\}?\s*=\s*(.*)\)\s*$", re.MULTILINE)
_NAME = re.compile(r"\$!?\{?([A-Za-z_]\w*)")


class Mapper:
    """Fills mapping templates.

    Args:
        body: of the request, or of what the integration answered.
        parameters: ``path``, ``querystring`` and ``header`` values by name.
        context: ``$context``.
        stage: ``$stageVariables``.
    """

    def __init__(
        self,
        body: str,
        parameters: Mapping[str, Mapping[str, str]],
        context: Mapping[str, Any],
        stage: Mapping[str, str],
    ) -> None:
        self._body = body
        self._parameters = parameters
        self._values: dict[str, Any] = {"context": context, "stageVariables": stage}

    def fill(self, template: str) -> str:
        """*template* with all its references replaced.

        Raises:
            AwsError: it has a directive that is not emulated, fails, or makes more than API Gateway answers.
        """
        if len(template) > _LONGEST or _depth(template) > _DEEPEST:
            raise _failure()
        try:
            return self._filled(template)
        except (ValueError, TypeError, RecursionError):
            raise _failure() from None

    def _filled(self, template: str) -> str:
        directive = _DIRECTIVE.search(template)
        if directive is not None:
            raise AwsError("NotImplemented", f"not emulated: {directive[0]} in a mapping template", 501)
        lines = []
        for line in template.splitlines():
            found = _SET.fullmatch(line)
            if found is not None:
                self._values[found[1]] = self._expression(found[2].strip())
            else:
                lines.append(self._line(line))
        return "\n".join(lines)

    def _expression(self, text: str) -> Any:
        if text.startswith("$"):
            value, end = self._reference(text, 0)
            if end == len(text):
                return value
        if len(text) > 1 and text[0] == text[-1] == '"':
            return self._line(text[1:-1])
        if len(text) > 1 and text[0] == text[-1] == "'":
            return text[1:-1]
        try:
            return json.loads(text)
        except ValueError:
            return self._line(text)

    def _line(self, line: str) -> str:
        found, position = [], 0
        while (start := line.find("$", position)) >= 0:
            found.append(line[position:start])
            if _NAME.match(line, start) is None:
                found.append("$")
                position = start + 1
                continue
            value, position = self._reference(line, start)
            found.append(_text(value))
        return _held("".join([*found, line[position:]]))

    def _reference(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value of the reference at *start*, and where the text goes on."""
        named = _NAME.match(text, start)
        assert named is not None
        braced = "{" in named[0]
        name, position = named[1], named.end()
        value: Any = self._values.get(name)
        known = name in self._values or name in ("input", "util")
        while position < len(text) and text[position] in ".[":
            step = re.compile(r"\.([A-Za-z_][\w-]*)|\[['\"]?([\w-]+)['\"]?\]").match(text, position)
            if step is None:
                break
            member, position = step[1] or step[2], step.end()
            if position < len(text) and text[position] == "(":
                end = _closing(text, position)
                arguments = [self._expression(item) for item in _split(text[position + 1 : end])]
                value, position = self._call(name, member, value, arguments), end + 1
                name = ""
            elif name == "input" and member == "body":
                value = self._body
            elif isinstance(value, list):
                value = value[int(member)] if member.isdigit() and int(member) < len(value) else None
            else:
                value = value.get(member) if isinstance(value, Mapping) else None
        if braced and position < len(text) and text[position] == "}":
            position += 1
        return (value if known else text[start:position]), position

    def _call(self, name: str, member: str, value: Any, arguments: list[Any]) -> Any:
        first = arguments[0] if arguments else None
        match name, member:
            case "input", "json":
                return json.dumps(self._path(str(first)), separators=(",", ":"))
            case "input", "path":
                return self._path(str(first))
            case "input", "params":
                if first is None:
                    return self._parameters
                places = ("path", "querystring", "header")
                return next(
                    (self._parameters[place][first] for place in places if first in self._parameters[place]), ""
                )
            case "util", "escapeJavaScript":
                return json.dumps(_text(first))[1:-1].replace("'", "\\'")
            case "util", "base64Encode":
                return base64.b64encode(_text(first).encode()).decode()
            case "util", "base64Decode":
                return base64.b64decode(_text(first)).decode()
            case "util", "urlEncode":
                return quote_plus(_text(first))
            case "util", "urlDecode":
                return unquote_plus(_text(first))
            case "util", "parseJson":
                return json.loads(_text(first))
            case _, "replaceAll" | "replace" if len(arguments) == 2:
                whole, old, new = _text(value), _text(first), _text(arguments[1])
                if whole.count(old) * len(new) > _MOST:
                    raise _failure()
                return whole.replace(old, new)
            case _, "get":
                return value.get(first) if isinstance(value, Mapping) else None
            case _, "size" | "length":
                return len(value or ())
            case _, "toString":
                return _text(value)
        raise AwsError("NotImplemented", f"not emulated: {member}() in a mapping template", 501)

    def _path(self, path: str) -> Any:
        try:
            document = json.loads(self._body or "{}")
            return jsonpath.compile(path).evaluate(document, {}, {})
        except Exception:  # what is not there is nothing, as in API Gateway
            return "" if path != "$" else self._body


def _depth(template: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"[()]", template):
        depth += 1 if mark == "(" else -1
        deepest = max(deepest, depth)
    return deepest


def _held(text: str) -> str:
    if len(text) > _MOST:
        raise _failure()
    return text


def _failure() -> AwsError:
    return AwsError("InternalServerErrorException", "Internal server error", 500)


def _closing(text: str, start: int) -> int:
    """Where the parenthesis at *start* closes."""
    depth, quote = 0, ""
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return index
    raise AwsError("BadRequestException", "a mapping template has a parenthesis that does not close")


def _split(text: str) -> list[str]:
    """Arguments of a call."""
    found, depth, quote, last = [], 0, "", 0
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[last:index].strip())
            last = index + 1
    rest = text[last:].strip()
    return [*found, rest] if rest else found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):  # as Java prints a map
        return "{" + ", ".join(f"{key}={_text(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, separators=(",", ":"))
