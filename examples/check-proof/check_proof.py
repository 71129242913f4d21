#!/usr/bin/env python3
"""Usage: check_proof.py PROOF VERIFIER_KEY ["INDEX; LEAFHASH"], offline, with nothing but Python.

PROOF is what `underwrite log prove` writes, VERIFIER_KEY the log's file `verifier-key` from somebody
you trust; the third argument is the header x-decision-log of an answer. That of a batch,
"FIRST-LAST; LEAFHASH", is the receipt of its last record."""
import base64
import hashlib
import sys

KINDS = ("decision explanation override notice performance hold release erasure recovered "
         "model_loaded model_refused proposal").split()

P = 2**255 - 19  # Ed25519 (RFC 8032): field, order and constant of the curve
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    u, v = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = t - s, v - u, v + u, t + s
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, point):
    total = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def point(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        sys.exit("the key or the signature is no point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def signature_fits(public, message, signature):
    """Whether the signature is one of the message by the key."""
    s = int.from_bytes(signature[32:], "little")
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % L
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    left, right = times(s, base), add(point(signature[:32]), times(h, point(public)))
    return s < L and all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def root_of(index, size, leaf, path):
    """The root that a leaf and its inclusion proof lead to (RFC 6962)."""
    sides, low, high = [], 0, size
    while high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        sides.append(index >= middle)
        low, high = (middle, high) if index >= middle else (low, middle)
    if not 0 <= index < size or len(sides) != len(path):
        sys.exit("the number of hashes does not fit index and size")
    for is_right, other in zip(reversed(sides), path):
        pair = other + leaf if is_right else leaf + other
        leaf = hashlib.sha256(b"\x01" + pair).digest()
    return leaf


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        head, text, signatures = file.read().split("\n\n")
    with open(sys.argv[2], encoding="utf-8") as file:
        origin, _, key = file.read().strip().split("+", 2)
    kind, extra, index, *path = head.split("\n")
    if kind != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra "):
        sys.exit("not a proof of a decision log")
    entry = base64.b64decode(extra[len("extra "):], validate=True)
    index = int(index.removeprefix("index "))
    name, size, root = text.split("\n")
    key = base64.b64decode(key, validate=True)
    key_id = hashlib.sha256(origin.encode() + b"\n" + key).digest()[:4]
    signed = False
    for line in signatures.splitlines():
        signer, signature = line.removeprefix("\u2014 ").rsplit(" ", 1)
        signature = base64.b64decode(signature, validate=True)
        if signer == origin and signature[:4] == key_id:
            signed = signature_fits(key[1:], text.encode() + b"\n", signature[4:])
    if name != origin or not signed:
        sys.exit("the checkpoint is not signed by this key")
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    hashes = [base64.b64decode(line, validate=True) for line in path]
    if root_of(index, int(size), leaf, hashes) != base64.b64decode(root):
        sys.exit("the record is not in the tree of the checkpoint")
    if len(sys.argv) == 4:
        records, _, hashed = sys.argv[3].strip().partition("; ")
        last = records.rsplit("-", 1)[-1]
        if last != records and last != str(index):
            sys.exit(f"the receipt of a batch is one of its last record, {last}: prove that one")
        if (last, hashed) != (str(index), leaf.hex()):
            sys.exit("the receipt is one of another record")
    outcome = ["none", "approve", "refer", "decline"][entry[2]]
    about = f", about record {int.from_bytes(entry[8:16], 'big')}" if entry[3] & 1 else ""
    print(f"record {index} of {size} is in the log {origin}, leaf {leaf.hex()}")
    kind = KINDS[entry[1] - 1] if 1 <= entry[1] <= len(KINDS) else "unknown kind"
    print(f"{kind}{about}, outcome {outcome}, model sha256-{entry[16:48].hex()}")


if __name__ == "__main__":
    main()
