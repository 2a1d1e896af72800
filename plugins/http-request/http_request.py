#!/usr/bin/python3
"""Sends an HTTP request and checks the answer; asks again for a while if it is told to."""

import json
import re
import sys
import time

sys.path.insert(0, "/plugin")
import contract  # noqa: E402
import http_client  # noqa: E402

PAUSE_S = 1.0


def create(given):
    request = read(given, given.parameters)
    expected = given.parameter("expect_status", list, default=[])
    words = given.parameter("expect_body", str)
    wait_s = given.parameter("wait_s", (int, float), default=0)
    if any(not isinstance(code, int) or isinstance(code, bool) for code in expected):
        raise contract.Failure(contract.BAD_INPUT, "`expect_status` is a list of status codes, such as [200, 201]")
    wanted = pointers(given)
    try:
        pattern = re.compile(words, re.DOTALL) if words else None
    except re.error as error:
        raise contract.Failure(contract.BAD_INPUT, "`expect_body` is not a regular expression: %s" % error) from error
    deadline = time.monotonic() + wait_s
    while True:
        try:
            status, _, body = http_client.ask(*request)
            contract.log("%s %s: %d" % (request[0], request[1], status))
            failure = judge(status, body, expected, pattern)
        except http_client.Unreachable as error:
            contract.log(str(error))
            failure = contract.Failure(contract.UNREACHABLE, "no answer: %s" % error)
        if failure is None:
            break
        if time.monotonic() + PAUSE_S > deadline:
            raise failure
        time.sleep(PAUSE_S)
    outputs = {"status": status}
    outputs.update(picked(body, wanted))
    return "%s answered %d." % (request[1], status), outputs


def destroy(given):
    undo = given.parameter("destroy", dict)
    if undo is None:
        return "Nothing to undo: there is no `destroy` request.", {}
    request = read(given, undo)
    try:
        status, _, _ = http_client.ask(*request)
    except http_client.Unreachable as error:
        raise contract.Failure(contract.UNREACHABLE, "no answer: %s" % error) from error
    # What is gone already is as good.
    if status in (404, 410):
        return "%s answered %d: it is gone already." % (request[1], status), {}
    failure = judge(status, b"", [], None)
    if failure is not None:
        raise failure
    return "%s answered %d." % (request[1], status), {}


def read(given, source):
    """(method, url, headers, body, timeout) of a request."""

    def field(name, kind, default=None):
        value = source.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise contract.Failure(contract.BAD_INPUT, "`%s` of the request has the wrong type" % name)
        return value

    url = field("url", str)
    if not url:
        raise contract.Failure(contract.BAD_INPUT, "the parameter `url` is missing")
    headers = {"User-Agent": "pierhead", "Connection": "close"}
    # The same for every attempt: a server that knows the header does it once.
    headers["Idempotency-Key"] = given.key
    body = field("body", str)
    if source.get("json") is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(source["json"])
    for name, value in field("headers", dict, {}).items():
        if not isinstance(value, str):
            raise contract.Failure(contract.BAD_INPUT, "the header `%s` is not a text" % name)
        headers[name] = value
    data = None if body is None else body.encode()
    method = field("method", str, "GET").upper()
    if not re.fullmatch("[A-Z]{1,20}", method):
        raise contract.Failure(contract.BAD_INPUT, "the method is not a word of letters")
    return method, url, headers, data, field("timeout_s", (int, float), 30)


def judge(status, body, expected, pattern):
    """What is wrong with an answer, or None."""
    if status in expected if expected else 200 <= status < 300:
        if pattern is None or pattern.search(body.decode("utf-8", "replace")):
            return None
        return contract.Failure(contract.FAILED, "the answer does not match `expect_body`: %s" % excerpt(body))
    code = contract.NOT_ALLOWED if status in (401, 403) else contract.FAILED
    if status in (429, 502, 503, 504):
        code = contract.TRY_LATER
    return contract.Failure(code, "the answer has the status %d: %s" % (status, excerpt(body)))


def excerpt(body):
    text = " ".join(body[:2000].decode("utf-8", "replace").split())
    return text[:200] or "no body"


def pointers(given):
    wanted = given.parameter("outputs", dict, default={})
    for name, pointer in wanted.items():
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            raise contract.Failure(contract.BAD_INPUT, "`outputs.%s` is not a JSON pointer such as /data/id" % name)
        if name == "status":
            raise contract.Failure(contract.BAD_INPUT, "the output `status` is always there: choose another name")
    return wanted


def picked(body, wanted):
    """The values that the pointers name."""
    if not wanted:
        return {}
    try:
        document = json.loads(body)
    except ValueError as error:
        raise contract.Failure(contract.STRANGE_ANSWER, "the answer is not JSON: %s" % excerpt(body)) from error
    values = {}
    for name, pointer in wanted.items():
        value = document
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise contract.Failure(
                    contract.STRANGE_ANSWER, "the answer has nothing at `%s`" % pointer
                ) from error
        values[name] = value
    return values


contract.run(create, destroy)
