from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from core.api.errors import CoordinatorError, UsageError
from core.config.exchange import CodecConfig
from core.config.learning import OuterConfig
from core.coordinator import running
from core.coordinator.__main__ import main
from core.coordinator.create_options import duration_s
from core.coordinator.home import Federation
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store, token_hash
from core.coordinator.reporting import status
from core.coordinator.service import export, invite
from core.data.public import check_public
from core.federation.invite import parse
from core.model.recipes import SPARSE_FEEDBACK, SPARSE_OUTER


def set_setting(federation: Federation, **values: str) -> None:
    path = federation.home.settings_path
    text = path.read_text()
    for name, value in values.items():
        old = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
        text = text.replace(old, f'{name} = "{value}"')
    path.write_text(text)


def test_an_invite_says_what_the_volunteer_needs(federation: Federation) -> None:
    federation.store().set_meta("address", "127.0.0.1:8443")
    made = invite(federation.home.root, 3, 3_600)
    read = parse(made["invite"])
    assert (read.name, read.address, read.uses) == ("Test <b>&", "127.0.0.1:8443", 3)
    assert read.federation_key == federation.key.public_bytes
    assert 3_500 < read.expires_at - time.time() <= 3_600
    volunteer = federation.store().bind(b"a key", read.token, time.time())
    assert volunteer.token_hash == token_hash(read.token)


@pytest.mark.parametrize(
    ("address", "running", "listen", "expected"),
    [
        ("", "", "10.0.0.1:8443", "10.0.0.1:8443"),
        ("example.org", "", "0.0.0.0:8443", "example.org:8443"),
        ("example.org:443", "", "0.0.0.0:8443", "example.org:443"),
        ("example.org", "0.0.0.0:5000", "0.0.0.0:0", "example.org:5000"),
        ("2001:db8::1", "", "[::]:8443", "[2001:db8::1]:8443"),
        ("[2001:db8::1]:443", "", "[::]:8443", "[2001:db8::1]:443"),
    ],
)
def test_the_address_of_an_invite(
    federation: Federation, address: str, running: str, listen: str, expected: str
) -> None:
    set_setting(federation, address=address, listen=listen)
    federation.store().set_meta("address", running)
    assert invite(federation.home.root, 1, 600)["address"] == expected


@pytest.mark.parametrize(
    ("listen", "uses", "lifetime_s", "words"),
    [
        ("127.0.0.1:0", 1, 600, "port is not known"),
        ("0.0.0.0:8443", 1, 600, "Nobody can connect"),
        ("10.0.0.1:1", 0, 600, "0 uses"),
        ("10.0.0.1:1", 1, 1, "between a minute and a year"),
    ],
)
def test_an_invite_nobody_could_use_is_not_made(
    federation: Federation, listen: str, uses: int, lifetime_s: float, words: str
) -> None:
    set_setting(federation, listen=listen)
    with pytest.raises(UsageError, match=words):
        invite(federation.home.root, uses, lifetime_s)


def test_status_of_a_federation_at_rest(federation: Federation) -> None:
    found = status(federation.home.root)
    assert (found["running"], found["address"], found["rounds"], found["rounds_planned"]) == (False, "", [], 2)
    assert found["bits_per_byte"] == {"initial": None, "final": None}
    assert (found["isolated"], found["processes"], found["volunteers_present"]) == (False, [], 0)
    json.dumps(found)


