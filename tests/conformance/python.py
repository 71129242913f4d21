"""The Python package: the sixth host.

    python python.py MODEL CASES ANSWERS

Cases are repeated [u32 length][bytes], answers [u16 status][u32 length][bytes], little-endian.
"""

import struct
import sys

import underwrite

QUESTION = b'{"application":'

model_path, cases_path, answers_path = sys.argv[1:]
model = underwrite.Model(model_path)
with open(cases_path, "rb") as file:
    cases = file.read()
at = 0
with open(answers_path, "wb") as answers:
    while at < len(cases):
        (length,) = struct.unpack_from("<I", cases, at)
        case = cases[at + 4 : at + 4 + length]
        at += 4 + length
        asked = model.explain_json if case.startswith(QUESTION) else model.decide_json
        status, body = asked(case)
        answers.write(struct.pack("<HI", status, len(body)) + body)
