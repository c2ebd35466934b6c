"""Archives that take more than they seem to, lead out, or are no archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import stat
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from argo.errors import ArgosyError, StoreError
from argo.files.archives import Kind, is_packed, kind_of, pack_tar, pack_zip, unpack
from argo.files.beneath import DEEPEST, Node
from argo.submission.uploads import pack
from tests.argo.cli.conftest import Command
from tests.argo.cli.conftest import argosy as argosy
from tests.argo.serve.workflow_api.conftest import unserved as unserved
from tests.argo.serve.workflow_api.serving import Served
from tests.waiting import HANG

LIMIT = 100 << 20
MEMORY = 48 << 20  # a bound of what is allocated: the archives below ask for hundreds of times as much


def _record(name: bytes, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name.decode())
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def _tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _packed(pieces: Iterator[bytes]) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)
    return made.getvalue()


def _header_of(kind: bytes) -> bytes:
    """A header that is 128 MiB long."""
    size = 128 << 20

    def pieces() -> Iterator[bytes]:
        yield _record(b"x", kind, size)
        yield from (b"a" * (1 << 20) for _ in range(128))

    return _packed(pieces())


def _chain() -> bytes:
    return _packed(_record(b"x", tarfile.GNUTYPE_LONGNAME, 512) + b"a" * 512 for _ in range(5_000))


def _globals() -> bytes:
    def pieces() -> Iterator[bytes]:
        for number in range(50_000):
            text = b"key%06d=%s\n" % (number, b"v" * 400)
            line = b"%d %s" % (len(text) + 4, text)
            yield _record(b"x", tarfile.XGLTYPE, len(line)) + line.ljust(512, b"\0")

    return _packed(pieces())


def _many(kind: bytes, target: str = "") -> bytes:
    return _packed(_entry(f"{n:07d}", kind, target).tobuf(tarfile.GNU_FORMAT) for n in range(50_000))


def _sparse() -> bytes:
    return _packed(iter([_record(b"x", tarfile.GNUTYPE_SPARSE, 0)]))


def _pax_sparse() -> bytes:
    info = _entry("x")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1"}
    return _tar((info, b"9" * 4096))


BOMBS: dict[str, Callable[[], bytes]] = {
    "a long name": lambda: _header_of(tarfile.GNUTYPE_LONGNAME),
    "a long target": lambda: _header_of(tarfile.GNUTYPE_LONGLINK),
    "a pax header": lambda: _header_of(tarfile.XHDTYPE),
    "a global pax header": lambda: _header_of(tarfile.XGLTYPE),
    "a chain of names": _chain,
    "a chain of global headers": _globals,
    "many files": lambda: _many(tarfile.REGTYPE),
    "many links": lambda: _many(tarfile.SYMTYPE, "x" * 90),
    "a file with holes": _sparse,
    "a file with holes, in pax": _pax_sparse,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_header_is_read_whole(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "a.tgz").write_bytes(BOMBS[bomb]())
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match="the archive is refused"):
            unpack(tmp_path / "a.tgz", "tar", tmp_path / "to", LIMIT, members=2000)
        kind_of(tmp_path / "a.tgz")
        is_packed(tmp_path / "a.tgz")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_xz_gets_no_more_memory_than_it_may(tmp_path: Path) -> None:
    script = (
        "import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), filters="
        "[{'id': lzma.FILTER_LZMA2, 'preset': 0, 'dict_size': 256 << 20}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], input=_tar((_entry("a"), b"x")), capture_output=True)
    if done.returncode:
        pytest.skip("there is not memory enough to make it")
    (tmp_path / "a.txz").write_bytes(done.stdout)
    with pytest.raises(StoreError, match="cannot be unpacked: Memory usage limit"):
        unpack(tmp_path / "a.txz", "tar", tmp_path / "to", LIMIT)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_way_of_packing_is_taken(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a").write_bytes(compress(_tar((_entry("t/a"), b"x" * 3_000_000), (_entry("t/" + "b" * 200), b"y"))))
    assert kind_of(tmp_path / "a") == "tar"
    made = unpack(tmp_path / "a", "tar", tmp_path / "to", LIMIT)
    assert (made / "a").read_bytes() == b"x" * 3_000_000
    assert (made / ("b" * 200)).read_bytes() == b"y"


def test_hard_links_count_as_what_they_are(tmp_path: Path) -> None:
    first = (_entry("f"), b"x" * (1 << 20))
    links = [(_entry(f"l{n}", tarfile.LNKTYPE, "f"), b"") for n in range(200)]
    (tmp_path / "a.tar").write_bytes(_tar(first, *links))
    with pytest.raises(StoreError, match=f"larger than {LIMIT} bytes"):
        unpack(tmp_path / "a.tar", "tar", tmp_path / "to", LIMIT)
    assert sum(path.stat().st_size for path in (tmp_path / "to").iterdir()) <= LIMIT


def test_folders_on_the_way_count_as_entries(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(_tar(*[(_entry(f"{n}/" + "d/" * 50 + "f"), b"") for n in range(100)]))
    with pytest.raises(StoreError, match="1000 entries"):
        unpack(tmp_path / "a.tar", "tar", tmp_path / "to", LIMIT, members=1000)


def test_what_grows_more_than_packing_can_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with bz2.BZ2File(made, "wb") as file:
        file.write(_record(b"zeros", tarfile.REGTYPE, 2 << 30))
    (tmp_path / "a.tbz").write_bytes(made.getvalue())
    with pytest.raises(StoreError, match=f"larger than {1 << 30} bytes"):
        unpack(tmp_path / "a.tbz", "tar", tmp_path / "to", 1 << 40)


def _zip(name: str, data: bytes = b"x", mode: int = 0o644) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    return made.getvalue()


def _zip_of_many() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number:030d}", b"")
    return made.getvalue()


def _negative() -> bytes:
    record = bytearray(_record(b"x", tarfile.REGTYPE, 0))
    record[124:136] = b"\xff" * 12
    record[148:156] = b"%06o\0 " % (256 + sum(record[:148]) + sum(record[156:512]))
    return bytes(record)


def _encrypted_zip() -> bytes:
    entry = b"PK\x01\x02\x14\x03\x14\x00"
    return _zip("a").replace(entry + b"\0", entry + b"\1")


def _lzma_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x")
    return made.getvalue()


BROKEN: dict[str, tuple[Kind, Callable[[], bytes]]] = {
    "a name longer than a file's": ("tar", lambda: _tar((_entry("n" * 300), b"x"))),
    "a file where a folder is": ("tar", lambda: _tar((_entry("d/f"), b"x"), (_entry("d"), b"y"))),
    "a folder where a file is": ("tar", lambda: _tar((_entry("d"), b"y"), (_entry("d/f"), b"x"))),
    "a hard link to nothing": ("tar", lambda: _tar((_entry("l", tarfile.LNKTYPE, "none"), b""))),
    "a hard link to a folder": (
        "tar",
        lambda: _tar((_entry("d", tarfile.DIRTYPE), b""), (_entry("l", tarfile.LNKTYPE, "d"), b"")),
    ),
    "a hard link to a link": (
        "tar",
        lambda: _tar((_entry("s", tarfile.SYMTYPE, "/etc/passwd"), b""), (_entry("l", tarfile.LNKTYPE, "s"), b"")),
    ),
    "a file behind a link": ("tar", lambda: _tar((_entry("l", tarfile.SYMTYPE, "."), b""), (_entry("l/f"), b"x"))),
    "a link with too long a target": ("tar", lambda: _tar((_entry("l", tarfile.SYMTYPE, "x/" * 3000), b""))),
    "folders that are too deep": ("tar", lambda: _tar((_entry("d/" * (DEEPEST + 2) + "f"), b"x"))),
    "an end in the middle": ("tar", lambda: gzip.compress(_tar((_entry("f"), b"x" * 100_000)))[:-40]),
    "a header that is none": ("tar", lambda: _tar((_entry("f"), b"x"))[:1024] + b"\1" * 512),
    "a pipe": ("tar", lambda: _tar((_entry("p", tarfile.FIFOTYPE), b""))),
    "a device": ("tar", lambda: _tar((_entry("p", tarfile.CHRTYPE), b""))),
    "a size below nothing": ("tar", _negative),
    "an encrypted zip": ("zip", _encrypted_zip),
    "a zip that leads out": ("zip", lambda: _zip("../a")),
    "a zip with a link that leads out": ("zip", lambda: _zip("l", b"/etc/passwd", stat.S_IFLNK | 0o777)),
    "a zip with a long link": ("zip", lambda: _zip("l", b"a" * 1_000_000, stat.S_IFLNK | 0o777)),
    "a zip of lzma": ("zip", _lzma_zip),
    "a zip that is cut": ("zip", lambda: _zip("a", b"x" * 9999)[20:]),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_is_wrong_is_a_refusal_without_a_path_of_this_machine(tmp_path: Path, what: str) -> None:
    kind, made = BROKEN[what]
    (tmp_path / "given").write_bytes(made())
    with pytest.raises(StoreError, match=r"the archive (is refused|cannot be unpacked)") as caught:
        unpack(tmp_path / "given", kind, tmp_path / "to", LIMIT)
    assert str(tmp_path) not in f"{caught.value.message} {caught.value.known} {caught.value.hint}"


def test_a_zip_of_many_entries_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_zip_of_many())
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match="more than 1000 entries"):
            unpack(tmp_path / "a.zip", "zip", tmp_path / "to", LIMIT, members=1000)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "links",
    [{"a": "..", "b/c": "../../x"}, {"p/q/l": "../..", "e": "p/q/l/../x"}, {"a": "b/../..", "b": "."}, {"a": "/etc"}],
)
def test_links_that_lead_out_together_are_refused(tmp_path: Path, links: dict[str, str]) -> None:
    entries = [(_entry(name, tarfile.SYMTYPE, target), b"") for name, target in links.items()]
    (tmp_path / "a.tar").write_bytes(_tar((_entry("f"), b"x"), *entries))
    with pytest.raises(StoreError, match="a link that leads out of it"):
        unpack(tmp_path / "a.tar", "tar", tmp_path / "to", LIMIT)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    with pytest.raises(ArgosyError, match="a link that leads out of the folder"):
        pack(folder, "top", tmp_path / "packed")


def test_links_after_links_end(tmp_path: Path) -> None:
    chain = [(_entry(f"l{n}", tarfile.SYMTYPE, f"l{n + 1}/l{n + 1}"), b"") for n in range(2000)]
    (tmp_path / "a.tar").write_bytes(_tar((_entry("f"), b"x"), *chain))
    unpack(tmp_path / "a.tar", "tar", tmp_path / "to", LIMIT)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_come_out_byte_for_byte(tmp_path: Path, kind: Kind) -> None:
    names = {".hidden", ".git/HEAD", "dev-disk\\x2dby.mount", "ä", "-rf", " "}
    folder = tmp_path / "d"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link").symlink_to(".hidden")
    with Node.at(str(folder)) as node:
        (pack_tar if kind == "tar" else pack_zip)(node, tmp_path / "packed", "d")
    made = unpack(tmp_path / "packed", kind, tmp_path / "to", LIMIT)
    found = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file() and not path.is_symlink()}
    assert found == names
    assert (made / "link").readlink() == Path(".hidden")


def test_names_that_are_no_text_come_out_too(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "lat\udce9n").write_text("x")
    (folder / "other").write_text("y")
    with Node.at(str(folder)) as node:
        pack_tar(node, tmp_path / "packed", "d")
    made = unpack(tmp_path / "packed", "tar", tmp_path / "to", LIMIT)
    assert sorted(path.name for path in made.iterdir()) == ["lat\udce9n", "other"]


def _serve(unserved: Served, **limits: object) -> httpx.Client:
    project = {"kind": "Project", "service": {"limits": limits}}
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    return unserved.start().client(unserved.consumer("a"))


INPUT = "/v1/assets/input-dummy/inputs/input-zip"


@pytest.mark.slow
def test_the_service_refuses_every_bad_archive_and_keeps_nothing(unserved: Served) -> None:
    client = _serve(unserved, files=2000)
    bad = {what: made for what, (_, made) in BROKEN.items()} | {what: BOMBS[what] for what in BOMBS if "many" in what}
    for what, made in bad.items():
        answer = client.put(INPUT, content=made())
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), what
        assert "refused" in answer.json()["message"]
        assert "/tmp" not in answer.text, what
        assert str(unserved.folder) not in answer.text, what
    assert client.get("/v1/me").json()["storageUsed"] == 0


@pytest.mark.slow
def test_what_is_stored_counts_rather_than_what_was_sent(unserved: Served) -> None:
    client = _serve(unserved, storage="4Mi")
    noise = random.Random(7).randbytes(1 << 20)
    sent = lzma.compress(_tar((_entry("f"), noise * 8)))
    assert len(sent) < 2 << 20
    answer = client.put(INPUT, content=sent)
    assert (answer.status_code, answer.json()["error"]) == (413, "quota")
    assert client.get("/v1/me").json()["storageUsed"] == 0


FOLDER = """\
kind: Dag
name: packed
tasks:
  make:
    image: busybox
    command: [sh, -c, "mkdir -p ${{ outputs.folder.path }}; echo x > ${{ outputs.folder.path }}/x"]
    outputs: {folder: {kind: directory, path: /out/folder}}
results: {folder: "${{ tasks.make.outputs.folder }}"}
"""


def test_a_bomb_in_the_store_is_not_fetched(argosy: Command) -> None:
    """Whoever may write to the store puts one where a run's result was."""
    argosy.write(packed=FOLDER)
    argosy("run", "packed.yaml", "--name", "run")
    (row,) = argosy.json("results", "run")
    stored = argosy.home / "store" / row["bucket"] / row["key"]
    assert stored.exists()
    zeros = _packed(iter([_entry("zeros", size=64 << 20).tobuf(), *[bytes(1 << 20)] * 64]))
    names = ("a long name", "a pax header", "a chain of global headers")
    for name, bomb in {"zeros": zeros, **{name: BOMBS[name]() for name in names}}.items():
        stored.write_bytes(bomb)
        done = argosy.start("fetch", "run", "-d", name, "--max-size", str(1 << 20))
        out, err = done.communicate(timeout=HANG)
        assert (done.returncode, out) == (3, ""), (name, err)
        assert "Traceback" not in err
        assert "bug" not in err
        assert [*(argosy.cwd / name).rglob("x")] == []
