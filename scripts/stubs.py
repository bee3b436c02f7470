"""Stubs for generated protobuf code, made by mypy-protobuf from the descriptors that the code itself carries.

Place:  scripts · core/envoy/pb.py and shell/servers/xds → [scripts/stubs] → typings/ (ignored by git)
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from google.protobuf import descriptor_pool
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorProto

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "typings"
USERS = ("meltemi.core.envoy.pb",)
"""Modules of ours that import generated code."""
MORE = (
    "envoy.service.discovery.v3.discovery_pb2",
    "envoy.admin.v3.config_dump_pb2",
    "envoy.service.auth.v3.external_auth_pb2",
)
"""What shell imports itself, discovery messages, and a program of the tests."""
HAVE_STUBS = ("google/protobuf/",)
"""Stubs for these are installed (types-protobuf)."""


def main() -> None:
    """Write every stub anew."""
    before = set(sys.modules)
    for module in (*USERS, *MORE):
        import_module(module)
    names = (m.replace(".", "/").removesuffix("_pb2") + ".proto" for m in set(sys.modules) - before if _generated(m))
    files: dict[str, FileDescriptorProto] = {}
    for name in sorted(names):
        _collect(name, files)
    for name, content in _stubs(files).items():
        target = OUTPUT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text() != content:
            target.write_text(content)
    OUTPUT.touch()  # scripts/check asks by its time whether they are current


def _generated(module: str) -> bool:
    return module.endswith("_pb2") and not module.startswith("meltemi")


def _collect(name: str, files: dict[str, FileDescriptorProto]) -> None:
    """A file after all that it imports, as protoc's plugins want it."""
    if name in files:
        return
    found = descriptor_pool.Default().FindFileByName(name)
    for needed in found.dependencies:
        _collect(needed.name, files)
    proto = FileDescriptorProto()
    found.CopyToProto(proto)
    files[name] = proto


def _stubs(files: dict[str, FileDescriptorProto]) -> dict[str, str]:
    """File name below typings → content."""
    request = CodeGeneratorRequest(
        file_to_generate=[n for n in files if not n.startswith(HAVE_STUBS)],
        proto_file=files.values(),
        parameter="quiet",
    )
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    done = subprocess.run([str(plugin)], input=request.SerializeToString(), capture_output=True, check=True)
    answer = CodeGeneratorResponse.FromString(done.stdout)
    if answer.error:
        raise SystemExit(answer.error)
    return {file.name: file.content for file in answer.file}


if __name__ == "__main__":
    main()
