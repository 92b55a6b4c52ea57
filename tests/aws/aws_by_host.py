"""AWS as botocore's own HTTP sees it, for what happens before anything is deployed: who calls, and with what.

Everything above the transport is botocore's: where it looks for profiles and tokens, how it signs, what it makes of
an answer. Hosts that are not listed here fail the test.
"""

import io
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSResponse

ACCOUNT = "123456789012"
STS = '<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result>{1}</{0}Result></{0}Response>'


class Raw(io.BytesIO):
    """A body, as urllib3 hands it over."""

    def stream(self, **_):
        yield self.read()


@dataclass
class Aws:
    """Answers by host, and remembers what it was asked."""

    callers: dict = field(default_factory=dict)
    """ARN by access key; keys that are not here are refused."""
    tokens: dict = field(default_factory=dict)
    """The role's access key that the SSO portal gives, by token of who is signed in."""
    refreshes: dict = field(default_factory=dict)
    """The new token, by refresh token."""
    trusted: dict = field(default_factory=dict)
    """The access key that AssumeRole gives, by the role's ARN and the access key that asks."""
    portal: tuple = ()
    """Status and error with which the portal refuses, whoever asks."""
    lasts: timedelta = timedelta(hours=1)
    """How long the portal's credentials last."""
    asked: list = field(default_factory=list)
    """Host and operation of each request."""
    unknown: list = field(default_factory=list)
    """Requests to hosts that are none of these."""

    def send(self, request):
        """The answer to a request that botocore has made ready."""
        parts = urlsplit(request.url)
        for pattern, answer in (
            (r"portal\.sso\.[\w-]+\.amazonaws\.com", self._portal),
            (r"oidc\.[\w-]+\.amazonaws\.com", self._oidc),
            (r"sts\.[\w-]+\.amazonaws\.com", self._sts),
        ):
            if re.fullmatch(pattern, parts.hostname):
                status, kind, body = answer(parts, request)
                return AWSResponse(request.url, status, kind, Raw(body.encode()))
        self.unknown.append(request.url)
        raise AssertionError(f"a call to {request.url}")

    def _portal(self, parts, request):
        assert parts.path == "/federation/credentials"
        self.asked.append((parts.hostname, "GetRoleCredentials"))
        query = parse_qs(parts.query)
        assert query == {"role_name": ["Deployer"], "account_id": [ACCOUNT]}
        key = self.tokens.get(_text(request.headers["x-amz-sso_bearer_token"]))
        if self.portal or key is None:
            status, code = self.portal or (401, "UnauthorizedException")
            return status, {"x-amzn-ErrorType": code}, json.dumps({"message": "No access"})
        expiration = (datetime.now(UTC) + self.lasts).timestamp() * 1000
        given = {"accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t", "expiration": int(expiration)}
        return 200, {}, json.dumps({"roleCredentials": given})

    def _oidc(self, parts, request):
        assert parts.path == "/token"
        self.asked.append((parts.hostname, "CreateToken"))
        said = json.loads(_text(request.body))
        assert (said["grantType"], said["clientId"], said["clientSecret"]) == ("refresh_token", "client", "secret")
        token = self.refreshes.get(said["refreshToken"])
        if token is None:
            return 400, {"x-amzn-ErrorType": "InvalidGrantException"}, json.dumps({"error": "invalid_grant"})
        return 200, {}, json.dumps({"accessToken": token, "expiresIn": 3600, "refreshToken": "next"})

    def _sts(self, parts, request):
        said = {name: value for name, (value,) in parse_qs(_text(request.body)).items()}
        self.asked.append((parts.hostname, said["Action"]))
        key = re.search(r"Credential=(\w+)/", _text(request.headers["Authorization"]))[1]
        if key not in self.callers:
            return _refused("InvalidClientTokenId", "The security token included in the request is invalid.")
        if said["Action"] == "GetCallerIdentity":
            arn = self.callers[key]
            account = arn.split(":")[4]
            result = f"<Arn>{arn}</Arn><UserId>U</UserId><Account>{account}</Account>"
            return 200, {}, STS.format(said["Action"], result)
        given = self.trusted.get((said["RoleArn"], key))
        if given is None:
            what = f"User: {self.callers[key]} is not authorized to perform: sts:AssumeRole on resource: "
            return _refused("AccessDenied", what + said["RoleArn"])
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = (
            f"<Credentials><AccessKeyId>{given}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials>"
        )
        return 200, {}, STS.format(said["Action"], credentials)


def _refused(code, message):
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return 403, {}, f"<ErrorResponse>{error}</ErrorResponse>"


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
