"""The money guard: prices, quotas, and consent before anything billable."""

import io
import json
import re
from dataclasses import replace

import boto3
import pytest
from botocore.stub import Stubber
from rich.console import Console

from harness.cloud import prices
from harness.cloud.consent import ConsentError, require_consent
from harness.cloud.estimate import CostLine, Estimate
from harness.cloud.prices import HOSTING, TRAINING, Price, PriceError, instance_price
from harness.cloud.quotas import ENDPOINT, Quota, QuotaError, require_instance
from harness.cloud.quotas import TRAINING as TRAINING_USAGE
from harness.cloud.registries import ACCOUNTS, built_in_image_on_aws
from harness.emulator.quotas import Quotas
from harness.scones.aws.estimate import estimate_run
from harness.settings import Settings
from harness.targets.target import Target

TARGET = Target(
    "aws", {}, is_local=False, account_id="123456789012", region="us-east-1", caller="arn:aws:iam::x:user/y"
)
ESTIMATE = Estimate((CostLine("endpoint", "hour", Price(0.5, "a test"), 1, 4),))
AGREED = Settings(consent="yes", max_cost=3.0, aws_account="123456789012")


class Unreachable:
    """A session without a network."""

    def client(self, *_, **__):
        return boto3.Session().client(
            "pricing",
            region_name="us-east-1",
            endpoint_url="http://127.0.0.1:1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )


# Consent


def test_agreed_to_within_the_limit():
    require_consent(TARGET, AGREED, ESTIMATE)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"consent": ""}, "nobody is here to agree.*--yes --max-cost 2.1 --account 123456789012"),
        ({"max_cost": 1.99}, r"may cost up to 2\.00 USD, more than the limit of 1\.99 USD"),
        ({"max_cost": 1.99, "consent": ""}, "more than the limit"),
        ({"max_cost": 0.0}, "--yes needs --max-cost"),
        ({"aws_account": ""}, "--yes needs --account"),
    ],
)
def test_refused(changed, message, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConsentError, match=message) as raised:
        require_consent(TARGET, replace(AGREED, **changed), ESTIMATE)
    assert "nothing was made" in str(raised.value).lower()


def test_a_person_is_asked_with_the_account_and_both_prices():
    asked = []
    require_consent(TARGET, Settings(), ESTIMATE, lambda question: asked.append(question) or True)
    (question,) = asked
    for part in ("123456789012", "arn:aws:iam::x:user/y", "us-east-1", "0.50 USD", "2.00 USD"):
        assert part in question
    with pytest.raises(ConsentError, match="not agreed to"):
        require_consent(TARGET, Settings(), ESTIMATE, lambda question: False)


def test_a_person_cannot_agree_beyond_the_limit():
    with pytest.raises(ConsentError, match="more than the limit"):
        require_consent(TARGET, Settings(max_cost=1.0), ESTIMATE, lambda question: True)


# Prices


def test_the_table_is_used_where_the_price_list_cannot_be_reached():
    price = instance_price(Unreachable(), TRAINING, "ml.p3.2xlarge", "us-east-1")
    assert price == Price(3.825, f"the table of {prices.AS_OF}", confirmed=False)
    endpoint = instance_price(Unreachable(), HOSTING, "ml.m5.xlarge", "us-east-1")
    assert endpoint == Price(0.23, f"the table of {prices.AS_OF}")
    elsewhere = instance_price(Unreachable(), HOSTING, "ml.m5.xlarge", "sa-east-1")
    assert elsewhere.usd == pytest.approx(0.46)
    assert "for us-east-1, times 2 for other regions" in elsewhere.source
    assert not elsewhere.confirmed


def test_each_number_of_the_table_says_where_it_was_seen():
    for (use, name), listed in prices.INSTANCE_HOURS.items():
        assert use in (TRAINING, HOSTING) and name.startswith("ml.") and listed.usd > 0
        assert re.search(r"20[12]\d", listed.seen), name
        assert listed.confirmed == ("2026" in listed.seen), name


