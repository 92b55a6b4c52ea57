"""Evaluates the functions of templates.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.emulator.cloudformation.documents import invalid

LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands in a change set for what is known only once it was carried out."""
NO_VALUE = object()
"""``AWS::NoValue``: what has it is left out."""
_IN_SUB = re.compile(r"\$\{(!?)([^${}]+)\}")
_DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^{}]+)\}\}")
_CONDITIONS = frozenset({"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition", "Fn::Contains"})


class Evaluator:
    """Evaluates the parts of one template.

    Args:
        template: all of it.
        pseudo: values of pseudo parameters, ``AWS::Region``.
        values: values of parameters.
        ref: what ``Ref`` gives for a resource.
        attribute: what ``Fn::GetAtt`` gives for a resource.
        imported: the value of an export.
        dynamic: the value of a dynamic reference: service and key.
        zones: a region's availability zones.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        pseudo: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        ref: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
        imported: Callable[[str], str],
        dynamic: Callable[[str, str], str],
        zones: Callable[[str], list[str]],
    ) -> None:
        self._template = template
        self._pseudo = pseudo
        self._values = values
        self._ref = ref
        self._attribute = attribute
        self._imported = imported
        self._dynamic = dynamic
        self._zones = zones
        self._conditions: dict[str, bool] = {}
        self._under_way: set[str] = set()

    def evaluate(self, part: Any) -> Any:
        """Return the value of *part*; what has no value is left out.

        Raises:
            AwsError: ValidationError.
        """
        found = self._value(part)
        return None if found is NO_VALUE else found

    def condition(self, name: str) -> bool:
        """Whether the condition *name* holds.

        Raises:
            AwsError: ValidationError, there is none, or it depends on itself.
        """
        if name not in self._conditions:
            declared = self._template.get("Conditions") or {}
            if name not in declared:
                raise invalid(f"Template format error: Unresolved condition dependency {name} in the template")
            if name in self._under_way:
                raise invalid(f"Template error: Circular dependency in conditions: [{name}]")
            self._under_way.add(name)
            self._conditions[name] = self.truth(declared[name])
        return self._conditions[name]

    def truth(self, part: Any) -> bool:
        """Whether a condition's expression holds."""
        if isinstance(part, Mapping) and len(part) == 1:
            ((name, argument),) = part.items()
            if name == "Condition":
                return self.condition(argument)
            if name == "Fn::Equals":
                left, right = (self._text_or_value(item) for item in argument)
                return bool(left == right)
            if name == "Fn::Not":
                return not self.truth(argument[0])
            if name == "Fn::And":
                return all(self.truth(item) for item in argument)
            if name == "Fn::Or":
                return any(self.truth(item) for item in argument)
            if name == "Fn::Contains":
                return self._text_or_value(argument[1]) in [
                    self._text_or_value(item) for item in self._value(argument[0])
                ]
        if isinstance(part, str) and part in ("true", "false"):
            return part == "true"
        if isinstance(part, bool):
            return part
        raise invalid(
            f"Template error: every Condition must be a boolean function, not {json.dumps(part, default=str)}"
        )

    def _text_or_value(self, part: Any) -> Any:
        value = self._value(part)
        return text_of(value) if isinstance(value, (str, int, float, bool)) else value

    def _value(self, part: Any) -> Any:
        if isinstance(part, list):
            return [value for value in map(self._value, part) if value is not NO_VALUE]
        if isinstance(part, str):
            return self._resolved(part) if "{{resolve:" in part else part
        if not isinstance(part, Mapping):
            return part
        if len(part) == 1:
            ((name, argument),) = part.items()
            if name == "Ref" and isinstance(argument, str):
                return self._reference(argument)
            if name in _CONDITIONS and (name != "Condition" or self._is_condition(argument)):
                return self.truth(part)
            if name.startswith("Fn::"):
                function = _FUNCTIONS.get(name)
                if function is None:
                    raise invalid(f"Template error: unknown function {name}")
                return function(self, argument)
        evaluated = ((str(key), self._value(value)) for key, value in part.items())
        return {key: value for key, value in evaluated if value is not NO_VALUE}

    def _is_condition(self, argument: Any) -> bool:
        return isinstance(argument, str) and argument in (self._template.get("Conditions") or {})

    def _resolved(self, text: str) -> str:
        return text if LATER in text else _DYNAMIC.sub(lambda match: self._dynamic(match[1], match[2]), text)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._values:
            return self._values[name]
        if name in (self._template.get("Resources") or {}):
            return self._ref(name)
        raise invalid(
            f"Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template"
        )

    def _get_att(self, argument: Any) -> Any:
        names = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(names, list) or len(names) < 2:
            raise invalid(
                "Template error: every Fn::GetAtt object requires two non-empty parameters, "
                "the resource name and the resource attribute"
            )
        resource, attribute = names[0], ".".join(str(self._value(item)) for item in names[1:])
        if resource not in (self._template.get("Resources") or {}):
            raise invalid(f"Template error: instance of Fn::GetAtt references undefined resource {resource}")
        return self._attribute(resource, attribute)

    def _sub(self, argument: Any) -> str:
        text, values = argument if isinstance(argument, list) else (argument, {})
        if not isinstance(text, str) or not isinstance(values, Mapping):
            raise invalid(
                "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
                "string as first argument, and an optional second argument to specify a mapping of values to replace "
                "in the string"
            )

        def replaced(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{match[2]}}}"
            if name in values:
                return text_of(self._value(values[name]))
            if name in self._pseudo or name in self._values or "." not in name:
                found = self._reference(name)
                return ",".join(map(text_of, found)) if isinstance(found, list) else text_of(found)
            return text_of(self._get_att(name))

        return self._resolved(_IN_SUB.sub(replaced, text))

    def _join(self, argument: Any) -> str:
        if not isinstance(argument, list) or len(argument) != 2:
            raise invalid(
                "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list "
                "of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be "
                "joined."
            )
        items = self._value(argument[1])
        if not isinstance(items, list):
            items = [items]
        return self._resolved(str(argument[0]).join(map(text_of, items)))

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument[0], text_of(self._value(argument[1]))
        if not isinstance(separator, str) or not separator:
            raise invalid("Template error: every Fn::Split object requires a delimiter that is a text, and not empty")
        return [LATER] if LATER in text else text.split(separator)

    def _select(self, argument: Any) -> Any:
        index, items = int(self._value(argument[0])), self._value(argument[1])
        if isinstance(items, str):
            items = items.split(",")
        if LATER in items:
            return LATER
        if not 0 <= index < len(items):
            raise invalid(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[index]

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise invalid("Template error: Fn::If requires a list argument with three elements")
        name, yes, no = argument
        return self._value(yes if self.condition(name) else no)

    def _find_in_map(self, argument: Any) -> Any:
        keys = [self._value(item) for item in argument[:3]]
        mapping, first, second = map(text_of, keys)
        found = (self._template.get("Mappings") or {}).get(mapping)
        if found is not None and first in found and second in found[first]:
            return self._value(found[first][second])
        if len(argument) > 3 and isinstance(argument[3], Mapping) and "DefaultValue" in argument[3]:
            return self._value(argument[3]["DefaultValue"])
        if found is None:
            raise invalid(
                f"Template error: Mapping named '{mapping}' is not present in the 'Mappings' section of template."
            )
        raise invalid(f"Template error: Unable to get mapping for {mapping}::{first}::{second}")

    def _base64(self, argument: Any) -> str:
        return base64.b64encode(text_of(self._value(argument)).encode()).decode()

    def _cidr(self, argument: Any) -> list[str]:
        block, count, bits = (*(self._value(item) for item in argument), 8)[:3]
        if not 1 <= int(count) <= _MOST_BLOCKS:
            raise invalid(f"Template error: Fn::Cidr: the count must be from 1 to {_MOST_BLOCKS}")
        network = ipaddress.ip_network(block, strict=False)
        longest = 32 if network.version == 4 else 128
        found = network.subnets(new_prefix=longest - int(bits))
        try:
            return [str(next(found)) for _ in range(int(count))]
        except StopIteration:
            raise invalid(f"Template error: Fn::Cidr: {block} has not {count} blocks of {bits} bits") from None

    def _get_azs(self, argument: Any) -> list[str]:
        region = self._value(argument) or self._pseudo["AWS::Region"]
        return self._zones(region)

    def _import(self, argument: Any) -> str:
        return self._imported(text_of(self._value(argument)))

    def _to_json(self, argument: Any) -> str:
        return json.dumps(self._value(argument), separators=(",", ":"))

    def _length(self, argument: Any) -> int:
        return len(self._value(argument))


_MOST_BLOCKS = 256
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html"""
_FUNCTIONS: dict[str, Callable[[Evaluator, Any], Any]] = {
    "Fn::GetAtt": Evaluator._get_att,
    "Fn::Sub": Evaluator._sub,
    "Fn::Join": Evaluator._join,
    "Fn::Split": Evaluator._split,
    "Fn::Select": Evaluator._select,
    "Fn::If": Evaluator._if,
    "Fn::FindInMap": Evaluator._find_in_map,
    "Fn::Base64": Evaluator._base64,
    "Fn::Cidr": Evaluator._cidr,
    "Fn::GetAZs": Evaluator._get_azs,
    "Fn::ImportValue": Evaluator._import,
    "Fn::ToJsonString": Evaluator._to_json,
    "Fn::Length": Evaluator._length,
}


def text_of(value: Any) -> str:
    """Write a value as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list)):
        return json.dumps(value, separators=(",", ":"))
    return "" if value is None else str(value)


