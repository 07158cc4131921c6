"""From invite to training: three clicks, nothing typed, nothing sent before Join, nothing loose preselected."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from support import scenes

from app.pages.federations import CONSENT, INVITE, LIST, FederationsPage
from app.stores.row_model import FIGURE
from app.words.units import verdict_title
from core.api.errors import CoordinatorError, InviteError, ManifestError
from core.api.messages.federations import InviteParams, JoinParams


def federations(one: Any) -> FederationsPage:
    page = one.window.page("federations")
    assert isinstance(page, FederationsPage)
    return page


def click(qtbot: Any, button: Any) -> None:
    qtbot.waitUntil(button.isEnabled, timeout=5_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def to_consent(one: Any, qtbot: Any) -> FederationsPage:
    one.window.open_invite(scenes.INVITE)
    page = federations(one)
    click(qtbot, page.invite.go_on)
    qtbot.waitUntil(lambda: page.step() == CONSENT, timeout=5_000)
    return page


def words(page: FederationsPage) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def test_three_clicks_from_invite_to_training(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    QGuiApplication.clipboard().setText(scenes.INVITE)
    page = federations(one)
    home = one.window.page("home").state.button.single
    click(qtbot, home)
    assert page.step() == INVITE
    click(qtbot, page.invite.go_on)
    qtbot.waitUntil(lambda: page.step() == CONSENT, timeout=5_000)
    assert "federation.join" not in one.engine.methods()
    click(qtbot, page.consent.join)
    qtbot.waitUntil(lambda: "start" in one.engine.methods(), timeout=5_000)
    joined = one.engine.params("federation.join")[0]
    assert isinstance(joined, JoinParams)
    assert joined.manifest_hash == scenes.digest("manifest")
    assert [(c.corpus_id, c.epsilon) for c in joined.corpora] == [("c1", 3.0)]
    assert page.step() == LIST


def test_nothing_is_connected_before_the_owner_asks(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.window.open_invite(scenes.INVITE)
    qtbot.waitUntil(lambda: federations(one).invite.panel.isVisible(), timeout=5_000)
    assert set(one.engine.methods()) <= {"invite.inspect"}
    assert "prose.example.org:8443" in words(federations(one))


def test_the_focus_is_on_join_only_after_the_terms_are_shown(bench: Any, qtbot: Any, qapp: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.window.activateWindow()
    qtbot.waitUntil(one.window.isActiveWindow, timeout=2_000)
    page = to_consent(one, qtbot)
    assert page.consent.join.hasFocus()


def test_the_consent_says_what_it_must(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    said = words(to_consent(one, qtbot))
    for part in ("Leaves this machine", "Stays here", "Guaranteed here", "Promised by them", "Not covered",
                 "in their words", "7f3a 91c2 0be4", "68 rounds", "cannot be called back", "Your text and file names",
                 "10.7", "about half"):  # fmt: skip
        assert part in said, part


def test_the_consent_says_what_an_open_federation_asks_beyond_the_usual(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    plain = scenes.terms(unit="none")
    one.engine.replies["federation.terms"] = plain
    said = words(to_consent(one, qtbot))
    assert "How well it knows your text" in said
    for part in ("up to", "leaves out", "one volunteer alone", "up to 10.7 MB a round"):
        assert part not in said, part
    manifest = msgspec.structs.replace(
        plain.manifest, slower_codecs=["topk"], carries_over=True, starts_alone=True, held_out_score=True
    )
    one = bench(scenes.ready_to_join())
    leaves = ["update", "steps", "tokens", "loss", "seconds", "held_out", "hashes", "signature"]
    one.engine.replies["federation.terms"] = msgspec.structs.replace(plain, manifest=manifest, leaves=leaves)
    said = words(to_consent(one, qtbot))
    for part in (
        "up to",
        "What a round leaves out",
        "one volunteer alone",
        "how well it knows your text, in some rounds",
    ):
        assert part in said, part
    assert "How well it knows your text" not in said


def test_the_limit_offered_first_is_the_engines_suggestion(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.engine.replies["federation.terms"] = scenes.terms(8.0)
    limit = to_consent(one, qtbot).consent.price.limit
    assert [radio.isChecked() for radio in limit.radios] == [False, False, True]


@pytest.mark.parametrize("verdict", ["useful", "barely", "not useful"])
@pytest.mark.parametrize("few", [False, True])
def test_what_can_be_learned_is_said_in_words_and_colour(bench: Any, qtbot: Any, verdict: str, few: bool) -> None:
    one = bench(scenes.ready_to_join())
    terms = scenes.terms()
    offers = [msgspec.structs.replace(terms.offers[0], verdict=verdict, few=few), terms.offers[1]]
    one.engine.replies["federation.terms"] = msgspec.structs.replace(terms, offers=offers)
    shown = to_consent(one, qtbot).consent.price.verdict
    assert shown.isVisible()
    assert shown.chip.text == verdict_title(verdict)
    assert ("unlikely" in shown.meaning.text()) == (few and verdict != "useful")
    assert shown.chip.sizeHint().width() <= shown.width()


def test_another_limit_is_priced_again_and_joined_with(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    page = to_consent(one, qtbot)
    box = page.consent.texts.boxes["c1"]
    page.consent.price.limit.radios[0].setChecked(True)
    assert not page.consent.join.isEnabled()
    qtbot.waitUntil(page.consent.join.isEnabled, timeout=5_000)
    assert page.consent.texts.boxes["c1"] is box
    asked = [p.epsilon for p in one.engine.params("federation.terms") if isinstance(p, InviteParams)]
    assert asked == [None, 1.0]
    click(qtbot, page.consent.join)
    qtbot.waitUntil(lambda: bool(one.engine.params("federation.join")), timeout=5_000)
    assert one.engine.params("federation.join")[0].corpora[0].epsilon == 1.0


def test_a_limit_of_ones_own_is_priced_and_nonsense_is_not(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    page = to_consent(one, qtbot)
    limit = page.consent.price.limit
    for nonsense in ("plenty", "-1", "0", "1e9", "nan"):
        limit.own.setFocus()
        limit.own.clear()
        qtbot.keyClicks(limit.own, nonsense)
        qtbot.keyClick(limit.own, Qt.Key.Key_Return)
        assert limit.own.text() == ""
    qtbot.keyClicks(limit.own, "2,5")
    qtbot.keyClick(limit.own, Qt.Key.Key_Return)
    qtbot.waitUntil(page.consent.join.isEnabled, timeout=5_000)
    asked = [p.epsilon for p in one.engine.params("federation.terms") if isinstance(p, InviteParams)]
    assert asked == [None, 2.5]
    assert limit.own.text() == "2.5"
    assert not any(radio.isChecked() for radio in limit.radios)
    limit.radios[1].click()
    qtbot.waitUntil(page.consent.join.isEnabled, timeout=5_000)
    assert limit.own.text() == ""
    assert [radio.isChecked() for radio in limit.radios] == [False, True, False]


def test_text_without_a_guarantee_is_never_ticked_beforehand(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join(), unit="none")
    page = to_consent(one, qtbot)
    consent = page.consent
    assert not any(box.isChecked() for box in consent.texts.boxes.values())
    assert not consent.join.isEnabled()
    assert not consent.price.limit.isVisible()
    assert not consent.price.verdict.isVisible()
    assert "Bare numbers" in words(page)
    consent.texts.boxes["c1"].setChecked(True)
    assert consent.join.isEnabled()
    assert consent.price.rounds.property("ink") == "danger"


def test_without_a_tick_the_public_text_alone_is_joined(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    terms = scenes.terms()
    manifest = msgspec.structs.replace(terms.manifest, public_tokens=2_000_000, public_bytes=4_000_000)
    one.engine.replies["federation.terms"] = msgspec.structs.replace(terms, manifest=manifest)
    page = to_consent(one, qtbot)
    page.consent.texts.boxes["c1"].setChecked(False)
    assert "nothing of yours is read" in words(page)
    click(qtbot, page.consent.join)
    qtbot.waitUntil(lambda: bool(one.engine.params("federation.join")), timeout=5_000)
    assert one.engine.params("federation.join")[0].corpora == []


def test_an_expired_invite_goes_no_further(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.engine.replies["invite.inspect"] = scenes.invite_view(expired=True)
    one.window.open_invite(scenes.INVITE)
    page = federations(one)
    qtbot.waitUntil(page.invite.panel.isVisible, timeout=5_000)
    assert not page.invite.go_on.isEnabled()
    assert "expired" in words(page)


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("invite.inspect", InviteError("The invite is cut: t missing.", "Copy the whole link again.")),
        ("federation.terms", CoordinatorError("Common Prose does not answer.", "Try again later.")),
        ("federation.terms", ManifestError("The signature is not of the invite's key.", "Ask the operator.")),
    ],
)
def test_trouble_is_said_where_it_happens(method: str, error: Any, bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.engine.replies[method] = error
    one.window.open_invite(scenes.INVITE)
    page = federations(one)
    if method != "invite.inspect":
        click(qtbot, page.invite.go_on)
    qtbot.waitUntil(page.invite.trouble.isVisible, timeout=5_000)
    assert page.invite.trouble.title.text() == error.message
    assert page.invite.trouble.sentence.text() == error.hint
    assert page.step() == INVITE


def test_a_refused_joining_leaves_the_terms_on_the_screen(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.engine.replies["federation.join"] = InviteError("The invite is used up.", "Ask for a new one.")
    page = to_consent(one, qtbot)
    click(qtbot, page.consent.join)
    qtbot.waitUntil(page.consent.trouble.isVisible, timeout=5_000)
    assert page.step() == CONSENT
    assert page.consent.join.isEnabled()
    assert "start" not in one.engine.methods()


def test_a_model_that_does_not_fit_cannot_be_joined(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    big = msgspec.structs.replace(scenes.terms(), fits=False, fits_reason="A round needs about 90 GB of memory.")
    one.engine.replies["federation.terms"] = big
    page = to_consent(one, qtbot)
    assert not page.consent.join.isEnabled()
    assert "90 GB" in words(page)


def test_leaving_says_what_stays_before_it_asks_the_engine(bench: Any, qtbot: Any) -> None:
    one = bench()
    one.window.open_page("federations")
    page = federations(one)
    click(qtbot, page.overview.detail.leave)
    assert "federation.leave" not in one.engine.methods()
    said = words(page)
    assert "Deleted:" in said
    assert "Stays:" in said
    assert "Past sums cannot be taken apart again." in said
    click(qtbot, page.overview.detail.leave)
    qtbot.waitUntil(lambda: "federation.leave" in one.engine.methods(), timeout=5_000)


def test_an_invite_too_long_is_cut_in_the_field(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.ready_to_join())
    one.window.open_invite("hedgerow://join?" + "x" * 100_000)
    assert len(federations(one).invite.link) <= 2 * 4_096


def test_text_added_meanwhile_is_offered(bench: Any, qtbot: Any) -> None:
    one = bench(msgspec.structs.replace(scenes.ready_to_join(), corpora=[], revision=1))
    page = to_consent(one, qtbot)
    before = len(one.engine.params("federation.terms"))
    one.engine.push(msgspec.structs.replace(scenes.ready_to_join(), revision=2))
    qtbot.waitUntil(lambda: len(one.engine.params("federation.terms")) > before, timeout=5_000)
    assert page.step() == CONSENT


def test_a_membership_below_the_owners_floor_has_a_state_and_a_way_out(bench: Any, qtbot: Any) -> None:
    calm = scenes.training()
    said = "You joined Common Prose with noise σ 1, but your floor is σ 2 now. Leave and join again."
    below = msgspec.structs.replace(calm.federations[0], state="below_floor", last_error=said)
    one = bench(msgspec.structs.replace(calm, federations=[below, *calm.federations[1:]]))
    one.window.open_page("federations")
    page = federations(one)
    qtbot.waitUntil(page.overview.detail.error.isVisible, timeout=5_000)
    detail = page.overview.detail
    assert detail.error.text() == said
    assert detail.state.text == "rests: below your floor"
    assert "danger" not in (detail.error.property("ink"), detail.state._ink), "the owner's own rule is no fault"
    assert detail.leave.isVisible()
    assert "below your floor" in page.overview.model.data(page.overview.model.index(0, 0), FIGURE)