def test_status_says_of_every_round_what_an_operator_needs(federation: Federation) -> None:
    store = federation.store()
    token = invite_token(store)
    people = [store.bind(key, token, 1.0).key_id for key in (b"one", b"two", b"three")]
    opened = Round(
        server_round=1, state="open", base_hash="b" * 64, base_bytes=1, step_clock=40, started_at=100.0,
        deadline_at=200.0,
    )  # fmt: skip
    store.begin_round(opened, [Assignment(server_round=1, key_id=key, nonce=b"n") for key in people])
    for key, state in zip(people, ("accepted", "accepted", "refused"), strict=True):
        store.settle(Assignment(server_round=1, key_id=key, nonce=b"n", state=state))  # type: ignore[arg-type]
    closed = dataclasses.replace(
        opened, state="closed", closed_at=130.5, volunteers=2, upload_bytes=500, dense_bytes=73_000,
        pseudo_gradient_norm=0.5, model_norm=9.0,
    )  # fmt: skip
    store.close_round(closed, Checkpoint(server_round=1, sha256="c" * 64, size_bytes=1, momentum="", created_at=1), [])
    (row,) = status(federation.home.root)["rounds"]
    expected = {
        "round": 1, "state": "closed", "volunteers": 2, "seconds": 30.5, "upload_bytes": 500, "dense_bytes": 73_000,
        "compression": 146.0, "pseudo_gradient_norm": 0.5, "model_norm": 9.0, "step_clock": 40, "base": "b" * 64,
        "updates_accepted": 2, "updates_refused": 1, "updates_late": 0, "updates_failed": 0, "updates_assigned": 0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_a_second_process_on_the_same_folder_is_refused(
    federation: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileLock(federation.home.lock_path):
        assert main(["run", str(federation.home.root), "--json"]) == 1
    assert "already being run" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_the_newest_model_is_exported_once(federation: Federation, tmp_path: Path) -> None:
    vocabulary = {chr(256 + number): number for number in range(255)} | {"<|endoftext|>": 255}
    tokenizer = {"model": {"type": "BPE", "vocab": vocabulary, "merges": []}, "added_tokens": []}
    federation.tokenizer_path.write_text(json.dumps(tokenizer))
    made = export(federation.home.root, tmp_path / "model")
    assert made["checkpoint"] == federation.store().latest_checkpoint().sha256
    assert (tmp_path / "model" / "model.safetensors").is_file()
    with pytest.raises(UsageError, match="exists already"):
        export(federation.home.root, tmp_path / "model")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)])
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "1 hour", "1e9", "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        duration_s(text)


