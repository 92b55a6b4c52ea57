"""Who calls AWS, and what to do where AWS does not know: in words that name the profile and the command.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.targets.target import TargetError

if TYPE_CHECKING:
    import boto3

_SSO = ("sso_session", "sso_start_url", "sso_account_id", "sso_role_name")
_KEYS = "AWS_ACCESS_KEY_ID"


@contextlib.contextmanager
def explained(environ: Mapping[str, str]) -> Iterator[None]:
    """Say of what botocore raises in the block which input it is about, and what helps.

    Args:
        environ: the variables by which boto3 finds the credentials.

    Raises:
        TargetError: in place of botocore's errors, and of those of a ``credential_process`` that does not work.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, OSError, ValueError, KeyError) as error:
        raise TargetError(_words(error, environ)) from None


def caller(session: boto3.Session, region: str) -> Any:
    """``Account`` and ``Arn`` of who calls.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: AWS does not know.
    """
    return session.client("sts", region_name=region).get_caller_identity()


def refuse_codes(environ: Mapping[str, str]) -> None:
    """Refuse a profile that asks for the code of an MFA device: each session would, and none can renew itself.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html

    Raises:
        TargetError: naming the profile, and the command that asks once.
    """
    name = profile_of(environ)
    if environ.get(_KEYS):
        return
    for link, settings in _chain(name):
        if "role_arn" in settings and "mfa_serial" in settings:
            raise TargetError(
                f"profile {link} has mfa_serial: each of the sessions of a run would ask for another code, and none "
                "could renew its credentials. Have them first, by one code: "
                f'`eval "$(aws configure export-credentials --profile {name} --format env)"`.'
            )


def refuse_other_keys(identity: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Refuse keys in the environment that are not those of the profile which is chosen there as well.

    boto3 takes the keys, and looks no further: the account could be another one than the profile's, and the role of a
    profile with ``credential_source = Environment`` is never taken on.

    https://docs.aws.amazon.com/boto3/latest/guide/credentials.html

    Args:
        identity: ``Account`` and ``Arn`` of who calls.
        environ: the variables by which boto3 finds the credentials.

    Raises:
        TargetError: naming both.
    """
    chosen = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    if not chosen or not environ.get(_KEYS):
        return
    settings = next(_chain(chosen))[1]
    arn, account = identity["Arn"], identity["Account"]
    if "role_arn" in settings:
        role = settings["role_arn"]
        is_meant = account == role.split(":")[4] and f":assumed-role/{role.rpartition('/')[2]}/" in arn
        meant = role
    elif "sso_role_name" in settings and "sso_account_id" in settings:
        role = settings["sso_role_name"]
        is_meant = account == settings["sso_account_id"] and f"/AWSReservedSSO_{role}_" in arn
        meant = f"{role} in account {settings['sso_account_id']}"
    else:
        return
    if not is_meant:
        raise TargetError(
            f"the keys in {_KEYS} are those of {arn}, and profile {chosen}, which is chosen as well, is for {meant}. "
            "boto3 takes the keys: nothing was run. `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN`, "
            "or unset AWS_PROFILE; for a role by credential_source = Environment: "
            f'`eval "$(aws configure export-credentials --profile {chosen} --format env)"`.'
        )


def profile_of(environ: Mapping[str, str]) -> str:
    """Return the profile that boto3 takes."""
    return environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE") or "default"


def _words(error: Exception, environ: Mapping[str, str]) -> str:
    """Say what *error* is about, and what helps."""
    from botocore import exceptions

    name = profile_of(environ)
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}: set AWS_PROFILE to one that `aws configure list-profiles` shows."
    if isinstance(error, exceptions.ConfigParseError | UnicodeDecodeError):
        return f"{error}: mend the file, or set AWS_CONFIG_FILE to another."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return f"AWS cannot be reached: {error}. Look at the network, HTTPS_PROXY, and AWS_CA_BUNDLE."
    # botocore's cache of tokens has no other words for a file that it cannot read.
    said = "a token that was left by signing in cannot be read" if isinstance(error, KeyError) else str(error).strip()
    said = said if said.endswith(".") else f"{said}."
    if environ.get(_KEYS):
        return (
            f"AWS does not know who calls: {said} The keys are those in {_KEYS}, which boto3 takes before any profile: "
            "set new ones, or unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and set AWS_PROFILE."
        )
    return f"profile {name}: {said} {_remedy(error, name)}"


def _remedy(error: Exception, name: str) -> str:
    """Say what helps against *error*, where the credentials are those of profile *name*."""
    from botocore import exceptions

    chain = list(_chain(name))
    operation = error.operation_name if isinstance(error, exceptions.ClientError) else ""
    login = _link(chain, "login_session")
    is_login = isinstance(error, KeyError) and "login_session" in dict(chain)[login]
    if isinstance(error, exceptions.LoginError) or is_login:
        return f"Sign in with `aws login --profile {login}`."
    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError | KeyError):
        return f"Sign in with `aws sso login --profile {_link(chain, *_SSO)}`."
    if operation == "GetRoleCredentials":
        link = _link(chain, *_SSO)
        settings = dict(chain)[link]
        return (
            f"AWS's access portal does not give role {settings.get('sso_role_name')} of account "
            f"{settings.get('sso_account_id')} to who is signed in: look at sso_role_name and sso_account_id of "
            f"profile {link}, or sign in as somebody else with `aws sso login --profile {link}`."
        )
    if isinstance(error, exceptions.MissingDependencyException):
        return "Or choose an AWS_PROFILE of another kind: `aws configure sso` makes one."
    if operation == "AssumeRole":
        link = _link(chain, "role_arn")
        return f"Look at role_arn of profile {link}, and at whom that role trusts; or choose another AWS_PROFILE."
    if isinstance(error, exceptions.NoCredentialsError):
        return "Make a profile with `aws configure sso`, and choose it with AWS_PROFILE."
    process = _link(chain, "credential_process")
    programs_own = not isinstance(error, exceptions.ClientError | exceptions.InvalidConfigError)
    if programs_own and "credential_process" in dict(chain)[process]:
        # What it is called with is not shown: it may be nobody's business.
        return f"Run the credential_process of profile {process} by hand, to see what is wrong with it."
    if isinstance(error, exceptions.InvalidConfigError | exceptions.PartialCredentialsError):
        return "Mend the profile in your AWS configuration, or choose another AWS_PROFILE."
    return "Sign in anew, or choose an AWS_PROFILE that works."


def _link(chain: list[tuple[str, dict[str, Any]]], *settings: str) -> str:
    """Return the first profile of *chain* that has one of *settings*; the first of all where none has."""
    return next((name for name, found in chain if any(key in found for key in settings)), chain[0][0])


def _chain(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Profile *name*, the one that it is a source_profile of, and so on, with the settings of each."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        profiles = botocore.session.get_session().full_config.get("profiles", {})
    except BotoCoreError:
        profiles = {}
    seen: list[str] = []
    following: str | None = name
    while following is not None and following not in seen:
        seen.append(following)
        settings = profiles.get(following, {})
        yield following, settings
        following = settings.get("source_profile") if "role_arn" in settings else None
