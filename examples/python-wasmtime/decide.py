"""Hosts a model.wasm in Python, through its plain exports.

Usage: python3 decide.py MODEL.WASM APPLICATION.JSON
"""

import json
import sys
from pathlib import Path

from wasmtime import Engine, Linker, Module, Store


class Model:
    """One instance of a model. Not thread-safe: make one for each thread."""

    def __init__(self, path: str) -> None:
        engine = Engine()
        module = Module.from_file(engine, path)
        linker = Linker(engine)
        # The imports belong to the JavaScript API; the plain exports never call them.
        linker.define_unknown_imports_as_traps(module)
        self._store = Store(engine)
        self._exports = linker.instantiate(self._store, module).exports(self._store)
        version = self._call("abi_version")
        if version != 1:
            raise RuntimeError(f"expected ABI version 1, got {version}")
        problem = self._call("abi_load")
        if problem != 0:
            raise RuntimeError(self._read(problem).decode())

    def decide(self, request: bytes) -> tuple[int, bytes]:
        """The HTTP status and the JSON bytes of one decision."""
        address = self._call("abi_alloc", len(request)) & 0xFFFFFFFF
        if address == 0:
            raise MemoryError("the module has no memory for the request")
        self._exports["memory"].write(self._store, request, address)
        answer = self._read(self._call("abi_decide", address, len(request)))
        self._call("abi_free", address, len(request))
        return self._call("abi_status"), answer

    def describe(self) -> dict:
        """What the model says about itself."""
        return json.loads(self._read(self._call("abi_describe")))

    def _call(self, name: str, *arguments: int) -> int:
        return self._exports[name](self._store, *arguments)

    def _read(self, packed: int) -> bytes:
        packed &= 0xFFFFFFFFFFFFFFFF  # wasmtime hands out signed integers
        address, length = packed >> 32, packed & 0xFFFFFFFF
        return bytes(self._exports["memory"].read(self._store, address, address + length))


if __name__ == "__main__":
    model_path, request_path = sys.argv[1:]
    model = Model(model_path)
    named = model.describe()["model"]
    print(f"{named['name']} {named['version']}: {named['kind']}", file=sys.stderr)
    status, answer = model.decide(Path(request_path).read_bytes())
    print(f"status {status}", file=sys.stderr)
    print(answer.decode())
