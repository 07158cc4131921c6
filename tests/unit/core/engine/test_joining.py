"""From invite to consent over real TLS, with the real planner; every bad answer leaves everything as it was."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from support.https import Asked, Site, site
from support.joined import Host, House, config, enrol, join, terms

from core.api.errors import (
    CorpusError,
    HedgerowError,
    InviteError,
    KeystoreError,
    ManifestError,
    PrivacyError,
    UsageError,
)
from core.api.messages.federations import CorpusChoice
from core.config.base import UnitOfPrivacy
from core.config.model import PublicShard
from core.engine import joining
from core.engine.membership import Membership
from core.engine.verdict import RANK
from core.federation.bandwidth import Traffic
from core.federation.identity import FederationKey
from core.federation.manifest import seal_manifest
from core.federation.protocol import EnrolAnswer
from core.federation.transport import Unreachable
from core.jobs import PrivacyPlan
from core.ledger.rows import ReleaseAttributes


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


def everything(house: House) -> str:
    with sqlite3.connect(f"file:{house.home / 'ledger.db'}?mode=ro", uri=True) as db:
        return "\n".join(db.iterdump())


def test_an_invite_is_read_without_any_connection(here: Site) -> None:
    host = Host(here, config())
    view = joining.inspect(host.invite(uses=3))
    assert (view.name, view.address, view.uses, view.expired) == ("Moor", here.address, 3, False)
    assert len(view.fingerprint.split()) == 3
    assert joining.inspect(host.invite(expires_at=5)).expired
    assert here.asked == []


def test_terms_then_consent(here: Site, house: House) -> None:
    host = Host(here, config(rounds=4))
    enrol(host)
    corpus = house.add_text(2_000)
    few = house.add_text(20, "d" * 32, "bb")
    before = everything(house)
    seen = terms(house, host.invite())
    assert everything(house) == before
    assert [asked.path for asked in here.asked] == ["/manifest"]
    offer, small = seen.offers
    assert offer.usable
    assert 0 < offer.epsilon_planned <= 8.0
    assert offer.rounds_affordable >= 4
    assert offer.guarantee == "guaranteed"
    assert not small.usable
    assert "20 records" in small.reason
    assert seen.fits
    assert seen.leaves[:2] == ["update", "steps"]
    assert seen.manifest.upload_bytes < seen.manifest.download_bytes

    member = join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus, epsilon=8.0))
    (row,) = house.ledger.federations()
    assert (row.node_id, row.manifest_hash, list(row.plans)) == (7, seen.manifest_hash, [corpus])
    plan = member.plan.mechanism()
    assert isinstance(plan, PrivacyPlan)
    assert (plan.unit, plan.steps, plan.noise_multiplier) == ("record", 3, offer.noise_multiplier)
    (budget,) = house.ledger.budgets()
    assert (budget.limit, budget.epsilon) == (8.0, 0.0)
    assert house.ledger.rounds_left([(corpus, member.plan.event())]) >= 4
    assert house.keystore.get(row.key_name) is not None
    with pytest.raises(UsageError, match="in Moor already"):
        join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    assert few not in row.plans


def test_the_suggested_limit_is_the_smallest_with_the_best_verdict(here: Site, house: House) -> None:
    host = Host(here, config(rounds=4))
    house.add_text(2_000)
    seen = terms(house, host.invite(), None)
    every = {epsilon: terms(house, host.invite(), epsilon).offers[0] for epsilon in (1.0, 3.0, 8.0)}
    best = min(RANK[offer.verdict] for offer in every.values())
    assert seen.epsilon == min(epsilon for epsilon, offer in every.items() if RANK[offer.verdict] == best)
    assert seen.offers[0] == every[seen.epsilon]
    ratios = [every[epsilon].noise_to_signal for epsilon in (1.0, 3.0, 8.0)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] > 0, "noise is told"


def test_the_suggestion_keeps_to_the_owners_floor_and_to_what_they_set_before(here: Site, house: House) -> None:
    host = Host(here, config())
    house.config.set("floor_epsilon", "0.8")
    corpus = house.add_text(2_000)
    assert terms(house, host.invite(), None).epsilon == 0.8
    house.config.set("floor_epsilon", "8")
    house.ledger.set_budget(corpus, "record", 5.0, 1e-6)
    assert terms(house, host.invite(), None).epsilon == 5.0
    house.ledger.set_budget(corpus, "record", 16.0, 1e-6)
    assert terms(house, host.invite(), None).epsilon == 8.0, "a wider one is never suggested"


@pytest.mark.parametrize(("records", "few"), [(500, True), (1_000, False)])
def test_too_little_text_is_told(here: Site, house: House, records: int, few: bool) -> None:
    house.add_text(records)
    (offer,) = terms(house, Host(here, config()).invite()).offers
    assert offer.usable
    assert offer.few is few


def test_joining_is_counted_as_traffic(here: Site, house: House) -> None:
    host, counted = Host(here, config()), []
    enrol(host)
    house.registrar = replace(house.registrar, traffic=Traffic(lambda up, down: counted.append((up, down))))
    corpus_id = house.add_text()
    shown = terms(house, host.invite())
    member = join(house, host.invite(), shown.manifest_hash, CorpusChoice(corpus_id=corpus_id))
    assert sum(down for _, down in counted) > 2 * len(host.envelope), "the manifest was fetched twice"
    assert member.transport.traffic is house.registrar.traffic, "and so is all that follows"


def test_two_texts_share_one_mechanism_within_the_stricter_budget(here: Site, house: House) -> None:
    host = Host(here, config())
    enrol(host)
    one, two = house.add_text(2_000), house.add_text(3_000, "d" * 32, "bb")
    seen = terms(house, host.invite(), 3.0)
    choices = CorpusChoice(corpus_id=one, epsilon=8.0), CorpusChoice(corpus_id=two, epsilon=3.0)
    member = join(house, host.invite(), seen.manifest_hash, *choices)
    mechanisms = {plan.mechanism() for plan in member.plans.values()}
    assert len(mechanisms) == 1
    assert member.plan.epsilon_planned <= 3.0
    assert house.ledger.can_afford(member.lines(rounds=3))
    assert {b.corpus_id: b.limit for b in house.ledger.budgets()} == {one: 8.0, two: 3.0}


@pytest.mark.parametrize("unit", ["record", "corpus", "none"])
def test_public_text_alone_is_joined_without_budget_or_mechanism(here: Site, house: House, unit: UnitOfPrivacy) -> None:
    shard = PublicShard(sha256="b" * 64, weight=0.5, tokens=1_000, bytes=3_000)
    host = Host(here, config(unit, public_data=(shard,)))
    enrol(host)
    house.add_text()
    seen = terms(house, host.invite())
    assert (seen.manifest.public_tokens, seen.manifest.public_bytes, seen.manifest.public_weight) == (1_000, 3_000, 0.5)
    member = join(house, host.invite(), seen.manifest_hash)
    assert member.plan.mechanism().unit == "none"
    assert member.reads_public
    assert member.lines(3) == []
    assert house.ledger.can_afford(member.lines(3))
    assert house.ledger.budgets() == []
    assert house.ledger.federations()[0].plans == {}


def test_the_owners_records_and_public_text_do_not_mix(here: Site, house: House) -> None:
    shard = PublicShard(sha256="b" * 64, weight=0.5, tokens=1_000, bytes=3_000)
    for unit, mixed in (("record", False), ("corpus", True), ("none", True)):
        host = Host(here, config(unit, public_data=(shard,)))  # type: ignore[arg-type]
        enrol(host)
        corpus = house.ledger.corpora()[0].corpus_id if house.ledger.corpora() else house.add_text()
        seen = terms(house, host.invite())
        member = join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
        assert member.reads_public is mixed


def test_the_unit_none_has_no_budget_and_says_so(here: Site, house: House) -> None:
    host = Host(here, config("none"))
    enrol(host)
    corpus = house.add_text()
    seen = terms(house, host.invite())
    assert seen.offers[0].guarantee == "none"
    assert "loss" in seen.leaves
    join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    assert house.ledger.budgets() == []


@pytest.mark.parametrize(
    ("case", "kind", "sentence"),
    [
        ("cut", InviteError, "invite"),
        ("long", InviteError, "longer than 4 KiB"),
        ("expired", InviteError, "expired on"),
        ("other host", Unreachable, "No coordinator answers"),
        ("other key", ManifestError, "not signed with the key in your invite"),
        ("absurd", ManifestError, "refused"),
        ("unknown field", ManifestError, "refused"),
        ("other terms", ManifestError, "not those you were shown"),
        ("used up", InviteError, "used up"),
        ("elsewhere", HedgerowError, "somewhere else"),
        ("no text", UsageError, "No text was chosen"),
        ("no such text", CorpusError, "no text with the id"),
        ("budget", UsageError, "not a budget"),
        ("too little", PrivacyError, "needs at least"),
        ("too big", UsageError, "memory"),
    ],
)
def test_what_is_wrong_is_named_and_the_ledger_is_as_it_was(
    here: Site, house: House, case: str, kind: type[HedgerowError], sentence: str
) -> None:
    host = Host(here, config("record" if case == "too little" else "none"))
    enrol(host)
    corpus, few = house.add_text(), house.add_text(20, "d" * 32, "bb")
    link, manifest_hash, choices = host.invite(), "", [CorpusChoice(corpus_id=corpus)]
    manifest_hash = terms(house, link).manifest_hash
    match case:
        case "cut":
            link = link[:-40]
        case "long":
            link += "&x=" + "a" * 5_000
        case "expired":
            link = host.invite(expires_at=1_000)
        case "other host":
            link = host.invite(address="127.0.0.1:9")
        case "other key":
            link = host.invite(federation_key=FederationKey.generate().public_bytes)
        case "absurd" | "unknown field":
            raw = msgspec.to_builtins(host.config)
            raw.update({"extra": 1} if case == "unknown field" else {"seed": -1})
            sealed = seal_manifest(raw, host.key)  # type: ignore[arg-type]
            here.give("GET", "/manifest", sealed)
        case "other terms":
            here.give("GET", "/manifest", seal_manifest(config("none", rounds=9), host.key))
        case "used up":
            here.give("POST", "/enrol", b'{"code":"invite","message":"This invite is used up."}', 403)
        case "elsewhere":
            answer = EnrolAnswer(node_id="7", federation_id="0" * 32, run_id=host.config.run_id)
            here.give("POST", "/enrol", msgspec.json.encode(answer))
        case "no text":
            choices = []
        case "no such text":
            choices = [CorpusChoice(corpus_id="e" * 32)]
        case "budget":
            choices = [CorpusChoice(corpus_id=corpus, epsilon=-1.0)]
        case "too little":
            choices = [CorpusChoice(corpus_id=few)]
        case "too big":
            house.config.set("memory_gb", "0.001")
    before = everything(house)
    with pytest.raises(kind, match=sentence):
        join(house, link, manifest_hash, *choices)
    assert everything(house) == before


def test_a_lost_answer_is_repeated_with_the_same_key(here: Site, house: House) -> None:
    host = Host(here, config("none"))
    corpus = house.add_text()
    seen = terms(house, host.invite())
    enrol(host, 503)
    with pytest.raises(Unreachable):
        join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    enrol(host)
    join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    keys = {a.headers["hedgerow-public-key"] for a in here.asked if a.path == "/enrol"}
    assert len(keys) == 1


def test_leaving_burns_the_key_and_rejoining_makes_another(here: Site, house: House) -> None:
    host = Host(here, config("none"))
    enrol(host)
    corpus = house.add_text()
    seen = terms(house, host.invite())
    join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    (row,) = house.ledger.federations()

    async def leave() -> None:
        await house.registrar.leave(Membership(row, house.keystore))

    here.give("POST", "/leave", b"", 503)
    with pytest.raises(Unreachable):
        asyncio.run(leave())
    assert house.keystore.get(row.key_name) is not None
    assert house.ledger.federations()[0].left_at is None

    here.routes["POST", "/leave"] = lambda asked: (200, {}, b"{}")
    asyncio.run(leave())
    assert house.keystore.get(row.key_name) is None
    assert house.ledger.federations()[0].left_at is not None
    with pytest.raises(KeystoreError, match="key for Moor is not in the memory"):
        Membership(row, house.keystore)
    join(house, host.invite(token=b"u" * 16), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    first, second = (_key(a) for a in here.asked if a.path == "/enrol")
    assert first != second


def _key(asked: Asked) -> str:
    return asked.headers["hedgerow-public-key"]


def test_records_of_another_length_are_refused_before_consent(here: Site, house: House) -> None:
    """The text was charged in a federation that cuts it otherwise."""
    corpus = house.add_text(4_000)
    first = Host(here, config())
    enrol(first)
    member = join(house, first.invite(), terms(house, first.invite()).manifest_hash, CorpusChoice(corpus_id=corpus))
    attributes = ReleaseAttributes("b" * 64, "full", (corpus,), "f" * 64)
    release = house.ledger.begin_release(member.row.federation_id, member.row.run_id, 1, attributes)
    longer = [(corpus, msgspec.structs.replace(spec, cut="512:" + spec.cut[-16:])) for _, spec in member.lines()]
    house.ledger.charge(release.release_id, longer)
    second = Host(here, config())
    enrol(second)
    seen = terms(house, second.invite())
    assert not seen.offers[0].usable
    assert "cut to another length" in seen.offers[0].reason
    with pytest.raises(PrivacyError, match="overlap"):
        join(house, second.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    assert len(house.ledger.federations()) == 1
    whole = Host(here, config("corpus"))
    assert terms(house, whole.invite()).offers[0].usable


def test_a_limit_rises_only_by_its_rungs(here: Site, house: House) -> None:
    host = Host(here, config())
    enrol(host)
    corpus = house.add_text()
    house.ledger.set_budget(corpus, "record", 3.0, 1e-5)
    seen = terms(house, host.invite(), 5.0)
    assert not seen.offers[0].usable
    assert "rises only to" in seen.offers[0].reason
    with pytest.raises(PrivacyError, match="rises only to"):
        join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus, epsilon=5.0))
    seen = terms(house, host.invite(), 8.0)
    assert seen.offers[0].usable
    join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus, epsilon=8.0))
    assert house.ledger.budgets()[0].limit == 8.0


def test_terms_below_the_owners_floor_are_said_and_never_joined(here: Site, house: House) -> None:
    host = Host(here, config("none"))
    enrol(host)
    corpus = house.add_text()
    house.config.set("floor_unit", "record")
    seen = terms(house, host.invite())
    assert not seen.offers[0].usable
    assert "Moor gives no guarantee, but your floor asks for the unit record" in seen.offers[0].reason
    with pytest.raises(PrivacyError, match="your floor"):
        join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus))
    assert house.ledger.federations() == []
    assert [asked.path for asked in here.asked].count("/enrol") == 0


def test_a_limit_beyond_the_floor_is_refused_and_its_noise_is_added(here: Site, house: House) -> None:
    host = Host(here, config())
    enrol(host)
    corpus = house.add_text()
    plain = terms(house, host.invite()).offers[0]
    house.config.set("floor_epsilon", "3")
    house.config.set("floor_noise", "9")
    assert "beyond your floor of ε 3" in terms(house, host.invite(), 8.0).offers[0].reason
    seen = terms(house, host.invite(), 3.0)
    assert seen.offers[0].noise_multiplier == 9.0 > plain.noise_multiplier
    with pytest.raises(PrivacyError, match="beyond your floor"):
        join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus, epsilon=8.0))
    member = join(house, host.invite(), seen.manifest_hash, CorpusChoice(corpus_id=corpus, epsilon=3.0))
    assert member.plan.mechanism().noise_multiplier == 9.0
