<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en_GB">
<context>
    <name>Checks</name>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Platte</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>Ledger</source>
        <translation>Kontobuch</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Sandbox</source>
        <translation>Sandbox</translation>
    </message>
    <message>
        <source>Trainer</source>
        <translation>Trainer</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>Traffic</source>
        <translation>Datenverkehr</translation>
    </message>
    <message>
        <source>Text {name}</source>
        <translation>Text {name}</translation>
    </message>
    <message>
        <source>Federation {name}</source>
        <translation>Föderation {name}</translation>
    </message>
    <message>
        <source>{path} is yours alone.</source>
        <translation>{path} gehört nur Ihnen.</translation>
    </message>
    <message>
        <source>{path} is open to others.</source>
        <translation>{path} steht auch anderen offen.</translation>
    </message>
    <message>
        <source>{free_bytes} free.</source>
        <translation>{free_bytes} frei.</translation>
    </message>
    <message>
        <source>Only {free_bytes} free.</source>
        <translation>Nur {free_bytes} frei.</translation>
    </message>
    <message>
        <source>The keys are in {place}.</source>
        <translation>Die Schlüssel liegen in {place}.</translation>
    </message>
    <message>
        <source>The keys were in {place} and are not here.</source>
        <translation>Die Schlüssel lagen in {place} und fehlen hier.</translation>
    </message>
    <message>
        <source>{entries} entries, the chain is unbroken.</source>
        <translation>{entries} Einträge, die Kette ist lückenlos.</translation>
    </message>
    <message>
        <source>The ledger went back in time. Nothing more is spent.</source>
        <translation>Das Kontobuch ist in der Zeit zurückgegangen. Es wird nichts mehr ausgegeben.</translation>
    </message>
    <message>
        <source>{name} saw a newer ledger of this machine. Nothing more is spent.</source>
        <translation>{name} kennt ein neueres Kontobuch dieses Rechners. Es wird nichts mehr ausgegeben.</translation>
    </message>
    <message>
        <source>The file can be read.</source>
        <translation>Die Datei ist lesbar.</translation>
    </message>
    <message>
        <source>Reader and trainer are locked in by {level}.</source>
        <translation>Leser und Trainer sind durch {level} eingesperrt.</translation>
    </message>
    <message>
        <source>This system offers none, so nothing is trained.</source>
        <translation>Dieses System bietet keine, also wird nichts trainiert.</translation>
    </message>
    <message>
        <source>torch is installed.</source>
        <translation>torch ist installiert.</translation>
    </message>
    <message>
        <source>torch is not installed.</source>
        <translation>torch ist nicht installiert.</translation>
    </message>
    <message>
        <source>The compute runtime is installed.</source>
        <translation>Die Rechenumgebung ist installiert.</translation>
    </message>
    <message>
        <source>The compute runtime does not start any more.</source>
        <translation>Die Rechenumgebung startet nicht mehr.</translation>
    </message>
    <message>
        <source>The compute runtime is not installed yet.</source>
        <translation>Die Rechenumgebung ist noch nicht installiert.</translation>
    </message>
    <message>
        <source>The compute runtime is too old for this version.</source>
        <translation>Die Rechenumgebung ist zu alt für diese Version.</translation>
    </message>
    <message>
        <source>The compute runtime works; newer packages are known.</source>
        <translation>Die Rechenumgebung geht; es gibt neuere Pakete.</translation>
    </message>
    <message>
        <source>No NVIDIA driver is here. Training runs on the processor.</source>
        <translation>Hier ist kein NVIDIA-Treiber. Trainiert wird auf dem Prozessor.</translation>
    </message>
    <message>
        <source>{month_bytes} sent and received this month.</source>
        <translation>{month_bytes} diesen Monat gesendet und empfangen.</translation>
    </message>
    <message>
        <source>Ready: {tokens} tokens, {skipped} files skipped.</source>
        <translation>Bereit: {tokens} Token, {skipped} Dateien übersprungen.</translation>
    </message>
    <message>
        <source>Being read: {tokens} tokens so far, {skipped} files skipped.</source>
        <translation>Wird gelesen: bisher {tokens} Token, {skipped} Dateien übersprungen.</translation>
    </message>
    <message>
        <source>Reached at {address}.</source>
        <translation>Erreicht unter {address}.</translation>
    </message>
    <message>
        <source>Press Install compute runtime on the page Compute.</source>
        <translation>Drücken Sie „Rechenumgebung installieren“ auf der Seite Rechnen.</translation>
    </message>
    <message>
        <source>In a terminal: chmod 700 {path}</source>
        <translation>In einem Terminal: chmod 700 {path}</translation>
    </message>
    <message>
        <source>Free some space, or move the folder with HEDGEROW_HOME.</source>
        <translation>Schaffen Sie Platz, oder verlegen Sie den Ordner mit HEDGEROW_HOME.</translation>
    </message>
    <message>
        <source>Unlock the place used before.</source>
        <translation>Entsperren Sie den vorher benutzten Ort.</translation>
    </message>
    <message>
        <source>Put the newer ledger.db back.</source>
        <translation>Legen Sie die neuere ledger.db zurück.</translation>
    </message>
    <message>
        <source>Put the newer ledger.db back. If you never restored an older one, leave that federation.</source>
        <translation>Legen Sie die neuere ledger.db zurück. Falls Sie nie eine ältere wiederhergestellt haben, verlassen Sie diese Föderation.</translation>
    </message>
    <message>
        <source>Install libseccomp.</source>
        <translation>Installieren Sie libseccomp.</translation>
    </message>
    <message>
        <source>Install Hedgerow&apos;s requirements again.</source>
        <translation>Installieren Sie erneut, was Hedgerow braucht.</translation>
    </message>
</context>
<context>
    <name>ChoicePane</name>
    <message>
        <source>Read only</source>
        <translation>Nur dies lesen</translation>
    </message>
    <message>
        <source>Leave out</source>
        <translation>Auslassen</translation>
    </message>
    <message>
        <source>Read hidden files, whose names begin with a dot</source>
        <translation>Versteckte Dateien lesen, deren Namen mit einem Punkt beginnen</translation>
    </message>
    <message>
        <source>Read what programs made, such as build folders</source>
        <translation>Von Programmen Erzeugtes lesen, etwa Build-Ordner</translation>
    </message>
    <message>
        <source>Weight beside other texts</source>
        <translation>Gewicht neben anderen Texten</translation>
    </message>
    <message>
        <source>Field or column with the text</source>
        <translation>Feld oder Spalte mit dem Text</translation>
    </message>
    <message>
        <source>Apply</source>
        <translation>Anwenden</translation>
    </message>
    <message>
        <source>Close without changes</source>
        <translation>Ohne Änderungen schließen</translation>
    </message>
    <message>
        <source>One pattern a line, such as *.md or drafts/, on the path below the folder; an archive counts as a folder, so old.zip/drafts/ works too. What is left out is not trained on from the next round; everything but the weight is read anew.</source>
        <translation>Ein Muster pro Zeile, etwa *.md oder drafts/, für den Pfad unterhalb des Ordners; ein Archiv zählt als Ordner, also geht auch old.zip/drafts/. Mit Ausgelassenem wird ab der nächsten Runde nicht mehr trainiert; außer beim Gewicht wird nach jeder Änderung neu eingelesen.</translation>
    </message>
    <message>
        <source>What is read of {0}</source>
        <translation>Was von {0} gelesen wird</translation>
    </message>
    <message>
        <source>The weight is a number; 1 is usual.</source>
        <translation>Das Gewicht ist eine Zahl; üblich ist 1.</translation>
    </message>
</context>
<context>
    <name>ComputePage</name>
    <message>
        <source>Measure again</source>
        <translation>Neu messen</translation>
    </message>
    <message>
        <source>Never more than</source>
        <translation>Nie mehr als</translation>
    </message>
    <message>
        <source>Measuring</source>
        <translation>Misst</translation>
    </message>
    <message>
        <source>Nothing to train yet</source>
        <translation>Noch nichts zu trainieren</translation>
    </message>
    <message>
        <source>Join a federation, and its round is measured here.</source>
        <translation>Treten Sie einer Föderation bei, dann wird ihre Runde hier gemessen.</translation>
    </message>
    <message>
        <source>A round takes about {0} at this pace</source>
        <translation>Eine Runde dauert bei diesem Tempo etwa {0}</translation>
    </message>
    <message>
        <source>Not measured yet</source>
        <translation>Noch nicht gemessen</translation>
    </message>
    <message>
        <source>{0} tokens a second</source>
        <translation>{0} Token pro Sekunde</translation>
    </message>
    <message>
        <source>{0} of {1} sequences at once</source>
        <translation>{0} von {1} Sequenzen gleichzeitig</translation>
    </message>
</context>
<context>
    <name>ConsentPage</name>
    <message>
        <source>Signed</source>
        <translation>Signiert</translation>
    </message>
    <message>
        <source>Purpose, in their words</source>
        <translation>Zweck, im Wortlaut</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Nicht jetzt</translation>
    </message>
    <message>
        <source>Join and start</source>
        <translation>Beitreten und starten</translation>
    </message>
    <message>
        <source>{0} asks you to train with it</source>
        <translation>{0} bittet Sie, mitzutrainieren</translation>
    </message>
    <message>
        <source>Run by {0}. Signature checked against the key in your invite, {1}.</source>
        <translation>Betrieben von {0}. Signatur mit dem Schlüssel aus Ihrer Einladung geprüft, {1}.</translation>
    </message>
    <message>
        <source>By joining you agree to these terms as they stand today (manifest {0}). Looser terms will ask you again. You can leave at any time; numbers already sent cannot be called back.</source>
        <translation>Mit dem Beitritt stimmen Sie diesen Bedingungen in ihrer heutigen Fassung zu (Manifest {0}). Werden sie lockerer, werden Sie erneut gefragt. Sie können jederzeit gehen; bereits gesendete Zahlen lassen sich nicht zurückholen.</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>Tritt bei</translation>
    </message>
</context>
<context>
    <name>CorpusInspector</name>
    <message>
        <source>Skipped, with reasons</source>
        <translation>Übersprungen, mit Gründen</translation>
    </message>
    <message>
        <source>Skipped files</source>
        <translation>Übersprungene Dateien</translation>
    </message>
    <message>
        <source>Show skipped files</source>
        <translation>Übersprungene zeigen</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>Entfernen&#xa0;…</translation>
    </message>
    <message>
        <source>Preview</source>
        <translation>Vorschau</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Auswählen&#xa0;…</translation>
    </message>
    <message>
        <source>Read again</source>
        <translation>Neu einlesen</translation>
    </message>
    <message>
        <source>Guaranteed</source>
        <translation>Garantiert</translation>
    </message>
    <message>
        <source>Promised</source>
        <translation>Versprochen</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>Cancel reading</source>
        <translation>Einlesen abbrechen</translation>
    </message>
    <message>
        <source>Reading: {0} of {1} files, {2}</source>
        <translation>Liest: {0} von {1} Dateien, {2}</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>noch {0}</translation>
    </message>
    <message numerus="yes">
        <source>{0} document(s)</source>
        <translation>
            <numerusform>{0} Dokument</numerusform>
            <numerusform>{0} Dokumente</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} % held back for testing</source>
        <translation>{0} % zum Testen zurückgehalten</translation>
    </message>
    <message>
        <source>looking for changes</source>
        <translation>sucht nach Änderungen</translation>
    </message>
    <message>
        <source>Languages: {0}.</source>
        <translation>Sprachen: {0}.</translation>
    </message>
    <message>
        <source>Formats: {0}.</source>
        <translation>Formate: {0}.</translation>
    </message>
    <message>
        <source>{0} documents left out, because another text has them.</source>
        <translation>{0} Dokumente ausgelassen, weil ein anderer Text sie enthält.</translation>
    </message>
    <message>
        <source>{0} exact copies used once.</source>
        <translation>{0} exakte Kopien nur einmal verwendet.</translation>
    </message>
    <message>
        <source>Weight {0}.</source>
        <translation>Gewicht {0}.</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>Nothing was skipped</source>
        <translation>Nichts wurde übersprungen</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>Hide skipped files</source>
        <translation>Übersprungene ausblenden</translation>
    </message>
    <message>
        <source>Removes the encrypted copy here; your files stay. Privacy already spent stays spent.</source>
        <translation>Entfernt die verschlüsselte Kopie hier; Ihre Dateien bleiben. Verbrauchte Privatsphäre bleibt verbraucht.</translation>
    </message>
    <message>
        <source>{0} trains with this text and goes on without it.</source>
        <translation>{0} trainiert mit diesem Text und macht ohne ihn weiter.</translation>
    </message>
    <message>
        <source>Remove from Hedgerow</source>
        <translation>Aus Hedgerow entfernen</translation>
    </message>
</context>
<context>
    <name>CorpusModel</name>
    <message>
        <source>Source</source>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>Dokumente</translation>
    </message>
    <message>
        <source>Words</source>
        <translation>Wörter</translation>
    </message>
    <message>
        <source>Share of training</source>
        <translation>Anteil am Training</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>not there any more</source>
        <translation>nicht mehr da</translation>
    </message>
    <message>
        <source>cannot be read</source>
        <translation>nicht lesbar</translation>
    </message>
    <message>
        <source>{0} %</source>
        <translation>{0} %</translation>
    </message>
</context>
<context>
    <name>DataPage</name>
    <message>
        <source>Add files…</source>
        <translation>Dateien hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>Ordner hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>No text added yet</source>
        <translation>Noch kein Text hinzugefügt</translation>
    </message>
    <message>
        <source>Choose folders to train with. They are read on this machine by a process that has no network.</source>
        <translation>Wählen Sie Ordner, mit denen trainiert wird. Ein Prozess ohne Netzzugang liest sie auf diesem Rechner.</translation>
    </message>
    <message>
        <source>Your text</source>
        <translation>Ihr Text</translation>
    </message>
    <message>
        <source>Columns</source>
        <translation>Spalten</translation>
    </message>
    <message>
        <source>Dropping a folder anywhere in this window adds it here.</source>
        <translation>Ziehen Sie einen Ordner in dieses Fenster, um ihn hier hinzuzufügen.</translation>
    </message>
    <message>
        <source>{0}, none of them leave</source>
        <translation>{0}, keines verlässt den Rechner</translation>
    </message>
    <message>
        <source>Your text stays on this machine</source>
        <translation>Ihr Text bleibt auf diesem Rechner</translation>
    </message>
    <message>
        <source>Reading your text</source>
        <translation>Liest Ihren Text</translation>
    </message>
    <message numerus="yes">
        <source>%n source(s), {0} tokens.</source>
        <translation>
            <numerusform>%n Quelle, {0} Token.</numerusform>
            <numerusform>%n Quellen, {0} Token.</numerusform>
        </translation>
    </message>
    <message>
        <source>Text is read by a process that has no network.</source>
        <translation>Ein Prozess ohne Netzzugang liest den Text.</translation>
    </message>
    <message>
        <source>It is read by a process that has no network.</source>
        <translation>Ein Prozess ohne Netzzugang liest ihn.</translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message>
        <source>Copy report</source>
        <translation>Bericht kopieren</translation>
    </message>
    <message>
        <source>Check again</source>
        <translation>Erneut prüfen</translation>
    </message>
    <message>
        <source>Checking</source>
        <translation>Prüft</translation>
    </message>
    <message>
        <source>Not checked yet</source>
        <translation>Noch nicht geprüft</translation>
    </message>
    <message numerus="yes">
        <source>{0} of %n check(s) failed</source>
        <translation>
            <numerusform>{0} von %n Prüfung fehlgeschlagen</numerusform>
            <numerusform>{0} von %n Prüfungen fehlgeschlagen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>All %n check(s) passed</source>
        <translation>
            <numerusform>%n Prüfung bestanden</numerusform>
            <numerusform>Alle %n Prüfungen bestanden</numerusform>
        </translation>
    </message>
    <message>
        <source>The engine is not running.</source>
        <translation>Die Engine läuft nicht.</translation>
    </message>
    <message>
        <source>Engine {0}, process {1}</source>
        <translation>Engine {0}, Prozess {1}</translation>
    </message>
    <message>
        <source>since {0}</source>
        <translation>seit {0}</translation>
    </message>
    <message>
        <source>sandbox {0}</source>
        <translation>Sandbox {0}</translation>
    </message>