def test_what_could_not_be_confirmed_is_said_before_consent():
    def shown(region, **values):
        console = Console(width=500, record=True, quiet=False, file=io.StringIO())
        estimate_run(Unreachable(), Settings(**values), region, trains=True).show(console)
        return console.export_text()

    said = shown("us-east-1")
    assert "not confirmed by AWS's price list or pages of 2026-09: training on one ml.p3.2xlarge; data to this" in said
    said = shown("us-east-1", training_instance="ml.g4dn.xlarge")
    assert "not confirmed by AWS's price list or pages of 2026-09: data to this machine. It may cost" in said
    said = shown("eu-west-1", training_instance="ml.g4dn.xlarge")
    assert "not confirmed" in said and "training on one ml.g4dn.xlarge; endpoint on one ml.m5.xlarge; volumes" in said


def test_elsewhere_everything_has_the_margin():
    here = estimate_run(Unreachable(), Settings(), "us-east-1", trains=False)
    there = estimate_run(Unreachable(), Settings(), "sa-east-1", trains=False)
    assert there.most_usd == pytest.approx(2 * here.most_usd)


def test_what_has_no_price_is_refused():
    with pytest.raises(PriceError, match=r"ml\.x9\.huge costs for hosting.*ml\.m5\.xlarge"):
        instance_price(Unreachable(), HOSTING, "ml.x9.huge", "us-east-1")


def listed(usage, component, usd, location="AWS Region", unit="Hrs"):
    """An entry as GetProducts answers it, a string of JSON.

    Its members and attributes are those that public code declares or reads: an AWS generator of notebook instance types
    (the attributes), LLMeter and vantage-sh/ec2instances.info (product, terms, units). Usage type, unit and description
    are as one answer to the same two filters was printed in public: USE2-Host:ml.g6.xlarge, Hrs, "$1.1267 per Hosting
    ml.g6.xlarge hour in US East (Ohio)". The values are made up.
    """
    sku, term, rate = "ABCDEFGHJKMNPQRS", "ABCDEFGHJK", "ABCDEFGHJK"
    attributes = {
        "clockSpeed": "3.1 GHz",
        "component": component,
        "computeType": "Standard Instances",
        "currentGeneration": "Yes",
        "gpu": "N/A",
        "gpuMemory": "N/A",
        "instanceName": "ml.m5.xlarge",
        "instanceType": f"ml.m5.xlarge-{component}",
        "location": "EU (Ireland)",
        "locationType": location,
        "memory": "16 GiB",
        "networkPerformance": "High",
        "operation": "RunInstance",
        "physicalCpu": "N/A",
        "physicalGpu": "N/A",
        "platoinstancename": "m5",
        "platoinstancetype": component,
        "processorArchitecture": "64-bit",
        "regionCode": "eu-west-1",
        "servicecode": "AmazonSageMaker",
        "servicename": "Amazon SageMaker",
        "storage": "EBS only",
        "usagetype": usage,
        "vCpu": "4",
    }
    dimension = {
        "unit": unit,
        "endRange": "Inf",
        "description": f"${usd} per {component} ml.m5.xlarge hour in EU (Ireland)",
        "appliesTo": [],
        "rateCode": f"{sku}.{term}.{rate}",
        "beginRange": "0",
        "pricePerUnit": {"USD": usd},
    }
    offer = {
        "priceDimensions": {f"{sku}.{term}.{rate}": dimension},
        "sku": sku,
        "effectiveDate": "2026-09-01T00:00:00Z",
        "offerTermCode": term,
        "termAttributes": {},
    }
    return json.dumps(
        {
            "product": {"productFamily": "ML Instance", "attributes": attributes, "sku": sku},
            "serviceCode": "AmazonSageMaker",
            "terms": {"OnDemand": {f"{sku}.{term}": offer}},
            "version": "20260924235959",
            "publicationDate": "2026-09-24T23:59:59Z",
        }
    )


