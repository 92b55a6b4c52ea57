"""Sessions that hold every request against botocore's service models: lengths, patterns and enumerations as well."""

from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.project.session import SharedClients


class ValidatedSession(SharedClients):
    """A session whose clients send nothing that a service model does not allow."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.events.register("provide-client-params", hold)


def hold(params, model, **_):
    try:
        check(model.service_model.service_name, model.name, params)
    except AwsError as error:
        raise AssertionError(f"{model.service_model.service_name}.{model.name}: {error.message}") from None