</context>
<context>
    <name>EngineStore</name>
    <message>
        <source>The engine is starting.</source>
        <translation>Die Engine startet.</translation>
    </message>
    <message>
        <source>The engine stopped at {0}. Nothing is lost: it goes on where it was.</source>
        <translation>Die Engine ist um {0} stehen geblieben. Nichts ist verloren: Sie macht dort weiter, wo sie war.</translation>
    </message>
    <message>
        <source>Writing down where the round stands. GPU memory is free in a moment.</source>
        <translation>Hält fest, wo die Runde steht. Der GPU-Speicher ist gleich frei.</translation>
    </message>
    <message>
        <source>The engine takes up the round again.</source>
        <translation>Die Engine nimmt die Runde wieder auf.</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Noch nichts gegeben</translation>
    </message>
    <message>
        <source>{0} of {1} given</source>
        <translation>{0} von {1} gegeben</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Nichts verbraucht</translation>
    </message>
    <message numerus="yes">
        <source>{0} round(s) left</source>
        <translation>
            <numerusform>{0} Runde übrig</numerusform>
            <numerusform>{0} Runden übrig</numerusform>
        </translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} von {1}</translation>
    </message>
</context>
<context>
    <name>FederationModel</name>
    <message>
        <source>by {0}</source>
        <translation>von {0}</translation>
    </message>
    <message>
        <source>{0} % of this machine asked, {1} % given in the last seven days ({2})</source>
        <translation>{0} % dieses Rechners gewünscht, {1} % in den letzten sieben Tagen gegeben ({2})</translation>
    </message>
    <message>
        <source>{0} % of this machine</source>
        <translation>{0} % dieses Rechners</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>Runde {0}</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>beigetreten</translation>
    </message>
    <message>
        <source>no answer</source>
        <translation>keine Antwort</translation>
    </message>
    <message>
        <source>below your floor</source>
        <translation>unter Ihrer Untergrenze</translation>
    </message>
    <message>
        <source>rests</source>
        <translation>ruht</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>beendet</translation>
    </message>
    <message>
        <source>left</source>
        <translation>verlassen</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{0} k</source>
        <translation>{0} Tsd.</translation>
    </message>
    <message>
        <source>{0} M</source>
        <translation>{0} Mio.</translation>
    </message>
    <message>
        <source>{0} bn</source>
        <translation>{0} Mrd.</translation>
    </message>
    <message>
        <source>{0} million words</source>
        <translation>{0} Mio. Wörter</translation>
    </message>
    <message>
        <source>{0} words</source>
        <translation>{0} Wörter</translation>
    </message>
    <message>
        <source>{0} bytes</source>
        <translation>{0} Byte</translation>
    </message>
    <message>
        <source>kB</source>
        <translation>kB</translation>
    </message>
    <message>
        <source>MB</source>
        <translation>MB</translation>
    </message>
    <message>
        <source>GB</source>
        <translation>GB</translation>
    </message>
    <message>
        <source>TB</source>
        <translation>TB</translation>
    </message>
    <message>
        <source>{0} s</source>
        <translation>{0} s</translation>
    </message>
    <message>
        <source>{0} min</source>
        <translation>{0} min</translation>
    </message>
    <message>
        <source>{0} h</source>
        <translation>{0} h</translation>
    </message>
    <message>
        <source>{0} h {1} min</source>
        <translation>{0} h {1} min</translation>
    </message>
    <message>
        <source>under a minute</source>
        <translation>unter einer Minute</translation>
    </message>
    <message>
        <source>about {0}</source>
        <translation>etwa {0}</translation>
    </message>
    <message>
        <source>d MMM</source>
        <translation>d. MMM</translation>
    </message>
    <message>
        <source>Today {0}</source>
        <translation>heute {0}</translation>
    </message>
    <message>
        <source>tomorrow {0}</source>
        <translation>morgen {0}</translation>
    </message>
    <message>
        <source>ddd d MMM yyyy</source>
        <translation>ddd d. MMM yyyy</translation>
    </message>
</context>
<context>
    <name>FirstRunPage</name>
    <message>
        <source>What this is</source>
        <translation>Worum es geht</translation>
    </message>
    <message>
        <source>Folders</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Hardware</source>
        <translation>Hardware</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Privatsphäre</translation>
    </message>
    <message>
        <source>Invite or demo</source>
        <translation>Einladung oder Demo</translation>
    </message>
    <message>
        <source>Skip this step</source>
        <translation>Schritt überspringen</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Später</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Hedgerow lends your machine&apos;s time to a language model</source>
        <translation>Hedgerow leiht einem Sprachmodell die Zeit Ihres Rechners</translation>
    </message>
    <message>
        <source>The model learns from your text without your text leaving. This is what happens.</source>
        <translation>Das Modell lernt aus Ihrem Text, ohne dass Ihr Text hinausgeht. Das geschieht dabei.</translation>
    </message>
    <message>
        <source>Which text may be learned from?</source>
        <translation>Aus welchem Text darf gelernt werden?</translation>
    </message>
    <message>
        <source>Folders or files. They are read on this machine only; you can look at every document first.</source>
        <translation>Ordner oder Dateien. Sie werden nur auf diesem Rechner gelesen; Sie können jedes Dokument vorher ansehen.</translation>
    </message>
    <message>
        <source>How much of this machine?</source>
        <translation>Wie viel von diesem Rechner?</translation>
    </message>
    <message>
        <source>These limits win over whatever a federation asks. Page Compute has all of them.</source>
        <translation>Diese Grenzen gelten, was auch immer eine Föderation verlangt. Die Seite „Rechnen“ zeigt alle.</translation>
    </message>
    <message>
        <source>How much may training learn from your text?</source>
        <translation>Wie viel darf das Training aus Ihrem Text lernen?</translation>
    </message>
    <message>
        <source>Before anything leaves, this machine adds noise, so that no single document can be made out. Each round uses up some of that protection. You set where it stops.</source>
        <translation>Bevor etwas hinausgeht, fügt dieser Rechner Rauschen hinzu, damit kein einzelnes Dokument zu erkennen ist. Jede Runde verbraucht etwas von diesem Schutz. Sie legen fest, wo Schluss ist.</translation>
    </message>
    <message>
        <source>Whom do you help?</source>
        <translation>Wem helfen Sie?</translation>
    </message>
    <message>
        <source>Nothing is sent until you have seen a federation&apos;s terms and pressed Join.</source>
        <translation>Nichts wird gesendet, bevor Sie die Bedingungen gesehen und auf „Beitreten“ geklickt haben.</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
</context>
<context>
    <name>Flows</name>
    <message>
        <source>Your text and file names</source>
        <translation>Ihr Text und die Dateinamen</translation>
    </message>
    <message>
        <source>How well it knows your text</source>
        <translation>Wie gut das Modell Ihren Text kennt</translation>
    </message>
    <message>
        <source>Your ledger and your limits</source>
        <translation>Ihr Kontobuch und Ihre Grenzen</translation>
    </message>
    <message>
        <source>What a round leaves out, for later rounds</source>
        <translation>Was eine Runde auslässt, für spätere Runden</translation>
    </message>
    <message>
        <source>Leaves this machine</source>
        <translation>Verlässt diesen Rechner</translation>
    </message>
    <message>
        <source>Stays here</source>
        <translation>Bleibt hier</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Hier garantiert</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Von ihnen versprochen</translation>
    </message>
    <message>
        <source>Not covered</source>
        <translation>Nicht abgedeckt</translation>
    </message>
    <message>
        <source>up to {0}</source>
        <translation>bis zu {0}</translation>
    </message>
    <message>
        <source>Noised numbers, {0}</source>
        <translation>Verrauschte Zahlen, {0}</translation>
    </message>
    <message>
        <source>Bare numbers, {0}</source>
        <translation>Unverrauschte Zahlen, {0}</translation>
    </message>
    <message>
        <source>that you take part; a fact that is in many of your texts</source>
        <translation>dass Sie teilnehmen; eine Tatsache, die in vielen Ihrer Texte steht</translation>
    </message>
    <message>
        <source>everything: without noise, passages of your text can end up in the model</source>
        <translation>alles: ohne Rauschen können Stellen Ihres Textes ins Modell gelangen</translation>
    </message>
    <message>
        <source>The mean of this household&apos;s machines goes on to {0}, and nothing else.</source>
        <translation>Der Mittelwert der Rechner dieses Haushalts geht an {0} weiter, sonst nichts.</translation>
    </message>
    <message numerus="yes">
        <source>They ask %n volunteer(s) a round and keep the sum of what arrives.</source>
        <translation>
            <numerusform>Sie fragen %n Teilnehmer pro Runde und behalten die Summe dessen, was ankommt.</numerusform>
            <numerusform>Sie fragen %n Teilnehmer pro Runde und behalten die Summe dessen, was ankommt.</numerusform>
        </translation>
    </message>
    <message>
        <source>The first weights are those of one volunteer alone, and may be yours.</source>
        <translation>Die ersten Gewichte stammen von einem einzigen Teilnehmer, vielleicht von Ihnen.</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>training loss</source>
        <translation>Trainingsverlust</translation>
    </message>
    <message>
        <source>time it took</source>
        <translation>Dauer</translation>
    </message>
    <message>
        <source>how well it knows your text, in some rounds</source>
        <translation>wie gut es Ihren Text kennt, in manchen Runden</translation>
    </message>
    <message>
        <source>Figures: {0}</source>
        <translation>Kennzahlen: {0}</translation>
    </message>
    <message>
        <source>Hashes and a signature</source>
        <translation>Hashes und eine Signatur</translation>
    </message>
    <message>
        <source>Only that no text is sent: numbers leave without noise, and no figure bounds what they say.</source>
        <translation>Nur, dass kein Text gesendet wird: Zahlen gehen ohne Rauschen hinaus, und kein Wert begrenzt, was sie verraten.</translation>
    </message>
    <message>
        <source>{0}: ε never above {1} (δ&#xa0;{2}), noise added here before anything is sent.</source>
        <translation>{0}: ε nie über {1} (δ&#xa0;{2}), Rauschen kommt hier hinzu, bevor etwas gesendet wird.</translation>
    </message>
</context>
<context>
    <name>Hedge</name>
    <message>
        <source>Your hedge</source>
        <translation>Ihre Hecke</translation>
    </message>
    <message>
        <source>{0} on {1} days, {2} today</source>
        <translation>{0} an {1} Tagen, {2} heute</translation>
    </message>
    <message>
        <source>this week</source>
        <translation>diese Woche</translation>
    </message>
</context>
<context>
    <name>HistoryModel</name>
    <message>
        <source>{0}, round {1}</source>
        <translation>{0}, Runde {1}</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
    <message>
        <source>finished, not sent yet</source>
        <translation>fertig, noch nicht gesendet</translation>
    </message>
    <message>
        <source>on its way</source>
        <translation>unterwegs</translation>
    </message>
    <message>
        <source>sent</source>
        <translation>gesendet</translation>
    </message>
    <message>
        <source>accepted</source>
        <translation>angenommen</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>abgelehnt</translation>
    </message>
    <message>
        <source>too late</source>
        <translation>zu spät</translation>
    </message>
    <message>
        <source>given up</source>
        <translation>aufgegeben</translation>
    </message>
</context>
<context>
    <name>HistoryPage</name>
    <message>
        <source>Rounds</source>
        <translation>Runden</translation>
    </message>
    <message>
        <source>newest first</source>
        <translation>neueste zuerst</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Noch nichts gegeben</translation>
    </message>
    <message>
        <source>Each round you finish appears here: how long it took, how many tokens, how much energy.</source>
        <translation>Jede Runde, die Sie abschließen, erscheint hier: wie lange sie dauerte, wie viele Token, wie viel Energie.</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n Runde</numerusform>
            <numerusform>%n Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>Asking the engine</source>
        <translation>Fragt die Engine</translation>
    </message>
    <message>
        <source>No hours given yet</source>
        <translation>Noch keine Stunden gegeben</translation>
    </message>
    <message numerus="yes">
        <source>{0} tokens in %n finished round(s), {1} sent</source>
        <translation>
            <numerusform>{0} Token in %n abgeschlossener Runde, {1} gesendet</numerusform>
            <numerusform>{0} Token in %n abgeschlossenen Runden, {1} gesendet</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} given</source>
        <translation>{0} gegeben</translation>
    </message>
</context>
<context>
    <name>HomePage</name>
    <message>
        <source>Go on</source>
        <translation>Fortfahren</translation>
    </message>
    <message>
        <source>Setting up is not finished</source>
        <translation>Einrichtung nicht abgeschlossen</translation>
    </message>
    <message>
        <source>A few questions about text, hardware and privacy.</source>
        <translation>Einige Fragen zu Text, Hardware und Datenschutz.</translation>
    </message>
    <message>
        <source>Last figures: {0}</source>
        <translation>Letzte Werte: {0}</translation>
    </message>
    <message>
        <source>The engine is away. They move again when it is back.</source>
        <translation>Die Engine ist weg. Die Werte laufen weiter, wenn sie zurück ist.</translation>
    </message>
</context>
<context>
    <name>HostCreate</name>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Who runs it</source>
        <translation>Wer sie betreibt</translation>
    </message>
    <message>
        <source>What it is for</source>
        <translation>Wofür sie da ist</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>{0}, {1} parameters</source>
        <translation>{0}, {1} Parameter</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Datenschutz</translation>
    </message>
    <message>
        <source>Updates</source>
        <translation>Aktualisierungen</translation>
    </message>
    <message>
        <source>The usual size, for good lines</source>
        <translation>Übliche Größe, für gute Leitungen</translation>
    </message>
    <message>
        <source>Half of that up, a quarter down</source>
        <translation>Die Hälfte hinauf, ein Viertel herunter</translation>
    </message>
    <message>
        <source>Fifty times smaller, for slow lines</source>
        <translation>Fünfzigmal kleiner, für langsame Leitungen</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Runden</translation>
    </message>
    <message>
        <source>Volunteers in a round</source>
        <translation>Teilnehmer je Runde</translation>
    </message>
    <message>
        <source>Who can reach it</source>
        <translation>Wer sie erreicht</translation>
    </message>
    <message>
        <source>This machine only</source>
        <translation>Nur dieser Rechner</translation>
    </message>
    <message>
        <source>My home network</source>
        <translation>Mein Heimnetz</translation>
    </message>
    <message>
        <source>The internet, under a name of mine</source>
        <translation>Das Internet, unter einem Namen von mir</translation>
    </message>
    <message>
        <source>Address in invites</source>
        <translation>Adresse in Einladungen</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>Port</translation>
    </message>
    <message>
        <source>Measured on a text of yours</source>
        <translation>Gemessen an einem Text von Ihnen</translation>
    </message>
    <message>
        <source>none: then nobody knows how good the model is</source>
        <translation>keiner: dann weiß niemand, wie gut das Modell ist</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Auswählen&#xa0;…</translation>
    </message>
    <message>
        <source>Choose the text it is measured on</source>
        <translation>Den Text wählen, an dem gemessen wird</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Create the federation</source>
        <translation>Föderation anlegen</translation>
    </message>
    <message>
        <source>These terms are signed and cannot be changed later. Everything else: hedgerow host create --help</source>
        <translation>Diese Bedingungen werden unterschrieben und gelten dann. Alles Weitere: hedgerow host create --help</translation>
    </message>
    <message>
        <source>Good for trying it out: volunteers run on this machine.</source>
        <translation>Gut zum Ausprobieren: Teilnehmer laufen auf diesem Rechner.</translation>
    </message>
    <message>
        <source>Machines in the same network can join. Your router keeps everybody else out.</source>
        <translation>Rechner im selben Netz können beitreten. Alle anderen hält Ihr Router fern.</translation>
    </message>
    <message>
        <source>The name must lead to this machine, and your router must let the port through.</source>
        <translation>Der Name muss zu diesem Rechner führen, und Ihr Router muss den Port durchlassen.</translation>
    </message>
    <message>
        <source>No single document can be made out. Volunteers need some thousand documents each.</source>
        <translation>Kein einzelnes Dokument ist zu erkennen. Jeder Teilnehmer braucht einige tausend Dokumente.</translation>
    </message>
    <message>
        <source>No single passage can be made out; a document of many passages is covered less.</source>
        <translation>Keine einzelne Textstelle ist zu erkennen; ein Dokument aus vielen ist weniger geschützt.</translation>
    </message>
    <message>
        <source>Not even a volunteer&apos;s whole text can be made out. It takes very many volunteers.</source>
        <translation>Nicht einmal der ganze Text eines Teilnehmers ist zu erkennen. Das braucht sehr viele Teilnehmer.</translation>
    </message>
    <message>
        <source>What is sent may give away text. Only for text that is public anyway.</source>
        <translation>Was gesendet wird, kann Text verraten. Nur für Text, der ohnehin öffentlich ist.</translation>
    </message>
    <message>
        <source>One byte for each number of the model goes up, four come down.</source>
        <translation>Für jede Zahl des Modells geht ein Byte hinauf, vier kommen herunter.</translation>
    </message>
    <message>
        <source>Half a byte for each number of the model goes up, one comes down.</source>
        <translation>Für jede Zahl des Modells geht ein halbes Byte hinauf, eines kommt herunter.</translation>
    </message>
    <message>
        <source>One in sixty-four numbers goes up in a round, the others later: for runs of hundreds of rounds.</source>
        <translation>In einer Runde geht eine von vierundsechzig Zahlen hinauf, die anderen später: für Läufe von Hunderten Runden.</translation>
    </message>
    <message>
        <source>Text (*.txt *.md *.markdown *.rst);;All files (*)</source>
        <translation>Text (*.txt *.md *.markdown *.rst);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Text to measure the model on</source>
        <translation>Text, an dem das Modell gemessen wird</translation>
    </message>
    <message>
        <source>Creating it…</source>
        <translation>Wird angelegt …</translation>
    </message>
</context>
<context>
    <name>HostDetail</name>
    <message>
        <source>Run it</source>
        <translation>Starten</translation>
    </message>
    <message>
        <source>Stop it</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Invite…</source>
        <translation>Einladen …</translation>
    </message>
    <message>
        <source>Export the model…</source>
        <translation>Modell exportieren …</translation>
    </message>
    <message>
        <source>Bits per byte on your own text</source>
        <translation>Bit pro Byte auf Ihrem eigenen Text</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Runden</translation>
    </message>
    <message>
        <source>Volunteers</source>
        <translation>Teilnehmer</translation>
    </message>
    <message>
        <source>Bits per byte on your own text, lower is better</source>
        <translation>Bit pro Byte auf Ihrem eigenen Text, weniger ist besser</translation>
    </message>
    <message>
        <source>Received</source>
        <translation>Empfangen</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Datenschutz</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>at rest</source>
        <translation>ruht</translation>
    </message>
    <message>
        <source>running</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>startet</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>beendet</translation>
    </message>
    <message>
        <source>none yet</source>
        <translation>noch keiner</translation>
    </message>
    <message>
        <source>{0} of {1} done</source>
        <translation>{0} von {1} fertig</translation>
    </message>
    <message numerus="yes">
        <source>%n joined</source>
        <translation>
            <numerusform>%n beigetreten</numerusform>
            <numerusform>%n beigetreten</numerusform>
        </translation>
    </message>
    <message>
        <source>known once it runs</source>
        <translation>bekannt, sobald sie läuft</translation>
    </message>
    <message>
        <source>It goes on when this window closes. Stopping it loses nothing; it goes on where it was.</source>
        <translation>Sie läuft weiter, wenn dieses Fenster schließt. Beim Anhalten geht nichts verloren; sie macht dort weiter, wo sie war.</translation>
    </message>
    <message>
        <source>All its rounds are done. Export the model, or keep the folder as it is.</source>
        <translation>Alle Runden sind fertig. Exportieren Sie das Modell, oder behalten Sie den Ordner, wie er ist.</translation>
    </message>
    <message>
        <source>Nobody can join or train while it rests.</source>
        <translation>Solange sie ruht, kann niemand beitreten oder trainieren.</translation>
    </message>
    <message>
        <source>Nothing measured: it was created without a text, or has not run yet.</source>
        <translation>Nichts gemessen: Sie wurde ohne Text angelegt oder ist noch nicht gelaufen.</translation>
    </message>
    <message numerus="yes">
        <source>From {0} to {1} bits per byte over %n measurement(s)</source>
        <translation>
            <numerusform>Von {0} auf {1} Bit pro Byte über %n Messung</numerusform>
            <numerusform>Von {0} auf {1} Bit pro Byte über %n Messungen</numerusform>
        </translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>Runde {0}</translation>
    </message>
</context>
<context>
    <name>HostInvite</name>
    <message>
        <source>Volunteers that can join with it</source>
        <translation>Teilnehmer, die damit beitreten können</translation>
    </message>
    <message numerus="yes">
        <source>%n day(s)</source>
        <translation>
            <numerusform>%n Tag</numerusform>
            <numerusform>%n Tage</numerusform>
        </translation>
    </message>
    <message>
        <source>How long it is valid</source>
        <translation>Wie lange sie gilt</translation>
    </message>
    <message>
        <source>Make an invite</source>
        <translation>Einladung erstellen</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Für</translation>
    </message>
    <message>
        <source>volunteers, valid for</source>
        <translation>Teilnehmer, gültig</translation>
    </message>
    <message>
        <source>Invite link</source>
        <translation>Einladungslink</translation>
    </message>
    <message>
        <source>Copy the link</source>
        <translation>Link kopieren</translation>
    </message>
    <message>
        <source>The invite link as a code for a camera</source>
        <translation>Der Einladungslink als Code für eine Kamera</translation>
    </message>
    <message>
        <source>Invite to {0}</source>
        <translation>Einladung zu {0}</translation>
    </message>
    <message>
        <source>Whoever has the link can join, as often as it says. Send it as you would send a key.</source>
        <translation>Wer den Link hat, kann beitreten, so oft er es erlaubt. Schicken Sie ihn, wie Sie einen Schlüssel schicken würden.</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n Teilnehmer kann damit beitreten</numerusform>
            <numerusform>%n Teilnehmer können damit beitreten</numerusform>
        </translation>
    </message>
    <message>
        <source>until {0}, at {1}.</source>
        <translation>bis {0}, unter {1}.</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
</context>
<context>
    <name>HostPage</name>
    <message>
        <source>New federation</source>
        <translation>Neue Föderation</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Federations on this machine</source>
        <translation>Föderationen auf diesem Rechner</translation>
    </message>
    <message>
        <source>Create a federation</source>
        <translation>Föderation anlegen</translation>
    </message>
    <message>
        <source>You choose the model, the rounds and the privacy, and invite whom you like. Volunteers send numbers; their text stays with them. This machine sums them up, so it must be on while rounds run.</source>
        <translation>Sie wählen Modell, Runden und Privatsphäre und laden ein, wen Sie möchten. Teilnehmer senden Zahlen; ihr Text bleibt bei ihnen. Dieser Rechner zählt sie zusammen, muss also an sein, solange Runden laufen.</translation>
    </message>
    <message>
        <source>You host no federation yet</source>
        <translation>Sie hosten noch keine Föderation</translation>
    </message>
    <message>
        <source>The model after round {0} is written</source>
        <translation>Das Modell nach Runde {0} ist geschrieben</translation>
    </message>
    <message>
        <source>It does not start.</source>
        <translation>Sie startet nicht.</translation>
    </message>
    <message>
        <source>Run it on port {0}</source>
        <translation>Auf Port {0} starten</translation>
    </message>
    <message>
        <source>A federation of your own</source>
        <translation>Eine eigene Föderation</translation>
    </message>
    <message>
        <source>Volunteers see these terms before they join, and this machine holds them to it.</source>
        <translation>Teilnehmer sehen diese Bedingungen vor dem Beitritt, und dieser Rechner hält sich daran.</translation>
    </message>
    <message>
        <source>Host a federation</source>
        <translation>Eine Föderation hosten</translation>
    </message>
    <message>
        <source>Looking at it</source>
        <translation>Sieht nach</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) joined</source>
        <translation>
            <numerusform>%n Teilnehmer ist beigetreten</numerusform>
            <numerusform>%n Teilnehmer sind beigetreten</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} has finished its rounds</source>
        <translation>{0} hat alle Runden beendet</translation>
    </message>
    <message>
        <source>{0} is at rest</source>
        <translation>{0} ruht</translation>
    </message>
    <message>
        <source>{0} trains round {1} of {2}</source>
        <translation>{0} trainiert Runde {1} von {2}</translation>
    </message>
    <message>
        <source>{0} waits for volunteers</source>
        <translation>{0} wartet auf Teilnehmer</translation>
    </message>
    <message>
        <source>Folder for the model</source>
        <translation>Ordner für das Modell</translation>
    </message>
