"""In which order a template's resources are made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from harness.emulator.cloudformation.documents import invalid
from harness.emulator.cloudformation.expressions import references


def depends_on(resource: Mapping[str, Any], names: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of *names* must be there before *resource*: those it names, and those it refers to."""
    declared = resource.get("DependsOn") or ()
    listed = [declared] if isinstance(declared, str) else list(declared)
    listed += [name for name, _ in references(resource.get("Properties") or {})]
    return tuple(dict.fromkeys(name for name in listed if name in names))


def in_order(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of *resources*, each after all that it needs.

    Raises:
        AwsError: ValidationError, they need one another.
    """
    sorter = TopologicalSorter({name: depends_on(resource, resources) for name, resource in resources.items()})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = sorted(set(error.args[1]))
        raise invalid(f"Circular dependency between resources: [{', '.join(circle)}]") from None


def check_references(template: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse a template that refers to what is not there.

    Args:
        template: with all transforms carried out.
        known: names of pseudo parameters.

    Raises:
        AwsError: ValidationError.
    """
    resources = template.get("Resources") or {}
    parameters = template.get("Parameters") or {}
    names = {*resources, *parameters, *known}
    for where in ("Resources", "Outputs"):
        part = {
            name: {key: value for key, value in item.items() if key != "Metadata"}
            for name, item in (template.get(where) or {}).items()
        }
        missing = sorted({name for name, attribute in references(part) if name not in names and attribute is None})
        if missing:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] in the {where} block "
                "of the template"
            )
        for name, attribute in references(part):
            if attribute is not None and name not in resources and f"{name}.{attribute}" not in names:
                raise invalid(f"Template error: instance of Fn::GetAtt references undefined resource {name}")
    for name, resource in resources.items():
        declared = resource.get("DependsOn") or ()
        for other in [declared] if isinstance(declared, str) else declared:
            if other not in resources:
                raise invalid(
                    f"Template format error: Unresolved resource dependencies [{other}] in the Resources block "
                    "of the template"
                )
        condition = resource.get("Condition")
        if condition is not None and condition not in (template.get("Conditions") or {}):
            raise invalid(f"Template format error: Unresolved condition dependency {condition} in the {name} block")
