"""Service Quotas for SageMaker's instances, which moto does not have: what a new account is told.

The instance types are some of those that us-east-1 has, the numbers those of new accounts: GPU instances for training
are at 0. Nothing here holds jobs or endpoints against them.

https://docs.aws.amazon.com/general/latest/gr/sagemaker.html#limits_sagemaker
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from harness.emulator.errors import JSON_1_1, AwsError

if TYPE_CHECKING:
    from harness.emulator.gateway import Handler

_TRAINING = {
    "ml.p3.2xlarge": 0,
    "ml.p3.8xlarge": 0,
    "ml.g4dn.xlarge": 0,
    "ml.g4dn.2xlarge": 0,
    "ml.g5.xlarge": 0,
    "ml.g5.2xlarge": 0,
    "ml.g6.xlarge": 0,
    "ml.m5.large": 15,
    "ml.m5.xlarge": 15,
    "ml.c5.xlarge": 15,
}
_ENDPOINT = {"ml.m5.large": 4, "ml.m5.xlarge": 4, "ml.c5.xlarge": 4, "ml.t2.medium": 4, "ml.g4dn.xlarge": 0}
_DEFAULTS: dict[str, float] = {
    **{f"{kind} for training job usage": value for kind, value in _TRAINING.items()},
    **{f"{kind} for spot training job usage": 0 for kind in _TRAINING},
    **{f"{kind} for endpoint usage": value for kind, value in _ENDPOINT.items()},
}
_MOST = 100
_TARGET = "ServiceQuotasV20190624."


class Quotas:
    """Answers Service Quotas about SageMaker; what it is asked about other services is moto's.

    Args:
        region: for ARNs.
        account_id: for ARNs.
    """

    def __init__(self, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id
        self._values = dict(_DEFAULTS)

    def values(self) -> dict[str, float]:
        """Applied values by quota name."""
        return dict(self._values)

    def change(self, values: Mapping[str, float | None]) -> None:
        """Set applied values, as a request for more does on AWS; None takes a quota away, as where a region lacks it.

        Raises:
            ValueError: a value is no number from 0.
        """
        for name, value in values.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ValueError(f"{name}: {value!r} is no number from 0")
        for name, value in values.items():
            if value is None:
                self._values.pop(name, None)
            else:
                self._values[name] = value

    def handler_for(self, request: Request) -> Handler | None:
        """What answers *request* here, or None for what is moto's."""
        operation = request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        parameters = json.loads(request.get_data(cache=True) or b"{}")
        if parameters.get("ServiceCode") != "sagemaker":
            return None
        answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "ListServiceQuotas": self._list,
            "ListAWSDefaultServiceQuotas": self._list_defaults,
            "GetServiceQuota": self._get,
        }
        answer = answers.get(operation)
        if answer is None:
            return None

        def handle(request: Request, request_id: str, region: str) -> Response:
            body = json.dumps(answer(parameters), separators=(",", ":"))
            return Response(body, 200, {"x-amzn-RequestId": request_id}, content_type=JSON_1_1)

        return handle

    def _list(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._page(self._values, parameters)

    def _list_defaults(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._page({name: _DEFAULTS[name] for name in self._values if name in _DEFAULTS}, parameters)

    def _page(self, values: Mapping[str, float], parameters: Mapping[str, Any]) -> dict[str, Any]:
        first, most = int(parameters.get("NextToken") or 0), parameters.get("MaxResults") or _MOST
        names = sorted(values)
        answer: dict[str, Any] = {"Quotas": [self._quota(name, values[name]) for name in names[first : first + most]]}
        if first + most < len(names):
            answer["NextToken"] = str(first + most)
        return answer

    def _get(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        for name, value in self._values.items():
            if _code(name) == parameters.get("QuotaCode"):
                return {"Quota": self._quota(name, value)}
        raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")

    def _quota(self, name: str, value: float) -> dict[str, Any]:
        code = _code(name)
        return {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{self._region}:{self._account_id}:sagemaker/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": float(value),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
            "QuotaAppliedAtLevel": "ACCOUNT",
        }


def _code(name: str) -> str:
    """A code in the form of AWS's; only the names are AWS's own."""
    return f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


def no_prices(request: Request, request_id: str, region: str) -> Response:
    """The Price List API's answer here: the emulator has no prices.

    Raises:
        AwsError: always.
    """
    raise AwsError("AccessDeniedException", "not emulated: the Price List API")
