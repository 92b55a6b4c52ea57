"""Captures that outgrow a machine: a table for Amazon Athena over them where they lie, and the questions in SQL.

The partitions are projected from the keys' layout (``<variant>/yyyy/mm/dd/hh``), so there are none to load, and a query
for some hours reads those alone.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html

The queries keep to what Athena's engine (Trino) and DuckDB both take, word for word, so that what they answer is tested
here (:mod:`harness.capture.local_sql`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.capture.selection import Selection

QUERIES = ("hours", "classes", "histogram", "unsure", "unreadable")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIANT = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_FIRST_HOUR = "2018/01/01/00"
"""Before Data Capture was there to write any."""


def table_ddl(name: str, uri: str, variants: Sequence[str]) -> str:
    """``CREATE EXTERNAL TABLE`` over an endpoint's captures.

    Args:
        name: of the table.
        uri: ``s3://bucket/prefix/<endpoint>``, below which the variants' folders are.
        variants: production variants whose captures belong to it.

    Raises:
        ValueError: a name cannot stand in SQL, *uri* is no S3 URI, or there is no variant.
    """
    check_name(name)
    if not uri.startswith("s3://") or "'" in uri:
        raise ValueError(f"{uri!r} is no S3 URI: expected s3://bucket/prefix")
    if not variants:
        raise ValueError("name the production variants whose captures are in the table")
    for variant in variants:
        if not _VARIANT.fullmatch(variant):
            raise ValueError(f"{variant!r} is no name of a production variant")
    root = uri.rstrip("/")
    side = "STRUCT<observedcontenttype: STRING, mode: STRING, data: STRING, encoding: STRING>"
    return f"""\
CREATE EXTERNAL TABLE IF NOT EXISTS {name} (
  capturedata STRUCT<
    endpointinput: {side},
    endpointoutput: {side}
  >,
  eventmetadata STRUCT<eventid: STRING, inferenceid: STRING, inferencetime: STRING>,
  eventversion STRING
)
PARTITIONED BY (variant STRING, hour STRING)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
LOCATION '{root}/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.variant.type' = 'enum',
  'projection.variant.values' = '{",".join(variants)}',
  'projection.hour.type' = 'date',
  'projection.hour.format' = 'yyyy/MM/dd/HH',
  'projection.hour.range' = '{_FIRST_HOUR},NOW',
  'projection.hour.interval' = '1',
  'projection.hour.interval.unit' = 'HOURS',
  'storage.location.template' = '{root}/${{variant}}/${{hour}}'
);
"""


def query(
    name: str,
    table: str = "captures",
    *,
    threshold: float,
    selection: Selection = Selection(),  # noqa: B008
    limit: int = 50,
) -> str:
    """Write a question to the table.

    Args:
        name: one of :data:`QUERIES`: ``hours`` (predictions, and the share of them not above the threshold, by variant
            and hour of inference), ``classes`` (predictions and their mean confidence by class), ``histogram``
            (predictions by confidence in steps of 0.02 and by class), ``unsure`` (the least confident ones),
            ``unreadable`` (lines that hold no record, by file).
        table: the table's name.
        threshold: confidence to exceed.
        selection: which records.
        limit: lines of ``unsure``.

    Raises:
        ValueError: there is no such question, or a name cannot stand in SQL.
    """
    check_name(table)
    if name not in QUERIES:
        raise ValueError(f"no such query: {name!r}; there are {', '.join(QUERIES)}")
    if name == "unreadable":
        where = " AND ".join(["eventmetadata.eventid IS NULL", *_partitions(selection)])
        return (
            f'SELECT "$path" AS source, count(*) AS lines\nFROM {table}\nWHERE {where}\nGROUP BY "$path"\nORDER BY 1;\n'
        )
    return _predictions(table, selection) + _SELECTS[name].format(threshold=_double(threshold), limit=int(limit))


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a table.

    Raises:
        ValueError: *name* cannot be a table's, unquoted.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a table: expected letters, digits and underscores")


_SELECTS = {
    "hours": """\
SELECT variant,
       substr(inferencetime, 1, 13) AS inference_hour,
       count(*) AS predictions,
       sum(CASE WHEN confidence > {threshold} THEN 0 ELSE 1 END) AS not_above,
       CAST(sum(CASE WHEN confidence > {threshold} THEN 0 ELSE 1 END) AS DOUBLE) / count(*) AS share_not_above
