"""The table of all requests."""

from __future__ import annotations

from core.api.messages.base import Acknowledged, Message, Nothing
from core.api.messages.corpora import ChangeParams, CorpusInfo, CorpusList, CorpusParams, PathsParams, PreviewTicket
from core.api.messages.federations import (
    FederationInfo,
    FederationParams,
    InviteParams,
    InviteView,
    JoinParams,
    ModelHere,
    ShareParams,
    TermsView,
)
from core.api.messages.given import HistoryList, HistoryParams
from core.api.messages.machine import HardwareParams, HardwareProfile, LimitsParams, LimitsView, LoadView
from core.api.messages.privacy import BudgetList, ExportParams
from core.api.messages.state import CheckList, Hello, HelloParams, LogText, Snapshot, SnoozeParams
from core.api.messages.uploads import UploadDetail, UploadExportParams, UploadList, UploadParams

METHODS: dict[str, tuple[type[Message], type[Message]]] = {
    "hello": (HelloParams, Hello),
    "status": (Nothing, Snapshot),
    "start": (Nothing, Acknowledged),
    "pause": (Nothing, Acknowledged),
    "resume": (Nothing, Acknowledged),
    "snooze": (SnoozeParams, Acknowledged),
    "shutdown": (Nothing, Acknowledged),
    "corpus.add": (PathsParams, CorpusInfo),
    "corpus.list": (Nothing, CorpusList),
    "corpus.inspect": (CorpusParams, CorpusInfo),
    "corpus.remove": (CorpusParams, Acknowledged),
    "corpus.change": (ChangeParams, CorpusInfo),
    "corpus.refresh": (CorpusParams, CorpusInfo),
    "corpus.cancel": (CorpusParams, CorpusInfo),
    "corpus.preview": (CorpusParams, PreviewTicket),
    "model.here": (FederationParams, ModelHere),
    "invite.inspect": (InviteParams, InviteView),
    "federation.terms": (InviteParams, TermsView),
    "federation.join": (JoinParams, FederationInfo),
    "federation.leave": (FederationParams, Acknowledged),
    "federation.share": (ShareParams, FederationInfo),
    "uploads.list": (Nothing, UploadList),
    "uploads.inspect": (UploadParams, UploadDetail),
    "uploads.export": (UploadExportParams, Acknowledged),
    "privacy": (Nothing, BudgetList),
    "privacy.export": (ExportParams, Acknowledged),
    "history": (HistoryParams, HistoryList),
    "hardware": (HardwareParams, HardwareProfile),
    "limits.show": (Nothing, LimitsView),
    "limits.set": (LimitsParams, LimitsView),
    "doctor": (Nothing, CheckList),
    "log": (Nothing, LogText),
    "load": (Nothing, LoadView),
}
"""Every request: name → (parameters, result). The engine refuses any other name."""