</context>
<context>
    <name>HostedPlaceModel</name>
    <message>
        <source>not looked at yet</source>
        <translation>noch nicht nachgesehen</translation>
    </message>
    <message>
        <source>{0} of {1} rounds</source>
        <translation>{0} von {1} Runden</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>startet</translation>
    </message>
    <message>
        <source>running</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>at rest</source>
        <translation>ruht</translation>
    </message>
    <message>
        <source>finished · {0}</source>
        <translation>beendet · {0}</translation>
    </message>
</context>
<context>
    <name>HostedRoundModel</name>
    <message>
        <source>Round {0}</source>
        <translation>Runde {0}</translation>
    </message>
    <message>
        <source>{0} bits per byte</source>
        <translation>{0} Bit pro Byte</translation>
    </message>
    <message>
        <source>in progress</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fertig</translation>
    </message>
    <message>
        <source>given up</source>
        <translation>aufgegeben</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s)</source>
        <translation>
            <numerusform>%n Teilnehmer</numerusform>
            <numerusform>%n Teilnehmer</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostedVolunteerModel</name>
    <message numerus="yes">
        <source>%n update(s)</source>
        <translation>
            <numerusform>%n Update</numerusform>
            <numerusform>%n Updates</numerusform>
        </translation>
    </message>
    <message>
        <source>left {0}</source>
        <translation>verlassen {0}</translation>
    </message>
    <message>
        <source>joined {0}</source>
        <translation>beigetreten {0}</translation>
    </message>
    <message>
        <source>last in round {0}</source>
        <translation>zuletzt in Runde {0}</translation>
    </message>
</context>
<context>
    <name>InvitePage</name>
    <message>
        <source>Open an invite</source>
        <translation>Einladung öffnen</translation>
    </message>
    <message>
        <source>Reading an invite opens no connection. Nothing is sent until you press Join.</source>
        <translation>Das Lesen einer Einladung öffnet keine Verbindung. Nichts wird gesendet, bevor Sie auf „Beitreten“ klicken.</translation>
    </message>
    <message>
        <source>Invite link</source>
        <translation>Einladungslink</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Show the terms</source>
        <translation>Bedingungen zeigen</translation>
    </message>
    <message>
        <source>What the invite says, in their words. Nothing of it is checked yet.</source>
        <translation>Was in der Einladung steht, im Wortlaut. Davon ist noch nichts geprüft.</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>Uses</source>
        <translation>Nutzungen</translation>
    </message>
    <message>
        <source>Expires</source>
        <translation>Ablauf</translation>
    </message>
    <message>
        <source>Paste the whole link. It is at most 4 KiB long.</source>
        <translation>Fügen Sie den ganzen Link ein. Er ist höchstens 4 KiB lang.</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n Teilnehmer kann damit beitreten</numerusform>
            <numerusform>%n Teilnehmer können damit beitreten</numerusform>
        </translation>
    </message>
    <message>
        <source>expired {0}</source>
        <translation>abgelaufen {0}</translation>
    </message>
    <message>
        <source>Fetching the terms from {0} and checking their signature.</source>
        <translation>Holt die Bedingungen von {0} und prüft ihre Signatur.</translation>
    </message>
    <message>
        <source>This invite has expired. Ask for a new one.</source>
        <translation>Diese Einladung ist abgelaufen. Bitten Sie um eine neue.</translation>
    </message>
    <message>
        <source>The next step connects to {0} for the signed terms. It sends no text and enrols nothing.</source>
        <translation>Der nächste Schritt holt die signierten Bedingungen von {0}. Er sendet keinen Text und meldet nichts an.</translation>
    </message>
</context>
<context>
    <name>LimitChoice</name>
    <message>
        <source>Stop at</source>
        <translation>Schluss bei</translation>
    </message>
    <message>
        <source>strict</source>
        <translation>streng</translation>
    </message>
    <message>
        <source>middle</source>
        <translation>mittel</translation>
    </message>
    <message>
        <source>wide</source>
        <translation>weit</translation>
    </message>
    <message>
        <source>ε {0}</source>
        <translation>ε {0}</translation>
    </message>
    <message>
        <source>Stop at ε {0}, {1}</source>
        <translation>Schluss bei ε {0}, {1}</translation>
    </message>
    <message>
        <source>Stop at another ε</source>
        <translation>Schluss bei anderem ε</translation>
    </message>
    <message>
        <source>other</source>
        <translation>anderes</translation>
    </message>
    <message>
        <source>Another limit, such as {0}</source>
        <translation>Eine andere Grenze, etwa {0}</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Home</source>
        <translation>Start</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Daten</translation>
    </message>
    <message>
        <source>Compute</source>
        <translation>Rechnen</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Privatsphäre</translation>
    </message>
    <message>
        <source>Uploads</source>
        <translation>Sendungen</translation>
    </message>
    <message>
        <source>Federations</source>
        <translation>Föderationen</translation>
    </message>
    <message>
        <source>Try it</source>
        <translation>Ausprobieren</translation>
    </message>
    <message>
        <source>History</source>
        <translation>Verlauf</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>Hosten</translation>
    </message>
    <message>
        <source>Doctor</source>
        <translation>Prüfung</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Stay open</source>
        <translation>Offen lassen</translation>
    </message>
    <message>
        <source>Stop training</source>
        <translation>Training stoppen</translation>
    </message>
    <message>
        <source>Keep training</source>
        <translation>Weitertrainieren</translation>
    </message>
    <message>
        <source>Read the report</source>
        <translation>Bericht lesen</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Something in this window went wrong</source>
        <translation>In diesem Fenster ist etwas schiefgegangen</translation>
    </message>
    <message>
        <source>Training is not touched by it. A report lies on this machine; it is sent nowhere.</source>
        <translation>Das Training ist davon nicht berührt. Ein Bericht liegt auf diesem Rechner; er wird nirgendwohin gesendet.</translation>
    </message>
    <message>
        <source>Add folder</source>
        <translation>Ordner hinzufügen</translation>
    </message>
    <message>
        <source>Text (*.txt *.md *.markdown *.rst);;All files (*)</source>
        <translation>Text (*.txt *.md *.markdown *.rst);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Add files</source>
        <translation>Dateien hinzufügen</translation>
    </message>
    <message>
        <source>See inside</source>
        <translation>Hineinsehen</translation>
    </message>
    <message>
        <source>Keep training when the window is closed?</source>
        <translation>Weitertrainieren, wenn das Fenster geschlossen ist?</translation>
    </message>
    <message>
        <source>The engine then works on within your limits. You can change this in Settings at any time.</source>
        <translation>Die Engine arbeitet dann innerhalb Ihrer Grenzen weiter. Sie können das jederzeit in den Einstellungen ändern.</translation>
    </message>
</context>
<context>
    <name>Notifications</name>
    <message numerus="yes">
        <source>%n round(s) finished on this machine so far</source>
        <translation>
            <numerusform>%n Runde bisher auf diesem Rechner fertig</numerusform>
            <numerusform>%n Runden bisher auf diesem Rechner fertig</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PreviewPane</name>
    <message>
        <source>The text that is used</source>
        <translation>Der verwendete Text</translation>
    </message>
    <message>
        <source>Previous document</source>
        <translation>Voriges Dokument</translation>
    </message>
    <message>
        <source>Next document</source>
        <translation>Nächstes Dokument</translation>
    </message>
    <message>
        <source>Close preview</source>
        <translation>Vorschau schließen</translation>
    </message>
    <message>
        <source>Field or column with the text</source>
        <translation>Feld oder Spalte mit dem Text</translation>
    </message>
    <message>
        <source>found by itself</source>
        <translation>automatisch gefunden</translation>
    </message>
    <message>
        <source>Show it</source>
        <translation>Zeigen</translation>
    </message>
    <message>
        <source>Use this field</source>
        <translation>Dieses Feld verwenden</translation>
    </message>
    <message>
        <source>Preview of {0}</source>
        <translation>Vorschau von {0}</translation>
    </message>
    <message>
        <source>Document {0} of {1}</source>
        <translation>Dokument {0} von {1}</translation>
    </message>
    <message>
        <source>held back for testing</source>
        <translation>zum Testen zurückgehalten</translation>
    </message>
    <message>
        <source>used for training</source>
        <translation>zum Training verwendet</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} Token</translation>
    </message>
    <message>
        <source>the first document, not used like this yet</source>
        <translation>das erste Dokument, noch nicht so verwendet</translation>
    </message>
    <message>
        <source>read from {0} of {1}</source>
        <translation>aus {0} gelesen, vorhanden: {1}</translation>
    </message>
    <message>
        <source>only its beginning is shown</source>
        <translation>nur der Anfang ist zu sehen</translation>
    </message>
    <message>
        <source>The text is read anew with this field…</source>
        <translation>Der Text wird mit diesem Feld neu eingelesen&#xa0;…</translation>
    </message>
    <message>
        <source>Decoding the text…</source>
        <translation>Dekodiert den Text&#xa0;…</translation>
    </message>