def ask_price_list(use, *pages):
    """What an ml.m5.xlarge in eu-west-1 costs by pages of the Price List."""
    pricing = boto3.Session().client(
        "pricing", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    wanted = {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
            {"Type": "TERM_MATCH", "Field": "instanceName", "Value": "ml.m5.xlarge"},
        ],
    }

    class Reachable:
        def client(self, *_, **__):
            return pricing

    with Stubber(pricing) as stubber:
        for number, page in enumerate(pages):
            answer = {"PriceList": page, "FormatVersion": "aws_v1"}
            if number + 1 < len(pages):
                answer["NextToken"] = str(number + 1)
            stubber.add_response("get_products", answer, {**wanted, **({"NextToken": str(number)} if number else {})})
        found = instance_price(Reachable(), use, "ml.m5.xlarge", "eu-west-1")
        stubber.assert_no_pending_responses()
        return found


ENTRIES = [
    listed("EU-Notebk:ml.m5.xlarge", "Notebook", "9"),
    listed("EU-Processing:ml.m5.xlarge", "Processing", "9"),
    listed("EU-TrSpt:ml.m5.xlarge", "SpotTraining", "9"),
    listed("EU-Cluster:ml.m5.xlarge", "Cluster", "9"),
    listed("EU-TrainingPlanUpfrontFee:ml.m5.xlarge", "", "9", unit="Quantity"),
    listed("EU-WarmTrain:ml.m5.xlarge", "Training", "9"),
    listed("EU-Host:ml.m5.xlarge", "Hosting", "0.0000000000"),
    listed("EU-Host:ml.m5.xlarge", "Hosting", "9", location="AWS Outposts"),
    listed("EU-Host:ml.m5.xlarge", "Hosting", "0.2570000000"),
]


def test_the_price_list_comes_first():
    more = [listed("EU-Train:ml.m5.xlarge", "Training", "0.3000000000")]
    assert ask_price_list(HOSTING, ENTRIES) == Price(0.257, "the Price List API")
    assert ask_price_list(TRAINING, ENTRIES, more) == Price(0.3, "the Price List API")


def test_an_instance_that_is_free_by_the_price_list_has_the_price_of_the_table():
    free = [listed("EU-Host:ml.m5.xlarge", "Hosting", "0.0000000000")]
    assert ask_price_list(HOSTING, free) == prices.table_price(0.23, "eu-west-1")


def test_the_most_that_a_run_may_cost_is_what_the_limits_in_time_allow():
    settings = Settings(training_minutes=60, lifetime_hours=4)
    estimate = estimate_run(Unreachable(), settings, "us-east-1", trains=True)
    by_name = {line.what: line for line in estimate.lines}
    # A job that is stopped may take two minutes more; the watchdog, its tries and SageMaker a quarter of an hour.
    assert by_name["training on one ml.p3.2xlarge"].most_usd == pytest.approx(3.825 * 62 / 60)
    assert by_name["endpoint on one ml.m5.xlarge"].most_usd == pytest.approx(4.25 * 0.23)
    assert by_name["volumes of both"].most_usd == pytest.approx(0.14 * (10 * 62 / 60 + 30 * 4.25) / 730)
    assert by_name["S3 storage"].most_usd == pytest.approx(0.2 * 0.023)
    assert {"data of the endpoint", "data to this machine"} <= by_name.keys()
    assert 0 < estimate.expected_usd < estimate.most_usd < 6
    served = estimate_run(Unreachable(), settings, "us-east-1", trains=False)
    trained = by_name["training on one ml.p3.2xlarge"].most_usd + 0.14 * 10 * 62 / 60 / 730
    assert served.most_usd == pytest.approx(estimate.most_usd - trained)
    short = estimate_run(Unreachable(), replace(settings, training_minutes=3), "us-east-1", trains=True)
    assert short.lines[0].expected == short.lines[0].most == 5 / 60


