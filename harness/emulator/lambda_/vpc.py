"""A function's VPC: described as AWS does; handlers run on this machine's network."""

from __future__ import annotations

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, flag, structure, texts
from harness.emulator.lambda_.control_plane import ControlPlane
from harness.emulator.lambda_.records import Configuration
from harness.emulator.lambda_.refusals import invalid


def vpc_config(plane: ControlPlane, configuration: Configuration, given: Members, call: Call) -> None:
    """Put the VPC that a request names into *configuration*.

    Args:
        plane: leads to EC2.
        configuration: of the function; changed in place.
        given: the request, with ``VpcConfig``; without one nothing is changed, an empty one takes the function out of
            its VPC.
        call: the request, for its region.

    Raises:
        AwsError: EC2 has no such subnet or security group.
    """
    if given.get("VpcConfig") is None:
        return
    wanted = structure(given, "VpcConfig")
    subnets, groups = texts(wanted, "SubnetIds"), texts(wanted, "SecurityGroupIds")
    if not subnets and not groups:
        empty: list[str] = []
        configuration["VpcConfig"] = {
            "SubnetIds": empty,
            "SecurityGroupIds": empty,
            "VpcId": "",
            "Ipv6AllowedForDualStack": False,
        }
        return
    ec2 = plane.context.clients.get("ec2", call.region)
    vpc = ""
    try:
        action = "DescribeSubnets"
        if subnets:
            vpc = ec2.describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
        action = "DescribeSecurityGroups"
        if groups:
            ec2.describe_security_groups(GroupIds=groups)
    except Exception as error:
        said = getattr(error, "response", {}).get("Error", {})
        code, words = said.get("Code", type(error).__name__), said.get("Message", str(error))
        if code == "InvalidGroup.NotFound":
            words = f"The security group '{groups[0]}' does not exist"
        if code == "InvalidSubnetID.NotFound":
            words = f"The subnet ID '{subnets[0]}' does not exist"
        raise invalid(f"Error occurred while {action}. EC2 Error Code: {code}. EC2 Error Message: {words}") from None
    configuration["VpcConfig"] = {
        "SubnetIds": subnets,
        "SecurityGroupIds": groups,
        "VpcId": vpc,
        "Ipv6AllowedForDualStack": flag(wanted, "Ipv6AllowedForDualStack"),
    }
