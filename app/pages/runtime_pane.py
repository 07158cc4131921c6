"""The compute runtime, where it is missing: what it is, what it takes, which variant, and how far it is.

Shown on Compute and in the first run. An ordinary install computes in its own environment and never sees it.
"""

from __future__ import annotations

from PySide6.QtWidgets import QButtonGroup, QGridLayout, QRadioButton

from app.children.runtime_process import UNKNOWN_S, RuntimeProcess
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Panel, row
from app.widgets.round_bar import RoundBar
from app.words import figures, strangers
from core.api.runtime import RuntimeStatus, Variant


class RuntimePane(Panel):
    """Hidden while nothing is missing; several panes may show one process."""

    def __init__(self, theme: Theme, process: RuntimeProcess) -> None:
        super().__init__(theme, gap=3)
        self._theme, self._process = theme, process
        self._status: RuntimeStatus | None = None
        self._radios: dict[str, tuple[QRadioButton, Variant]] = {}
        self.title = Label(theme, self.tr("Compute runtime"), weight=600)
        self.words = Label(theme, "", Type.BODY, wrap=True)
        self.why = Label(theme, "", Type.SMALL, "muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme.px(5))
        self._grid.setVerticalSpacing(theme.px(2))
        self._grid.setColumnStretch(1, 1)
        self._group = QButtonGroup(self)
        self.install = Button(theme, self.tr("Install compute runtime"), self._install, kind="primary")
        self.cancel = Button(theme, self.tr("Cancel"), self._cancel)
        self.bar = RoundBar(theme)
        self.step = ElidedLabel(theme, "", Type.SMALL, "muted")
        self.trouble = Label(theme, "", Type.SMALL, "danger", wrap=True)
        self.body.addWidget(self.title)
        self.body.addWidget(self.words)
        self.body.addWidget(self.why)
        self.body.addLayout(self._grid)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.step)
        self.body.addWidget(self.trouble)
        self.body.addLayout(row(self.install, self.cancel, 1, gap=theme.px(3)))
        process.looked.connect(self.show_status)
        process.progress.connect(self._on_progress)
        process.failed.connect(self._on_failed)
        self._arrange()
        self.hide()

    def look(self) -> None:
        """Show it if it is needed, and ask what there is to choose from."""
        if self._process.state() in ("own", "current"):
            self.hide()
            return
        if self._process.status is not None:
            self.show_status(self._process.status)
        if not self._process.installing:
            self._process.look()
        self._arrange()
        self.show()

    def show_status(self, status: RuntimeStatus) -> None:
        """Take what the installer says."""
        self._status = status
        if status.state in ("own", "current"):
            self._arrange()
            self.hide()
            return
        self.words.setText(self._sentence(status))
        self.why.setText(self._why(status))
        for variant in status.variants:
            if variant.name not in self._radios:
                self._add_variant(variant, chosen=variant.name == status.suggested)
        self._arrange()
        self.show()

    def _sentence(self, status: RuntimeStatus) -> str:
        if status.state == "renewable":
            return self.tr(
                "The compute runtime works, and newer packages for it are known. Renew it when it suits you."
            )
        if status.state == "outdated":
            return self.tr("The compute runtime is too old for this version. Nothing is trained until it is renewed.")
        if status.state == "damaged":
            return self.tr("The compute runtime does not start any more. Nothing is trained until it is renewed.")
        return self.tr(
            "To read text and to train, Hedgerow needs torch and a few readers. They are fetched once, checked, and "
            "kept in a folder of yours."
        )

    def _why(self, status: RuntimeStatus) -> str:
        reasons = {
            "cuda": self.tr("This machine has an NVIDIA GPU."),
            "rocm": self.tr("This machine has an AMD GPU with its compute driver."),
        }
        why = reasons.get(status.suggested, self.tr("No GPU was found that could train; the processor does it."))
        return self.tr("{0} {1} are free on this disk.").format(why, figures.size(status.free_bytes))

    def _add_variant(self, variant: Variant, *, chosen: bool) -> None:
        names = {
            "cpu": self.tr("Processor only"),
            "cuda": self.tr("NVIDIA GPU (CUDA)"),
            "rocm": self.tr("AMD GPU (ROCm)"),
        }
        takes = self.tr("about {0} to fetch, {1} on disk").format(
            figures.size(variant.download_bytes), figures.size(variant.disk_bytes)
        )
        radio = QRadioButton(names.get(variant.name, strangers.plain(variant.name, 20)))
        radio.setAccessibleName(f"{radio.text()}, {takes}")
        radio.setChecked(chosen)
        radio.clicked.connect(lambda _=False: self._arrange())
        self._group.addButton(radio)
        line = len(self._radios)
        self._radios[variant.name] = (radio, variant)
        self._grid.addWidget(radio, line, 0)
        self._grid.addWidget(Label(self._theme, takes, Type.BODY, "muted"), line, 1)

    @property
    def chosen(self) -> Variant | None:
        """The variant that is ticked."""
        return next((variant for radio, variant in self._radios.values() if radio.isChecked()), None)

    def _install(self) -> None:
        variant = self.chosen
        if variant is not None:
            self.trouble.setText("")
            self._process.install(variant.name)
            self._say_step("environment", 0.0, UNKNOWN_S)
            self._arrange()

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self._process.cancel()

    def _on_progress(self, phase: str, fraction: float, left_s: float) -> None:
        self._say_step(phase, fraction, left_s)
        self._arrange()

    def _say_step(self, phase: str, fraction: float, left_s: float) -> None:
        phases = {
            "environment": self.tr("Making the environment"),
            "packages": self.tr("Fetching packages"),
            "torch": self.tr("Fetching torch"),
            "check": self.tr("Trying it"),
            "switch": self.tr("Switching to it"),
        }
        parts = [phases.get(phase, strangers.plain(phase, 30))]
        step = self._process.step
        if step is not None and step.items > 1:
            parts.append(self.tr("{0} of {1}").format(step.item, step.items))
        if step is not None and step.total_bytes:
            done, total = figures.size(step.done_bytes), figures.size(step.total_bytes)
            parts.append(self.tr("{0} of {1}").format(done, total))
        if left_s >= 0:
            parts.append(self.tr("{0} left").format(figures.forecast(left_s)))
        words = " · ".join(parts)
        self.step.setText(words)
        self.bar.set_share(fraction, self.tr("{0} % done. {1}").format(round(100 * fraction), words))

    def _on_failed(self, sentence: str) -> None:
        self.trouble.setText(strangers.plain(sentence))
        self._arrange()

    def _arrange(self) -> None:
        """What can be done now."""
        at_work, variant = self._process.installing, self.chosen
        self.bar.setVisible(at_work)
        self.step.setVisible(at_work)
        self.cancel.setVisible(at_work)
        self.cancel.setEnabled(at_work)
        self.install.setVisible(not at_work)
        for radio, _ in self._radios.values():
            radio.setEnabled(not at_work)
        free = self._status.free_bytes if self._status else 0
        fits = variant is not None and variant.download_bytes + variant.disk_bytes <= free
        self.install.setEnabled(fits)
        if variant is not None and not fits and not at_work:
            self.trouble.setText(self.tr("The disk has too little room for this variant."))
        elif fits and self.trouble.text() == self.tr("The disk has too little room for this variant."):
            self.trouble.setText("")
        self.trouble.setVisible(bool(self.trouble.text()))
        renew = self._status is not None and self._status.state in ("renewable", "outdated", "damaged")
        self.install.set_label(self.tr("Renew compute runtime") if renew else self.tr("Install compute runtime"))