</context>
<context>
    <name>Price</name>
    <message>
        <source>What it would cost you</source>
        <translation>Was es Sie kostet</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Work</source>
        <translation>Arbeit</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>Upload</source>
        <translation>Hochladen</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>Noise</source>
        <translation>Rauschen</translation>
    </message>
    <message>
        <source>To compare</source>
        <translation>Zum Vergleich</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Lizenz</translation>
    </message>
    <message>
        <source>Law of</source>
        <translation>Recht von</translation>
    </message>
    <message>
        <source>If you leave, in their words</source>
        <translation>Wenn Sie gehen, im Wortlaut</translation>
    </message>
    <message>
        <source>{0} parameters ({1})</source>
        <translation>{0} Parameter ({1})</translation>
    </message>
    <message>
        <source>{0} steps × {1} a round</source>
        <translation>{0} Schritte × {1} pro Runde</translation>
    </message>
    <message>
        <source>{0} while it runs</source>
        <translation>{0}, solange es läuft</translation>
    </message>
    <message>
        <source>{0} a round</source>
        <translation>{0} pro Runde</translation>
    </message>
    <message>
        <source>up to {0} a round</source>
        <translation>bis zu {0} je Runde</translation>
    </message>
    <message>
        <source>σ {0} of the clip {1}</source>
        <translation>σ {0} der Clip-Norm {1}</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keines</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>ε {0} by PLD, if nothing ever changes; not promised</source>
        <translation>ε {0} nach PLD, falls sich nie etwas ändert; nicht versprochen</translation>
    </message>
    <message>
        <source>Public text alone</source>
        <translation>Nur öffentlicher Text</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n Runde</numerusform>
            <numerusform>%n Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>Without a tick it trains on their public text alone, {0} tokens; nothing of yours is read.</source>
        <translation>Ohne Häkchen trainiert es nur mit deren öffentlichem Text, {0} Token; von Ihnen wird nichts gelesen.</translation>
    </message>
    <message>
        <source>No text chosen</source>
        <translation>Kein Text ausgewählt</translation>
    </message>
    <message>
        <source>no text</source>
        <translation>kein Text</translation>
    </message>
    <message>
        <source>Tick a text to see its price.</source>
        <translation>Ein Häkchen zeigt den Preis eines Textes.</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>without any guarantee, and none can be given later</source>
        <translation>ohne jede Garantie, und auch später kann es keine geben</translation>
    </message>
    <message>
        <source>the whole plan, ε {0} of {1}</source>
        <translation>der ganze Plan, ε {0} von {1}</translation>
    </message>
    <message>
        <source>then it stops, at ε {0}</source>
        <translation>dann ist Schluss, bei ε {0}</translation>
    </message>
</context>
<context>
    <name>PrivacyPage</name>
    <message>
        <source>Export ledger…</source>
        <translation>Kontobuch exportieren&#xa0;…</translation>
    </message>
    <message>
        <source>No text takes part yet</source>
        <translation>Noch nimmt kein Text teil</translation>
    </message>
    <message>
        <source>Once a text takes part, its gauge stands here: what was charged, its limit, the rounds left.</source>
        <translation>Sobald ein Text teilnimmt, steht hier seine Anzeige: Belastung, Grenze, übrige Runden.</translation>
    </message>
    <message>
        <source>Budgets</source>
        <translation>Budgets</translation>
    </message>
    <message>
        <source>runs out first on top</source>
        <translation>was zuerst endet, steht oben</translation>
    </message>
    <message>
        <source>Report to read (*.txt)</source>
        <translation>Bericht zum Lesen (*.txt)</translation>
    </message>
    <message>
        <source>Whole ledger, to check (*.json)</source>
        <translation>Ganzes Kontobuch zum Prüfen (*.json)</translation>
    </message>
    <message>
        <source>Export ledger</source>
        <translation>Kontobuch exportieren</translation>
    </message>
    <message>
        <source>Ledger exported</source>
        <translation>Kontobuch exportiert</translation>
    </message>
    <message>
        <source>The ledger and the keyring disagree</source>
        <translation>Kontobuch und Schlüsselbund widersprechen sich</translation>
    </message>
    <message>
        <source>No text has a guarantee</source>
        <translation>Kein Text hat eine Garantie</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Nichts verbraucht</translation>
    </message>
    <message numerus="yes">
        <source>ε {0} of {1} charged in %n round(s). At {1} it stops.</source>
        <translation>
            <numerusform>ε {0} von {1} in %n Runde belastet. Bei {1} ist Schluss.</numerusform>
            <numerusform>ε {0} von {1} in %n Runden belastet. Bei {1} ist Schluss.</numerusform>
        </translation>
    </message>
    <message>
        <source>ε {0} of {1} charged on {2}</source>
        <translation>ε {0} von {1} belastet für {2}</translation>
    </message>
    <message>
        <source>No round left on {0}</source>
        <translation>Keine Runde übrig für {0}</translation>
    </message>
    <message numerus="yes">
        <source>About %n round(s) left on {0}</source>
        <translation>
            <numerusform>Etwa %n Runde übrig für {0}</numerusform>
            <numerusform>Etwa %n Runden übrig für {0}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RailFoot</name>
    <message>
        <source>Given and privacy left</source>
        <translation>Gegeben und Privatsphäre übrig</translation>
    </message>
</context>
<context>
    <name>Reasons</name>
    <message>
        <source>a cell is too long, or a quotation mark is never closed</source>
        <translation>eine Zelle ist zu lang, oder ein Anführungszeichen wird nie geschlossen</translation>
    </message>
    <message>
        <source>a damaged PDF</source>
        <translation>ein beschädigtes PDF</translation>
    </message>
    <message>
        <source>a line is longer than {0} million characters</source>
        <translation>eine Zeile ist länger als {0} Millionen Zeichen</translation>
    </message>
    <message>
        <source>a mail without text</source>
        <translation>eine Mail ohne Text</translation>
    </message>
    <message>
        <source>a part is larger than {0} MiB</source>
        <translation>ein Teil ist größer als {0} MiB</translation>
    </message>
    <message>
        <source>a part is missing</source>
        <translation>ein Teil fehlt</translation>
    </message>
    <message>
        <source>a scanned PDF without a text layer ({0} page)</source>
        <translation>ein gescanntes PDF ohne Textebene ({0} Seite)</translation>
    </message>
    <message>
        <source>a scanned PDF without a text layer ({0} pages)</source>
        <translation>ein gescanntes PDF ohne Textebene ({0} Seiten)</translation>
    </message>
    <message>
        <source>an archive in an archive in an archive</source>
        <translation>ein Archiv in einem Archiv in einem Archiv</translation>
    </message>
    <message>
        <source>an office file that is no text document</source>
        <translation>eine Office-Datei, die kein Textdokument ist</translation>
    </message>
    <message>
        <source>binary</source>
        <translation>binär</translation>
    </message>
    <message>
        <source>binary after {0} MiB</source>
        <translation>binär nach {0} MiB</translation>
    </message>
    <message>
        <source>cut or damaged</source>
        <translation>abgeschnitten oder beschädigt</translation>
    </message>
    <message>
        <source>cut or damaged text</source>
        <translation>abgeschnittener oder beschädigter Text</translation>
    </message>
    <message>
        <source>cut or damaged; what came before is used</source>
        <translation>abgeschnitten oder beschädigt; was davor kam, wird benutzt</translation>
    </message>
    <message>
        <source>damaged, or not what its name says</source>
        <translation>beschädigt, oder nicht, was der Name sagt</translation>
    </message>
    <message>
        <source>empty</source>
        <translation>leer</translation>
    </message>
    <message>
        <source>encrypted, needs a password</source>
        <translation>verschlüsselt, braucht ein Passwort</translation>
    </message>
    <message>
        <source>has no column of text</source>
        <translation>hat keine Spalte mit Text</translation>
    </message>
    <message>
        <source>in an unknown encoding</source>
        <translation>in unbekannter Kodierung</translation>
    </message>
    <message>
        <source>larger than {0} MiB</source>
        <translation>größer als {0} MiB</translation>
    </message>
    <message>
        <source>more than {0} tags deep</source>
        <translation>tiefer als {0} Tags</translation>
    </message>
    <message>
        <source>more than {0} members</source>
        <translation>mehr als {0} Einträge</translation>
    </message>
    <message>
        <source>more than {0} pages</source>
        <translation>mehr als {0} Seiten</translation>
    </message>
    <message>
        <source>mostly holes, a sparse file</source>
        <translation>fast nur Lücken, eine dünn besetzte Datei</translation>
    </message>
    <message>
        <source>needs more memory than the reader may use</source>
        <translation>braucht mehr Speicher, als der Leser benutzen darf</translation>
    </message>
    <message>
        <source>nested too deeply</source>
        <translation>zu tief verschachtelt</translation>
    </message>
    <message>
        <source>no JSON records</source>
        <translation>keine JSON-Datensätze</translation>
    </message>
    <message>
        <source>not a notebook, or damaged</source>
        <translation>kein Notebook, oder beschädigt</translation>
    </message>
    <message>
        <source>not a regular file</source>
        <translation>keine gewöhnliche Datei</translation>
    </message>
    <message>
        <source>one JSON object without a field of text or a list of records</source>
        <translation>ein JSON-Objekt ohne Textfeld oder Liste von Datensätzen</translation>
    </message>
    <message>
        <source>{0} of {1} pages have no text layer or are damaged</source>
        <translation>{0} von {1} Seiten haben keine Textebene oder sind beschädigt</translation>
    </message>
    <message>
        <source>{0} of {1} records are damaged</source>
        <translation>{0} von {1} Datensätzen sind beschädigt</translation>
    </message>
</context>
<context>
    <name>RuntimePane</name>
    <message>
        <source>Compute runtime</source>
        <translation>Rechenumgebung</translation>
    </message>
    <message>
        <source>Install compute runtime</source>
        <translation>Rechenumgebung installieren</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>The compute runtime works, and newer packages for it are known. Renew it when it suits you.</source>
        <translation>Die Rechenumgebung geht, und es gibt neuere Pakete für sie. Erneuern Sie sie, wann es Ihnen passt.</translation>
    </message>
    <message>
        <source>The compute runtime is too old for this version. Nothing is trained until it is renewed.</source>
        <translation>Die Rechenumgebung ist zu alt für diese Version. Bis sie erneuert ist, wird nichts trainiert.</translation>
    </message>
    <message>
        <source>The compute runtime does not start any more. Nothing is trained until it is renewed.</source>
        <translation>Die Rechenumgebung startet nicht mehr. Bis sie erneuert ist, wird nichts trainiert.</translation>
    </message>
    <message>
        <source>To read text and to train, Hedgerow needs torch and a few readers. They are fetched once, checked, and kept in a folder of yours.</source>
        <translation>Zum Lesen und Trainieren braucht Hedgerow torch und einige Leser. Sie werden einmal geholt, geprüft und in einem Ihrer Ordner behalten.</translation>
    </message>
    <message>
        <source>This machine has an NVIDIA GPU.</source>
        <translation>Dieser Rechner hat eine NVIDIA-GPU.</translation>
    </message>
    <message>
        <source>This machine has an AMD GPU with its compute driver.</source>
        <translation>Dieser Rechner hat eine AMD-GPU mit ihrem Rechentreiber.</translation>
    </message>
    <message>
        <source>No GPU was found that could train; the processor does it.</source>
        <translation>Keine GPU gefunden, die trainieren könnte; der Prozessor übernimmt das.</translation>
    </message>
    <message>
        <source>{0} {1} are free on this disk.</source>
        <translation>{0} Auf dieser Platte sind {1} frei.</translation>
    </message>
    <message>
        <source>Processor only</source>
        <translation>Nur Prozessor</translation>
    </message>
    <message>
        <source>NVIDIA GPU (CUDA)</source>
        <translation>NVIDIA-GPU (CUDA)</translation>
    </message>
    <message>
        <source>AMD GPU (ROCm)</source>
        <translation>AMD-GPU (ROCm)</translation>
    </message>
    <message>
        <source>about {0} to fetch, {1} on disk</source>
        <translation>etwa {0} zu holen, {1} auf der Platte</translation>
    </message>
    <message>
        <source>Making the environment</source>
        <translation>Legt die Umgebung an</translation>
    </message>
    <message>
        <source>Fetching packages</source>
        <translation>Holt Pakete</translation>
    </message>
    <message>
        <source>Fetching torch</source>
        <translation>Holt torch</translation>
    </message>
    <message>
        <source>Trying it</source>
        <translation>Probiert sie aus</translation>
    </message>
    <message>
        <source>Switching to it</source>
        <translation>Wechselt zu ihr</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>noch {0}</translation>
    </message>
    <message>
        <source>{0} % done. {1}</source>
        <translation>{0} % fertig. {1}</translation>
    </message>
    <message>
        <source>The disk has too little room for this variant.</source>
        <translation>Die Platte hat für diese Variante zu wenig Platz.</translation>
    </message>
    <message>
        <source>Renew compute runtime</source>
        <translation>Rechenumgebung erneuern</translation>
    </message>
