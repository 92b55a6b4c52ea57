"""Service Quotas for SageMaker's instances, which moto does not have: what a new account is told.

The instance types are some of those that us-east-1 has had. Training is at 0, on GPU instances and on others: AWS's
page has 0 for ml.g4dn.xlarge (as others read it on 2026-09-25), and people with new accounts of 2025 and 2026 report it
of ml.p3.2xlarge, ml.g5.xlarge and ml.m5.large (messages of ResourceLimitExceeded), as of ml.m5.large for processing and
transform. Endpoints at 4 are as one lab
account of 2026 has it; others have 0 there too, or more: AWS tells each account its own. Nothing here holds jobs or
endpoints against them.

https://docs.aws.amazon.com/general/latest/gr/sagemaker.html#limits_sagemaker
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from harness.emulator.door.errors import JSON_1_1, AwsError

if TYPE_CHECKING:
    from harness.emulator.door.gateway import Handler

_TRAINING = {
    "ml.p3.2xlarge": 0,
    "ml.p3.8xlarge": 0,
    "ml.g4dn.xlarge": 0,
    "ml.g4dn.2xlarge": 0,
    "ml.g5.xlarge": 0,
    "ml.g5.2xlarge": 0,
    "ml.g6.xlarge": 0,
    "ml.m5.large": 0,
    "ml.m5.xlarge": 0,
    "ml.c5.xlarge": 0,
}
_ENDPOINT = {"ml.m5.large": 4, "ml.m5.xlarge": 4, "ml.c5.xlarge": 4, "ml.t2.medium": 4, "ml.g4dn.xlarge": 0}
_DEFAULTS: dict[str, float] = {
    **{f"{kind} for training job usage": value for kind, value in _TRAINING.items()},
    **{f"{kind} for spot training job usage": 0 for kind in _TRAINING},
    **{f"{kind} for processing job usage": 0 for kind in _TRAINING},
    **{f"{kind} for transform job usage": 0 for kind in _TRAINING},
    **{f"{kind} for endpoint usage": value for kind, value in _ENDPOINT.items()},
}
_CODES = {
    "ml.g4dn.xlarge for training job usage": "L-3F53BF0F",
    "ml.g5.xlarge for training job usage": "L-B6D80D9C",
    "ml.g5.2xlarge for training job usage": "L-2D6DEB3C",
    "ml.m5.xlarge for training job usage": "L-CCE2AFA6",
    "ml.m5.large for spot training job usage": "L-29688C85",
    "ml.m5.large for transform job usage": "L-236AE59F",
    "ml.g6.xlarge for processing job usage": "L-B0D09498",
    "ml.m5.xlarge for endpoint usage": "L-2F737F8D",
    "ml.t2.medium for endpoint usage": "L-29C181D7",
}
"""AWS's own codes, those that were seen in public; they are the same in every account and region."""
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
    """AWS's code, or where it was not seen one in its form."""
    return _CODES.get(name) or f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


def no_prices(request: Request, request_id: str, region: str) -> Response:
    """The Price List API's answer here: the emulator has no prices.

    Raises:
        AwsError: always.
    """
    raise AwsError("AccessDeniedException", "not emulated: the Price List API")
