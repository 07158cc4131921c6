"""What a federation's terms cost before joining and what each text has cost since, as the command line says it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from app.terminal.console import guarantee, lines, printable, say, size, spent, table
from core.api.messages.federations import CorpusOffer, ManifestView, TermsView
from core.api.messages.privacy import BudgetInfo, BudgetPlan, Verdict

_VERDICTS = {
    "useful": ("the noise leaves about half of what could be learned. An expectation, not a promise.", "green"),
    "barely": (
        "the noise leaves a small part of what could be learned; more text or a wider limit leaves more.", "yellow"
    ),
    "not useful": ("the noise drowns what could be learned: privacy is spent for nearly nothing.", "bold yellow"),
}  # fmt: skip
"""Sentence and style: red stays for what has no guarantee."""
_FEW = "With fewer than about 1,000 of them, learning under this noise is unlikely. More text helps most."
_PROTECTS = {
    "document": "each document of it: whether it is in there at all",
    "record": "each passage of it, not all passages of one document together",
    "corpus": "the whole text: whether it was this one or another",
}
_PROMISED = (
    "Guaranteed: worked out, charged and enforced on this machine. Promised by the federations and not checkable here: "
    "only sums over a round's volunteers are kept."
)


def public_text(manifest: ManifestView) -> str:
    """The operator's own text that everybody may train on."""
    about = f"{manifest.public_tokens:,} tokens, {size(manifest.public_bytes)} down once"
    mixed = manifest.unit in ("none", "corpus")
    return about + (f", weight {manifest.public_weight:g} beside each text of yours" if mixed else ", never charged")


def show_terms(terms: TermsView) -> None:
    """The manifest and the price, as shown before consent."""
    manifest = terms.manifest
    kind = "none" if manifest.unit == "none" else "guaranteed"
    lines(
        [
            ("federation", manifest.name),
            ("operator", f"{manifest.operator}, {manifest.jurisdiction}"),
            *([("goes on to", f"{manifest.forwards_to}, as a mean")] if manifest.forwards_to else []),
            ("in their words", manifest.purpose),
            ("licence", manifest.licence),
            ("withdrawal", manifest.withdrawal),
            ("privacy", guarantee(manifest.unit, kind)),
            ("rounds", f"{manifest.rounds} of {manifest.steps_per_round} steps, batch {manifest.batch_size}"),
            ("model", f"{manifest.preset}, {manifest.parameters:,} parameters"),
            ("each round", f"{size(manifest.upload_bytes)} up, {size(manifest.download_bytes)} down"),
            *(
                [("on a slow line", f"{' or '.join(manifest.slower_codecs)} up, smaller")]
                if manifest.slower_codecs
                else []
            ),
            *([("left out", "stays here, encrypted, for later rounds")] if manifest.carries_over else []),
            *([("first weights", "one volunteer's alone, and may be yours")] if manifest.starts_alone else []),
            *([("public text", public_text(manifest))] if manifest.public_tokens else []),
            ("leaves here", ", ".join(terms.leaves)),
            ("memory", f"about {size(terms.memory_bytes)}" + ("" if terms.fits else f": {terms.fits_reason}")),
        ]
    )
    rows = [
        (
            o.name,
            spent(o.epsilon_planned),
            "" if o.epsilon_pld is None else spent(o.epsilon_pld),
            f"{o.epsilon_limit:g}",
            f"{o.noise_multiplier:.3f}",
            o.rounds_affordable,
            f"{o.verdict}, {o.noise_to_signal:.1f}" if o.verdict else "",
            "",
        )
        if o.usable
        else (o.name, "", "", "", "", "", "", o.reason)
        for o in terms.offers
    ]
    names = (
        "text",
        "ε planned",
        "by PLD, not promised",
        "limit",
        "noise",
        "rounds",
        "verdict, noise to signal",
        "not usable",
    )
    table(names, rows, right=(1, 2, 3, 4, 5))
    show_verdict([o for o in terms.offers if o.usable and o.verdict])


def _expected(verdict: Verdict, few: bool, where: str) -> tuple[str, str]:
    """What to expect of a plan, in a sentence, and the style of it."""
    if few and verdict != "useful":
        return _FEW, "bold"
    words, style = _VERDICTS[verdict]
    return f"{verdict.capitalize()} {where}: {words}", style


def show_verdict(judged: Sequence[CorpusOffer]) -> None:
    """Whether learning can be expected; texts share one mechanism, no noisier than that of the largest alone."""
    if not judged:
        return
    best = min(judged, key=lambda o: o.noise_to_signal)
    say(*_expected(best.verdict, all(o.few for o in judged), f"at ε {best.epsilon_limit:g}"))


def show_budgets(budgets: Sequence[BudgetInfo]) -> None:
    """What each text has cost, what is still planned, and what for."""
    if not budgets:
        say("Nothing was charged yet.")
        return
    for number, budget in enumerate(budgets):
        if number:
            lines([("", "")])
        lines(_facts(budget))
    if any(budget.guarantee != "none" for budget in budgets):
        say(_PROMISED, "dim")


def _facts(budget: BudgetInfo) -> list[tuple[str, object]]:
    title: tuple[str, object] = (printable(budget.corpus_name), guarantee(budget.unit, budget.guarantee))
    if budget.guarantee == "none":
        ended = "A round without guarantee used this text: no figure of it holds any more, and none can be given again."
        return [title, ("", Text(ended, style="bold red"))]
    how = f"δ {budget.delta:.1g}, {printable(budget.relation)}, {printable(budget.method)}"
    facts: list[tuple[str, object]] = [
        title,
        ("protects", _PROTECTS.get(budget.unit, budget.unit)),
        ("charged so far", f"ε {spent(budget.epsilon)} of {budget.limit:g} in {_rounds(budget.releases)} ({how})"),
    ]
    if budget.epsilon_at_end is not None:
        facts.append(("at the end", _end(budget)))
    if budget.rounds_left is not None:
        facts.append(("room for", f"about {_rounds(budget.rounds_left)} more; then it stops by itself"))
    return facts + [(f"in {printable(plan.federation_name)}", _learning(plan)) for plan in budget.plans]


def _end(budget: BudgetInfo) -> str:
    planned = sum(plan.rounds for plan in budget.plans)
    end = budget.epsilon_at_end or 0.0
    if not planned:
        return f"ε {spent(end)}: every round of the plan was asked for"
    if budget.rounds_left is not None and budget.rounds_left < max(plan.rounds for plan in budget.plans):
        return f"the limit, ε {budget.limit:g}: it does not last for the {_rounds(planned)} still planned"
    return f"ε {spent(end)}, after the {_rounds(planned)} still planned"


def _learning(plan: BudgetPlan) -> Text:
    if not plan.verdict:
        return Text(f"{_rounds(plan.rounds)} to come")
    words, style = _expected(plan.verdict, plan.few, f"at noise to signal {plan.noise_to_signal:.1f}")
    return Text(words, style=style)


def _rounds(count: int) -> str:
    return f"{count:,} round" if count == 1 else f"{count:,} rounds"
