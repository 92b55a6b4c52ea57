"""What a request wants of a stack: its template, read, transformed and checked, with the parameters' values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.emulator.cloudformation import descriptions, parameters
from harness.emulator.cloudformation.addresses import place_of
from harness.emulator.cloudformation.deployment import PSEUDO
from harness.emulator.cloudformation.documents import LONGEST_BODY, LONGEST_FILE, Document, check, invalid, read
from harness.emulator.cloudformation.expressions import is_true
from harness.emulator.cloudformation.graph import check_references, in_order
from harness.emulator.cloudformation.stack import Stack, Wanted
from harness.emulator.cloudformation.surroundings import StackSurroundings
from harness.emulator.cloudformation.transforms import Translate, names_of, transform
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import blob, optional_text, structures, text, texts
from harness.emulator.services import Operation


class RequestedTemplates:
    """Reads the templates of requests.

    Args:
        call: carries out a call to any service.
        surroundings: resolve parameters that are kept elsewhere.
        translate: carries out SAM's transform.
    """

    def __init__(self, call: Operation, surroundings: StackSurroundings, translate: Translate) -> None:
        self._call = call
        self._surroundings = surroundings
        self._translate = translate

    def text_of(self, call: Call, stack: Stack | None) -> str:
        """Return the text of a request's template.

        Args:
            call: with a body, an address in S3, or the wish to use what is there.
            stack: that it is for, if there is one.

        Raises:
            AwsError: ValidationError, there is none, or it is too long.
        """
        given = call.parameters
        if given.get("TemplateBody"):
            body = text(given, "TemplateBody")
            if len(body.encode()) > LONGEST_BODY:
                words = (
                    f"Value '{body}' at 'templateBody' failed to satisfy constraint: Member must have length less than"
                )
                raise invalid(f"1 validation error detected: {words} or equal to {LONGEST_BODY}")
            return body
        if given.get("TemplateURL"):
            return self._fetch(call, text(given, "TemplateURL"))
        if stack is not None and stack.wanted is not None and is_true(given.get("UsePreviousTemplate")):
            return stack.wanted.original
        raise invalid("Either Template URL or Template Body must be specified.")

    def _fetch(self, call: Call, address: str) -> str:
        bucket, key, version = place_of(address, self._surroundings.services_url)
        asked = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
        try:
            body = blob(self._call(Call("s3", "GetObject", asked, call.region, call.account, call.caller)), "Body")
        except AwsError as error:
            raise invalid(f"S3 error: {error.message}") from None
        if len(body) > LONGEST_FILE:
            raise invalid(f"Template may not exceed {LONGEST_FILE} bytes in size.")
        return str(body, "utf-8")

    def wanted(self, call: Call, stack: Stack) -> Wanted:
        """Return what a request wants of *stack*.

        Raises:
            AwsError: as CloudFormation refuses templates, parameters and missing capabilities.
        """
        given, before = call.parameters, stack.wanted
        original = self.text_of(call, stack)
        template = read(original)
        check(template)
        from_store: Callable[[str], str] = lambda name: self._surroundings.dynamic(stack, "ssm", name)  # noqa: E731
        values = parameters.read(
            template.get("Parameters") or {},
            structures(given, "Parameters"),
            before.parameters if before else {},
            from_store,
        )
        if names_of(template) or "Fn::Transform" in original:
            known = {name: value.value for name, value in values.items()}
            known |= {"AWS::Region": stack.region, "AWS::AccountId": stack.account, "AWS::StackName": stack.name}
            known |= {"AWS::StackId": stack.id, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
            fetch = lambda address: self._fetch(call, address)  # noqa: E731
            template = transform(template, known, stack.region, fetch, self._translate)
            check(template)
        check_references(template, PSEUDO)
        in_order(template["Resources"])
        capabilities = tuple(texts(given, "Capabilities"))
        self._check_capabilities(template, capabilities)
        tags = {text(tag, "Key"): text(tag, "Value", "") for tag in structures(given, "Tags")}
        return Wanted(
            original,
            template,
            values,
            tags if given.get("Tags") is not None else dict(stack.tags),
            capabilities,
            tuple(texts(given, "NotificationARNs") or (before.notifications if before else ())),
            optional_text(given, "RoleARN") or (before.role if before else None),
            template.get("Description"),
        )

    @staticmethod
    def _check_capabilities(template: Document, given: Iterable[str]) -> None:
        needed, _ = descriptions.capabilities(template)
        if needed and "CAPABILITY_NAMED_IAM" not in given and (needed[0] not in given or "NAMED" in needed[0]):
            raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed[0]}]")
