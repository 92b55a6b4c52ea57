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
from collections.abc import Callable, Mapping

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, text
from harness.emulator.services import Stateless

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


class Quotas(Stateless):
    """The service ``service-quotas``, as far as it is about SageMaker."""

    name = "service-quotas"

    def __init__(self) -> None:
        self._values = dict(_DEFAULTS)
        self.operations = {
            "ListServiceQuotas": _of_sagemaker(self._list),
            "ListAWSDefaultServiceQuotas": _of_sagemaker(self._list_defaults),
            "GetServiceQuota": _of_sagemaker(self._get),
        }

    def values(self) -> dict[str, float]:
        """Return the applied values by quota name."""
        return dict(self._values)

    def change(self, values: Members) -> None:
        """Set applied values, as a request for more does on AWS; None takes a quota away, as where a region lacks it.

        Raises:
            ValueError: a value is no number from 0.
        """
        changed = dict(self._values)
        for name, value in values.items():
            if value is None:
                changed.pop(name, None)
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"{name}: {value!r} is no number from 0")
            else:
                changed[name] = value
        self._values = changed

    def _list(self, call: Call) -> Members:
        return _page(self._values, call)

    def _list_defaults(self, call: Call) -> Members:
        return _page({name: _DEFAULTS[name] for name in self._values if name in _DEFAULTS}, call)

    def _get(self, call: Call) -> Members:
        for name, value in self._values.items():
            if _code(name) == call.parameters["QuotaCode"]:
                return {"Quota": _quota(name, value, call)}
        raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")


def _of_sagemaker(operation: Callable[[Call], Members]) -> Callable[[Call], Members]:
    def answer(call: Call) -> Members:
        code = call.parameters["ServiceCode"]
        if code != "sagemaker":
            raise AwsError("NotImplemented", f"not emulated: quotas of {code}", 501)
        return operation(call)

    return answer


def _page(values: Mapping[str, float], call: Call) -> Members:
    first = int(text(call.parameters, "NextToken", "") or 0)
    most = number(call.parameters, "MaxResults", _MOST)
    names = sorted(values)
    answer: dict[str, object] = {"Quotas": [_quota(name, values[name], call) for name in names[first : first + most]]}
    if first + most < len(names):
        answer["NextToken"] = str(first + most)
    return answer


def _quota(name: str, value: float, call: Call) -> Members:
    code = _code(name)
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account}:sagemaker/{code}",
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
