#!/usr/bin/env python3
"""Reads fixed-width applications, asks the server about each, writes fixed-width decisions.

usage: score_file.py URL LAYOUT INPUT OUTPUT     (the key, if one is needed, in API_KEY)
"""

import hashlib
import http.client
import json
import os
import random
import re
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 8
TIMEOUT = 10
AGAIN = {408, 429, 500, 502, 503, 504}
# What is wrong with the record itself: its values, or its length.
REFUSED = {413, 422}


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go along, to whoever is named there."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(Stay)


def cut(record, columns):
    return record[columns[0] : columns[1]].strip()


def application(record, layout):
    fields = {name: cut(record, columns) for name, columns in layout["fields"].items()}
    return {name: text for name, text in fields.items() if text}


def request_id(number, record):
    """The server takes ids of these characters only, and makes one of its own for any other."""
    number = re.sub("[^A-Za-z0-9._-]", "_", number)
    return f"{number}-{hashlib.sha256(record.encode()).hexdigest()[:24]}"


def ask(url, body, identity):
    """Status and JSON; tries again where that can help."""
    headers = {"content-type": "application/json", "x-request-id": identity}
    if os.environ.get("API_KEY"):
        headers["x-api-key"] = os.environ["API_KEY"]
    request = urllib.request.Request(url + "/predict", json.dumps(body).encode(), headers)
    for attempt in range(ATTEMPTS):
        wait = min(30, 0.1 * 2**attempt) * random.uniform(0.5, 1.5)
        try:
            status, headers, body = send(request)
            if status == 200:
                return status, json.loads(body)
            if status not in AGAIN:
                return status, refusal(status, body)
            wait = retry_after(headers, wait)
            reason = f"status {status}"
        # The last two are answers that break off.
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error)
        time.sleep(wait)
    raise SystemExit(f"{identity}: no answer after {ATTEMPTS} attempts: {reason}")


def send(request):
    """Status, headers and the whole body, whatever the status."""
    try:
        answer = OPENER.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.getcode(), answer.headers, answer.read()


def retry_after(headers, wait):
    """The seconds that the server names; a proxy may name a date, for which `wait` stands in."""
    named = headers.get("retry-after", "")
    return int(named) if re.fullmatch("[0-9]{1,5}", named) else wait


def refusal(status, body):
    """What a refusal says; a proxy's own has no JSON."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) and "detail" in answer else {"detail": f"status {status}"}


def reason(answer):
    detail = answer["detail"]
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in detail)


def explained(answer):
    """The rules that matched: `rule:code`, and what the schema filled in, mapped or moved: `feature:kind:to`."""
    rules = [f"rule:{code}" for code in answer.get("rules", [])]
    adjusted = [f"{one['feature']}:{one['kind']}:{value(one['to'])}" for one in answer["adjustments"]]
    return ";".join(rules + adjusted)


def value(to):
    """As the server writes it in CSV: nothing where it stays missing, `true` or `false`."""
    if to is None:
        return ""
    return to if isinstance(to, str) else json.dumps(to)


def decided(answer):
    """A referral is neither: a person decides. Models of before outcomes only approve or reject."""
    outcome = answer.get("outcome", "approve" if answer["approve"] else "decline")
    return {"approve": "A", "refer": "P", "decline": "R"}[outcome]


def line(number, identity, status, answer):
    if status == 200:
        result = decided(answer)
        score = f"{round(answer['probability'] * 1e6):07d}"
        version, words = answer["model"]["version"], explained(answer)
    else:
        result, score, version, words = "E", " " * 7, "", reason(answer)
    return f"{number:<10}{result}{score}{version:<12.12}{identity:<40.40}{words:<100.100}"


def main(url, layout_path, input_path, output_path):
    with open(layout_path, encoding="utf-8") as file:
        layout = json.load(file)
    done = set()
    if os.path.exists(output_path):
        with open(output_path, encoding="utf-8") as file:
            whole = [one for one in file if one.endswith("\n")]
        done = {one[30:70].strip() for one in whole}
        # The last line may have been cut off in the middle.
        with open(output_path, "w", encoding="utf-8") as file:
            file.writelines(whole)
    asked = 0
    with open(input_path, encoding="utf-8") as source, open(output_path, "a", encoding="utf-8") as out:
        for record in source:
            record = record.rstrip("\n")
            if not record.strip():
                continue
            number = cut(record, layout["number"])
            identity = request_id(number, record)
            if identity in done:
                continue
            status, answer = ask(url, application(record, layout), identity)
            if status in (401, 403):
                raise SystemExit(f"the server does not take our key: {answer['detail']}")
            if status != 200 and status not in REFUSED:
                # A wrong address or a fault is no refusal of an applicant.
                raise SystemExit(f"{identity}: status {status}: {reason(answer)}")
            out.write(line(number, identity, status, answer) + "\n")
            out.flush()
            asked += 1
    print(f"{asked} asked, {len(done)} were done")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