</context>
<context>
    <name>Sentences</name>
    <message>
        <source>{federation} asks for more than your floor allows. It rests until you leave it or lower your floor.</source>
        <translation>{federation} verlangt mehr, als Ihre Untergrenze erlaubt. Sie ruht, bis Sie austreten oder die Untergrenze senken.</translation>
    </message>
    <message>
        <source>{federation} does not answer. What is finished is safe and will be sent.</source>
        <translation>{federation} antwortet nicht. Fertiges ist sicher und wird noch gesendet.</translation>
    </message>
    <message>
        <source>{corpus} is not where it was. Put the folder back, or remove it in Data.</source>
        <translation>{corpus} ist nicht mehr an seinem Ort. Legen Sie den Ordner zurück oder entfernen Sie ihn unter „Daten“.</translation>
    </message>
    <message>
        <source>{devices} cannot be used now. Plug it in, or offer another device.</source>
        <translation>{devices} ist jetzt nicht nutzbar. Schließen Sie es an, oder bieten Sie ein anderes Gerät an.</translation>
    </message>
    <message>
        <source>The disk is nearly full. It goes on when there is room.</source>
        <translation>Der Datenträger ist fast voll. Es geht weiter, sobald Platz ist.</translation>
    </message>
    <message>
        <source>Training computes {percent} % of the time, as you set.</source>
        <translation>Das Training rechnet {percent} % der Zeit, wie Sie es eingestellt haben.</translation>
    </message>
    <message>
        <source>{name} has finished all its rounds. Nothing more is sent.</source>
        <translation>{name} hat alle Runden abgeschlossen. Es wird nichts mehr gesendet.</translation>
    </message>
    <message>
        <source>A program filled the screen until just now. Training waits until {until}.</source>
        <translation>Bis eben füllte ein Programm den Bildschirm. Das Training wartet bis {until}.</translation>
    </message>
    <message>
        <source>A program fills the screen. Training goes on {quiet_s} after it ends.</source>
        <translation>Ein Programm füllt den Bildschirm. Das Training geht {quiet_s} nach dessen Ende weiter.</translation>
    </message>
    <message>
        <source>Your week plan says half speed: training computes {percent} % of the time.</source>
        <translation>Ihr Wochenplan sieht halbe Kraft vor: Das Training rechnet {percent} % der Zeit.</translation>
    </message>
    <message>
        <source>This desktop does not say whether somebody uses the machine, and you want training only when nobody does.</source>
        <translation>Diese Arbeitsumgebung sagt nicht, ob jemand den Rechner benutzt, und Sie wollen nur trainieren, wenn es niemand tut.</translation>
    </message>
    <message>
        <source>You use the machine. Training goes on after {wait_s} without keyboard and mouse.</source>
        <translation>Sie benutzen den Rechner. Das Training geht nach {wait_s} ohne Tastatur und Maus weiter.</translation>
    </message>
    <message>
        <source>{federation} has seen a newer privacy ledger of this machine. Nothing is spent until that one is back; if you never restored an older one, leave that federation.</source>
        <translation>{federation} hat ein neueres Privatsphäre-Kontobuch dieses Rechners gesehen. Nichts wird verbraucht, bis es zurück ist; wenn Sie nie ein älteres wiederhergestellt haben, verlassen Sie diese Föderation.</translation>
    </message>
    <message>
        <source>The privacy ledger is older than it was. Nothing is spent until the newer one is back.</source>
        <translation>Das Privatsphäre-Kontobuch ist auf einem älteren Stand als zuvor. Nichts wird verbraucht, bis das neuere zurück ist.</translation>
    </message>
    <message>
        <source>The network is metered, so no round begins. A finished update is kept and sent when it no longer is.</source>
        <translation>Das Netz ist getaktet, deshalb beginnt keine Runde. Ein fertiges Update wird aufbewahrt und gesendet, sobald das Netz es nicht mehr ist.</translation>
    </message>
    <message>
        <source>The data you offered this month is used. No round begins until {until}; a finished update is still sent.</source>
        <translation>Das für diesen Monat angebotene Datenvolumen ist verbraucht. Bis {until} beginnt keine Runde; ein fertiges Update wird noch gesendet.</translation>
    </message>
    <message>
        <source>Your text has reached its privacy limit. It will not be used again.</source>
        <translation>Ihr Text hat seine Privatsphäre-Grenze erreicht. Er wird nicht mehr verwendet.</translation>
    </message>
    <message>
        <source>Nothing is sent. Add a folder of text, then open an invite.</source>
        <translation>Es wird nichts gesendet. Fügen Sie einen Ordner mit Text hinzu und öffnen Sie dann eine Einladung.</translation>
    </message>
    <message>
        <source>You have not joined a federation. Nothing is sent until you press Join.</source>
        <translation>Sie sind keiner Föderation beigetreten. Nichts wird gesendet, bevor Sie auf „Beitreten“ klicken.</translation>
    </message>
    <message>
        <source>The machine runs on battery, at {percent} %. It goes on when it is plugged in.</source>
        <translation>Der Rechner läuft auf Akku, bei {percent} %. Weiter geht es am Netz.</translation>
    </message>
    <message>
        <source>The machine runs on battery. It goes on when it is plugged in.</source>
        <translation>Der Rechner läuft auf Akku. Weiter geht es am Netz.</translation>
    </message>
    <message>
        <source>Other programs have let go of the processor. Training goes on at {until} if it stays so.</source>
        <translation>Andere Programme haben den Prozessor freigegeben. Bleibt es so, geht das Training um {until} weiter.</translation>
    </message>
    <message>
        <source>Other programs use {percent} % of the processor, above your {limit} % limit. Training goes on {quiet_s} after they are done.</source>
        <translation>Andere Programme nutzen {percent} % des Prozessors, mehr als Ihre Grenze von {limit} %. Das Training geht {quiet_s} danach weiter.</translation>
    </message>
    <message>
        <source>Other programs have let go of the GPU. Training goes on at {until} if it stays so.</source>
        <translation>Andere Programme haben die GPU freigegeben. Bleibt es so, geht das Training um {until} weiter.</translation>
    </message>
    <message>
        <source>Other programs use {percent} % of the GPU, above your {limit} % limit. Training goes on {quiet_s} after they are done.</source>
        <translation>Andere Programme nutzen {percent} % der GPU, mehr als Ihre Grenze von {limit} %. Das Training geht {quiet_s} danach weiter.</translation>
    </message>
    <message>
        <source>Until you resume. The trainer&apos;s memory is free.</source>
        <translation>Bis Sie fortsetzen. Der Speicher des Trainings ist frei.</translation>
    </message>
    <message>
        <source>Your text is being read on this machine.</source>
        <translation>Ihr Text wird auf diesem Rechner gelesen.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are sent. {federation} has yet to confirm them.</source>
        <translation>Die Zahlen der Runde {round} sind gesendet. Die Bestätigung von {federation} steht noch aus.</translation>
    </message>
    <message>
        <source>No new round of {name} is begun, because you set the share to 0. Raise it in Federations.</source>
        <translation>Für {name} beginnt keine neue Runde, weil Sie den Anteil auf 0 gesetzt haben. Erhöhen Sie ihn unter Föderationen.</translation>
    </message>
    <message>
        <source>Your limits let training run.</source>
        <translation>Ihre Grenzen lassen das Training zu.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are ready. They leave at a set moment, so that their time says nothing.</source>
        <translation>Die Zahlen der Runde {round} sind bereit. Sie gehen zu einem festen Zeitpunkt hinaus, damit die Uhrzeit nichts verrät.</translation>
    </message>
    <message>
        <source>Until {until}, or when you resume. The trainer&apos;s memory is free.</source>
        <translation>Bis {until} oder bis Sie fortsetzen. Der Speicher des Trainings ist frei.</translation>
    </message>
    <message>
        <source>{federation} asks for less than before.</source>
        <translation>{federation} verlangt weniger als vorher.</translation>
    </message>
    <message>
        <source>The GPU is at {temperature} °C and your ceiling is {ceiling} °C. Goes on below {low} °C.</source>
        <translation>Die GPU hat {temperature} °C, Ihre Obergrenze ist {ceiling} °C. Weiter geht es unter {low} °C.</translation>
    </message>
    <message>
        <source>The GPU was above your ceiling and does not say how hot it is now.</source>
        <translation>Die GPU lag über Ihrer Obergrenze und sagt nicht, wie heiß sie jetzt ist.</translation>
    </message>
    <message>
        <source>{name} has not opened its next round. Nothing to do until then.</source>
        <translation>{name} hat die nächste Runde noch nicht eröffnet. Bis dahin ist nichts zu tun.</translation>
    </message>
    <message>
        <source>Your week plan rests until {until}.</source>
        <translation>Ihr Wochenplan ruht bis {until}.</translation>
    </message>
    <message>
        <source>Your week plan is off at all hours. It goes on when you change it.</source>
        <translation>Ihr Wochenplan ruht zu jeder Stunde. Weiter geht es, wenn Sie ihn ändern.</translation>
    </message>
    <message>
        <source>You have given the hours you offered this week. It goes on on Monday.</source>
        <translation>Sie haben die für diese Woche angebotenen Stunden gegeben. Am Montag geht es weiter.</translation>
    </message>
    <message>
        <source>{federation} opened round {round}. Its model is on the way to this machine.</source>
        <translation>{federation} hat Runde {round} eröffnet. Das Modell ist auf dem Weg zu diesem Rechner.</translation>
    </message>
    <message>
        <source>Round {round} is trained. Its numbers are packed and sealed.</source>
        <translation>Runde {round} ist trainiert. Ihre Zahlen sind gepackt und versiegelt.</translation>
    </message>
    <message>
        <source>Round {round} of {federation}: training computes {percent} % of the time, as your rules say.</source>
        <translation>Runde {round} von {federation}: Das Training rechnet {percent} % der Zeit, wie Ihre Regeln es vorgeben.</translation>
    </message>
    <message>
        <source>{federation} opened round {round}, and none of your rules speaks against it.</source>
        <translation>{federation} hat Runde {round} eröffnet, und keine Ihrer Regeln spricht dagegen.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are going to {federation}. Text sent: none.</source>
        <translation>Die Zahlen der Runde {round} gehen an {federation}. Gesendeter Text: keiner.</translation>
    </message>
</context>
<context>
    <name>Session</name>
    <message>
        <source>The demo does not start. Try: hedgerow demo</source>
        <translation>Die Demo startet nicht. Versuchen Sie: hedgerow demo</translation>
    </message>
    <message>
        <source>The engine does not start. {0}</source>
        <translation>Die Engine startet nicht. {0}</translation>
    </message>
    <message>
        <source>Look into its log.</source>
        <translation>Sehen Sie in ihr Protokoll.</translation>
    </message>
</context>
<context>
    <name>SettingRow</name>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Reset {0}</source>
        <translation>{0} zurücksetzen</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Never more than</source>
        <translation>Nie mehr als</translation>
    </message>
    <message>
        <source>Only when</source>
        <translation>Nur wenn</translation>
    </message>
    <message>
        <source>On the network, never more than</source>
        <translation>Im Netz nie mehr als</translation>
    </message>
    <message>
        <source>When the window is closed</source>
        <translation>Wenn das Fenster geschlossen ist</translation>
    </message>
    <message>
        <source>Look</source>
        <translation>Aussehen</translation>
    </message>
    <message>
        <source>Tell me while the window is out of sight</source>
        <translation>Mir sagen, während das Fenster nicht zu sehen ist</translation>
    </message>
    <message>
        <source>Privacy, whatever a federation asks</source>
        <translation>Datenschutz, gleich was eine Föderation verlangt</translation>
    </message>
    <message>
        <source>Energy, as the history counts it</source>
        <translation>Energie, wie der Verlauf sie zählt</translation>
    </message>
    <message>
        <source>For those who know why</source>
        <translation>Für alle, die wissen, warum</translation>
    </message>
    <message>
        <source>Hours a week</source>
        <translation>Stunden pro Woche</translation>
    </message>
    <message>
        <source>Hours of training you offer. Reaching them pauses until Monday.</source>
        <translation>Trainingsstunden, die Sie anbieten. Sind sie erreicht, ruht das Training bis Montag.</translation>
    </message>
    <message>
        <source>CPU threads</source>
        <translation>CPU-Threads</translation>
    </message>
    <message>
        <source>0 means all cores but one.</source>
        <translation>0 heißt: alle Kerne bis auf einen.</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>Of the trainer. 0 means half of what the machine has.</source>
        <translation>Für das Training. 0 heißt: die Hälfte dessen, was der Rechner hat.</translation>
    </message>
    <message>
        <source>Disk for sealed uploads</source>
        <translation>Platz für versiegelte Sendungen</translation>
    </message>
    <message>
        <source>Older ones are reduced to their hash and summary.</source>
        <translation>Von älteren bleiben nur Hash und Zusammenfassung.</translation>
    </message>
    <message>
        <source>Share of the time</source>
        <translation>Anteil der Zeit</translation>
    </message>
    <message>
        <source>1 computes without a rest, 0.5 sleeps as long as it computes: less heat and noise.</source>
        <translation>1 rechnet ohne Pause, 0,5 ruht so lange, wie es rechnet: weniger Wärme und Lärm.</translation>
    </message>
    <message>
        <source>Memory on each GPU</source>
        <translation>Speicher auf jeder GPU</translation>
    </message>
    <message>
        <source>0 means what is free there.</source>
        <translation>0 heißt: was dort frei ist.</translation>
    </message>
    <message>
        <source>Temperature of the GPU</source>
        <translation>Temperatur der GPU</translation>
    </message>
    <message>
        <source>Training pauses above it. 0 means no ceiling.</source>
        <translation>Darüber ruht das Training. 0 heißt: keine Obergrenze.</translation>
    </message>
    <message>
        <source>Cool down by</source>
        <translation>Abkühlen um</translation>
    </message>
    <message>
        <source>How far below its ceiling the GPU must be before training goes on.</source>
        <translation>Wie weit die GPU unter ihrer Obergrenze liegen muss, bevor das Training weitergeht.</translation>
    </message>
    <message>
        <source>Week plan</source>
        <translation>Wochenplan</translation>
    </message>
    <message>
        <source>Seven days from Monday, with commas, 24 letters each: f full, h half, o off. Empty means always.</source>
        <translation>Sieben Tage ab Montag, durch Kommas getrennt, je 24 Buchstaben: f voll, h halb, o aus. Leer heißt: immer.</translation>
    </message>
    <message>
        <source>Only when nobody uses the machine</source>
        <translation>Nur wenn niemand den Rechner benutzt</translation>
    </message>
    <message>
        <source>Asked of the desktop; where it does not say, training waits and tells you.</source>
        <translation>Die Arbeitsumgebung wird gefragt; gibt sie keine Auskunft, wartet das Training und sagt es Ihnen.</translation>
    </message>
    <message>
        <source>No</source>
        <translation>Nein</translation>
    </message>
    <message>
        <source>If the GPU draws the screen</source>
        <translation>Wenn die GPU den Bildschirm ansteuert</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>Immer</translation>
    </message>
    <message>
        <source>Nobody uses it after</source>
        <translation>Unbenutzt nach</translation>
    </message>
    <message>
        <source>Minutes without keyboard and mouse.</source>
        <translation>Minuten ohne Tastatur und Maus.</translation>
    </message>
    <message>
        <source>Train on battery</source>
        <translation>Im Akkubetrieb trainieren</translation>
    </message>
    <message>
        <source>Off: training pauses until the machine is plugged in.</source>
        <translation>Aus: Das Training ruht, bis der Rechner wieder Netzstrom hat.</translation>
    </message>
    <message>
        <source>Pause while a program fills the screen</source>
        <translation>Anhalten, wenn ein Programm im Vollbild läuft</translation>
    </message>
    <message>
        <source>A game, a film, a talk.</source>
        <translation>Ein Spiel, ein Film, ein Vortrag.</translation>
    </message>
    <message>
        <source>Pause when others use the GPU above</source>
        <translation>Anhalten bei fremder GPU-Last über</translation>
    </message>
    <message>
        <source>0 means never.</source>
        <translation>0 heißt: nie.</translation>
    </message>
    <message>
        <source>Pause when others use the processor above</source>
        <translation>Anhalten bei fremder Prozessorlast über</translation>
    </message>
    <message>
        <source>Only if it lasts</source>
        <translation>Erst bei einer Dauer von</translation>
    </message>
    <message>
        <source>A shorter load of others is no reason to pause.</source>
        <translation>Kürzere fremde Last ist kein Grund anzuhalten.</translation>
    </message>
    <message>
        <source>Go on after quiet for</source>
        <translation>Weiter nach einer Ruhe von</translation>
    </message>
    <message>
        <source>How long others must be done before training goes on.</source>
        <translation>Wie lange fremde Last vorbei sein muss, bevor das Training weitergeht.</translation>
    </message>
    <message>
        <source>Upload</source>
        <translation>Hochladen</translation>
    </message>
    <message>
        <source>0 means no limit; the least is 0.5.</source>
        <translation>0 heißt: keine Grenze; das Mindeste ist 0,5.</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Herunterladen</translation>
    </message>
    <message>
        <source>Data in a month</source>
        <translation>Daten pro Monat</translation>
    </message>
    <message>
        <source>Sent and received. No round begins that would not fit. 0 means no limit.</source>
        <translation>Gesendet und empfangen. Es beginnt keine Runde, die nicht hineinpasst. 0 heißt: keine Grenze.</translation>
    </message>
    <message>
        <source>Use a metered network</source>
        <translation>Getaktetes Netz nutzen</translation>
    </message>
    <message>
        <source>Off: no round begins on one, and finished updates wait.</source>
        <translation>Aus: Dort beginnt keine Runde, und fertige Updates warten.</translation>
    </message>
    <message>
        <source>Weakest protection</source>
        <translation>Schwächster Schutz</translation>
    </message>
    <message>
        <source>Federations that offer less cannot be joined, and joined ones rest.</source>
        <translation>Föderationen, die weniger bieten, können Sie nicht beitreten, und beigetretene ruhen.</translation>
    </message>
    <message>
        <source>None, if I agree each time</source>
        <translation>Keiner, wenn ich jedes Mal zustimme</translation>
    </message>
    <message>
        <source>Each passage</source>
        <translation>Jede Textstelle</translation>
    </message>
    <message>
        <source>Each document</source>
        <translation>Jedes Dokument</translation>
    </message>
    <message>
        <source>My whole text</source>
        <translation>Mein ganzer Text</translation>
    </message>
    <message>
        <source>Highest limit of a text</source>
        <translation>Höchste Grenze eines Textes</translation>
    </message>
    <message>
        <source>The smaller, the less anybody can learn of it. Above 8 says little.</source>
        <translation>Je kleiner, desto weniger lässt sich über ihn erfahren. Über 8 sagt sie wenig aus.</translation>
    </message>
    <message>
        <source>Least noise</source>
        <translation>Geringstes Rauschen</translation>
    </message>
    <message>
        <source>Added even where a federation and the limit ask for less.</source>
        <translation>Kommt auch dort hinzu, wo Föderation und Grenze weniger verlangen.</translation>
    </message>
    <message>
        <source>Keep training in the background</source>
        <translation>Im Hintergrund weitertrainieren</translation>
    </message>
    <message>
        <source>Off: closing the window stops training and the engine.</source>
        <translation>Aus: Mit dem Fenster enden Training und Engine.</translation>
    </message>
    <message>
        <source>Start with the session</source>
        <translation>Mit der Sitzung starten</translation>
    </message>
    <message>
        <source>Into the tray, without a window. Off until you want it.</source>
        <translation>In die Ablage, ohne Fenster. Aus, bis Sie es wollen.</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Farben</translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation>Wie die Arbeitsumgebung</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>From the next start of the window.</source>
        <translation>Ab dem nächsten Start des Fensters.</translation>
    </message>
    <message>
        <source>Tray icon</source>
        <translation>Leistensymbol</translation>
    </message>
    <message>
        <source>Colour fits any panel; one ink is for those who want it quiet.</source>
        <translation>Farbig passt in jede Leiste; einfarbig ist für alle, die es ruhig mögen.</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>Farbig</translation>
    </message>
    <message>
        <source>Light ink</source>
        <translation>Einfarbig hell</translation>
    </message>
    <message>
        <source>Dark ink</source>
        <translation>Einfarbig dunkel</translation>
    </message>
    <message>
        <source>Reduced motion</source>
        <translation>Weniger Bewegung</translation>
    </message>
    <message>
        <source>Rings and messages appear without gliding.</source>
        <translation>Ringe und Meldungen erscheinen, ohne zu gleiten.</translation>
    </message>
    <message>
        <source>That something does not work</source>
        <translation>Dass etwas nicht geht</translation>
    </message>
    <message>
        <source>Such as a federation that does not answer or an engine that stopped.</source>
        <translation>Etwa eine Föderation, die nicht antwortet, oder eine Engine, die aufgehört hat.</translation>
    </message>
    <message>
        <source>That a text has reached its limit</source>
        <translation>Dass ein Text seine Grenze erreicht hat</translation>
    </message>
    <message>
        <source>That a round is finished</source>
        <translation>Dass eine Runde fertig ist</translation>
    </message>
    <message>
        <source>Checkpoint at least every</source>
        <translation>Checkpoint mindestens alle</translation>
    </message>
    <message>
        <source>Most training that a crash may repeat.</source>
        <translation>So viel Training wiederholt ein Absturz höchstens.</translation>
    </message>
    <message>
        <source>Power of what trains</source>
        <translation>Leistung des Trainingsgeräts</translation>
    </message>
    <message>
        <source>Taken where the machine cannot measure its energy.</source>
        <translation>Gilt, wo der Rechner seine Energie nicht messen kann.</translation>
    </message>
    <message>
        <source>CO₂ of your electricity</source>
        <translation>CO₂ Ihres Stroms</translation>
    </message>
    <message>
        <source>Grams for a kilowatt-hour; 0 means not known. In one study: France 79, United Kingdom 509, United States 547, China 975.</source>
        <translation>Gramm pro Kilowattstunde; 0 heißt: nicht bekannt. In einer Studie: Frankreich 79, Vereinigtes Königreich 509, Vereinigte Staaten 547, China 975.</translation>
    </message>
    <message>
        <source>Updates go up in pieces from</source>
        <translation>Updates in Teilen senden ab</translation>
    </message>
    <message>
        <source>Larger updates go up in pieces and are resumed after a cut.</source>
        <translation>Größere Updates gehen in Teilen hinaus und werden nach einem Abbruch fortgesetzt.</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>Geräte</translation>
    </message>
    <message>
        <source>Such as cuda:0 or cpu, with commas. Empty means the best one found.</source>
        <translation>Etwa cuda:0 oder cpu, durch Kommas getrennt. Leer heißt: das beste gefundene.</translation>
    </message>
    <message>
        <source>Python of the trainer</source>
        <translation>Python für das Training</translation>
    </message>
    <message>
        <source>Empty means the engine&apos;s own.</source>
        <translation>Leer heißt: das der Engine.</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Your limits win</source>
        <translation>Ihre Grenzen gelten</translation>
    </message>
    <message>
        <source>Whatever a federation asks for, this machine stays below what stands here.</source>
        <translation>Was auch immer eine Föderation verlangt, dieser Rechner bleibt unter dem, was hier steht.</translation>
    </message>
    <message>
        <source>The session&apos;s folder cannot be written</source>
        <translation>In den Ordner der Sitzung lässt sich nicht schreiben</translation>
    </message>
