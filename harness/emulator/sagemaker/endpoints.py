"""Operations on endpoints: from Creating over InService to gone.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, flag, number, optional_decimal, structure, structures, text
from harness.emulator.door.validation import check
from harness.emulator.sagemaker.endpoint_descriptions import described
from harness.emulator.sagemaker.endpoint_life import EndpointLife, Update
from harness.emulator.sagemaker.endpoint_records import EndpointRecords
from harness.emulator.sagemaker.first_look import FirstLooks
from harness.emulator.sagemaker.hosting.deployments import Deployment
from harness.emulator.sagemaker.in_service import InService
from harness.emulator.sagemaker.names import refusal
from harness.emulator.sagemaker.program import Programs
from harness.emulator.services import Operation

_CONFIGURED = ("endpoint_config_name", "production_variants", "data_capture_config")
"""What of moto's record an update changes."""

_LATE = 20.0
"""Seconds behind CreateEndpoint from which on a first look is late."""


class Endpoints:
    """All endpoints.

    Args:
        context: the emulator's surroundings.
        flush: writes waiting capture records.
        keep: has moto keep what a call says.
        programs: how programs are run.
        pace_of_aws: whether who looks late finds an endpoint still on its way.
    """

    def __init__(
        self,
        context: EmulatorContext,
        flush: Callable[[], object],
        keep: Operation,
        programs: Programs,
        pace_of_aws: bool = False,
    ) -> None:
        self._context = context
        self._keep = keep
        self._flush = flush
        self._looks = FirstLooks(_LATE, pace_of_aws)
        self._records = EndpointRecords(context.account_id)
        self.in_service = InService(context, self._records)
        self.life = EndpointLife(context, self._records, self.in_service, programs)
        self.operations: Mapping[str, Operation] = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self.describe,
            "UpdateEndpoint": self.update,
            "UpdateEndpointWeightsAndCapacities": self.update_weights,
            "DeleteEndpoint": self.delete,
        }

    def create(self, call: Call) -> Members:
        """Answer CreateEndpoint."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "CreateEndpoint", parameters)
        name, config_name = text(parameters, "EndpointName"), text(parameters, "EndpointConfigName")
        backend = self._records.backend(region)
        arn = self._records.arn("endpoint", name, region)
        with self._records.lock:
            if name in backend.endpoints:
                raise refusal(f'Cannot create already existing endpoint "{arn}".')
            self._records.require_config(config_name, region)
            backend.create_endpoint(name, config_name, structures(parameters, "Tags"))
        self._looks.begin(name, region, "Creating")
        self.life.bring_up(name, region, "Creating")
        return {"EndpointArn": arn}

    def update(self, call: Call) -> Members:
        """Answer UpdateEndpoint: the old configuration serves until the new one does."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "UpdateEndpoint", parameters)
        name, config_name = text(parameters, "EndpointName"), text(parameters, "EndpointConfigName")
        arn = self._records.arn("endpoint", name, region)
        with self._records.lock:
            endpoint = self._records.require(name, region)
            if endpoint.endpoint_status not in ("InService", "Failed"):
                raise refusal(f'Cannot update in-progress endpoint "{arn}".')
            config = self._records.require_config(config_name, region)
            if flag(parameters, "RetainAllVariantProperties"):
                raise refusal("not emulated: RetainAllVariantProperties")
            variants, asked = structures(config, "ProductionVariants"), structure(parameters, "DeploymentConfig")
            deployment = Deployment.read(asked, sum(number(each, "InitialInstanceCount", 1) for each in variants))
            before = {name: getattr(endpoint, name) for name in _CONFIGURED}
            endpoint.last_deployment_config = asked or None
            endpoint.endpoint_config_name = config_name
            endpoint.production_variants = endpoint._process_production_variants(variants)
            endpoint.data_capture_config = structure(config, "DataCaptureConfig")
        self._looks.begin(name, region, "Updating")
        self.life.bring_up(name, region, "Updating", Update(before, deployment))
        return {"EndpointArn": arn}

    def update_weights(self, call: Call) -> Members:
        """Answer UpdateEndpointWeightsAndCapacities."""
        parameters, region = call.parameters, call.region
        check("sagemaker", "UpdateEndpointWeightsAndCapacities", parameters)
        name = text(parameters, "EndpointName")
        self._records.require(name, region)
        answer = self._keep(call)
        weights = {
            text(item, "VariantName"): weight
            for item in structures(parameters, "DesiredWeightsAndCapacities")
            if (weight := optional_decimal(item, "DesiredWeight")) is not None
        }
        if self.in_service.weigh(name, region, weights):
            for variant in self._records.require(name, region).production_variants:
                if variant["VariantName"] in weights:
                    weight = weights[variant["VariantName"]]
                    variant["CurrentWeight"] = variant["DesiredWeight"] = weight
        return answer

    def describe(self, call: Call) -> Members:
        """Answer DescribeEndpoint, a few seconds late where the endpoint is on its way."""
        name, region = text(call.parameters, "EndpointName"), call.region
        self.life.await_settled(name, region)
        with self._records.lock:
            endpoint = self._records.require(name, region)
            told = described(self._records.backend(region), endpoint, self._records.arn("endpoint", name, region))
        shown = self._looks.status_for(name, region)
        return {**told, "EndpointStatus": shown} if shown and told["EndpointStatus"] == "InService" else told

    def delete(self, call: Call) -> Members:
        """Answer DeleteEndpoint, once requests under way are answered and their captures are written."""
        name, region = text(call.parameters, "EndpointName"), call.region
        running = self.life.begin_deletion(name, region)
        if running is not None:
            running.close()
        self._flush()
        self._context.logs.flush()  # its last words must not make its log group anew, once somebody deletes that
        with self._records.lock:
            self.life.forget(name, region)
            return self._keep(call)
