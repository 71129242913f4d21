"""Signed folders before three judges: underwrite, model_signing (the reference implementation) and npm's
@sigstore/verify. Whatever underwrite or the reference signs, all three accept, and whatever was altered all
three refuse, without a network.

Run by run.sh:  python judges.py UNDERWRITE MODEL.WASM
"""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing, signing, verifying

HERE = Path(__file__).parent
UNDERWRITE, MODEL = sys.argv[1:]
SIGNATURE = "model.sig"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def no_network(*_):
    raise AssertionError("the network was asked")


socket.socket.connect = no_network


def underwrite(folder, key):
    command = [UNDERWRITE, "verify", folder / "model.wasm", "--key", key]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip()


def sigstore_js(folder, key):
    command = ["node", HERE / "judge.mjs", folder, key]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout.strip() or done.stderr.strip()


def reference(folder, key):
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=key).verify(folder, folder / SIGNATURE)
    except Exception as error:  # Its errors have no common class.
        return f"{type(error).__name__}: {error}"
    return None


JUDGES = [underwrite, sigstore_js, reference]


def sign_ours(folder, key):
    subprocess.run([UNDERWRITE, "sign", folder, "--key", key], check=True, capture_output=True)


def sign_theirs(folder, key):
    signature = folder / SIGNATURE
    config = hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
    signer = signing.Config().use_elliptic_key_signer(private_key=key)
    signer.set_hashing_config(config).sign(folder, signature)


class Case:
    """A folder that was signed, and what can be done to it."""

    def __init__(self, folder, private, public, other):
        self.folder, self.private, self.public, self.other = folder, private, public, other

    @property
    def bundle(self):
        return json.loads((self.folder / SIGNATURE).read_text())

    @bundle.setter
    def bundle(self, bundle):
        (self.folder / SIGNATURE).write_text(json.dumps(bundle))

    def flip(self, name, at):
        path = self.folder / name
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)

    def edit(self, change):
        """Changes the bundle."""
        bundle = self.bundle
        change(bundle)
        self.bundle = bundle

    def forge(self, change, payload_type=PAYLOAD_TYPE):
        """Changes the statement, and signs it again with the right key."""
        bundle = self.bundle
        envelope = bundle["dsseEnvelope"]
        statement = json.loads(base64.b64decode(envelope["payload"]))
        change(statement)
        payload = json.dumps(statement).encode()
        key = serialization.load_pem_private_key(self.private.read_bytes(), None)
        encoded = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)
        signature = key.sign(encoded, ec.ECDSA(hashes.SHA256()))
        envelope["payload"] = base64.b64encode(payload).decode()
        envelope["payloadType"] = payload_type
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
        self.bundle = bundle


def tamper(text):
    """The same base64 with one bit of what it encodes flipped."""
    content = bytearray(base64.b64decode(text))
    content[len(content) // 2] ^= 1
    return base64.b64encode(content).decode()


def edit_envelope(key):
    return lambda bundle: bundle["dsseEnvelope"].update({key: tamper(bundle["dsseEnvelope"][key])})


def edit_signature(bundle):
    first = bundle["dsseEnvelope"]["signatures"][0]
    first["sig"] = tamper(first["sig"])


def other_hint(case):
    pem = case.other.read_bytes()
    case.edit(lambda bundle: bundle["verificationMaterial"]["publicKey"].update(hint=hashlib.sha256(pem).hexdigest()))
    case.public = case.other


def other_key(case):
    case.public = case.other


def forget_model(statement):
    """Takes the model out of the statement, whose digest fits what is left."""
    predicate = statement["predicate"]
    predicate["resources"] = [one for one in predicate["resources"] if one["name"] != "model.wasm"]
    left = b"".join(bytes.fromhex(one["digest"]) for one in predicate["resources"])
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(left).hexdigest()


ALTERED = {
    "a flipped byte of the model": lambda case: case.flip("model.wasm", 1000),
    "a flipped byte at its end": lambda case: case.flip("model.wasm", -1),
    "a flipped byte of another file": lambda case: case.flip("reports/card.md", 0),
    "an extra file": lambda case: (case.folder / "notes.txt").write_text("new"),
    "an extra file below": lambda case: (case.folder / "reports/notes.txt").write_text("new"),
    "a missing file": lambda case: (case.folder / "reports/card.md").unlink(),
    "a renamed file": lambda case: (case.folder / "reports/card.md").rename(case.folder / "card.md"),
    "another key": other_key,
    "another key that the bundle names": other_hint,
    "a flipped bit of the signature": lambda case: case.edit(edit_signature),
    "a flipped bit of the statement": lambda case: case.edit(edit_envelope("payload")),
    "no signature": lambda case: (case.folder / SIGNATURE).write_text("{}"),
    "another media type": lambda case: case.edit(lambda bundle: bundle.update(mediaType="application/json")),
    "another payload type": lambda case: case.forge(lambda _: None, "application/json"),
    "another predicate": lambda case: case.forge(
        lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v1")
    ),
    "another statement": lambda case: case.forge(
        lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1")
    ),
    "another digest of all": lambda case: case.forge(
        lambda statement: statement["subject"][0]["digest"].update(sha256="0" * 64)
    ),
    "a statement without the model": lambda case: case.forge(forget_model),
}


def main():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for name in ["key", "other"]:
            command = [UNDERWRITE, "keygen", "--out", scratch / f"{name}.pem"]
            subprocess.run(command, check=True, capture_output=True)
        private, public, other = scratch / "key.pem", scratch / "key.pub.pem", scratch / "other.pub.pem"
        failed = 0
        for signer in [sign_ours, sign_theirs]:
            for what, alter in {"nothing altered": None, **ALTERED}.items():
                folder = scratch / "1.0.0"
                shutil.rmtree(folder, ignore_errors=True)
                (folder / "reports").mkdir(parents=True)
                shutil.copy(MODEL, folder / "model.wasm")
                (folder / "reports/card.md").write_text("a card")
                signer(folder, private)
                case = Case(folder, private, public, other)
                if alter is not None:
                    alter(case)
                for judge in JUDGES:
                    refusal = judge(folder, case.public)
                    if (refusal is None) != (alter is None):
                        failed += 1
                        print(f"{signer.__name__}, {what}: {judge.__name__} says {refusal or 'yes'}")
        cases = 2 * (1 + len(ALTERED)) * len(JUDGES)
        print(f"{cases - failed} of {cases} verdicts as expected: {len(ALTERED)} alterations, 2 signers, 3 judges")
        sys.exit(1 if failed else 0)


main()