</context>
<context>
    <name>ShareRow</name>
    <message>
        <source>rests</source>
        <translation>ruht</translation>
    </message>
    <message>
        <source>Share beside others</source>
        <translation>Anteil neben anderen</translation>
    </message>
    <message>
        <source>It rests: no new round is begun for it, one that was begun is finished.</source>
        <translation>Sie ruht: Es beginnt keine neue Runde für sie, eine begonnene wird beendet.</translation>
    </message>
    <message>
        <source>Alone it trains whatever stands here. Beside others twice the number is twice the time.</source>
        <translation>Allein trainiert sie, was immer hier steht. Neben anderen ist die doppelte Zahl die doppelte Zeit.</translation>
    </message>
    <message>
        <source>Twice the number is twice the time: {0} % asked, {1} % given in the last seven days.</source>
        <translation>Die doppelte Zahl ist die doppelte Zeit: {0} % gewünscht, {1} % in den letzten sieben Tagen gegeben.</translation>
    </message>
</context>
<context>
    <name>State</name>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Problem</source>
        <translation>Problem</translation>
    </message>
    <message>
        <source>Training</source>
        <translation>Trainiert</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Pausing</source>
        <translation>Hält an</translation>
    </message>
    <message>
        <source>Paused by you</source>
        <translation>Von Ihnen angehalten</translation>
    </message>
    <message>
        <source>Resuming</source>
        <translation>Setzt fort</translation>
    </message>
    <message>
        <source>Paused by a rule</source>
        <translation>Durch Regel angehalten</translation>
    </message>
    <message>
        <source>Change rule</source>
        <translation>Regel ändern</translation>
    </message>
    <message>
        <source>No budget</source>
        <translation>Kein Budget</translation>
    </message>
    <message>
        <source>See privacy</source>
        <translation>Privatsphäre ansehen</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Jetzt versuchen</translation>
    </message>
    <message>
        <source>Not joined</source>
        <translation>Nicht beigetreten</translation>
    </message>
    <message>
        <source>Open invite</source>
        <translation>Einladung öffnen</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>Start again</source>
        <translation>Neu starten</translation>
    </message>
</context>
<context>
    <name>StateButton</name>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Pause for</source>
        <translation>Anhalten für</translation>
    </message>
    <message>
        <source>Pause for {0}</source>
        <translation>Für {0} anhalten</translation>
    </message>
    <message>
        <source>Pause until tomorrow 08:00</source>
        <translation>Bis morgen 08:00 anhalten</translation>
    </message>
</context>
<context>
    <name>StatePanel</name>
    <message>
        <source>{0}, round {1}</source>
        <translation>{0}, Runde {1}</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} von {1}</translation>
    </message>
    <message>
        <source>downloading the model, {0}</source>
        <translation>lädt das Modell herunter, {0}</translation>
    </message>
    <message>
        <source>sending the numbers, {0}</source>
        <translation>sendet die Zahlen, {0}</translation>
    </message>
    <message>
        <source>step {0} of {1}</source>
        <translation>Schritt {0} von {1}</translation>
    </message>
    <message>
        <source>not begun</source>
        <translation>nicht begonnen</translation>
    </message>
    <message>
        <source>opening your text</source>
        <translation>öffnet Ihren Text</translation>
    </message>
    <message>
        <source>packing the numbers</source>
        <translation>packt die Zahlen</translation>
    </message>
    <message>
        <source>ready, leaving at the next set moment</source>
        <translation>bereit, geht zum nächsten festen Zeitpunkt hinaus</translation>
    </message>
    <message>
        <source>sent, waiting for the receipt</source>
        <translation>gesendet, wartet auf die Quittung</translation>
    </message>
    <message>
        <source>then {0} of numbers leave this machine</source>
        <translation>dann verlassen {0} an Zahlen diesen Rechner</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>noch {0}</translation>
    </message>
</context>
<context>
    <name>TextChoice</name>
    <message>
        <source>With which text</source>
        <translation>Mit welchem Text</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>Ordner hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>ε {0}</source>
        <translation>ε {0}</translation>
    </message>
    <message>
        <source>promised</source>
        <translation>versprochen</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
    <message>
        <source>No text is ready yet. Add a folder; it is read on this machine first.</source>
        <translation>Noch ist kein Text bereit. Fügen Sie einen Ordner hinzu; er wird zuerst auf diesem Rechner gelesen.</translation>
    </message>
</context>
<context>
    <name>Toast</name>
    <message>
        <source>Close message</source>
        <translation>Meldung schließen</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Pause for</source>
        <translation>Anhalten für</translation>
    </message>
    <message>
        <source>Until tomorrow 08:00</source>
        <translation>Bis morgen 08:00</translation>
    </message>
    <message>
        <source>Open Hedgerow</source>
        <translation>Hedgerow öffnen</translation>
    </message>
    <message>
        <source>See the last upload</source>
        <translation>Letzte Sendung ansehen</translation>
    </message>
    <message>
        <source>Close the window, keep training</source>
        <translation>Fenster schließen, weitertrainieren</translation>
    </message>
    <message>
        <source>Quit and stop training</source>
        <translation>Beenden und Training stoppen</translation>
    </message>
    <message>
        <source>Given this week: {0}</source>
        <translation>Diese Woche gegeben: {0}</translation>
    </message>
    <message>
        <source>Privacy left: {0}</source>
        <translation>Privatsphäre übrig: {0}</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Quit, the engine goes on</source>
        <translation>Beenden, die Engine läuft weiter</translation>
    </message>
    <message>
        <source>Privacy: {0}</source>
        <translation>Privatsphäre: {0}</translation>
    </message>
    <message>
        <source>No guarantee: {0}</source>
        <translation>Keine Garantie: {0}</translation>
    </message>
</context>
<context>
    <name>TryItPage</name>
    <message>
        <source>Federation whose model is tried</source>
        <translation>Föderation, deren Modell ausprobiert wird</translation>
    </message>
    <message>
        <source>Text that the model continues</source>
        <translation>Text, den das Modell weiterschreibt</translation>
    </message>
    <message>
        <source>Write how a text begins.</source>
        <translation>Schreiben Sie, wie ein Text beginnt.</translation>
    </message>
    <message>
        <source>Continue it</source>
        <translation>Weiterschreiben</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Stoppen</translation>
    </message>
    <message>
        <source>Empty the sheet</source>
        <translation>Blatt leeren</translation>
    </message>
    <message>
        <source>No model is here yet</source>
        <translation>Noch ist kein Modell hier</translation>
    </message>
    <message>
        <source>Join a federation; its model comes with your first round, and you can write with it here.</source>
        <translation>Treten Sie einer Föderation bei; ihr Modell kommt mit Ihrer ersten Runde, und Sie können hier damit schreiben.</translation>
    </message>
    <message>
        <source>Write with the model</source>
        <translation>Mit dem Modell schreiben</translation>
    </message>
    <message>
        <source>It runs on this machine alone, without network. What you write goes nowhere and is not kept.</source>
        <translation>Es läuft nur auf diesem Rechner, ohne Netz. Was Sie schreiben, geht nirgendwohin und wird nicht aufbewahrt.</translation>
    </message>
    <message>
        <source>How much better it becomes on your held-out text is said here after two rounds.</source>
        <translation>Wie viel besser es auf Ihrem zurückgehaltenen Text wird, steht hier nach zwei Runden.</translation>
    </message>
    <message>
        <source>On your held-out text it went from {0} to {1} bits per byte since you joined.</source>
        <translation>Auf Ihrem zurückgehaltenen Text ist es seit Ihrem Beitritt von {0} auf {1} Bit pro Byte gekommen.</translation>
    </message>
    <message>
        <source>On your held-out text it stands at {1} bits per byte; it was {0} when you joined.</source>
        <translation>Auf Ihrem zurückgehaltenen Text steht es bei {1} Bit pro Byte; bei Ihrem Beitritt waren es {0}.</translation>
    </message>
    <message>
        <source>Looking for the model…</source>
        <translation>Sucht das Modell&#xa0;…</translation>
    </message>
    <message>
        <source>Opening {0} parameters…</source>
        <translation>Öffnet {0} Parameter&#xa0;…</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n Token</numerusform>
            <numerusform>%n Token</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} a second</source>
        <translation>{0} pro Sekunde</translation>
    </message>
    <message numerus="yes">
        <source>Model of {0}, after %n round(s)</source>
        <translation>
            <numerusform>Modell von {0}, nach %n Runde</numerusform>
            <numerusform>Modell von {0}, nach %n Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>it ended the text by itself</source>
        <translation>es hat den Text von selbst beendet</translation>
    </message>
</context>
<context>
    <name>Units</name>
    <message>
        <source>per document</source>
        <translation>pro Dokument</translation>
    </message>
    <message>
        <source>per passage</source>
        <translation>pro Textstelle</translation>
    </message>
    <message>
        <source>for your whole text</source>
        <translation>für Ihren ganzen Text</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
    <message>
        <source>Per document</source>
        <translation>Pro Dokument</translation>
    </message>
    <message>
        <source>Per passage</source>
        <translation>Pro Textstelle</translation>
    </message>
    <message>
        <source>For your whole text</source>
        <translation>Für Ihren ganzen Text</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>Who guesses whether a document is in there goes from 50 % to at most {0} % sure.</source>
        <translation>Wer rät, ob ein Dokument darin ist, kommt von 50 % auf höchstens {0} % Sicherheit.</translation>
    </message>
    <message>
        <source>Who guesses whether it was your text or another goes from 50 % to at most {0} % sure.</source>
        <translation>Wer rät, ob es Ihr Text war oder ein anderer, kommt von 50 % auf höchstens {0} % Sicherheit.</translation>
    </message>
    <message>
        <source>Who guesses whether a passage is in there goes from 50 % to at most {0} % sure.</source>
        <translation>Wer rät, ob eine Textstelle darin ist, kommt von 50 % auf höchstens {0} % Sicherheit.</translation>
    </message>
    <message>
        <source>Useful at this limit</source>
        <translation>Nützlich bei dieser Grenze</translation>
    </message>
    <message>
        <source>Barely useful at this limit</source>
        <translation>Kaum nützlich bei dieser Grenze</translation>
    </message>
    <message>
        <source>Not useful at this limit</source>
        <translation>Nicht nützlich bei dieser Grenze</translation>
    </message>
    <message>
        <source>Useful</source>
        <translation>Nützlich</translation>
    </message>
    <message>
        <source>Barely useful</source>
        <translation>Kaum nützlich</translation>
    </message>
    <message>
        <source>Not useful</source>
        <translation>Nicht nützlich</translation>
    </message>
    <message>
        <source>With fewer than about 1,000 of them, learning under this noise is unlikely. More text helps most.</source>
        <translation>Bei weniger als etwa 1.000 davon ist Lernen unter diesem Rauschen unwahrscheinlich. Mehr Text hilft am meisten.</translation>
    </message>
    <message>
        <source>The noise leaves about half of what could be learned. An expectation, not a promise.</source>
        <translation>Das Rauschen lässt etwa die Hälfte dessen übrig, was sich lernen ließe. Eine Erwartung, kein Versprechen.</translation>
    </message>
    <message>
        <source>The noise leaves a small part of what could be learned; more text or a wider limit leaves more.</source>
        <translation>Das Rauschen lässt einen kleinen Teil dessen übrig, was sich lernen ließe; mehr Text oder eine weitere Grenze lässt mehr übrig.</translation>
    </message>
    <message>
        <source>The noise drowns what could be learned: privacy is spent for nearly nothing.</source>
        <translation>Das Rauschen übertönt, was sich lernen ließe: Privatsphäre wird fast umsonst verbraucht.</translation>
    </message>
</context>
<context>
    <name>UploadModel</name>
    <message>
        <source>Round {0}</source>
        <translation>Runde {0}</translation>
    </message>
    <message>
        <source>finished, not sent yet</source>
        <translation>fertig, noch nicht gesendet</translation>
    </message>
    <message>
        <source>on its way</source>
        <translation>unterwegs</translation>
    </message>
    <message>
        <source>{0} · refused</source>
        <translation>{0} · abgelehnt</translation>
    </message>
    <message>
        <source>{0} · late</source>
        <translation>{0} · zu spät</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
    <message>
        <source>public text only</source>
        <translation>nur öffentlicher Text</translation>
    </message>
    <message>
        <source>ε +{0}</source>
        <translation>ε +{0}</translation>
    </message>
    <message>
        <source>sent, receipt not here yet</source>
        <translation>gesendet, Quittung noch nicht hier</translation>
    </message>
    <message>
        <source>accepted, receipt kept</source>
        <translation>angenommen, Quittung aufbewahrt</translation>
    </message>
    <message>
        <source>refused: {0}</source>
        <translation>abgelehnt: {0}</translation>
    </message>
    <message>
        <source>too late for its round</source>
        <translation>zu spät für die Runde</translation>
    </message>
