"""What is logged arrives, whoever logs it and whatever the clock does."""

import threading
from types import SimpleNamespace

from harness.emulator.logs import writer


class Logs:
    """CloudWatch Logs as far as the writer needs it, with AWS's rule about the order of a batch."""

    class exceptions:
        ResourceAlreadyExistsException = ResourceNotFoundException = KeyError

    def __init__(self):
        self.messages = []

    def get(self, service, region):
        return self

    def create_log_group(self, **_):
        pass

    create_log_stream = create_log_group

    def put_log_events(self, logEvents, **_):
        times = [event["timestamp"] for event in logEvents]
        if times != sorted(times):
            raise ValueError("Log events in a single PutLogEvents request must be in chronological order.")
        self.messages += [event["message"] for event in logEvents]


def test_a_clock_that_goes_back_costs_no_event(monkeypatch):
    logs, times = Logs(), iter([2_000_000_000, 1_000_000_000, 3_000_000_000])
    monkeypatch.setattr(writer, "time", SimpleNamespace(time_ns=lambda: next(times)))
    log = writer.LogWriter(logs, interval=60.0)
    for message in ("first", "second", "third"):
        log.put("us-east-1", "group", "stream", message)
    log.close()
    assert logs.messages == ["first", "second", "third"]


def test_what_could_not_be_written_is_written_with_the_next():
    class Away(Logs):
        """A service that cannot be reached at first."""

        def put_log_events(self, logEvents, **given):
            if not self.reached.is_set():
                self.reached.set()
                raise ConnectionError
            super().put_log_events(logEvents, **given)

    logs = Away()
    logs.reached = threading.Event()
    log = writer.LogWriter(logs, interval=60.0)
    log.put("us-east-1", "group", "stream", "first")
    log.flush()
    assert logs.reached.is_set() and logs.messages == []
    log.put("us-east-1", "group", "stream", "second")
    log.flush()
    assert logs.messages == ["first", "second"]
    log.close()