def references(part: Any) -> Iterator[tuple[str, str | None]]:
    """Names that *part* refers to, with the attribute asked for; parameters and pseudo parameters among them."""
    if isinstance(part, list):
        for item in part:
            yield from references(item)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key == "Ref" and isinstance(value, str):
                yield value, None
            elif key == "Fn::GetAtt":
                names = value.split(".", 1) if isinstance(value, str) else value
                yield str(names[0]), ".".join(str(name) for name in names[1:])
                yield from references(names[1:])
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                own = value[1] if isinstance(value, list) and len(value) > 1 else {}
                for literal, name in _IN_SUB.findall(text if isinstance(text, str) else ""):
                    name = name.strip()
                    if not literal and name not in own:
                        yield name.partition(".")[0], name.partition(".")[2] or None
                yield from references(own)
            else:
                yield from references(value)


def conditions_in(part: Any) -> Iterator[str]:
    """Names of conditions that ``Fn::If`` asks for in *part*."""
    if isinstance(part, list):
        for item in part:
            yield from conditions_in(item)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key == "Fn::If" and isinstance(value, list):
                yield str(value[0])
            yield from conditions_in(value)


def is_true(value: object) -> bool:
    """Return whether a member says yes, as true or as text."""
    return text_of(value).lower() == "true"