FROM predictions
GROUP BY variant, substr(inferencetime, 1, 13)
ORDER BY 1, 2;
""",
    "classes": """\
SELECT predicted,
       count(*) AS predictions,
       sum(CASE WHEN confidence > {threshold} THEN 0 ELSE 1 END) AS not_above,
       avg(confidence) AS mean_confidence
FROM predictions
GROUP BY predicted
ORDER BY 1;
""",
    "histogram": """\
SELECT CAST(floor(confidence * 50) AS INTEGER) AS step,
       floor(confidence * 50) / 50 AS confidence_from,
       predicted,
       count(*) AS predictions
FROM predictions
GROUP BY floor(confidence * 50), predicted
ORDER BY 1, 3;
""",
    "unsure": """\
SELECT eventid, variant, inferencetime, predicted, confidence, source
FROM predictions
ORDER BY confidence, eventid
LIMIT {limit};
""",
}


def _predictions(table: str, selection: Selection) -> str:
    """Select records with the class and confidence that their output gives.

    An output is a JSON list of numbers, as it stands or in base64. Its elements are cut out with a regular expression:
    what reads JSON differs between the engines. One that is no number makes the output none, as it does in
    :func:`harness.capture.records.probabilities_of`.
    """
    where = " AND ".join(["capturedata.endpointoutput.data IS NOT NULL", *_partitions(selection), *_times(selection)])
    keep = "".join(f"\n  AND {condition}" for condition in _answers(selection))
    return f"""\
WITH outputs AS (
  SELECT variant,
         eventmetadata.eventid AS eventid,
         eventmetadata.inferencetime AS inferencetime,
         "$path" AS source,
         CASE capturedata.endpointoutput.encoding
           WHEN 'BASE64' THEN TRY(from_utf8(from_base64(capturedata.endpointoutput.data)))
           ELSE capturedata.endpointoutput.data
         END AS text
  FROM {table}
  WHERE {where}
), elements AS (
  SELECT variant, eventid, inferencetime, source, element, position, TRY_CAST(element AS DOUBLE) AS probability
  FROM outputs
  CROSS JOIN UNNEST(
    regexp_extract_all(regexp_extract(text, '^\\s*\\[([^\\[\\]]*)\\]\\s*$', 1), '[^\\s,]+')
  ) WITH ORDINALITY AS numbered (element, position)
), predictions AS (
  SELECT variant, eventid, inferencetime, source, max(probability) AS confidence, min(position) - 1 AS predicted
  FROM (
    SELECT elements.*,
           max(probability) OVER (PARTITION BY source, eventid) AS highest,
           sum(CASE WHEN probability IS NULL THEN 1 ELSE 0 END) OVER (PARTITION BY source, eventid) AS others
    FROM elements
  ) AS ranked
  WHERE others = 0 AND probability = highest
  GROUP BY variant, eventid, inferencetime, source
  HAVING max(probability) IS NOT NULL{keep}
)
"""


def _partitions(selection: Selection) -> list[str]:
    """Conditions by which whole folders are passed over."""
    found = []
    if selection.variants:
        names = ", ".join(_text(name) for name in sorted(selection.variants))
        found.append(f"variant IN ({names})")
    if selection.since is not None:
        # The hour before: a file holds what was captured a little after the hour that it is named by, too.
        start = datetime.fromtimestamp(selection.since.timestamp() - 3600, UTC)
        found.append(f"hour >= '{start:%Y/%m/%d/%H}'")
    if selection.until is not None:
        found.append(f"hour <= '{selection.until.astimezone(UTC):%Y/%m/%d/%H}'")
    return found


def _times(selection: Selection) -> list[str]:
    found = []
    if selection.since is not None:
        found.append(f"eventmetadata.inferencetime >= '{selection.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'")
    if selection.until is not None:
        found.append(f"eventmetadata.inferencetime < '{selection.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'")
    return found


def _answers(selection: Selection) -> list[str]:
    found = []
    if selection.classes:
        found.append(f"min(position) - 1 IN ({', '.join(str(int(number)) for number in sorted(selection.classes))})")
    if selection.min_confidence is not None:
        found.append(f"max(probability) >= {_double(selection.min_confidence)}")
    if selection.max_confidence is not None:
        found.append(f"max(probability) <= {_double(selection.max_confidence)}")
    return found


def _double(value: float) -> str:
    return f"DOUBLE '{float(value)!r}'"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
