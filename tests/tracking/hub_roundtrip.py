"""The official client against the service of the tests: reads what underwrite published, and
publishes the same for underwrite to read.

Usage: hub_roundtrip.py REPO SHA256 NEW_REPO MODEL_FILE   (HF_ENDPOINT and HF_TOKEN are set)
"""

import hashlib
import pathlib
import sys

from huggingface_hub import HfApi, hf_hub_download

repo, sha256, new_repo, model = sys.argv[1:]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


api = HfApi()
info = api.model_info(repo)
assert {s.rfilename for s in info.siblings} >= {"model.wasm", "README.md"}, info
for revision in (None, info.sha):
    assert digest(hf_hub_download(repo, "model.wasm", revision=revision)) == sha256
card = pathlib.Path(hf_hub_download(repo, "README.md")).read_text()
assert card.startswith("---\nlicense: mit\n"), card

api.create_repo(new_repo, exist_ok=True)
api.create_repo(new_repo, exist_ok=True)
commit = api.upload_file(path_or_fileobj=model, path_in_repo="model.wasm", repo_id=new_repo)
again = hf_hub_download(new_repo, "model.wasm", revision=commit.oid)
assert digest(again) == sha256
print("round trip of", sha256)
