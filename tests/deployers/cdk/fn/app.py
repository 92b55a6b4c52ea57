import json
import urllib.request


def greet(event, context):
    return {"greeting": f"hello {event['id']}"}


def customise(event, context):
    word = event["ResourceProperties"]["Word"]
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": "word", "Data": {"Loud": word.upper()}}
    answer |= {"Status": "FAILED", "Reason": "no such word"} if word == "refused" else {"Status": "SUCCESS"}
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request)
