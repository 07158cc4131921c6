"""One corpus as the window and the command line show it: what the ledger holds, and what a reader says now."""

from __future__ import annotations

import os

from core.api.messages.corpora import CorpusInfo, Part, SkippedFile
from core.engine import choices, generations
from core.engine.readers import Heard
from core.ledger.rows import CorpusRow


def view(row: CorpusRow, heard: Heard | None, missing: bool, most_skipped: int) -> CorpusInfo:
    """Put it together.

    Args:
        row: the corpus in the ledger.
        heard: what its reader said so far, if one is at work.
        missing: whether one of its paths is not there.
        most_skipped: how many of the skipped files are listed.
    """
    facts = row.facts if heard is None or generations.stands(row) else heard.facts
    progress = heard.progress if heard else None
    state, error = facts.state, facts.error
    if missing and state == "ready":
        gone = next((path for path in row.paths if not os.path.exists(path)), row.paths[0])
        state, error = "missing", f"{gone} is not there any more."
    return CorpusInfo(
        corpus_id=row.corpus_id,
        name=row.name,
        paths=list(row.paths),
        state=state,
        documents=facts.documents,
        records=facts.records,
        tokens=facts.tokens,
        text_bytes=facts.text_bytes,
        words=facts.words,
        held_out_tokens=facts.held_out_tokens,
        files_done=progress.files_done if progress else facts.files_done,
        files_total=progress.files_total if progress else facts.files_total,
        read_bytes=progress.bytes_done if progress else 0,
        total_bytes=progress.bytes_total if progress else 0,
        eta_s=progress.eta_s if progress else None,
        refreshing=heard is not None and state != "reading",
        skipped=[SkippedFile(path=path, reason=reason) for path, reason in facts.skipped[:most_skipped]],
        skipped_total=facts.skipped_total,
        error=error,
        added_at=row.added_at,
        copies=facts.copies,
        elsewhere=facts.elsewhere,
        languages=[Part(name=one.name, count=one.count, bytes=one.bytes) for one in facts.languages],
        formats=[Part(name=one.name, count=one.count, bytes=one.bytes) for one in facts.formats],
        sizes=list(facts.sizes),
        **choices.shown(row.choice),
    )
