"""Server-sent events: one look for all who watch, as many streams as there may be, none left behind."""

import http.client
import json
import threading
import uuid
from urllib.parse import quote, urlsplit

import boto3
import pytest

from harness.dashboard.watch import TooManyStreams, Topic, Watch
from harness.emulator.door.server import HttpServer
from harness.project.executions import start
from tests.waiting import until

WITHIN = 20


class Counter:
    """Something to look at."""

    def __init__(self):
        self.version, self.looks, self.fails = 0, 0, False
        self.looked = threading.Event()

    def look(self):
        self.looks += 1
        self.looked.set()
        if self.fails:
            raise OSError("away")
        return self.version, {"version": self.version}

    def topic(self):
        return Topic(self.look, 0.01, 0.05)


def told(stream):
    """The next event of a stream, None at its end."""
    block = until(lambda: next(stream, b"end"), every=0, enough=lambda block: block.startswith((b"data: ", b"end")))
    return None if block == b"end" else json.loads(block[6:])


@pytest.fixture
def watch():
    watch = Watch(most_streams=3, heartbeat=0.05)
    yield watch
    watch.close()


def test_a_stream_begins_with_what_is_and_goes_on_with_what_changes(watch):
    counter = Counter()
    stream = watch.stream("a", counter.topic)
    assert told(stream) == {"version": 0}
    counter.version = 1
    assert told(stream) == {"version": 1}


def test_one_look_is_for_all(watch):
    counter, other = Counter(), Counter()
    streams = [watch.stream("a", made.topic) for made in (counter, other, other)]
    assert [told(stream) for stream in streams] == [{"version": 0}] * 3
    counter.version = 1
    assert [told(stream) for stream in streams] == [{"version": 1}] * 3
    assert other.looks == 0


def test_there_are_so_many_streams_and_no_more(watch):
    counter = Counter()
    streams = [watch.stream(number, counter.topic) for number in range(3)]
    with pytest.raises(TooManyStreams):
        watch.stream("more", counter.topic)
    streams[0].close()
    watch.stream("more", counter.topic)
    assert watch.streams == 3


def test_nothing_is_looked_at_when_nobody_watches(watch):
    counter = Counter()
    stream = watch.stream("a", counter.topic)
    told(stream)
    stream.close()
    stream.close()
    assert watch.streams == 0
    until(lambda: watch._thread is None)
    looks = counter.looks
    again = watch.stream("a", counter.topic)
    assert told(again) == {"version": 0}
    assert counter.looks > looks


def test_a_quiet_stream_gives_signs_of_life(watch):
    stream = watch.stream("a", Counter().topic)
    told(stream)
    assert next(stream) == b": still here\n\n"


def test_a_target_that_is_away_is_told_and_so_is_its_return(watch):
    counter = Counter()
    counter.fails = True
    stream = watch.stream("a", counter.topic)
    assert told(stream) == {"trouble": "away"}
    counter.fails = False
    assert told(stream) == {"version": 0}


def test_the_end_ends_all_streams(watch):
    stream = watch.stream("a", Counter().topic)
    told(stream)
    watch.close()
    assert told(stream) is None


# Over HTTP


@pytest.fixture
def server(driven):
    server = HttpServer(driven.dashboard, "127.0.0.1", 0)
    server.start()
    yield server
    driven.dashboard.close()
    server.stop()


def connect(server, topic):
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=WITHIN)
    connection.request("GET", f"/watch?topic={quote(topic)}")
    return connection, connection.getresponse()


def events(response):
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_states_are_told_as_they_turn(server, driven, role):
    states = boto3.client("stepfunctions")
    waits = {"Type": "Wait", "Seconds": 1, "Next": "End"}
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": waits, "End": {"Type": "Succeed"}}})
    name = f"watched-{uuid.uuid4().hex[:8]}"
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    arn = start(states, machine, {})
    connection, response = connect(server, f"execution {arn}")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    seen = []
    for event in events(response):
        seen.append(event)
        if event["status"] != "RUNNING":
            break
    assert seen[0] == {"status": "RUNNING", "states": {"Wait": "RUNNING"}}
    assert seen[-1] == {"status": "SUCCEEDED", "states": {"Wait": "SUCCEEDED", "End": "SUCCEEDED"}}
    connection.close()
    states.delete_state_machine(stateMachineArn=machine)


def test_a_browser_that_goes_leaves_nothing_behind(server, driven, capfd):
    watch = driven.dashboard.watch
    watch._heartbeat = 0.05
    connections = [connect(server, "executions") for _ in range(5)]
    for _, response in connections:
        assert next(events(response)) == {}
    assert watch.streams == 5
    for connection, response in connections:
        response.close()
        connection.close()
    until(lambda: watch.streams == 0)  # a thread that serves one leaves it when it ends
    until(lambda: watch._thread is None)
    assert "Traceback" not in capfd.readouterr().err


def test_one_stream_too_many_is_refused(server, driven):
    driven.dashboard.watch._most_streams = 1
    kept = connect(server, "executions")
    assert kept[1].status == 200
    connection, response = connect(server, "endpoints")
    assert (response.status, response.headers["Retry-After"]) == (503, "10")
    connection.close()
    kept[0].close()


@pytest.fixture
def change():
    """By topic, what changes what its page shows; all of it is gone afterwards."""
    name, s3, iam = f"live-{uuid.uuid4().hex[:8]}", boto3.client("s3"), boto3.client("iam")
    stacks = boto3.client("cloudformation")
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    topic = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    yield {
        "buckets": lambda: s3.create_bucket(Bucket=name),
        f"bucket {name}/a/": lambda: s3.put_object(Bucket=name, Key="a/b", Body=b"1"),
        "roles": lambda: iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust),
        f"role {name}": lambda: iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy),
        "stacks": lambda: stacks.create_stack(StackName=name, TemplateBody=json.dumps(topic)),
        f"stack {name}": lambda: stacks.delete_stack(StackName=name),
    }
    s3.delete_object(Bucket=name, Key="a/b")
    s3.delete_bucket(Bucket=name)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def test_pages_of_what_runs_are_told_of_changes(server, change):
    for topic, act in change.items():
        connection, response = connect(server, topic)
        told_of = events(response)
        assert next(told_of) == {}, topic
        act()
        assert next(told_of) == {}, topic  # and not that the emulator is away, where what was shown is gone
        connection.close()


@pytest.mark.parametrize("topic", ["bucket", "stacks mine", "nothing", ""])
def test_what_nobody_shows_is_not_watched(server, topic):
    connection, response = connect(server, topic)
    assert response.status == 404
    connection.close()
