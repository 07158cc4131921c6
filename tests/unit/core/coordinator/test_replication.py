"""The exported run: everything that decides it is in it, and nothing that names a volunteer."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from core.api.errors import UsageError
from core.coordinator.__main__ import main
from core.coordinator.home import Federation
from core.coordinator.records.schema import Assignment, Round
from core.coordinator.replication import export_run
from core.federation.manifest import open_manifest


@pytest.fixture
def ran(federation: Federation) -> Federation:
    store = federation.store()
    store.add_token(b"t" * 16, 9, time.time() + 60)
    people = [store.bind(name, b"t" * 16, float(at)) for at, name in enumerate((b"first", b"second"), 100)]
    base = store.latest_checkpoint()
    opened = Round(
        server_round=1, state="open", base_hash=base.sha256, base_bytes=base.size_bytes, step_clock=0, started_at=1.0,
        deadline_at=2.0,
    )  # fmt: skip
    store.begin_round(opened, [Assignment(server_round=1, key_id=one.key_id, nonce=b"n" * 32) for one in people])
    store.close()
    return federation


def test_terms_tokenizer_and_rounds_are_in_it(ran: Federation, tmp_path: Path) -> None:
    done = export_run(ran.home.root, tmp_path / "run")
    out = tmp_path / "run"
    assert done["rounds"] == 1
    assert done["files"] == sorted(path.name for path in out.iterdir())
    opened = open_manifest((out / "manifest.json").read_bytes(), ran.key.public_bytes)
    assert opened.sha256 == ran.manifest_hash
    config = json.loads((out / "config.json").read_text())
    assert (config["seed"], config["run_id"]) == (7, ran.config.run_id)
    tokenizer = (out / "tokenizer.json").read_bytes()
    assert hashlib.sha256(tokenizer).hexdigest() == ran.config.tokenizer.sha256
    (line,) = (out / "rounds.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["base_sha256"] == ran.store().latest_checkpoint().sha256
    assert [part["volunteer"] for part in told["cohort"]] == [1, 2]
    assert ran.manifest_hash in (out / "README.md").read_text()
    assert json.loads((out / "environment.json").read_text())["numpy"][0].isdigit()


def test_nothing_in_it_names_a_volunteer(ran: Federation, tmp_path: Path) -> None:
    export_run(ran.home.root, tmp_path / "run")
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").iterdir())
    for one in ran.store().volunteers():
        assert one.key_id[:12].encode() not in written
        assert one.public_key.hex().encode() not in written


def test_a_folder_with_something_in_it_is_left_alone(ran: Federation, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        export_run(ran.home.root, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.txt"]


def test_the_command_says_where_it_is(ran: Federation, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(ran.home.root), str(tmp_path / "run"), "--run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dir"] == str(tmp_path / "run")
