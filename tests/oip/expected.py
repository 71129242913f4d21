"""What the server itself answers on /predict: the protocols must say the same."""

import json
import urllib.request

ROWS = [
    {
        "person_age": 35.0,
        "person_education": "Bachelor",
        "person_income": 65000.0,
        "person_emp_exp": 5,
        "person_home_ownership": "RENT",
        "loan_amnt": 10000.0,
        "loan_intent": "EDUCATION",
        "loan_int_rate": 11.0,
        "loan_percent_income": 0.15,
        "cb_person_cred_hist_length": 5.0,
        "credit_score": 650,
        "previous_loan_defaults_on_file": False,
    },
    {
        "person_age": 28.0,
        "person_education": "Master",
        "person_income": 24000.0,
        "person_emp_exp": 2,
        "person_home_ownership": "RENT",
        "loan_amnt": 12000.0,
        "loan_intent": "MEDICAL",
        "loan_int_rate": 16.5,
        "loan_percent_income": 0.5,
        "cb_person_cred_hist_length": 3.0,
        "credit_score": 580,
        "previous_loan_defaults_on_file": False,
    },
]


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def model(url):
    """The name and version being served, and the features' names in order."""
    entry = get(url + "/models")["models"][0]
    schema = get(f"{url}/models/{entry['name']}/schema")
    inputs = [one for one in schema["features"] if one["role"] == "input"]
    assert [one["name"] for one in inputs] == list(ROWS[0]), "another model than the loan one"
    return entry["name"], entry["version"], inputs


def decisions(url):
    """The decisions of /predict about ROWS."""
    answers = []
    for row in ROWS:
        request = urllib.request.Request(
            url + "/predict",
            json.dumps(row).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            answers.append(json.load(answer))
    assert len({answer["probability"] for answer in answers}) == len(ROWS)
    return answers


def codes(inputs):
    """ROWS as numbers: a category is its index, a boolean 0 or 1."""
    rows = []
    for row in ROWS:
        cells = []
        for feature in inputs:
            value = row[feature["name"]]
            if feature["type"] == "category":
                value = [one["value"] for one in feature["categories"]].index(value)
            cells.append(float(value))
        rows.append(cells)
    return rows