</context>
<context>
    <name>UploadsPage</name>
    <message>
        <source>Uploads</source>
        <translation>Sendungen</translation>
    </message>
    <message>
        <source>everything that ever left</source>
        <translation>alles, was je hinausging</translation>
    </message>
    <message>
        <source>Nothing has left this machine</source>
        <translation>Nichts hat diesen Rechner verlassen</translation>
    </message>
    <message>
        <source>Each update appears here, opened up: size, hash, cost in privacy, and the numbers themselves.</source>
        <translation>Jedes Update erscheint hier, aufgeschlüsselt: Größe, Hash, Preis an Privatsphäre und die Zahlen selbst.</translation>
    </message>
    <message numerus="yes">
        <source>%n upload(s), {0}</source>
        <translation>
            <numerusform>%n Sendung, {0}</numerusform>
            <numerusform>%n Sendungen, {0}</numerusform>
        </translation>
    </message>
    <message>
        <source>Export what was sent</source>
        <translation>Gesendetes exportieren</translation>
    </message>
    <message>
        <source>What was sent is written</source>
        <translation>Gesendetes ist geschrieben</translation>
    </message>
</context>
<context>
    <name>Verdict</name>
    <message>
        <source>The noise is {0} times as large as the most that is learned.</source>
        <translation>Das Rauschen ist {0}-mal so groß wie das, was höchstens gelernt wird.</translation>
    </message>
</context>
<context>
    <name>WeekGrid</name>
    <message>
        <source>Week plan: arrows move, Shift selects, Space changes</source>
        <translation>Wochenplan: Pfeiltasten bewegen, Shift wählt aus, Leertaste ändert</translation>
    </message>
    <message>
        <source>full</source>
        <translation>voll</translation>
    </message>
    <message>
        <source>half</source>
        <translation>halb</translation>
    </message>
    <message>
        <source>off</source>
        <translation>aus</translation>
    </message>
    <message>
        <source>{0} {1}:00, {2}</source>
        <translation>{0} {1}:00, {2}</translation>
    </message>
    <message>
        <source>{0}. {1} hours a week are open</source>
        <translation>{0}. {1} Stunden pro Woche sind offen</translation>
    </message>
</context>
<context>
    <name>_Charges</name>
    <message>
        <source>Charged</source>
        <translation>Belastet</translation>
    </message>
    <message>
        <source>Federation, round</source>
        <translation>Föderation, Runde</translation>
    </message>
    <message>
        <source>ε added</source>
        <translation>ε hinzu</translation>
    </message>
    <message>
        <source>ε after</source>
        <translation>ε danach</translation>
    </message>
    <message>
        <source>Hash of the upload</source>
        <translation>Hash der Sendung</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
</context>
<context>
    <name>_Curve</name>
    <message>
        <source>Privacy charged</source>
        <translation>Belastete Privatsphäre</translation>
    </message>
    <message>
        <source>Charged on {0}, round by round</source>
        <translation>Belastung für {0}, Runde für Runde</translation>
    </message>
    <message>
        <source>ε {0} charged in {1} rounds, the limit is {2}</source>
        <translation>ε {0} in {1} Runden belastet, die Grenze ist {2}</translation>
    </message>
    <message>
        <source>first round</source>
        <translation>erste Runde</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>Runde {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n more round(s) are planned, up to ε {0}</source>
        <translation>
            <numerusform>%n weitere Runde ist geplant, bis ε {0}</numerusform>
            <numerusform>%n weitere Runden sind geplant, bis ε {0}</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>planned, dashed: %n more round(s)</source>
        <translation>
            <numerusform>geplant, gestrichelt: %n weitere Runde</numerusform>
            <numerusform>geplant, gestrichelt: %n weitere Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>limit {0}, contribution stops</source>
        <translation>Grenze {0}, hier endet die Teilnahme</translation>
    </message>
    <message>
        <source>δ {0} · {1} · {2}</source>
        <translation>δ {0} · {1} · {2}</translation>
    </message>
    <message>
        <source> · orders {0}</source>
        <translation> · Ordnungen {0}</translation>
    </message>
</context>
<context>
    <name>_Detail</name>
    <message>
        <source>Privacy</source>
        <translation>Datenschutz</translation>
    </message>
    <message>
        <source>Your text</source>
        <translation>Ihr Text</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Runden</translation>
    </message>
    <message>
        <source>Leaves</source>
        <translation>Geht hinaus</translation>
    </message>
    <message>
        <source>Comes in</source>
        <translation>Kommt herein</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Lizenz</translation>
    </message>
    <message>
        <source>Last contact</source>
        <translation>Letzter Kontakt</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Manifest</source>
        <translation>Manifest</translation>
    </message>
    <message>
        <source>Leave…</source>
        <translation>Verlassen&#xa0;…</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Bleiben</translation>
    </message>
    <message>
        <source>Purpose, in their words</source>
        <translation>Zweck, im Wortlaut</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>beigetreten</translation>
    </message>
    <message>
        <source>no answer</source>
        <translation>keine Antwort</translation>
    </message>
    <message>
        <source>rests: below your floor</source>
        <translation>ruht: unter Ihrer Untergrenze</translation>
    </message>
    <message>
        <source>rests: its share is 0</source>
        <translation>ruht: ihr Anteil ist 0</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>beendet</translation>
    </message>
    <message>
        <source>left</source>
        <translation>verlassen</translation>
    </message>
    <message>
        <source>Run by {0}, {1}</source>
        <translation>Betrieben von {0}, {1}</translation>
    </message>
    <message>
        <source>{0} of {1} done here, now at round {2}</source>
        <translation>{0} von {1} hier abgeschlossen, jetzt bei Runde {2}</translation>
    </message>
    <message>
        <source>{0}, {1} parameters</source>
        <translation>{0}, {1} Parameter</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keiner</translation>
    </message>
    <message>
        <source>{0} of numbers a round</source>
        <translation>{0} an Zahlen pro Runde</translation>
    </message>
    <message>
        <source>{0} of weights a round</source>
        <translation>{0} an Gewichten pro Runde</translation>
    </message>
    <message>
        <source>none yet</source>
        <translation>noch keiner</translation>
    </message>
    <message>
        <source>{0} of {1} tokens, guaranteed here</source>
        <translation>{0} von {1} Token, hier garantiert</translation>
    </message>
    <message>
        <source>{0}, guaranteed here</source>
        <translation>{0}, hier garantiert</translation>
    </message>
    <message>
        <source>Deleted: the key for this federation, here and there; unfinished rounds. Stays: numbers already sent, in the shared model; your text, ledger and spent privacy, here.</source>
        <translation>Gelöscht: der Schlüssel für diese Föderation, hier und dort; unvollendete Runden. Bleibt: bereits gesendete Zahlen, im gemeinsamen Modell; Ihr Text, Ihr Kontobuch und die verbrauchte Privatsphäre, hier.</translation>
    </message>
    <message>
        <source>In their words: {0}</source>
        <translation>Im Wortlaut: {0}</translation>
    </message>
    <message>
        <source>Leave this federation</source>
        <translation>Diese Föderation verlassen</translation>
    </message>
    <message>
        <source>Copy hash</source>
        <translation>Hash kopieren</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exportieren …</translation>
    </message>
    <message>
        <source>How much each layer moved</source>
        <translation>Bewegung jeder Schicht</translation>
    </message>
    <message>
        <source>The numbers themselves</source>
        <translation>Die Zahlen selbst</translation>
    </message>
    <message>
        <source>Every field in the message</source>
        <translation>Jedes Feld der Nachricht</translation>
    </message>
    <message>
        <source>Sent</source>
        <translation>Gesendet</translation>
    </message>
    <message>
        <source>To</source>
        <translation>An</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Charged</source>
        <translation>Belastung</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
    <message>
        <source>Round {0}: numbers only, no text</source>
        <translation>Runde {0}: nur Zahlen, kein Text</translation>
    </message>
    <message>
        <source>not yet</source>
        <translation>noch nicht</translation>
    </message>
    <message>
        <source>{0} bytes ({1}×)</source>
        <translation>{0} Byte ({1}×)</translation>
    </message>
    <message>
        <source>{0} bytes</source>
        <translation>{0} Byte</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
    <message>
        <source>public text only</source>
        <translation>nur öffentlicher Text</translation>
    </message>
    <message>
        <source>ε +{0}, {1} after</source>
        <translation>ε +{0}, danach {1}</translation>
    </message>
    <message>
        <source>Opening the sealed bytes.</source>
        <translation>Öffnet die versiegelten Bytes.</translation>
    </message>
    <message>
        <source>{0} weight changes, noised and packed as {1}</source>
        <translation>{0} Gewichtsänderungen, verrauscht und als {1} gepackt</translation>
    </message>
    <message>
        <source>{0} weight changes without noise, packed as {1}</source>
        <translation>{0} Gewichtsänderungen ohne Rauschen, als {1} gepackt</translation>
    </message>
    <message numerus="yes">
        <source>%n group(s) of layers, the largest change is {0} in {1}</source>
        <translation>
            <numerusform>%n Gruppe von Schichten, die größte Änderung ist {0} in {1}</numerusform>
            <numerusform>%n Gruppen von Schichten, die größte Änderung ist {0} in {1}</numerusform>
        </translation>
    </message>
    <message>
        <source>length of the change, as sent</source>
        <translation>Länge der Änderung, wie gesendet</translation>
    </message>
    <message>
        <source>embed</source>
        <translation>embed</translation>
    </message>
    <message>
        <source>norm</source>
        <translation>norm</translation>
    </message>
    <message>
        <source>head</source>
        <translation>head</translation>
    </message>
    <message>
        <source>{0} values between {1} and {2}</source>
        <translation>{0} Werte zwischen {1} und {2}</translation>
    </message>
    <message>
        <source>round</source>
        <translation>Runde</translation>
    </message>
    <message>
        <source>values, {0}</source>
        <translation>Werte, {0}</translation>
    </message>
    <message>
        <source>base checkpoint</source>
        <translation>Ausgangs-Checkpoint</translation>
    </message>
    <message>
        <source>manifest</source>
        <translation>Manifest</translation>
    </message>
    <message>
        <source>nonce of the round</source>
        <translation>Nonce der Runde</translation>
    </message>
    <message>
        <source>hash of the update</source>
        <translation>Hash des Updates</translation>
    </message>
    <message>
        <source>signature of this machine</source>
        <translation>Signatur dieses Rechners</translation>
    </message>
    <message>
        <source>over all of these</source>
        <translation>über all diese Felder</translation>
    </message>
</context>
<context>
    <name>_Folders</name>
    <message>
        <source>Add folder…</source>
        <translation>Ordner hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>Dateien hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>Nothing chosen yet. Folders can be dropped onto the window too.</source>
        <translation>Noch nichts ausgewählt. Sie können Ordner auch auf das Fenster ziehen.</translation>
    </message>
    <message>
        <source>being read</source>
        <translation>wird gelesen</translation>
    </message>
</context>
<context>
    <name>_Footprint</name>
    <message>
        <source>Energy</source>
        <translation>Energie</translation>
    </message>
    <message>
        <source>Energy here and in a data centre</source>
        <translation>Energie hier und in einem Rechenzentrum</translation>
    </message>
    <message>
        <source>Measured here</source>
        <translation>Hier gemessen</translation>
    </message>
    <message>
        <source>Estimated here</source>
        <translation>Hier geschätzt</translation>
    </message>
    <message>
        <source>Network, at most</source>
        <translation>Netz, höchstens</translation>
    </message>
    <message>
        <source>Together</source>
        <translation>Zusammen</translation>
    </message>
    <message>
        <source>Data centre</source>
        <translation>Rechenzentrum</translation>
    </message>
    <message>
        <source>CO₂</source>
        <translation>CO₂</translation>
    </message>
    <message>
        <source>How this is worked out</source>
        <translation>Wie das berechnet ist</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>measured</source>
        <translation>gemessen</translation>
    </message>
    <message>
        <source>estimated where not measured</source>
        <translation>geschätzt, wo nicht gemessen</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>{0}, at {1} W</source>
        <translation>{0}, bei {1} W</translation>
    </message>
    <message>
        <source>{0} for the same training, estimated</source>
        <translation>{0} für dasselbe Training, geschätzt</translation>
    </message>
    <message>
        <source>How much CO₂ that is depends on your electricity. Say grams for a kilowatt-hour in the settings.</source>
        <translation>Wie viel CO₂ das ist, hängt von Ihrem Strom ab. Tragen Sie in den Einstellungen Gramm pro Kilowattstunde ein.</translation>
    </message>
    <message>
        <source>here, {0}</source>
        <translation>hier, {0}</translation>
    </message>
    <message>
        <source>data centre, {0}</source>
        <translation>Rechenzentrum, {0}</translation>
    </message>
    <message>
        <source>{0} here, {1} in a data centre</source>
        <translation>{0} hier, {1} in einem Rechenzentrum</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message>
        <source>{0} here, {1} there, on your grid</source>
        <translation>{0} hier, {1} dort, mit Ihrem Strom</translation>
    </message>
    <message>
        <source>{0} g</source>
        <translation>{0} g</translation>
    </message>
    <message>
        <source>{0} kg</source>
        <translation>{0} kg</translation>
    </message>
    <message>
        <source>Here: joules from the device&apos;s own counter where it has one, otherwise your figure of its power times the time. Nothing is cooled. Network: 60 Wh a gigabyte, a figure of 2015 that has fallen since. Data centre: one V100 of 250 W that reaches 40 % of its peak, six operations for each parameter and token, times 1.67 for cooling and the rest. The method is that of Qiu and others, arXiv 2102.07627.</source>
        <translation>Hier: Joule vom Zähler des Geräts, wo es einen hat, sonst Ihre Angabe zu seiner Leistung mal die Zeit. Nichts wird gekühlt. Netz: 60 Wh pro Gigabyte, ein Wert von 2015, der seither gesunken ist. Rechenzentrum: eine V100 mit 250 W, die 40 % ihrer Spitzenleistung erreicht, sechs Operationen pro Parameter und Token, mal 1,67 für Kühlung und Übriges. Die Methode stammt von Qiu und anderen, arXiv 2102.07627.</translation>
    </message>
</context>
<context>
    <name>_GainPanel</name>
    <message>
        <source>On your own text</source>
        <translation>Auf Ihrem eigenen Text</translation>
    </message>
    <message>
        <source>Bits per byte on your own text</source>
        <translation>Bit pro Byte auf Ihrem eigenen Text</translation>
    </message>
    <message>
        <source>Measured here before each round, on text kept back. Never sent.</source>
        <translation>Hier vor jeder Runde gemessen, an zurückgehaltenem Text. Nie gesendet.</translation>
    </message>
    <message>
        <source>{0} bits per byte</source>
        <translation>{0} Bit pro Byte</translation>
    </message>
    <message>
        <source>{0} %</source>
        <translation>{0} %</translation>
    </message>
    <message>
        <source>fewer bits per byte than on the day you joined, on text kept back from training</source>
        <translation>weniger Bit pro Byte als am Tag Ihres Beitritts, auf zurückgehaltenem Text</translation>
    </message>
    <message>
        <source>more bits per byte than on the day you joined, on text kept back from training</source>
        <translation>mehr Bit pro Byte als am Tag Ihres Beitritts, auf zurückgehaltenem Text</translation>
    </message>
    <message>
        <source>{0} bits per byte before round {1}, {2} when you joined</source>
        <translation>{0} Bit pro Byte vor Runde {1}, {2} bei Ihrem Beitritt</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>beigetreten</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>Runde {0}</translation>
    </message>
</context>
<context>
    <name>_Gauge</name>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>of {0}</source>
        <translation>von {0}</translation>
    </message>
    <message>
        <source>last minutes {0} to {1}</source>
        <translation>letzte Minuten {0} bis {1}</translation>
    </message>
    <message>
        <source>nothing read yet</source>
        <translation>noch nichts gemessen</translation>
    </message>
    <message>
        <source>earlier</source>
        <translation>früher</translation>
    </message>
    <message>
        <source>now</source>
        <translation>jetzt</translation>
    </message>
    <message>
        <source>{0}: {1} % of its privacy left</source>
        <translation>{0}: {1} % der Privatsphäre übrig</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>keine Garantie</translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} von {1}</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Hier garantiert</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Von ihnen versprochen</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>every round of the plan was asked for</source>
        <translation>jede Runde des Plans wurde angefragt</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s) planned, but it stops before</source>
        <translation>
            <numerusform>%n Runde geplant, aber vorher ist Schluss</numerusform>
            <numerusform>%n Runden geplant, aber vorher ist Schluss</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>the plan ends at ε {0}, in %n round(s)</source>
        <translation>
            <numerusform>der Plan endet bei ε {0}, in %n Runde</numerusform>
            <numerusform>der Plan endet bei ε {0}, in %n Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>a round without noise ended it, for good</source>
        <translation>eine Runde ohne Rauschen hat die Garantie endgültig beendet</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s) left</source>
        <translation>
            <numerusform>%n Runde übrig</numerusform>
            <numerusform>%n Runden übrig</numerusform>
        </translation>
    </message>
    <message>
        <source>nothing spent</source>
        <translation>nichts verbraucht</translation>
    </message>