Run = Callable[..., tuple[int, dict[str, object], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, dict[str, object], str]:
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    return call


def test_create_then_status_then_invite(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    code, made, _ = run(
        *("create", root, "--name", "Mine", "--privacy", "none", "--rounds", 4, "--cohort", 1, "--local-steps", 3),
        *("--deadline", "2m", "--listen", "127.0.0.1:9000", "--seed", 5, "--codec", "fp32", "--outer-momentum", "0.9"),
    )
    assert code == 0
    federation = Federation(root)
    assert made["manifest_hash"] == federation.manifest_hash
    config = federation.config
    assert (config.training.local_steps, config.schedule.deadline_s, config.schedule.quorum) == (3, 120.0, 1)
    assert (config.seed, config.codec.name, config.outer.momentum, config.privacy.unit) == (5, "fp32", 0.9, "none")
    assert config.model.vocab_size == 4_096
    assert run("status", root)[1]["name"] == "Mine"
    assert parse(str(run("invite", root, "--expires", "2h")[1]["invite"])).address == "127.0.0.1:9000"


def test_a_sparse_codec_with_error_feedback_is_created_where_no_noise_is(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    chosen = ("--codec", "topk", "--kept", 32, "--chunk-size", 2_048, "--error-feedback", "0.95")
    assert run("create", root, "--name", "Mine", "--privacy", "none", *chosen)[0] == 0
    codec = Federation(root).config.codec
    assert codec == CodecConfig(name="topk", kept=32, chunk_size=2_048, error_feedback=0.95)


@pytest.mark.parametrize(
    ("options", "feedback", "outer"),
    [
        (("--codec", "topk"), SPARSE_FEEDBACK, SPARSE_OUTER),
        (("--codec", "dct", "--outer-lr", "1"), SPARSE_FEEDBACK, OuterConfig(optimizer="fedavg")),
        (("--codec", "topk", "--error-feedback", "0"), 0.0, OuterConfig()),
        (("--codec", "topk", "--outer", "nesterov"), SPARSE_FEEDBACK, OuterConfig(optimizer="nesterov")),
        (("--codec", "topk", "--outer-momentum", "0.5"), SPARSE_FEEDBACK, OuterConfig(momentum=0.5)),
        (("--codec", "int8", "--slower-codec", "topk"), SPARSE_FEEDBACK, OuterConfig()),
        (("--codec", "int4"), 0.0, OuterConfig()),
    ],
)
def test_a_sparse_codec_starts_from_the_recipe_it_was_tuned_with(
    run: Run, tmp_path: Path, options: tuple[str, ...], feedback: float, outer: OuterConfig
) -> None:
    assert run("create", tmp_path / "mine", "--name", "Mine", "--privacy", "none", *options)[0] == 0
    config = Federation(tmp_path / "mine").config
    assert {codec.error_feedback for codec in config.codecs} == {feedback}
    assert config.outer == outer


def test_public_text_is_tokenised_listed_and_served(run: Run, tmp_path: Path) -> None:
    (tmp_path / "public.txt").write_text("This text belongs to everybody.\n" * 2_000)
    root = tmp_path / "mine"
    text = ("--public", tmp_path / "public.txt", "--public", tmp_path / "public.txt", "--public-weight", "0.5")
    assert run("create", root, "--name", "Mine", *text)[0] == 0
    federation = Federation(root)
    listed = federation.config.public_data
    assert sum(shard.weight for shard in listed) == pytest.approx(0.5)
    for shard in listed:
        path = federation.home.blobs.path(shard.sha256)
        opened = check_public(path, shard, federation.config.model.vocab_size, federation.config.tokenizer.sha256)
        assert opened.num_tokens == shard.tokens


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--public", "/nowhere/text"), "/nowhere/text cannot be read"),
        (("--public", "/dev/null"), "holds no text"),
        (("--public-weight", "nan"), "public_weight"),
        (("--preset", "giant"), "giant"),
        (("--windows-per-document", "0"), "windows_per_document"),
        (("--subspace", "public"), "found in public text"),
        (("--subspace", "mask", "--mask-density", "2"), "subspace.density"),
        (("--subspace", "released", "--subspace-rank", "0"), "subspace.rank"),
        (("--subspace", "released", "--privacy", "none"), "privacy.subspace"),
        (("--codec", "topk"), "selects noise"),
        (("--codec", "int8", "--error-feedback", "0.5"), "codec.error_feedback"),
        (("--codec", "topk", "--privacy", "none", "--kept", "3000"), "codec.kept"),
        (("--codec", "dct", "--privacy", "none", "--chunk-size", "2048"), "codec.chunk_size"),
        (("--rounds", "0"), "schedule.rounds"),
        (("--quorum", "5"), "schedule.quorum"),
        (("--learning-rate", "nan"), "training.learning_rate"),
        (("--seq-len", "1000000"), "max_seq_len"),
        (("--tokenizer", "/nowhere/t.json"), "/nowhere/t.json cannot be read"),
        (("--evaluate", "/nowhere/text"), "/nowhere/text cannot be read"),
        (("--evaluate", "/dev/null"), "is empty"),
        (("--deadline", "soon"), "is not a duration"),
        (("--name", ""), "$.name"),
        (("--name", "x" * 121), "$.name"),
    ],
)
def test_what_cannot_be_created_is_named_and_leaves_nothing(
    run: Run, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    code, said, err = run("create", tmp_path / "new", "--name", "New", *options)
    assert code == 2
    message = said["error"]["message"]  # type: ignore[index]
    assert words in message
    assert message in err
    assert not (tmp_path / "new").exists()


def test_an_existing_folder_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    code, said, _ = run("create", tmp_path / "mine", "--name", "X")
    assert code == 2
    assert "exists already" in said["error"]["message"]  # type: ignore[index]
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


def test_what_is_no_federation_is_named(run: Run, tmp_path: Path) -> None:
    for command in (
        ("run", tmp_path),
        ("status", tmp_path),
        ("invite", tmp_path),
        ("export", tmp_path, tmp_path / "o"),
    ):
        code, said, _ = run(*command)
        assert code == 2
        assert "holds no federation" in said["error"]["message"]  # type: ignore[index]


def test_nobody_to_stop_is_no_error(federation: Federation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", str(federation.home.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": False}


@pytest.mark.parametrize("mark", ["", "nonsense", "1 0.5", "own 12.0"])
def test_a_process_of_another_time_is_never_signalled(federation: Federation, mark: str) -> None:
    federation.store().set_meta("process", mark.replace("own", str(os.getpid())))
    with FileLock(federation.home.lock_path), pytest.raises(CoordinatorError, match="cannot be found"):
        running.stop(federation.home.root, 0.2)


def test_the_roll_counts_what_was_good(federation: Federation) -> None:
    store = federation.store()
    invited = invite_token(store)
    first = store.bind(b"first", invited, 100.0)
    second = store.bind(b"second", invited, 200.0)
    store.leave(second.key_id, 300.0)
    assert [(row.key_id, row.left_at, row.updates, row.last_round) for row in store.roll(9)] == [
        (second.key_id, 300.0, 0, 0),
        (first.key_id, None, 0, 0),
    ]
    assert len(store.roll(1)) == 1


def invite_token(store: Store) -> bytes:
    token = os.urandom(16)
    store.add_token(token, 5, time.time() + 60)
    return token