def test_what_the_price_list_has_not_is_not_offered():
    pricing = boto3.Session().client(
        "pricing", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )

    class Reachable:
        def client(self, *_, **__):
            return pricing

    with Stubber(pricing) as stubber:
        hosting = [listed("EU-Host:ml.m5.xlarge", "Hosting", "0.2")]
        for use, found in ((TRAINING, False), (HOSTING, True)):
            stubber.add_response("get_products", {"PriceList": hosting, "FormatVersion": "aws_v1"})
            assert prices.is_priced(Reachable(), use, "ml.m5.xlarge", "eu-west-1") is found
    assert prices.is_priced(Unreachable(), TRAINING, "ml.m5.xlarge", "eu-west-1") is None


# Quotas


def quotas(**values):
    names = {name.replace("_", "."): value for name, value in values.items()}
    return {f"{name} for {use}": Quota(f"{name} for {use}", "L-1", value) for name, (use, value) in names.items()}


def test_a_quota_that_is_there():
    found = quotas(ml_p3_2xlarge=(TRAINING_USAGE, 1.0))
    assert require_instance(found, "ml.p3.2xlarge", TRAINING_USAGE, "us-east-1").value == 1


def test_a_new_account_has_none():
    found = quotas(ml_p3_2xlarge=(TRAINING_USAGE, 0.0), ml_g5_xlarge=(TRAINING_USAGE, 0.0))
    with pytest.raises(QuotaError) as raised:
        require_instance(found, "ml.p3.2xlarge", TRAINING_USAGE, "eu-west-1")
    said = str(raised.value)
    assert "'ml.p3.2xlarge for training job usage' of this account in eu-west-1 is 0, as in every new account" in said
    assert "https://eu-west-1.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas/L-1" in said
    assert "ml.g5.xlarge, with HARNESS_TRAINING_INSTANCE" in said
    assert "--model" in said


def test_what_the_account_may_use_is_named():
    found = quotas(ml_p3_2xlarge=(TRAINING_USAGE, 0.0), ml_g4dn_xlarge=(TRAINING_USAGE, 2.0))
    with pytest.raises(QuotaError, match=r"this account may use ml\.g4dn\.xlarge: set HARNESS_TRAINING_INSTANCE"):
        require_instance(found, "ml.p3.2xlarge", TRAINING_USAGE, "us-east-1")


def test_a_region_that_does_not_offer_a_type_any_more():
    found = quotas(ml_g4dn_xlarge=(TRAINING_USAGE, 0.0), ml_m5_large=(ENDPOINT, 2.0))
    with pytest.raises(
        QuotaError, match=r"not offer ml\.p3\.2xlarge.*retire P3 by 2025-12-20.*offers ml\.g4dn\.xlarge"
    ):
        require_instance(found, "ml.p3.2xlarge", TRAINING_USAGE, "eu-south-2")
    with pytest.raises(QuotaError, match=r"does not offer ml\.m5\.xlarge for endpoint usage.*may use ml\.m5\.large"):
        require_instance(found, "ml.m5.xlarge", ENDPOINT, "eu-south-2")


def test_the_emulator_answers_as_a_new_account_is_told():
    values = Quotas().values()
    assert values["ml.p3.2xlarge for training job usage"] == 0
    assert values["ml.m5.large for training job usage"] == 0
    assert values["ml.m5.xlarge for endpoint usage"] > 0


# Images


def test_aws_own_images_are_where_the_sagemaker_sdk_says():
    image_uris = pytest.importorskip("sagemaker.image_uris")
    for region in ACCOUNTS:
        assert built_in_image_on_aws(region) == image_uris.retrieve("image-classification", region)
    with pytest.raises(ValueError, match="AWS has no image-classification image in xx-north-1"):
        built_in_image_on_aws("xx-north-1")