</context>
<context>
    <name>_Gauges</name>
    <message>
        <source>GPU load</source>
        <translation>GPU-Last</translation>
    </message>
    <message>
        <source>GPU temperature</source>
        <translation>GPU-Temperatur</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>GPU-Speicher</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Prozessor</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>{0} cores</source>
        <translation>{0} Kerne</translation>
    </message>
    <message>
        <source>limit {0} cores</source>
        <translation>Grenze {0} Kerne</translation>
    </message>
    <message>
        <source>{0} GB</source>
        <translation>{0} GB</translation>
    </message>
    <message>
        <source>{0} %</source>
        <translation>{0} %</translation>
    </message>
    <message>
        <source>{0} °C</source>
        <translation>{0} °C</translation>
    </message>
    <message>
        <source>ceiling {0} °C</source>
        <translation>Obergrenze {0} °C</translation>
    </message>
    <message>
        <source>limit {0} GB</source>
        <translation>Grenze {0} GB</translation>
    </message>
</context>
<context>
    <name>_HedgePanel</name>
    <message>
        <source>Your hedge</source>
        <translation>Ihre Hecke</translation>
    </message>
    <message>
        <source>{0} · one stem a day</source>
        <translation>{0} · ein Trieb pro Tag</translation>
    </message>
</context>
<context>
    <name>_Hours</name>
    <message>
        <source>Your hours</source>
        <translation>Ihre Stunden</translation>
    </message>
    <message>
        <source>Filled: full effort. Dash: half. Pale: off. Drag, or arrows and Space.</source>
        <translation>Gefüllt: volle Kraft. Strich: halbe. Blass: aus. Mit der Maus ziehen, oder Pfeiltasten und Leertaste.</translation>
    </message>
    <message>
        <source>{0} h open · {1} h offered a week</source>
        <translation>{0} h offen · {1} h pro Woche angeboten</translation>
    </message>
</context>
<context>
    <name>_LeftPanel</name>
    <message>
        <source>What left this machine</source>
        <translation>Was diesen Rechner verlassen hat</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Alle</translation>
    </message>
    <message>
        <source>See inside the last one</source>
        <translation>In die letzte hineinsehen</translation>
    </message>
    <message>
        <source>Nothing has left this machine.</source>
        <translation>Nichts hat diesen Rechner verlassen.</translation>
    </message>
    <message>
        <source>All {0}</source>
        <translation>Alle {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n upload(s)</source>
        <translation>
            <numerusform>%n Sendung</numerusform>
            <numerusform>%n Sendungen</numerusform>
        </translation>
    </message>
    <message>
        <source>This week: {0}, {1}. Text sent: none.</source>
        <translation>Diese Woche: {0}, {1}. Gesendeter Text: keiner.</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>Runde {0}</translation>
    </message>
</context>
<context>
    <name>_Log</name>
    <message>
        <source>Copy log</source>
        <translation>Protokoll kopieren</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>Log of the engine</source>
        <translation>Protokoll der Engine</translation>
    </message>
    <message numerus="yes">
        <source>the last %n line(s), without text of yours</source>
        <translation>
            <numerusform>die letzte %n Zeile, ohne Text von Ihnen</numerusform>
            <numerusform>die letzten %n Zeilen, ohne Text von Ihnen</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_LossPanel</name>
    <message>
        <source>Training loss</source>
        <translation>Trainingsverlust</translation>
    </message>
    <message>
        <source>Appears with the first steps of training.</source>
        <translation>Erscheint mit den ersten Trainingsschritten.</translation>
    </message>
    <message>
        <source>{0} nats per token</source>
        <translation>{0} Nat pro Token</translation>
    </message>
    <message>
        <source>Training loss {0} at step {1}, {2} at the first point</source>
        <translation>Trainingsverlust {0} bei Schritt {1}, {2} am ersten Punkt</translation>
    </message>
    <message>
        <source>step {0}</source>
        <translation>Schritt {0}</translation>
    </message>
</context>
<context>
    <name>_Overview</name>
    <message>
        <source>Open invite</source>
        <translation>Einladung öffnen</translation>
    </message>
    <message>
        <source>Federations</source>
        <translation>Föderationen</translation>
    </message>
    <message>
        <source>An invite is a link that begins with hedgerow://join. Reading it opens no connection.</source>
        <translation>Eine Einladung ist ein Link, der mit hedgerow://join beginnt. Ihn zu lesen öffnet keine Verbindung.</translation>
    </message>
    <message>
        <source>You help nobody now</source>
        <translation>Sie helfen gerade niemandem</translation>
    </message>
    <message numerus="yes">
        <source>You train with %n federation(s)</source>
        <translation>
            <numerusform>Sie trainieren mit %n Föderation</numerusform>
            <numerusform>Sie trainieren mit %n Föderationen</numerusform>
        </translation>
    </message>
    <message>
        <source>No federation is active</source>
        <translation>Keine Föderation ist aktiv</translation>
    </message>
    <message>
        <source>Nothing is sent to anybody</source>
        <translation>Niemandem wird etwas gesendet</translation>
    </message>
</context>
<context>
    <name>_Privacy</name>
    <message>
        <source>Strict</source>
        <translation>Streng</translation>
    </message>
    <message>
        <source>Middle</source>
        <translation>Mittel</translation>
    </message>
    <message>
        <source>Wide</source>
        <translation>Weit</translation>
    </message>
    <message>
        <source>Strong. Too noisy to learn from little text.</source>
        <translation>Stark. Zu viel Rauschen, um aus wenig Text zu lernen.</translation>
    </message>
    <message>
        <source>A usual choice for private writing.</source>
        <translation>Eine übliche Wahl für private Texte.</translation>
    </message>
    <message>
        <source>Weak as proof, usual in research.</source>
        <translation>Schwach als Beweis, üblich in der Forschung.</translation>
    </message>
    <message>
        <source>{0}, ε at most {1}</source>
        <translation>{0}, ε höchstens {1}</translation>
    </message>
    <message>
        <source>ε at most {0}</source>
        <translation>ε höchstens {0}</translation>
    </message>
    <message>
        <source>ε is the measure of what is given away; smaller is safer. Each text has its own account. You can lower this at any time; a federation that asks for more is refused.</source>
        <translation>ε misst, was preisgegeben wird; kleiner ist sicherer. Jeder Text hat sein eigenes Konto. Sie können den Wert jederzeit senken; eine Föderation, die mehr verlangt, wird abgelehnt.</translation>
    </message>
    <message>
        <source>At ε {0}: {1}</source>
        <translation>Bei ε {0}: {1}</translation>
    </message>
</context>
<context>
    <name>_Report</name>
    <message>
        <source>Copy report</source>
        <translation>Bericht kopieren</translation>
    </message>
    <message>
        <source>Throw away</source>
        <translation>Wegwerfen</translation>
    </message>
    <message>
        <source>Something in this window went wrong</source>
        <translation>In diesem Fenster ist etwas schiefgegangen</translation>
    </message>
    <message>
        <source>Report of what went wrong</source>
        <translation>Bericht über das, was schiefging</translation>
    </message>
    <message>
        <source>It is sent nowhere. Whoever mends it can use it; it may name files of yours, so read it first.</source>
        <translation>Er wird nirgendwohin gesendet. Wer den Fehler behebt, kann ihn brauchen; er kann Namen Ihrer Dateien enthalten, lesen Sie ihn also vorher.</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
</context>
<context>
    <name>_RingsPanel</name>
    <message>
        <source>Add folder…</source>
        <translation>Ordner hinzufügen&#xa0;…</translation>
    </message>
    <message>
        <source>Given · outer ring</source>
        <translation>Gegeben · äußerer Ring</translation>
    </message>
    <message>
        <source>Privacy left · inner ring</source>
        <translation>Privatsphäre übrig · innerer Ring</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Noch nichts gegeben</translation>
    </message>
    <message>
        <source>Hours of training fill this ring, once you have joined.</source>
        <translation>Trainingsstunden füllen diesen Ring, sobald Sie beigetreten sind.</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Nichts verbraucht</translation>
    </message>
    <message>
        <source>It gets shorter with each round and ends at a limit you set.</source>
        <translation>Der Ring wird mit jeder Runde kürzer und endet an einer Grenze, die Sie setzen.</translation>
    </message>
    <message>
        <source>of {0} offered this week</source>
        <translation>von {0}, diese Woche angeboten</translation>
    </message>
    <message>
        <source>{0} in all</source>
        <translation>{0} insgesamt</translation>
    </message>
    <message>
        <source>about {0} in all</source>
        <translation>insgesamt etwa {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n text(s) without</source>
        <translation>
            <numerusform>%n Text ohne Garantie</numerusform>
            <numerusform>%n Texte ohne Garantie</numerusform>
        </translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Keine Garantie</translation>
    </message>
    <message>
        <source>No figure bounds what the model learned from it.</source>
        <translation>Kein Wert begrenzt, was das Modell daraus gelernt hat.</translation>
    </message>
    <message>
        <source>No round has used your text yet.</source>
        <translation>Noch hat keine Runde Ihren Text verwendet.</translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} von {1}</translation>
    </message>
    <message>
        <source>charged so far on {0}</source>
        <translation>bisher belastet für {0}</translation>
    </message>
    <message numerus="yes">
        <source>about %n round(s)</source>
        <translation>
            <numerusform>etwa %n Runde</numerusform>
            <numerusform>etwa %n Runden</numerusform>
        </translation>
    </message>
    <message>
        <source>none left</source>
        <translation>keine übrig</translation>
    </message>
    <message>
        <source>ε {0} of {1} spent on {2}</source>
        <translation>ε {0} von {1} verbraucht für {2}</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Hier garantiert</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Von ihnen versprochen</translation>
    </message>
</context>
<context>
    <name>_Start</name>
    <message>
        <source>Open invite</source>
        <translation>Einladung öffnen</translation>
    </message>
    <message>
        <source>Run the demo</source>
        <translation>Demo starten</translation>
    </message>
    <message>
        <source>You got a link that begins with hedgerow://join. Reading it opens no connection.</source>
        <translation>Sie haben einen Link bekommen, der mit hedgerow://join beginnt. Ihn zu lesen öffnet keine Verbindung.</translation>
    </message>
    <message>
        <source>Without an invite: a coordinator and two volunteers run on this machine for some minutes, on text that every machine has. A second window shows one of them.</source>
        <translation>Ohne Einladung: Ein Koordinator und zwei Teilnehmer laufen einige Minuten auf diesem Rechner, mit Text, den jeder Rechner hat. Ein zweites Fenster zeigt einen von ihnen.</translation>
    </message>
    <message>
        <source>The demo starts. Its window opens when its first volunteer is there, in a minute.</source>
        <translation>Die Demo startet. Ihr Fenster öffnet sich in einer Minute, sobald ihr erster Teilnehmer da ist.</translation>
    </message>
</context>
<context>
    <name>_Steps</name>
    <message>
        <source>Every step can be skipped and done later from Home.</source>
        <translation>Jeden Schritt können Sie überspringen und später unter „Start“ nachholen.</translation>
    </message>
    <message>
        <source>{0}, seen</source>
        <translation>{0}, gesehen</translation>
    </message>
    <message>
        <source>{0}, now</source>
        <translation>{0}, jetzt</translation>
    </message>
</context>
<context>
    <name>_What</name>
    <message>
        <source>You point it at text of yours</source>
        <translation>Sie wählen eigenen Text aus</translation>
    </message>
    <message>
        <source>It is read and kept encrypted here. Nobody else gets to see it, not even its file names.</source>
        <translation>Er wird hier gelesen und verschlüsselt aufbewahrt. Niemand sonst bekommt ihn zu sehen, nicht einmal die Dateinamen.</translation>
    </message>
    <message>
        <source>Your machine trains for a while</source>
        <translation>Ihr Rechner trainiert eine Weile</translation>
    </message>
    <message>
        <source>When you allow it, as hard as you allow it. It stops at once when you press Pause.</source>
        <translation>Wann Sie es erlauben und so stark, wie Sie es erlauben. Er hört sofort auf, wenn Sie auf „Anhalten“ klicken.</translation>
    </message>
    <message>
        <source>Numbers leave, with noise</source>
        <translation>Zahlen gehen hinaus, mit Rauschen</translation>
    </message>
    <message>
        <source>A few megabytes that say how to change the model a little. Every one of them can be opened and looked at.</source>
        <translation>Einige Megabyte, die sagen, wie das Modell ein wenig zu ändern ist. Jede einzelne Zahl lässt sich öffnen und ansehen.</translation>
    </message>
    <message>
        <source>What it costs in privacy is counted</source>
        <translation>Der Preis an Privatsphäre wird gezählt</translation>
    </message>
    <message>
        <source>As an upper bound, written down before anything leaves. At your limit it stops by itself.</source>
        <translation>Als obere Schranke, festgehalten, bevor etwas hinausgeht. An Ihrer Grenze ist von selbst Schluss.</translation>
    </message>
    <message>
        <source>What it does not hide</source>
        <translation>Was es nicht verbirgt</translation>
    </message>
    <message>
        <source>That you take part, and a fact that stands in many of your documents.</source>
        <translation>Dass Sie teilnehmen, und eine Tatsache, die in vielen Ihrer Dokumente steht.</translation>
    </message>
</context>
<context>
    <name>_Words</name>
    <message>
        <source>Charged to disk before anything is sent</source>
        <translation>Belastung wird gespeichert, bevor etwas gesendet wird</translation>
    </message>
    <message>
        <source>A crash or a retry never gives it back</source>
        <translation>Kein Absturz und kein neuer Versuch nimmt sie zurück</translation>
    </message>
    <message>
        <source>What becomes of single uploads cannot be checked from here</source>
        <translation>Was aus einzelnen Sendungen wird, lässt sich von hier nicht prüfen</translation>
    </message>
    <message>
        <source>That you take part</source>
        <translation>Dass Sie teilnehmen</translation>
    </message>
    <message>
        <source>What earlier rounds taught the model</source>
        <translation>Was frühere Runden das Modell gelehrt haben</translation>
    </message>
    <message>
        <source>A fact that is in many of your texts</source>
        <translation>Eine Tatsache, die in vielen Ihrer Texte steht</translation>
    </message>
    <message>
        <source>worked out and enforced on this machine</source>
        <translation>auf diesem Rechner berechnet und durchgesetzt</translation>
    </message>
    <message>
        <source>no one can undo or hide these</source>
        <translation>niemand kann dies aufheben oder verbergen</translation>
    </message>
    <message>
        <source>Guaranteed</source>
        <translation>Garantiert</translation>
    </message>
    <message>
        <source>Promised</source>
        <translation>Versprochen</translation>
    </message>
    <message>
        <source>Not covered</source>
        <translation>Nicht abgedeckt</translation>
    </message>
    <message>
        <source>ε is an upper bound (δ {0})</source>
        <translation>ε ist eine obere Schranke (δ {0})</translation>
    </message>
    <message>
        <source>Only that no text is sent</source>
        <translation>Nur, dass kein Text gesendet wird</translation>
    </message>
    <message>
        <source>ε is an upper bound, and the limit is yours</source>
        <translation>ε ist eine obere Schranke, und die Grenze setzen Sie</translation>
    </message>
    <message>
        <source>a federation</source>
        <translation>eine Föderation</translation>
    </message>
    <message>
        <source>said by {0}, not checkable here</source>
        <translation>laut {0}, hier nicht prüfbar</translation>
    </message>
    <message>
        <source>Only sums over a round&apos;s volunteers are kept</source>
        <translation>Nur Summen über die Teilnehmer einer Runde werden aufbewahrt</translation>
    </message>
</context>
</TS>
