"""Privacy: what has it cost. Budgets with the one that runs out first on top, and what is and is not guaranteed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.pages.consent_price import VERDICT_SIGNS
from app.pages.page import EmptyState, Page, PageTitle, ScrollColumn
from app.stores.engine_store import EngineStore, share_left, without_guarantee
from app.stores.upload_model import UploadModel
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS, Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, IconLabel, Panel, row
from app.widgets.plot import Limit, Line, Plot
from app.widgets.ring_figure import Gauge
from app.words import figures, strangers
from app.words.units import unit_words, verdict_meaning, verdict_word
from core.api.errors import HedgerowError
from core.api.messages.base import Acknowledged, Message
from core.api.messages.privacy import BudgetInfo, ExportParams
from core.api.messages.uploads import UploadInfo

_CHARGES = 12
_EXPORT_S = 600.0


class PrivacyPage(Page):
    """Gauges, the curve of what was charged, three columns of words, and the last charges."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self._gauges: list[_Gauge] = []
        scroll = ScrollColumn(theme)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.title = PageTitle(theme)
        self.export = Button(theme, self.tr("Export ledger…"), self._choose_export)
        self.title.add(self.export)
        self.exported = Banner(theme, quiet=True)
        self.exported.hide()
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.rollback = Banner(theme)
        self.rollback.hide()
        self.budgets = Panel(theme, padding=0, gap=0)
        self._make_budgets()
        self.curve = _Curve(theme)
        self._columns = Columns(theme, self.budgets, self.curve, left_share=5, right_share=9)
        self.empty = Panel(theme)
        self.empty.body.addWidget(
            EmptyState(
                theme,
                "privacy",
                self.tr("No text takes part yet"),
                self.tr("Once a text takes part, its gauge stands here: what was charged, its limit, the rounds left."),
                [],
            )
        )
        self.words = _Words(theme)
        self.charges = _Charges(theme)
        scroll.column.addWidget(self.title)
        scroll.column.addWidget(self.exported)
        scroll.column.addWidget(self.trouble)
        scroll.column.addWidget(self.rollback)
        scroll.column.addWidget(self._columns)
        scroll.column.addWidget(self.empty)
        scroll.column.addWidget(self.words)
        scroll.column.addWidget(self.charges)
        scroll.column.addStretch(1)

    def _make_budgets(self) -> None:
        theme = self.theme
        self.budgets.body.setContentsMargins(1, 1, 1, theme.px(1))
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        head = row(Label(theme, self.tr("Budgets"), weight=600), 1)
        note = ElidedLabel(theme, self.tr("runs out first on top"), Type.SMALL, "muted")
        head.addWidget(note)
        inset = theme.px(4)
        head.setContentsMargins(inset, theme.px(3), inset, theme.px(3))
        self.budgets.body.addLayout(head)
        self.budgets.body.addLayout(self._list)
        self.budgets.body.addStretch(1)

    def _choose_export(self) -> None:
        report, ledger = self.tr("Report to read (*.txt)"), self.tr("Whole ledger, to check (*.json)")
        # The engine writes new files only and says so itself.
        chosen, kind = QFileDialog.getSaveFileName(
            self, self.tr("Export ledger"), "", f"{report};;{ledger}", "",
            QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if chosen:
            self.export_to(chosen, report=kind == report)

    def export_to(self, path: str, *, report: bool) -> None:
        """Have the engine write the ledger; the ending of the name wins over the kind that was chosen."""
        if path.endswith((".json", ".txt")):
            report = path.endswith(".txt")
        else:
            path += ".txt" if report else ".json"
        self.export.setEnabled(False)
        self.exported.hide()
        self.trouble.hide()
        params = ExportParams(path=path, report=report)
        self.store.ask_quietly("privacy.export", params, _EXPORT_S).then(self._on_exported, self._on_refused)

    def _on_exported(self, answer: Message) -> None:
        assert isinstance(answer, Acknowledged)
        self.export.setEnabled(True)
        self.exported.say(self.tr("Ledger exported"), strangers.plain(answer.detail))

    def _on_refused(self, error: HedgerowError) -> None:
        self.export.setEnabled(True)
        self.trouble.say(strangers.plain(f"{error.message} {error.hint}".strip()))

    def refresh(self) -> None:
        """Show every budget."""
        budgets = self.store.budgets()
        self._columns.setVisible(bool(budgets))
        self.empty.setVisible(not budgets)
        while len(self._gauges) < len(budgets):
            gauge = _Gauge(self.theme)
            self._gauges.append(gauge)
            self._list.addWidget(gauge)
        for number, gauge in enumerate(self._gauges):
            gauge.setVisible(number < len(budgets))
            if number < len(budgets):
                gauge.show_budget(budgets[number])
        why = self.store.snapshot.why if self.store.snapshot else None
        if why is not None and why.code.startswith("ledger_"):
            self.rollback.say(self.tr("The ledger and the keyring disagree"), strangers.plain(why.text))
        else:
            self.rollback.hide()
        self._show_title(budgets)
        uploads = list(self.store.snapshot.uploads) if self.store.snapshot else []
        scarcest = self.store.scarcest()
        self.curve.setVisible(scarcest is not None)
        if scarcest is not None:
            self.curve.show_budget(scarcest, uploads)
        operators = [f.name for f in self.store.snapshot.federations] if self.store.snapshot else []
        self.words.show_facts(scarcest, bool(self.store.unguarded()), operators)
        self.charges.show_uploads([u for u in uploads if u.unit == "none" or u.epsilon_cost is not None])

    def _show_title(self, budgets: list[BudgetInfo]) -> None:
        scarcest = self.store.scarcest()
        if scarcest is None:
            self.title.say(self.tr("No text has a guarantee") if budgets else self.tr("Nothing spent"))
            return
        name = strangers.name(scarcest.corpus_name)
        spent, limit = figures.epsilon_spent(scarcest.epsilon), figures.epsilon_limit(scarcest.limit)
        note = self.tr("ε {0} of {1} charged in %n round(s). At {1} it stops.", "", scarcest.releases)
        if scarcest.rounds_left is None:
            self.title.say(self.tr("ε {0} of {1} charged on {2}").format(spent, limit, name))
        elif scarcest.rounds_left == 0:
            self.title.say(self.tr("No round left on {0}").format(name), note.format(spent, limit))
        else:
            text = self.tr("About %n round(s) left on {0}", "", scarcest.rounds_left)
            self.title.say(text.format(name), note.format(spent, limit))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        narrow = self.narrow
        self._columns.set_narrow(narrow)
        super().resizeEvent(event)


class _Gauge(QWidget):
    """One budget: ring, unit, charged of limit, rounds left, the kind of guarantee."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.ring = Gauge(theme, theme.px(11))
        self.name = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.figure = Label(theme, "", Type.SMALL)
        self.note = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.end = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.chip = Chip(theme)
        self.verdict = Chip(theme)
        upper = row(self.name, gap=theme.px(2))
        upper.addStretch(1)
        upper.addWidget(self.figure)
        words = QVBoxLayout()
        words.setSpacing(theme.px(0.5))
        words.addLayout(upper)
        words.addWidget(self.note)
        words.addWidget(self.end)
        words.addLayout(row(self.chip, self.verdict, 1, gap=theme.px(2)))
        line = QHBoxLayout()
        line.setContentsMargins(theme.px(4), theme.px(3), theme.px(4), theme.px(3))
        line.setSpacing(theme.px(4))
        line.addWidget(self.ring, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(Hairline())
        outer.addLayout(line)

    def show_budget(self, budget: BudgetInfo) -> None:
        """Show one budget."""
        bare = without_guarantee(budget)
        kind = "none" if bare else budget.guarantee
        name = strangers.name(budget.corpus_name)
        left = share_left(budget)
        self.name.setText(name)
        spoken = name if bare else self.tr("{0}: {1} % of its privacy left").format(name, int(left * 100))
        self.ring.show_share(left, kind, spoken)
        spent, limit = figures.epsilon_spent(budget.epsilon), figures.epsilon_limit(budget.limit)
        self.figure.setText(self.tr("no guarantee") if bare else self.tr("ε {0} of {1}").format(spent, limit))
        self.figure.set_ink("danger" if bare else "text")
        self.note.setText(self._note(budget))
        words = {"guaranteed": self.tr("Guaranteed here"), "promised": self.tr("Promised by them")}
        self.chip.show_fact(words.get(kind, self.tr("No guarantee")), GUARANTEE_INKS[kind], GUARANTEE_ICONS[kind])
        self._show_plans(budget, bare=bare)

    def _show_plans(self, budget: BudgetInfo, *, bare: bool) -> None:
        """What is still planned, and whether learning can be expected of it."""
        self.end.setText("" if bare else self._end(budget))
        self.end.setVisible(bool(self.end.text()))
        judged = [] if bare else [plan for plan in budget.plans if plan.verdict]
        self.verdict.setVisible(bool(judged))
        if judged:
            worst = max(judged, key=lambda plan: plan.noise_to_signal)
            self.verdict.show_fact(verdict_word(worst.verdict), *VERDICT_SIGNS[worst.verdict])
            self.verdict.setToolTip(verdict_meaning(worst.verdict, worst.few))

    def _end(self, budget: BudgetInfo) -> str:
        if budget.epsilon_at_end is None:
            return ""
        rounds = max((plan.rounds for plan in budget.plans), default=0)
        if not rounds:
            return self.tr("every round of the plan was asked for")
        if budget.rounds_left is not None and budget.rounds_left < rounds:
            return self.tr("%n round(s) planned, but it stops before", "", rounds)
        return self.tr("the plan ends at ε {0}, in %n round(s)", "", rounds).format(
            figures.epsilon_spent(budget.epsilon_at_end)
        )

    def _note(self, budget: BudgetInfo) -> str:
        if budget.ended_by_none:
            return self.tr("a round without noise ended it, for good")
        parts = [unit_words(budget.unit)]
        if budget.rounds_left is not None:
            parts.append(self.tr("%n round(s) left", "", budget.rounds_left))
        elif not budget.releases:
            parts.append(self.tr("nothing spent"))
        return " · ".join(parts)


class _Curve(Panel):
    """What was charged, round by round, below its limit."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.title = ElidedLabel(theme, "", Type.BODY, weight=600)
        self.plot = Plot(theme, self.tr("Privacy charged"), decimals=1, from_zero=True)
        self.plot.setMinimumHeight(theme.px(42))
        self.method = ElidedLabel(theme, "", Type.SMALL, "muted")
        self.body.addWidget(self.title)
        self.body.addWidget(self.plot, 1)
        self.body.addWidget(self.method)

    def show_budget(self, budget: BudgetInfo, uploads: list[UploadInfo]) -> None:
        """Show one budget's curve."""
        name = strangers.name(budget.corpus_name)
        self.title.setText(self.tr("Charged on {0}, round by round").format(name))
        points = [(0.0, 0.0)]
        rounds = [0]
        for upload in sorted(uploads, key=lambda u: u.sealed_at):
            if upload.epsilon_after is not None and upload.unit == budget.unit:
                points.append((float(len(points)), upload.epsilon_after))
                rounds.append(upload.server_round)
        limit = figures.epsilon_limit(budget.limit)
        summary = self.tr("ε {0} charged in {1} rounds, the limit is {2}")
        told = [summary.format(figures.epsilon_spent(budget.epsilon), budget.releases, limit)]
        lines = [Line(tuple(points), "guarantee")]
        ends = (self.tr("first round"), self.tr("round {0}").format(rounds[-1])) if len(rounds) > 1 else ("", "")
        if budget.ahead:
            now = (points[-1][0], budget.epsilon)
            planned = tuple((now[0] + point.rounds, point.epsilon) for point in budget.ahead)
            lines.append(Line((now, *planned), "guarantee", dashed=True, end_dot=False))
            end = budget.ahead[-1]
            told.append(
                self.tr("%n more round(s) are planned, up to ε {0}", "", end.rounds).format(
                    figures.epsilon_spent(end.epsilon)
                )
            )
            ends = (self.tr("first round"), self.tr("planned, dashed: %n more round(s)", "", end.rounds))
        self.plot.show_lines(
            lines,
            ". ".join(told),
            ends=ends,
            limit=Limit(budget.limit, self.tr("limit {0}, contribution stops").format(limit)),
        )
        orders = ", ".join(f"{o:g}" for o in budget.orders[:12])
        self.method.setText(
            self.tr("δ {0} · {1} · {2}").format(
                figures.delta(budget.delta), strangers.plain(budget.relation, 40), strangers.plain(budget.method, 60)
            )
            + (self.tr(" · orders {0}").format(orders) if orders else "")
        )


class _Words(Panel):
    """Guaranteed, promised, not covered: what each word means here."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, padding=0, gap=0)
        self._theme = theme
        grid = QGridLayout()
        grid.setSpacing(0)
        self._said = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self.bound = self._point("")
        guaranteed = [
            self.bound,
            self._point(self.tr("Charged to disk before anything is sent")),
            self._point(self.tr("A crash or a retry never gives it back")),
        ]
        self.sums = self._point("")
        promised = [self.sums, self._point(self.tr("What becomes of single uploads cannot be checked from here"))]
        not_covered = [
            self._point(self.tr("That you take part")),
            self._point(self.tr("What earlier rounds taught the model")),
            self._point(self.tr("A fact that is in many of your texts")),
        ]
        enforced = Label(theme, self.tr("worked out and enforced on this machine"), Type.SMALL, "muted", wrap=True)
        undone = Label(theme, self.tr("no one can undo or hide these"), Type.SMALL, "muted", wrap=True)
        cells = (
            ("shield-check", self.tr("Guaranteed"), "guarantee", enforced, guaranteed),
            ("shield-dashed", self.tr("Promised"), "promised", self._said, promised),
            ("shield-cross", self.tr("Not covered"), "danger", undone, not_covered),
        )
        for number, (icon, title, ink, note, points) in enumerate(cells):
            column = QVBoxLayout()
            inset = theme.px(4)
            column.setContentsMargins(inset, inset, inset, inset)
            column.setSpacing(theme.px(1.5))
            heading = ElidedLabel(theme, title, Type.BODY, ink, weight=600)
            column.addLayout(row(IconLabel(theme, icon, ink), heading, 1, gap=theme.px(2)))
            column.addWidget(note)
            for point in points:
                column.addWidget(point)
            column.addStretch(1)
            grid.addLayout(column, 0, 2 * number)
            grid.setColumnStretch(2 * number, 1)
            if number < 2:
                grid.addWidget(Hairline(upright=True), 0, 2 * number + 1)
        self.body.addLayout(grid)

    def _point(self, text: str) -> Label:
        return Label(self._theme, "· " + text, Type.SMALL, wrap=True)

    def show_facts(self, budget: BudgetInfo | None, bare: bool, operators: list[str]) -> None:
        """Fill in δ and names."""
        if budget is not None:
            text = self.tr("ε is an upper bound (δ {0})").format(figures.delta(budget.delta))
        elif bare:
            text = self.tr("Only that no text is sent")
        else:
            text = self.tr("ε is an upper bound, and the limit is yours")
        self.bound.setText("· " + text)
        names = ", ".join(strangers.name(n) for n in operators[:2]) or self.tr("a federation")
        self._said.setText(self.tr("said by {0}, not checkable here").format(names))
        self.sums.setText("· " + self.tr("Only sums over a round's volunteers are kept"))


class _Charges(Panel):
    """The last charges, one line each."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, padding=0, gap=0)
        self._theme = theme
        self._model = UploadModel(self)
        self._rows: list[tuple[QWidget, list[ElidedLabel]]] = []
        self.body.setContentsMargins(1, 1, 1, theme.px(1))
        titles = [
            self.tr("Charged"),
            self.tr("Federation, round"),
            self.tr("ε added"),
            self.tr("ε after"),
            self.tr("Hash of the upload"),
        ]
        holder, _ = self._line(titles, header=True)
        self.body.addWidget(holder)

    def _line(self, texts: list[str], *, header: bool = False) -> tuple[QWidget, list[ElidedLabel]]:
        theme = self._theme
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(theme.px(4), 0, theme.px(4), 0)
        grid.setHorizontalSpacing(theme.px(6))
        grid.setVerticalSpacing(0)
        labels = []
        for column, (text, share) in enumerate(zip(texts, (4, 6, 3, 3, 4), strict=True)):
            size = Type.SMALL if header or column == 4 else Type.BODY
            weight = 600 if column == 3 and not header else 400
            mono = column == 4 and not header
            label = ElidedLabel(theme, text, size, "muted" if header or mono else "text", weight=weight, mono=mono)
            label.setFixedHeight(theme.px(7.5))
            side = Qt.AlignmentFlag.AlignRight if column in (2, 3) else Qt.AlignmentFlag.AlignLeft
            label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            label.setMinimumWidth(1)
            grid.addWidget(label, 1, column)
            grid.setColumnStretch(column, share)
            grid.setColumnMinimumWidth(column, theme.px(share * 4))
            labels.append(label)
        if not header:
            grid.addWidget(Hairline(), 0, 0, 1, 5)
        return holder, labels

    def show_uploads(self, uploads: list[UploadInfo]) -> None:
        """Show the newest charges."""
        self.setVisible(bool(uploads))
        while len(self._rows) < min(_CHARGES, len(uploads)):
            holder, labels = self._line([""] * 5)
            self._rows.append((holder, labels))
            self.body.addWidget(holder)
        for number, (holder, labels) in enumerate(self._rows):
            holder.setVisible(number < len(uploads))
            if number < len(uploads):
                self._fill(labels, uploads[number])

    def _fill(self, labels: list[ElidedLabel], upload: UploadInfo) -> None:
        bare = upload.unit == "none"
        after = figures.NOT_KNOWN if upload.epsilon_after is None else figures.epsilon_spent(upload.epsilon_after, 2)
        cost = figures.NOT_KNOWN if upload.epsilon_cost is None else "+" + figures.epsilon_spent(upload.epsilon_cost, 2)
        values = (
            figures.when(upload.sealed_at),
            f"{strangers.name(upload.federation_name)}, {upload.server_round}",
            self.tr("no guarantee") if bare else cost,
            figures.NOT_KNOWN if bare else after,
            figures.hash_groups(upload.sha256, 8),
        )
        for label, value in zip(labels, values, strict=True):
            label.setText(value)
        labels[2].set_ink("danger" if bare else "text")
