<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr_FR" sourcelanguage="en_GB">
<context>
    <name>Checks</name>
    <message>
        <source>Folder</source>
        <translation>Dossier</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Disque</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Clés</translation>
    </message>
    <message>
        <source>Ledger</source>
        <translation>Registre</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Réglages</translation>
    </message>
    <message>
        <source>Sandbox</source>
        <translation>Bac à sable</translation>
    </message>
    <message>
        <source>Trainer</source>
        <translation>Entraîneur</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>Traffic</source>
        <translation>Trafic</translation>
    </message>
    <message>
        <source>Text {name}</source>
        <translation>Texte {name}</translation>
    </message>
    <message>
        <source>Federation {name}</source>
        <translation>Fédération {name}</translation>
    </message>
    <message>
        <source>{path} is yours alone.</source>
        <translation>{path} n’est ouvert qu’à vous.</translation>
    </message>
    <message>
        <source>{path} is open to others.</source>
        <translation>{path} est ouvert à d’autres.</translation>
    </message>
    <message>
        <source>{free_bytes} free.</source>
        <translation>{free_bytes} libres.</translation>
    </message>
    <message>
        <source>Only {free_bytes} free.</source>
        <translation>{free_bytes} libres seulement.</translation>
    </message>
    <message>
        <source>The keys are in {place}.</source>
        <translation>Les clés sont dans {place}.</translation>
    </message>
    <message>
        <source>The keys were in {place} and are not here.</source>
        <translation>Les clés étaient dans {place} et ne sont pas ici.</translation>
    </message>
    <message>
        <source>{entries} entries, the chain is unbroken.</source>
        <translation>{entries} entrées, la chaîne est intacte.</translation>
    </message>
    <message>
        <source>The ledger went back in time. Nothing more is spent.</source>
        <translation>Le registre est revenu en arrière. Plus rien n’est dépensé.</translation>
    </message>
    <message>
        <source>{name} saw a newer ledger of this machine. Nothing more is spent.</source>
        <translation>{name} a vu un registre plus récent de cette machine. Plus rien n’est dépensé.</translation>
    </message>
    <message>
        <source>The file can be read.</source>
        <translation>Le fichier est lisible.</translation>
    </message>
    <message>
        <source>Reader and trainer are locked in by {level}.</source>
        <translation>Le lecteur et l’entraîneur sont enfermés par {level}.</translation>
    </message>
    <message>
        <source>This system offers none, so nothing is trained.</source>
        <translation>Ce système n’en offre pas, donc rien n’est entraîné.</translation>
    </message>
    <message>
        <source>torch is installed.</source>
        <translation>torch est installé.</translation>
    </message>
    <message>
        <source>torch is not installed.</source>
        <translation>torch n’est pas installé.</translation>
    </message>
    <message>
        <source>The compute runtime is installed.</source>
        <translation>L’environnement de calcul est installé.</translation>
    </message>
    <message>
        <source>The compute runtime does not start any more.</source>
        <translation>L’environnement de calcul ne démarre plus.</translation>
    </message>
    <message>
        <source>The compute runtime is not installed yet.</source>
        <translation>L’environnement de calcul n’est pas encore installé.</translation>
    </message>
    <message>
        <source>The compute runtime is too old for this version.</source>
        <translation>L’environnement de calcul est trop ancien pour cette version.</translation>
    </message>
    <message>
        <source>The compute runtime works; newer packages are known.</source>
        <translation>L’environnement de calcul marche&#xa0;; des paquets plus récents existent.</translation>
    </message>
    <message>
        <source>No NVIDIA driver is here. Training runs on the processor.</source>
        <translation>Aucun pilote NVIDIA ici. L’entraînement tourne sur le processeur.</translation>
    </message>
    <message>
        <source>{month_bytes} sent and received this month.</source>
        <translation>{month_bytes} envoyés et reçus ce mois-ci.</translation>
    </message>
    <message>
        <source>Ready: {tokens} tokens, {skipped} files skipped.</source>
        <translation>Prêt&#xa0;: {tokens} jetons, {skipped} fichiers ignorés.</translation>
    </message>
    <message>
        <source>Being read: {tokens} tokens so far, {skipped} files skipped.</source>
        <translation>En lecture&#xa0;: {tokens} jetons jusqu’ici, {skipped} fichiers ignorés.</translation>
    </message>
    <message>
        <source>Reached at {address}.</source>
        <translation>Joint à l’adresse {address}.</translation>
    </message>
    <message>
        <source>Press Install compute runtime on the page Compute.</source>
        <translation>Appuyez sur «&#x202f;Installer l’environnement de calcul&#x202f;» à la page Calcul.</translation>
    </message>
    <message>
        <source>In a terminal: chmod 700 {path}</source>
        <translation>Dans un terminal&#xa0;: chmod 700 {path}</translation>
    </message>
    <message>
        <source>Free some space, or move the folder with HEDGEROW_HOME.</source>
        <translation>Libérez de la place, ou déplacez le dossier avec HEDGEROW_HOME.</translation>
    </message>
    <message>
        <source>Unlock the place used before.</source>
        <translation>Déverrouillez l’endroit utilisé auparavant.</translation>
    </message>
    <message>
        <source>Put the newer ledger.db back.</source>
        <translation>Remettez le ledger.db plus récent.</translation>
    </message>
    <message>
        <source>Put the newer ledger.db back. If you never restored an older one, leave that federation.</source>
        <translation>Remettez le ledger.db plus récent. Si vous n’en avez jamais restauré un plus ancien, quittez cette fédération.</translation>
    </message>
    <message>
        <source>Install libseccomp.</source>
        <translation>Installez libseccomp.</translation>
    </message>
    <message>
        <source>Install Hedgerow&apos;s requirements again.</source>
        <translation>Réinstallez ce dont Hedgerow a besoin.</translation>
    </message>
</context>
<context>
    <name>ChoicePane</name>
    <message>
        <source>Read only</source>
        <translation>Lire seulement</translation>
    </message>
    <message>
        <source>Leave out</source>
        <translation>Exclure</translation>
    </message>
    <message>
        <source>Read hidden files, whose names begin with a dot</source>
        <translation>Lire les fichiers cachés, dont le nom commence par un point</translation>
    </message>
    <message>
        <source>Read what programs made, such as build folders</source>
        <translation>Lire les fichiers générés (dossiers de compilation, etc.)</translation>
    </message>
    <message>
        <source>Weight beside other texts</source>
        <translation>Poids face aux autres textes</translation>
    </message>
    <message>
        <source>Field or column with the text</source>
        <translation>Champ ou colonne contenant le texte</translation>
    </message>
    <message>
        <source>Apply</source>
        <translation>Appliquer</translation>
    </message>
    <message>
        <source>Close without changes</source>
        <translation>Fermer sans rien modifier</translation>
    </message>
    <message>
        <source>One pattern a line, such as *.md or drafts/, on the path below the folder; an archive counts as a folder, so old.zip/drafts/ works too. What is left out is not trained on from the next round; everything but the weight is read anew.</source>
        <translation>Un motif par ligne, comme *.md ou drafts/, sur le chemin sous le dossier&#xa0;; une archive compte comme un dossier, donc old.zip/drafts/ convient aussi. Ce qui est exclu ne sert plus à l’entraînement dès le prochain tour&#xa0;; tout changement, sauf celui du poids, provoque une relecture.</translation>
    </message>
    <message>
        <source>What is read of {0}</source>
        <translation>Ce qui est lu de {0}</translation>
    </message>
    <message>
        <source>The weight is a number; 1 is usual.</source>
        <translation>Le poids est un nombre&#xa0;; 1 est la valeur courante.</translation>
    </message>
</context>
<context>
    <name>ComputePage</name>
    <message>
        <source>Measure again</source>
        <translation>Mesurer à nouveau</translation>
    </message>
    <message>
        <source>Never more than</source>
        <translation>Jamais plus de</translation>
    </message>
    <message>
        <source>Measuring</source>
        <translation>Mesure en cours</translation>
    </message>
    <message>
        <source>Nothing to train yet</source>
        <translation>Rien à entraîner pour l’instant</translation>
    </message>
    <message>
        <source>Join a federation, and its round is measured here.</source>
        <translation>Rejoignez une fédération&#xa0;: son tour est mesuré ici.</translation>
    </message>
    <message>
        <source>A round takes about {0} at this pace</source>
        <translation>À ce rythme, un tour prend environ {0}</translation>
    </message>
    <message>
        <source>Not measured yet</source>
        <translation>Pas encore mesuré</translation>
    </message>
    <message>
        <source>{0} tokens a second</source>
        <translation>{0} jetons par seconde</translation>
    </message>
    <message>
        <source>{0} of {1} sequences at once</source>
        <translation>{0} séquences sur {1} à la fois</translation>
    </message>
</context>
<context>
    <name>ConsentPage</name>
    <message>
        <source>Signed</source>
        <translation>Signé</translation>
    </message>
    <message>
        <source>Purpose, in their words</source>
        <translation>But, dans leurs mots</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Plus tard</translation>
    </message>
    <message>
        <source>Join and start</source>
        <translation>Rejoindre et démarrer</translation>
    </message>
    <message>
        <source>{0} asks you to train with it</source>
        <translation>{0} vous invite à son entraînement</translation>
    </message>
    <message>
        <source>Run by {0}. Signature checked against the key in your invite, {1}.</source>
        <translation>Gérée par {0}. Signature vérifiée avec la clé de votre invitation, {1}.</translation>
    </message>
    <message>
        <source>By joining you agree to these terms as they stand today (manifest {0}). Looser terms will ask you again. You can leave at any time; numbers already sent cannot be called back.</source>
        <translation>En rejoignant, vous acceptez les conditions d’aujourd’hui (manifeste {0}). Si elles s’assouplissent, votre accord est redemandé. Vous pouvez quitter à tout moment&#xa0;; les nombres déjà envoyés ne peuvent être rappelés.</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>Adhésion</translation>
    </message>
</context>
<context>
    <name>CorpusInspector</name>
    <message>
        <source>Skipped, with reasons</source>
        <translation>Ignorés, avec les raisons</translation>
    </message>
    <message>
        <source>Skipped files</source>
        <translation>Fichiers ignorés</translation>
    </message>
    <message>
        <source>Show skipped files</source>
        <translation>Voir les fichiers ignorés</translation>
    </message>
    <message>
        <source>Remove…</source>
        <translation>Retirer…</translation>
    </message>
    <message>
        <source>Preview</source>
        <translation>Aperçu</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Choisir…</translation>
    </message>
    <message>
        <source>Read again</source>
        <translation>Relire</translation>
    </message>
    <message>
        <source>Guaranteed</source>
        <translation>Garanti</translation>
    </message>
    <message>
        <source>Promised</source>
        <translation>Promis</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>Cancel reading</source>
        <translation>Annuler la lecture</translation>
    </message>
    <message>
        <source>Reading: {0} of {1} files, {2}</source>
        <translation>Lecture&#xa0;: {0} fichiers sur {1}, {2}</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} jetons</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>reste {0}</translation>
    </message>
    <message numerus="yes">
        <source>{0} document(s)</source>
        <translation>
            <numerusform>{0} document</numerusform>
            <numerusform>{0} documents</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} % held back for testing</source>
        <translation>{0} % mis de côté pour les tests</translation>
    </message>
    <message>
        <source>looking for changes</source>
        <translation>recherche de changements</translation>
    </message>
    <message>
        <source>Languages: {0}.</source>
        <translation>Langues&#xa0;: {0}.</translation>
    </message>
    <message>
        <source>Formats: {0}.</source>
        <translation>Formats&#xa0;: {0}.</translation>
    </message>
    <message>
        <source>{0} documents left out, because another text has them.</source>
        <translation>{0} documents exclus, car un autre texte les contient.</translation>
    </message>
    <message>
        <source>{0} exact copies used once.</source>
        <translation>{0} copies exactes utilisées une fois.</translation>
    </message>
    <message>
        <source>Weight {0}.</source>
        <translation>Poids {0}.</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>inconnu</translation>
    </message>
    <message>
        <source>Nothing was skipped</source>
        <translation>Rien n’a été ignoré</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} sur {1}</translation>
    </message>
    <message>
        <source>Hide skipped files</source>
        <translation>Masquer les fichiers ignorés</translation>
    </message>
    <message>
        <source>Removes the encrypted copy here; your files stay. Privacy already spent stays spent.</source>
        <translation>Supprime la copie chiffrée d’ici&#xa0;; vos fichiers restent. La confidentialité déjà dépensée le reste.</translation>
    </message>
    <message>
        <source>{0} trains with this text and goes on without it.</source>
        <translation>{0} s’entraîne avec ce texte et continue sans lui.</translation>
    </message>
    <message>
        <source>Remove from Hedgerow</source>
        <translation>Retirer de Hedgerow</translation>
    </message>
</context>
<context>
    <name>CorpusModel</name>
    <message>
        <source>Source</source>
        <translation>Source</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>Documents</translation>
    </message>
    <message>
        <source>Words</source>
        <translation>Mots</translation>
    </message>
    <message>
        <source>Share of training</source>
        <translation>Part de l’entraînement</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} sur {1}</translation>
    </message>
    <message>
        <source>not there any more</source>
        <translation>n’est plus là</translation>
    </message>
    <message>
        <source>cannot be read</source>
        <translation>illisible</translation>
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
        <translation>Ajouter des fichiers…</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>Ajouter un dossier…</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>No text added yet</source>
        <translation>Aucun texte ajouté</translation>
    </message>
    <message>
        <source>Choose folders to train with. They are read on this machine by a process that has no network.</source>
        <translation>Choisissez les dossiers qui servent à l’entraînement. Un processus sans accès au réseau les lit sur cette machine.</translation>
    </message>
    <message>
        <source>Your text</source>
        <translation>Votre texte</translation>
    </message>
    <message>
        <source>Columns</source>
        <translation>Colonnes</translation>
    </message>
    <message>
        <source>Dropping a folder anywhere in this window adds it here.</source>
        <translation>Un dossier déposé n’importe où dans cette fenêtre s’ajoute ici.</translation>
    </message>
    <message>
        <source>{0}, none of them leave</source>
        <translation>{0}, aucun ne sort d’ici</translation>
    </message>
    <message>
        <source>Your text stays on this machine</source>
        <translation>Votre texte reste sur cette machine</translation>
    </message>
    <message>
        <source>Reading your text</source>
        <translation>Lecture de votre texte</translation>
    </message>
    <message numerus="yes">
        <source>%n source(s), {0} tokens.</source>
        <translation>
            <numerusform>%n source, {0} jetons.</numerusform>
            <numerusform>%n sources, {0} jetons.</numerusform>
        </translation>
    </message>
    <message>
        <source>Text is read by a process that has no network.</source>
        <translation>Un processus sans accès au réseau lit le texte.</translation>
    </message>
    <message>
        <source>It is read by a process that has no network.</source>
        <translation>Un processus sans accès au réseau le lit.</translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message>
        <source>Copy report</source>
        <translation>Copier le rapport</translation>
    </message>
    <message>
        <source>Check again</source>
        <translation>Vérifier à nouveau</translation>
    </message>
    <message>
        <source>Checking</source>
        <translation>Vérification</translation>
    </message>
    <message>
        <source>Not checked yet</source>
        <translation>Pas encore vérifié</translation>
    </message>
    <message numerus="yes">
        <source>{0} of %n check(s) failed</source>
        <translation>
            <numerusform>Échecs&#xa0;: {0} sur %n contrôle</numerusform>
            <numerusform>Échecs&#xa0;: {0} sur %n contrôles</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>All %n check(s) passed</source>
        <translation>
            <numerusform>%n contrôle a réussi</numerusform>
            <numerusform>Les %n contrôles ont réussi</numerusform>
        </translation>
    </message>
    <message>
        <source>The engine is not running.</source>
        <translation>Le moteur ne fonctionne pas.</translation>
    </message>
    <message>
        <source>Engine {0}, process {1}</source>
        <translation>Moteur {0}, processus {1}</translation>
    </message>
    <message>
        <source>since {0}</source>
        <translation>depuis {0}</translation>
    </message>
    <message>
        <source>sandbox {0}</source>
        <translation>bac à sable {0}</translation>
    </message>
</context>
<context>
    <name>EngineStore</name>
    <message>
        <source>The engine is starting.</source>
        <translation>Le moteur démarre.</translation>
    </message>
    <message>
        <source>The engine stopped at {0}. Nothing is lost: it goes on where it was.</source>
        <translation>Le moteur s’est arrêté à {0}. Rien n’est perdu&#xa0;: il reprend où il en était.</translation>
    </message>
    <message>
        <source>Writing down where the round stands. GPU memory is free in a moment.</source>
        <translation>Enregistrement de l’avancement du tour. La mémoire du GPU est libre dans un instant.</translation>
    </message>
    <message>
        <source>The engine takes up the round again.</source>
        <translation>Le moteur reprend le tour.</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Encore rien donné</translation>
    </message>
    <message>
        <source>{0} of {1} given</source>
        <translation>Donné&#xa0;: {0} sur {1}</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Aucune dépense</translation>
    </message>
    <message numerus="yes">
        <source>{0} round(s) left</source>
        <translation>
            <numerusform>{0} tour restant</numerusform>
            <numerusform>{0} tours restants</numerusform>
        </translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} sur {1}</translation>
    </message>
</context>
<context>
    <name>FederationModel</name>
    <message>
        <source>by {0}</source>
        <translation>par {0}</translation>
    </message>
    <message>
        <source>{0} % of this machine asked, {1} % given in the last seven days ({2})</source>
        <translation>{0} % de cette machine demandés, {1} % donnés ces sept derniers jours ({2})</translation>
    </message>
    <message>
        <source>{0} % of this machine</source>
        <translation>{0} % de cette machine</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>tour {0}</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>rejointe</translation>
    </message>
    <message>
        <source>no answer</source>
        <translation>sans réponse</translation>
    </message>
    <message>
        <source>below your floor</source>
        <translation>sous votre plancher</translation>
    </message>
    <message>
        <source>rests</source>
        <translation>au repos</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>terminée</translation>
    </message>
    <message>
        <source>left</source>
        <translation>quittée</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{0} k</source>
        <translation>{0} k</translation>
    </message>
    <message>
        <source>{0} M</source>
        <translation>{0} M</translation>
    </message>
    <message>
        <source>{0} bn</source>
        <translation>{0} Md</translation>
    </message>
    <message>
        <source>{0} million words</source>
        <translation>{0} M de mots</translation>
    </message>
    <message>
        <source>{0} words</source>
        <translation>{0} mots</translation>
    </message>
    <message>
        <source>{0} bytes</source>
        <translation>{0} octets</translation>
    </message>
    <message>
        <source>kB</source>
        <translation>ko</translation>
    </message>
    <message>
        <source>MB</source>
        <translation>Mo</translation>
    </message>
    <message>
        <source>GB</source>
        <translation>Go</translation>
    </message>
    <message>
        <source>TB</source>
        <translation>To</translation>
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
        <translation>moins d’une minute</translation>
    </message>
    <message>
        <source>about {0}</source>
        <translation>environ {0}</translation>
    </message>
    <message>
        <source>d MMM</source>
        <translation>d MMM</translation>
    </message>
    <message>
        <source>Today {0}</source>
        <translation>aujourd’hui {0}</translation>
    </message>
    <message>
        <source>tomorrow {0}</source>
        <translation>demain {0}</translation>
    </message>
    <message>
        <source>ddd d MMM yyyy</source>
        <translation>ddd d MMM yyyy</translation>
    </message>
</context>
<context>
    <name>FirstRunPage</name>
    <message>
        <source>What this is</source>
        <translation>Présentation</translation>
    </message>
    <message>
        <source>Folders</source>
        <translation>Dossiers</translation>
    </message>
    <message>
        <source>Hardware</source>
        <translation>Matériel</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Confidentialité</translation>
    </message>
    <message>
        <source>Invite or demo</source>
        <translation>Invitation ou démo</translation>
    </message>
    <message>
        <source>Skip this step</source>
        <translation>Passer cette étape</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Plus tard</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Suivant</translation>
    </message>
    <message>
        <source>Hedgerow lends your machine&apos;s time to a language model</source>
        <translation>Hedgerow prête du temps de votre machine à un modèle de langage</translation>
    </message>
    <message>
        <source>The model learns from your text without your text leaving. This is what happens.</source>
        <translation>Le modèle apprend de votre texte sans que votre texte sorte d’ici. Voici ce qui se passe.</translation>
    </message>
    <message>
        <source>Which text may be learned from?</source>
        <translation>De quel texte le modèle peut-il apprendre&#xa0;?</translation>
    </message>
    <message>
        <source>Folders or files. They are read on this machine only; you can look at every document first.</source>
        <translation>Des dossiers ou des fichiers. Ils sont lus sur cette machine uniquement&#xa0;; vous pouvez d’abord consulter chaque document.</translation>
    </message>
    <message>
        <source>How much of this machine?</source>
        <translation>Quelle part de cette machine&#xa0;?</translation>
    </message>
    <message>
        <source>These limits win over whatever a federation asks. Page Compute has all of them.</source>
        <translation>Ces limites l’emportent sur tout ce que demande une fédération. La page Calcul les contient toutes.</translation>
    </message>
    <message>
        <source>How much may training learn from your text?</source>
        <translation>Combien l’entraînement peut-il apprendre de votre texte&#xa0;?</translation>
    </message>
    <message>
        <source>Before anything leaves, this machine adds noise, so that no single document can be made out. Each round uses up some of that protection. You set where it stops.</source>
        <translation>Avant tout envoi, cette machine ajoute du bruit, pour qu’aucun document isolé ne soit reconnaissable. Chaque tour consomme une part de cette protection. Vous fixez où cela s’arrête.</translation>
    </message>
    <message>
        <source>Whom do you help?</source>
        <translation>Qui aidez-vous&#xa0;?</translation>
    </message>
    <message>
        <source>Nothing is sent until you have seen a federation&apos;s terms and pressed Join.</source>
        <translation>Rien n’est envoyé avant que vous ayez vu les conditions d’une fédération et cliqué sur «&#x202f;Rejoindre&#x202f;».</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Terminé</translation>
    </message>
</context>
<context>
    <name>Flows</name>
    <message>
        <source>Your text and file names</source>
        <translation>Votre texte et les noms de fichiers</translation>
    </message>
    <message>
        <source>How well it knows your text</source>
        <translation>À quel point il connaît votre texte</translation>
    </message>
    <message>
        <source>Your ledger and your limits</source>
        <translation>Votre registre et vos limites</translation>
    </message>
    <message>
        <source>What a round leaves out, for later rounds</source>
        <translation>Ce qu’un tour laisse de côté, pour les tours suivants</translation>
    </message>
    <message>
        <source>Leaves this machine</source>
        <translation>Quitte cette machine</translation>
    </message>
    <message>
        <source>Stays here</source>
        <translation>Reste ici</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Garanti ici</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Promis par eux</translation>
    </message>
    <message>
        <source>Not covered</source>
        <translation>Non couvert</translation>
    </message>
    <message>
        <source>up to {0}</source>
        <translation>jusqu’à {0}</translation>
    </message>
    <message>
        <source>Noised numbers, {0}</source>
        <translation>Nombres bruités, {0}</translation>
    </message>
    <message>
        <source>Bare numbers, {0}</source>
        <translation>Nombres sans bruit, {0}</translation>
    </message>
    <message>
        <source>that you take part; a fact that is in many of your texts</source>
        <translation>le fait que vous participez&#xa0;; un fait présent dans beaucoup de vos textes</translation>
    </message>
    <message>
        <source>everything: without noise, passages of your text can end up in the model</source>
        <translation>tout&#xa0;: sans bruit, des passages de votre texte peuvent se retrouver dans le modèle</translation>
    </message>
    <message>
        <source>The mean of this household&apos;s machines goes on to {0}, and nothing else.</source>
        <translation>La moyenne des machines de ce foyer part vers {0}, et rien d’autre.</translation>
    </message>
    <message numerus="yes">
        <source>They ask %n volunteer(s) a round and keep the sum of what arrives.</source>
        <translation>
            <numerusform>Ils demandent %n participant par tour et gardent la somme de ce qui arrive.</numerusform>
            <numerusform>Ils demandent %n participants par tour et gardent la somme de ce qui arrive.</numerusform>
        </translation>
    </message>
    <message>
        <source>The first weights are those of one volunteer alone, and may be yours.</source>
        <translation>Les premiers poids sont ceux d’un seul participant, peut-être les vôtres.</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>pas</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>jetons</translation>
    </message>
    <message>
        <source>training loss</source>
        <translation>perte d’entraînement</translation>
    </message>
    <message>
        <source>time it took</source>
        <translation>durée</translation>
    </message>
    <message>
        <source>how well it knows your text, in some rounds</source>
        <translation>à quel point il connaît votre texte, à certains tours</translation>
    </message>
    <message>
        <source>Figures: {0}</source>
        <translation>Chiffres&#xa0;: {0}</translation>
    </message>
    <message>
        <source>Hashes and a signature</source>
        <translation>Des empreintes et une signature</translation>
    </message>
    <message>
        <source>Only that no text is sent: numbers leave without noise, and no figure bounds what they say.</source>
        <translation>Seulement qu’aucun texte n’est envoyé&#xa0;: les nombres partent sans bruit, et aucun chiffre ne borne ce qu’ils révèlent.</translation>
    </message>
    <message>
        <source>{0}: ε never above {1} (δ&#xa0;{2}), noise added here before anything is sent.</source>
        <translation>{0}&#xa0;: ε jamais au-dessus de {1} (δ&#xa0;{2}), bruit ajouté ici avant tout envoi.</translation>
    </message>
</context>
<context>
    <name>Hedge</name>
    <message>
        <source>Your hedge</source>
        <translation>Votre haie</translation>
    </message>
    <message>
        <source>{0} on {1} days, {2} today</source>
        <translation>{0} sur {1} jours, dont {2} aujourd’hui</translation>
    </message>
    <message>
        <source>this week</source>
        <translation>cette semaine</translation>
    </message>
</context>
<context>
    <name>HistoryModel</name>
    <message>
        <source>{0}, round {1}</source>
        <translation>{0}, tour {1}</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} jetons</translation>
    </message>
    <message>
        <source>finished, not sent yet</source>
        <translation>terminé, pas encore envoyé</translation>
    </message>
    <message>
        <source>on its way</source>
        <translation>en route</translation>
    </message>
    <message>
        <source>sent</source>
        <translation>envoyé</translation>
    </message>
    <message>
        <source>accepted</source>
        <translation>accepté</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>refusé</translation>
    </message>
    <message>
        <source>too late</source>
        <translation>trop tard</translation>
    </message>
    <message>
        <source>given up</source>
        <translation>abandonné</translation>
    </message>
</context>
<context>
    <name>HistoryPage</name>
    <message>
        <source>Rounds</source>
        <translation>Tours</translation>
    </message>
    <message>
        <source>newest first</source>
        <translation>récents d’abord</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Encore rien donné</translation>
    </message>
    <message>
        <source>Each round you finish appears here: how long it took, how many tokens, how much energy.</source>
        <translation>Chaque tour que vous terminez apparaît ici&#xa0;: sa durée, ses jetons, son énergie.</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n tour</numerusform>
            <numerusform>%n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>Asking the engine</source>
        <translation>Le moteur est interrogé</translation>
    </message>
    <message>
        <source>No hours given yet</source>
        <translation>Aucune heure encore donnée</translation>
    </message>
    <message numerus="yes">
        <source>{0} tokens in %n finished round(s), {1} sent</source>
        <translation>
            <numerusform>{0} jetons en %n tour terminé, {1} envoyés</numerusform>
            <numerusform>{0} jetons en %n tours terminés, {1} envoyés</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} given</source>
        <translation>Donné&#xa0;: {0}</translation>
    </message>
</context>
<context>
    <name>HomePage</name>
    <message>
        <source>Go on</source>
        <translation>Continuer</translation>
    </message>
    <message>
        <source>Setting up is not finished</source>
        <translation>La configuration n’est pas terminée</translation>
    </message>
    <message>
        <source>A few questions about text, hardware and privacy.</source>
        <translation>Quelques questions sur le texte, le matériel et la confidentialité.</translation>
    </message>
    <message>
        <source>Last figures: {0}</source>
        <translation>Derniers chiffres&#xa0;: {0}</translation>
    </message>
    <message>
        <source>The engine is away. They move again when it is back.</source>
        <translation>Le moteur est absent. Ils évoluent de nouveau à son retour.</translation>
    </message>
</context>
<context>
    <name>HostCreate</name>
    <message>
        <source>Name</source>
        <translation>Nom</translation>
    </message>
    <message>
        <source>Who runs it</source>
        <translation>Qui l’exploite</translation>
    </message>
    <message>
        <source>What it is for</source>
        <translation>À quoi elle sert</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modèle</translation>
    </message>
    <message>
        <source>{0}, {1} parameters</source>
        <translation>{0}, {1} paramètres</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Confidentialité</translation>
    </message>
    <message>
        <source>Updates</source>
        <translation>Mises à jour</translation>
    </message>
    <message>
        <source>The usual size, for good lines</source>
        <translation>La taille habituelle, pour de bonnes lignes</translation>
    </message>
    <message>
        <source>Half of that up, a quarter down</source>
        <translation>La moitié à l’envoi, un quart à la réception</translation>
    </message>
    <message>
        <source>Fifty times smaller, for slow lines</source>
        <translation>Cinquante fois plus petites, pour les lignes lentes</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Tours</translation>
    </message>
    <message>
        <source>Volunteers in a round</source>
        <translation>Participants par tour</translation>
    </message>
    <message>
        <source>Who can reach it</source>
        <translation>Qui peut la joindre</translation>
    </message>
    <message>
        <source>This machine only</source>
        <translation>Cette machine seulement</translation>
    </message>
    <message>
        <source>My home network</source>
        <translation>Mon réseau local</translation>
    </message>
    <message>
        <source>The internet, under a name of mine</source>
        <translation>Internet, sous un nom à moi</translation>
    </message>
    <message>
        <source>Address in invites</source>
        <translation>Adresse dans les invitations</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>Port</translation>
    </message>
    <message>
        <source>Measured on a text of yours</source>
        <translation>Mesurée sur un texte à vous</translation>
    </message>
    <message>
        <source>none: then nobody knows how good the model is</source>
        <translation>aucun&#xa0;: alors nul ne sait ce que vaut le modèle</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Choisir…</translation>
    </message>
    <message>
        <source>Choose the text it is measured on</source>
        <translation>Choisir le texte de mesure</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>Create the federation</source>
        <translation>Créer la fédération</translation>
    </message>
    <message>
        <source>These terms are signed and cannot be changed later. Everything else: hedgerow host create --help</source>
        <translation>Ces conditions sont signées et ne changent plus. Tout le reste&#xa0;: hedgerow host create --help</translation>
    </message>
    <message>
        <source>Good for trying it out: volunteers run on this machine.</source>
        <translation>Bien pour essayer&#xa0;: les participants tournent sur cette machine.</translation>
    </message>
    <message>
        <source>Machines in the same network can join. Your router keeps everybody else out.</source>
        <translation>Les machines du même réseau peuvent rejoindre. Votre routeur écarte toutes les autres.</translation>
    </message>
    <message>
        <source>The name must lead to this machine, and your router must let the port through.</source>
        <translation>Le nom doit mener à cette machine, et votre routeur doit laisser passer le port.</translation>
    </message>
    <message>
        <source>No single document can be made out. Volunteers need some thousand documents each.</source>
        <translation>Aucun document isolé ne se devine. Chaque participant doit en avoir quelques milliers.</translation>
    </message>
    <message>
        <source>No single passage can be made out; a document of many passages is covered less.</source>
        <translation>Aucun passage isolé ne se devine&#xa0;; un document de nombreux passages est moins couvert.</translation>
    </message>
    <message>
        <source>Not even a volunteer&apos;s whole text can be made out. It takes very many volunteers.</source>
        <translation>Pas même le texte entier d’un participant ne se devine. Il faut de très nombreux participants.</translation>
    </message>
    <message>
        <source>What is sent may give away text. Only for text that is public anyway.</source>
        <translation>Ce qui est envoyé peut trahir du texte. Seulement pour du texte déjà public.</translation>
    </message>
    <message>
        <source>One byte for each number of the model goes up, four come down.</source>
        <translation>Pour chaque nombre du modèle, un octet est envoyé et quatre sont reçus.</translation>
    </message>
    <message>
        <source>Half a byte for each number of the model goes up, one comes down.</source>
        <translation>Pour chaque nombre du modèle, un demi-octet est envoyé et un octet reçu.</translation>
    </message>
    <message>
        <source>One in sixty-four numbers goes up in a round, the others later: for runs of hundreds of rounds.</source>
        <translation>À chaque tour, un nombre sur soixante-quatre est envoyé, les autres plus tard : pour des centaines de tours.</translation>
    </message>
    <message>
        <source>Text (*.txt *.md *.markdown *.rst);;All files (*)</source>
        <translation>Texte (*.txt *.md *.markdown *.rst);;Tous les fichiers (*)</translation>
    </message>
    <message>
        <source>Text to measure the model on</source>
        <translation>Texte pour mesurer le modèle</translation>
    </message>
    <message>
        <source>Creating it…</source>
        <translation>Création…</translation>
    </message>
</context>
<context>
    <name>HostDetail</name>
    <message>
        <source>Run it</source>
        <translation>Lancer</translation>
    </message>
    <message>
        <source>Stop it</source>
        <translation>Arrêter</translation>
    </message>
    <message>
        <source>Invite…</source>
        <translation>Inviter…</translation>
    </message>
    <message>
        <source>Export the model…</source>
        <translation>Exporter le modèle…</translation>
    </message>
    <message>
        <source>Bits per byte on your own text</source>
        <translation>Bits par octet sur votre propre texte</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Tours</translation>
    </message>
    <message>
        <source>Volunteers</source>
        <translation>Participants</translation>
    </message>
    <message>
        <source>Bits per byte on your own text, lower is better</source>
        <translation>Bits par octet sur votre propre texte, moins vaut mieux</translation>
    </message>
    <message>
        <source>Received</source>
        <translation>Reçu</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modèle</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Confidentialité</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Dossier</translation>
    </message>
    <message>
        <source>at rest</source>
        <translation>au repos</translation>
    </message>
    <message>
        <source>running</source>
        <translation>en marche</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>démarre</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>terminée</translation>
    </message>
    <message>
        <source>none yet</source>
        <translation>aucun encore</translation>
    </message>
    <message>
        <source>{0} of {1} done</source>
        <translation>{0} sur {1} finis</translation>
    </message>
    <message numerus="yes">
        <source>%n joined</source>
        <translation>
            <numerusform>%n inscrit</numerusform>
            <numerusform>%n inscrits</numerusform>
        </translation>
    </message>
    <message>
        <source>known once it runs</source>
        <translation>connue dès qu’elle tourne</translation>
    </message>
    <message>
        <source>It goes on when this window closes. Stopping it loses nothing; it goes on where it was.</source>
        <translation>Elle continue quand cette fenêtre se ferme. L’arrêter ne perd rien&#xa0;; elle reprend où elle en était.</translation>
    </message>
    <message>
        <source>All its rounds are done. Export the model, or keep the folder as it is.</source>
        <translation>Tous ses tours sont finis. Exportez le modèle, ou gardez le dossier tel quel.</translation>
    </message>
    <message>
        <source>Nobody can join or train while it rests.</source>
        <translation>Personne ne peut la rejoindre ni entraîner pendant qu’elle est au repos.</translation>
    </message>
    <message>
        <source>Nothing measured: it was created without a text, or has not run yet.</source>
        <translation>Rien de mesuré&#xa0;: créée sans texte, ou pas encore lancée.</translation>
    </message>
    <message numerus="yes">
        <source>From {0} to {1} bits per byte over %n measurement(s)</source>
        <translation>
            <numerusform>De {0} à {1} bits par octet sur %n mesure</numerusform>
            <numerusform>De {0} à {1} bits par octet sur %n mesures</numerusform>
        </translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>tour {0}</translation>
    </message>
</context>
<context>
    <name>HostInvite</name>
    <message>
        <source>Volunteers that can join with it</source>
        <translation>Participants qui peuvent rejoindre avec elle</translation>
    </message>
    <message numerus="yes">
        <source>%n day(s)</source>
        <translation>
            <numerusform>%n jour</numerusform>
            <numerusform>%n jours</numerusform>
        </translation>
    </message>
    <message>
        <source>How long it is valid</source>
        <translation>Durée de validité</translation>
    </message>
    <message>
        <source>Make an invite</source>
        <translation>Créer une invitation</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Pour</translation>
    </message>
    <message>
        <source>volunteers, valid for</source>
        <translation>participants, valable</translation>
    </message>
    <message>
        <source>Invite link</source>
        <translation>Lien d’invitation</translation>
    </message>
    <message>
        <source>Copy the link</source>
        <translation>Copier le lien</translation>
    </message>
    <message>
        <source>The invite link as a code for a camera</source>
        <translation>Le lien d’invitation en code pour un appareil photo</translation>
    </message>
    <message>
        <source>Invite to {0}</source>
        <translation>Invitation à {0}</translation>
    </message>
    <message>
        <source>Whoever has the link can join, as often as it says. Send it as you would send a key.</source>
        <translation>Quiconque a le lien peut rejoindre, autant de fois qu’il le dit. Envoyez-le comme vous enverriez une clé.</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n participant peut s’en servir</numerusform>
            <numerusform>%n participants peuvent s’en servir</numerusform>
        </translation>
    </message>
    <message>
        <source>until {0}, at {1}.</source>
        <translation>jusqu’au {0}, à {1}.</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Copié</translation>
    </message>
</context>
<context>
    <name>HostPage</name>
    <message>
        <source>New federation</source>
        <translation>Nouvelle fédération</translation>
    </message>
    <message>
        <source>Open folder</source>
        <translation>Ouvrir le dossier</translation>
    </message>
    <message>
        <source>Federations on this machine</source>
        <translation>Fédérations sur cette machine</translation>
    </message>
    <message>
        <source>Create a federation</source>
        <translation>Créer une fédération</translation>
    </message>
    <message>
        <source>You choose the model, the rounds and the privacy, and invite whom you like. Volunteers send numbers; their text stays with them. This machine sums them up, so it must be on while rounds run.</source>
        <translation>Vous choisissez le modèle, les tours et la confidentialité, et invitez qui vous voulez. Les participants envoient des nombres&#xa0;; leur texte reste chez eux. Cette machine en fait la somme, elle doit donc être allumée pendant les tours.</translation>
    </message>
    <message>
        <source>You host no federation yet</source>
        <translation>Vous n’hébergez encore aucune fédération</translation>
    </message>
    <message>
        <source>The model after round {0} is written</source>
        <translation>Le modèle après le tour {0} est écrit</translation>
    </message>
    <message>
        <source>It does not start.</source>
        <translation>Elle ne démarre pas.</translation>
    </message>
    <message>
        <source>Run it on port {0}</source>
        <translation>La lancer sur le port {0}</translation>
    </message>
    <message>
        <source>A federation of your own</source>
        <translation>Une fédération à vous</translation>
    </message>
    <message>
        <source>Volunteers see these terms before they join, and this machine holds them to it.</source>
        <translation>Les participants voient ces conditions avant de rejoindre, et cette machine s’y tient.</translation>
    </message>
    <message>
        <source>Host a federation</source>
        <translation>Héberger une fédération</translation>
    </message>
    <message>
        <source>Looking at it</source>
        <translation>Vérification</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) joined</source>
        <translation>
            <numerusform>%n participant inscrit</numerusform>
            <numerusform>%n participants inscrits</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} has finished its rounds</source>
        <translation>{0} a fini ses tours</translation>
    </message>
    <message>
        <source>{0} is at rest</source>
        <translation>{0} est au repos</translation>
    </message>
    <message>
        <source>{0} trains round {1} of {2}</source>
        <translation>{0} entraîne le tour {1} sur {2}</translation>
    </message>
    <message>
        <source>{0} waits for volunteers</source>
        <translation>{0} attend des participants</translation>
    </message>
    <message>
        <source>Folder for the model</source>
        <translation>Dossier pour le modèle</translation>
    </message>
</context>
<context>
    <name>HostedPlaceModel</name>
    <message>
        <source>not looked at yet</source>
        <translation>pas encore vérifiée</translation>
    </message>
    <message>
        <source>{0} of {1} rounds</source>
        <translation>{0} tours sur {1}</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>démarre</translation>
    </message>
    <message>
        <source>running</source>
        <translation>en marche</translation>
    </message>
    <message>
        <source>at rest</source>
        <translation>au repos</translation>
    </message>
    <message>
        <source>finished · {0}</source>
        <translation>finie · {0}</translation>
    </message>
</context>
<context>
    <name>HostedRoundModel</name>
    <message>
        <source>Round {0}</source>
        <translation>Tour {0}</translation>
    </message>
    <message>
        <source>{0} bits per byte</source>
        <translation>{0} bits par octet</translation>
    </message>
    <message>
        <source>in progress</source>
        <translation>en cours</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fini</translation>
    </message>
    <message>
        <source>given up</source>
        <translation>abandonné</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s)</source>
        <translation>
            <numerusform>%n participant</numerusform>
            <numerusform>%n participants</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostedVolunteerModel</name>
    <message numerus="yes">
        <source>%n update(s)</source>
        <translation>
            <numerusform>%n mise à jour</numerusform>
            <numerusform>%n mises à jour</numerusform>
        </translation>
    </message>
    <message>
        <source>left {0}</source>
        <translation>parti {0}</translation>
    </message>
    <message>
        <source>joined {0}</source>
        <translation>inscrit {0}</translation>
    </message>
    <message>
        <source>last in round {0}</source>
        <translation>dernier au tour {0}</translation>
    </message>
</context>
<context>
    <name>InvitePage</name>
    <message>
        <source>Open an invite</source>
        <translation>Ouvrir une invitation</translation>
    </message>
    <message>
        <source>Reading an invite opens no connection. Nothing is sent until you press Join.</source>
        <translation>Lire une invitation n’ouvre aucune connexion. Rien n’est envoyé avant un clic sur «&#x202f;Rejoindre&#x202f;».</translation>
    </message>
    <message>
        <source>Invite link</source>
        <translation>Lien d’invitation</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>Show the terms</source>
        <translation>Voir les conditions</translation>
    </message>
    <message>
        <source>What the invite says, in their words. Nothing of it is checked yet.</source>
        <translation>Ce que dit l’invitation, dans leurs mots. Rien n’en est encore vérifié.</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Clé</translation>
    </message>
    <message>
        <source>Uses</source>
        <translation>Usages</translation>
    </message>
    <message>
        <source>Expires</source>
        <translation>Expiration</translation>
    </message>
    <message>
        <source>Paste the whole link. It is at most 4 KiB long.</source>
        <translation>Collez le lien entier. Il fait au plus 4 KiB.</translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n participant peut s’en servir</numerusform>
            <numerusform>%n participants peuvent s’en servir</numerusform>
        </translation>
    </message>
    <message>
        <source>expired {0}</source>
        <translation>expirée {0}</translation>
    </message>
    <message>
        <source>Fetching the terms from {0} and checking their signature.</source>
        <translation>Récupération des conditions auprès de {0} et vérification de leur signature.</translation>
    </message>
    <message>
        <source>This invite has expired. Ask for a new one.</source>
        <translation>Cette invitation a expiré. Demandez-en une nouvelle.</translation>
    </message>
    <message>
        <source>The next step connects to {0} for the signed terms. It sends no text and enrols nothing.</source>
        <translation>L’étape suivante se connecte à {0} pour obtenir les conditions signées. Elle n’envoie aucun texte et n’inscrit rien.</translation>
    </message>
</context>
<context>
    <name>LimitChoice</name>
    <message>
        <source>Stop at</source>
        <translation>Arrêter à</translation>
    </message>
    <message>
        <source>strict</source>
        <translation>stricte</translation>
    </message>
    <message>
        <source>middle</source>
        <translation>moyenne</translation>
    </message>
    <message>
        <source>wide</source>
        <translation>large</translation>
    </message>
    <message>
        <source>ε {0}</source>
        <translation>ε {0}</translation>
    </message>
    <message>
        <source>Stop at ε {0}, {1}</source>
        <translation>Arrêter à ε {0}, {1}</translation>
    </message>
    <message>
        <source>Stop at another ε</source>
        <translation>Arrêter à un autre ε</translation>
    </message>
    <message>
        <source>other</source>
        <translation>autre</translation>
    </message>
    <message>
        <source>Another limit, such as {0}</source>
        <translation>Autre limite, comme {0}</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Home</source>
        <translation>Accueil</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Données</translation>
    </message>
    <message>
        <source>Compute</source>
        <translation>Calcul</translation>
    </message>
    <message>
        <source>Privacy</source>
        <translation>Confidentialité</translation>
    </message>
    <message>
        <source>Uploads</source>
        <translation>Envois</translation>
    </message>
    <message>
        <source>Federations</source>
        <translation>Fédérations</translation>
    </message>
    <message>
        <source>Try it</source>
        <translation>Essayer</translation>
    </message>
    <message>
        <source>History</source>
        <translation>Historique</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>Héberger</translation>
    </message>
    <message>
        <source>Doctor</source>
        <translation>Diagnostic</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Réglages</translation>
    </message>
    <message>
        <source>Stay open</source>
        <translation>Ne pas fermer</translation>
    </message>
    <message>
        <source>Stop training</source>
        <translation>Arrêter</translation>
    </message>
    <message>
        <source>Keep training</source>
        <translation>Continuer</translation>
    </message>
    <message>
        <source>Read the report</source>
        <translation>Lire le rapport</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Something in this window went wrong</source>
        <translation>Quelque chose a échoué dans cette fenêtre</translation>
    </message>
    <message>
        <source>Training is not touched by it. A report lies on this machine; it is sent nowhere.</source>
        <translation>L’entraînement n’en est pas touché. Un rapport est gardé sur cette machine ; il n’est envoyé nulle part.</translation>
    </message>
    <message>
        <source>Add folder</source>
        <translation>Ajouter un dossier</translation>
    </message>
    <message>
        <source>Text (*.txt *.md *.markdown *.rst);;All files (*)</source>
        <translation>Texte (*.txt *.md *.markdown *.rst);;Tous les fichiers (*)</translation>
    </message>
    <message>
        <source>Add files</source>
        <translation>Ajouter des fichiers</translation>
    </message>
    <message>
        <source>See inside</source>
        <translation>Voir le contenu</translation>
    </message>
    <message>
        <source>Keep training when the window is closed?</source>
        <translation>Continuer l’entraînement quand la fenêtre est fermée&#xa0;?</translation>
    </message>
    <message>
        <source>The engine then works on within your limits. You can change this in Settings at any time.</source>
        <translation>Le moteur continue alors à travailler dans vos limites. Vous pouvez changer cela à tout moment dans Réglages.</translation>
    </message>
</context>
<context>
    <name>Notifications</name>
    <message numerus="yes">
        <source>%n round(s) finished on this machine so far</source>
        <translation>
            <numerusform>%n tour fini sur cette machine jusqu’ici</numerusform>
            <numerusform>%n tours finis sur cette machine jusqu’ici</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PreviewPane</name>
    <message>
        <source>The text that is used</source>
        <translation>Le texte utilisé</translation>
    </message>
    <message>
        <source>Previous document</source>
        <translation>Document précédent</translation>
    </message>
    <message>
        <source>Next document</source>
        <translation>Document suivant</translation>
    </message>
    <message>
        <source>Close preview</source>
        <translation>Fermer l’aperçu</translation>
    </message>
    <message>
        <source>Field or column with the text</source>
        <translation>Champ ou colonne contenant le texte</translation>
    </message>
    <message>
        <source>found by itself</source>
        <translation>trouvé automatiquement</translation>
    </message>
    <message>
        <source>Show it</source>
        <translation>Afficher</translation>
    </message>
    <message>
        <source>Use this field</source>
        <translation>Utiliser ce champ</translation>
    </message>
    <message>
        <source>Preview of {0}</source>
        <translation>Aperçu de {0}</translation>
    </message>
    <message>
        <source>Document {0} of {1}</source>
        <translation>Document {0} sur {1}</translation>
    </message>
    <message>
        <source>held back for testing</source>
        <translation>mis de côté pour les tests</translation>
    </message>
    <message>
        <source>used for training</source>
        <translation>sert à l’entraînement</translation>
    </message>
    <message>
        <source>{0} tokens</source>
        <translation>{0} jetons</translation>
    </message>
    <message>
        <source>the first document, not used like this yet</source>
        <translation>le premier document, pas encore utilisé ainsi</translation>
    </message>
    <message>
        <source>read from {0} of {1}</source>
        <translation>lu dans {0} parmi {1}</translation>
    </message>
    <message>
        <source>only its beginning is shown</source>
        <translation>seul le début est affiché</translation>
    </message>
    <message>
        <source>The text is read anew with this field…</source>
        <translation>Le texte est relu avec ce champ…</translation>
    </message>
    <message>
        <source>Decoding the text…</source>
        <translation>Décodage du texte…</translation>
    </message>
</context>
<context>
    <name>Price</name>
    <message>
        <source>What it would cost you</source>
        <translation>Ce que cela vous coûterait</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modèle</translation>
    </message>
    <message>
        <source>Work</source>
        <translation>Travail</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Mémoire</translation>
    </message>
    <message>
        <source>Upload</source>
        <translation>Envoi</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Réception</translation>
    </message>
    <message>
        <source>Noise</source>
        <translation>Bruit</translation>
    </message>
    <message>
        <source>To compare</source>
        <translation>Pour comparer</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Licence</translation>
    </message>
    <message>
        <source>Law of</source>
        <translation>Droit applicable</translation>
    </message>
    <message>
        <source>If you leave, in their words</source>
        <translation>Si vous quittez, dans leurs mots</translation>
    </message>
    <message>
        <source>{0} parameters ({1})</source>
        <translation>{0} paramètres ({1})</translation>
    </message>
    <message>
        <source>{0} steps × {1} a round</source>
        <translation>{0} pas × {1} par tour</translation>
    </message>
    <message>
        <source>{0} while it runs</source>
        <translation>{0} pendant l’exécution</translation>
    </message>
    <message>
        <source>{0} a round</source>
        <translation>{0} par tour</translation>
    </message>
    <message>
        <source>up to {0} a round</source>
        <translation>jusqu’à {0} par tour</translation>
    </message>
    <message>
        <source>σ {0} of the clip {1}</source>
        <translation>σ {0} fois l’écrêtage {1}</translation>
    </message>
    <message>
        <source>none</source>
        <translation>aucun</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>rien</translation>
    </message>
    <message>
        <source>ε {0} by PLD, if nothing ever changes; not promised</source>
        <translation>ε {0} par PLD, si rien ne change jamais&#xa0;; non promis</translation>
    </message>
    <message>
        <source>Public text alone</source>
        <translation>Texte public seul</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n tour</numerusform>
            <numerusform>%n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>Without a tick it trains on their public text alone, {0} tokens; nothing of yours is read.</source>
        <translation>Si rien n’est coché, l’entraînement n’utilise que leur texte public, {0} jetons&#xa0;; aucun de vos textes n’est lu.</translation>
    </message>
    <message>
        <source>No text chosen</source>
        <translation>Aucun texte choisi</translation>
    </message>
    <message>
        <source>no text</source>
        <translation>aucun texte</translation>
    </message>
    <message>
        <source>Tick a text to see its price.</source>
        <translation>Cochez un texte pour voir son prix.</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>without any guarantee, and none can be given later</source>
        <translation>sans aucune garantie, et aucune n’est possible par la suite</translation>
    </message>
    <message>
        <source>the whole plan, ε {0} of {1}</source>
        <translation>tout le plan, ε {0} sur {1}</translation>
    </message>
    <message>
        <source>then it stops, at ε {0}</source>
        <translation>puis arrêt, à ε {0}</translation>
    </message>
</context>
<context>
    <name>PrivacyPage</name>
    <message>
        <source>Export ledger…</source>
        <translation>Exporter le registre…</translation>
    </message>
    <message>
        <source>No text takes part yet</source>
        <translation>Aucun texte ne participe encore</translation>
    </message>
    <message>
        <source>Once a text takes part, its gauge stands here: what was charged, its limit, the rounds left.</source>
        <translation>Dès qu’un texte participe, sa jauge figure ici&#xa0;: ce qui a été débité, sa limite, les tours restants.</translation>
    </message>
    <message>
        <source>Budgets</source>
        <translation>Budgets</translation>
    </message>
    <message>
        <source>runs out first on top</source>
        <translation>le premier épuisé en haut</translation>
    </message>
    <message>
        <source>Report to read (*.txt)</source>
        <translation>Rapport à lire (*.txt)</translation>
    </message>
    <message>
        <source>Whole ledger, to check (*.json)</source>
        <translation>Registre entier, à vérifier (*.json)</translation>
    </message>
    <message>
        <source>Export ledger</source>
        <translation>Exporter le registre</translation>
    </message>
    <message>
        <source>Ledger exported</source>
        <translation>Registre exporté</translation>
    </message>
    <message>
        <source>The ledger and the keyring disagree</source>
        <translation>Le registre et le trousseau ne concordent pas</translation>
    </message>
    <message>
        <source>No text has a guarantee</source>
        <translation>Aucun texte n’a de garantie</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Aucune dépense</translation>
    </message>
    <message numerus="yes">
        <source>ε {0} of {1} charged in %n round(s). At {1} it stops.</source>
        <translation>
            <numerusform>ε {0} sur {1} débité en %n tour. À {1}, cela s’arrête.</numerusform>
            <numerusform>ε {0} sur {1} débité en %n tours. À {1}, cela s’arrête.</numerusform>
        </translation>
    </message>
    <message>
        <source>ε {0} of {1} charged on {2}</source>
        <translation>ε {0} sur {1} débité pour {2}</translation>
    </message>
    <message>
        <source>No round left on {0}</source>
        <translation>Plus aucun tour pour {0}</translation>
    </message>
    <message numerus="yes">
        <source>About %n round(s) left on {0}</source>
        <translation>
            <numerusform>Environ %n tour restant pour {0}</numerusform>
            <numerusform>Environ %n tours restants pour {0}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RailFoot</name>
    <message>
        <source>Given and privacy left</source>
        <translation>Donné et confidentialité restante</translation>
    </message>
</context>
<context>
    <name>Reasons</name>
    <message>
        <source>a cell is too long, or a quotation mark is never closed</source>
        <translation>une cellule est trop longue, ou un guillemet n’est jamais fermé</translation>
    </message>
    <message>
        <source>a damaged PDF</source>
        <translation>un PDF endommagé</translation>
    </message>
    <message>
        <source>a line is longer than {0} million characters</source>
        <translation>une ligne dépasse {0} millions de caractères</translation>
    </message>
    <message>
        <source>a mail without text</source>
        <translation>un courriel sans texte</translation>
    </message>
    <message>
        <source>a part is larger than {0} MiB</source>
        <translation>une partie dépasse {0} Mio</translation>
    </message>
    <message>
        <source>a part is missing</source>
        <translation>une partie manque</translation>
    </message>
    <message>
        <source>a scanned PDF without a text layer ({0} page)</source>
        <translation>un PDF numérisé sans couche de texte ({0} page)</translation>
    </message>
    <message>
        <source>a scanned PDF without a text layer ({0} pages)</source>
        <translation>un PDF numérisé sans couche de texte ({0} pages)</translation>
    </message>
    <message>
        <source>an archive in an archive in an archive</source>
        <translation>une archive dans une archive dans une archive</translation>
    </message>
    <message>
        <source>an office file that is no text document</source>
        <translation>un fichier bureautique qui n’est pas un texte</translation>
    </message>
    <message>
        <source>binary</source>
        <translation>binaire</translation>
    </message>
    <message>
        <source>binary after {0} MiB</source>
        <translation>binaire après {0} Mio</translation>
    </message>
    <message>
        <source>cut or damaged</source>
        <translation>coupé ou endommagé</translation>
    </message>
    <message>
        <source>cut or damaged text</source>
        <translation>texte coupé ou endommagé</translation>
    </message>
    <message>
        <source>cut or damaged; what came before is used</source>
        <translation>coupé ou endommagé&#xa0;; ce qui précède est utilisé</translation>
    </message>
    <message>
        <source>damaged, or not what its name says</source>
        <translation>endommagé, ou pas ce que dit son nom</translation>
    </message>
    <message>
        <source>empty</source>
        <translation>vide</translation>
    </message>
    <message>
        <source>encrypted, needs a password</source>
        <translation>chiffré, demande un mot de passe</translation>
    </message>
    <message>
        <source>has no column of text</source>
        <translation>n’a pas de colonne de texte</translation>
    </message>
    <message>
        <source>in an unknown encoding</source>
        <translation>dans un encodage inconnu</translation>
    </message>
    <message>
        <source>larger than {0} MiB</source>
        <translation>plus de {0} Mio</translation>
    </message>
    <message>
        <source>more than {0} tags deep</source>
        <translation>plus de {0} balises imbriquées</translation>
    </message>
    <message>
        <source>more than {0} members</source>
        <translation>plus de {0} membres</translation>
    </message>
    <message>
        <source>more than {0} pages</source>
        <translation>plus de {0} pages</translation>
    </message>
    <message>
        <source>mostly holes, a sparse file</source>
        <translation>presque vide, un fichier creux</translation>
    </message>
    <message>
        <source>needs more memory than the reader may use</source>
        <translation>demande plus de mémoire que le lecteur ne peut en prendre</translation>
    </message>
    <message>
        <source>nested too deeply</source>
        <translation>imbriqué trop profondément</translation>
    </message>
    <message>
        <source>no JSON records</source>
        <translation>aucun enregistrement JSON</translation>
    </message>
    <message>
        <source>not a notebook, or damaged</source>
        <translation>pas un notebook, ou endommagé</translation>
    </message>
    <message>
        <source>not a regular file</source>
        <translation>pas un fichier ordinaire</translation>
    </message>
    <message>
        <source>one JSON object without a field of text or a list of records</source>
        <translation>un objet JSON sans champ de texte ni liste d’enregistrements</translation>
    </message>
    <message>
        <source>{0} of {1} pages have no text layer or are damaged</source>
        <translation>{0} pages sur {1} sont sans couche de texte ou endommagées</translation>
    </message>
    <message>
        <source>{0} of {1} records are damaged</source>
        <translation>{0} enregistrements sur {1} sont endommagés</translation>
    </message>
</context>
<context>
    <name>RuntimePane</name>
    <message>
        <source>Compute runtime</source>
        <translation>Environnement de calcul</translation>
    </message>
    <message>
        <source>Install compute runtime</source>
        <translation>Installer l’environnement de calcul</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>The compute runtime works, and newer packages for it are known. Renew it when it suits you.</source>
        <translation>L’environnement de calcul marche, et des paquets plus récents existent. Renouvelez-le quand il vous convient.</translation>
    </message>
    <message>
        <source>The compute runtime is too old for this version. Nothing is trained until it is renewed.</source>
        <translation>L’environnement de calcul est trop ancien pour cette version. Rien n’est entraîné avant son renouvellement.</translation>
    </message>
    <message>
        <source>The compute runtime does not start any more. Nothing is trained until it is renewed.</source>
        <translation>L’environnement de calcul ne démarre plus. Rien n’est entraîné avant son renouvellement.</translation>
    </message>
    <message>
        <source>To read text and to train, Hedgerow needs torch and a few readers. They are fetched once, checked, and kept in a folder of yours.</source>
        <translation>Pour lire et entraîner, Hedgerow a besoin de torch et de quelques lecteurs. Ils sont récupérés une fois, vérifiés, et gardés dans un dossier à vous.</translation>
    </message>
    <message>
        <source>This machine has an NVIDIA GPU.</source>
        <translation>Cette machine a un GPU NVIDIA.</translation>
    </message>
    <message>
        <source>This machine has an AMD GPU with its compute driver.</source>
        <translation>Cette machine a un GPU AMD avec son pilote de calcul.</translation>
    </message>
    <message>
        <source>No GPU was found that could train; the processor does it.</source>
        <translation>Aucun GPU capable d’entraîner&#xa0;; le processeur s’en charge.</translation>
    </message>
    <message>
        <source>{0} {1} are free on this disk.</source>
        <translation>{0} {1} sont libres sur ce disque.</translation>
    </message>
    <message>
        <source>Processor only</source>
        <translation>Processeur seul</translation>
    </message>
    <message>
        <source>NVIDIA GPU (CUDA)</source>
        <translation>GPU NVIDIA (CUDA)</translation>
    </message>
    <message>
        <source>AMD GPU (ROCm)</source>
        <translation>GPU AMD (ROCm)</translation>
    </message>
    <message>
        <source>about {0} to fetch, {1} on disk</source>
        <translation>environ {0} à récupérer, {1} sur le disque</translation>
    </message>
    <message>
        <source>Making the environment</source>
        <translation>Création de l’environnement</translation>
    </message>
    <message>
        <source>Fetching packages</source>
        <translation>Récupération des paquets</translation>
    </message>
    <message>
        <source>Fetching torch</source>
        <translation>Récupération de torch</translation>
    </message>
    <message>
        <source>Trying it</source>
        <translation>Essai</translation>
    </message>
    <message>
        <source>Switching to it</source>
        <translation>Bascule</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} sur {1}</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>reste {0}</translation>
    </message>
    <message>
        <source>{0} % done. {1}</source>
        <translation>{0} % fait. {1}</translation>
    </message>
    <message>
        <source>The disk has too little room for this variant.</source>
        <translation>Le disque a trop peu de place pour cette variante.</translation>
    </message>
    <message>
        <source>Renew compute runtime</source>
        <translation>Renouveler l’environnement de calcul</translation>
    </message>
</context>
<context>
    <name>Sentences</name>
    <message>
        <source>{federation} asks for more than your floor allows. It rests until you leave it or lower your floor.</source>
        <translation>{federation} demande plus que votre plancher ne permet. Elle est au repos jusqu’à ce que vous la quittiez ou l’abaissiez.</translation>
    </message>
    <message>
        <source>{federation} does not answer. What is finished is safe and will be sent.</source>
        <translation>{federation} ne répond pas. Ce qui est fini est à l’abri et sera envoyé.</translation>
    </message>
    <message>
        <source>{corpus} is not where it was. Put the folder back, or remove it in Data.</source>
        <translation>{corpus} n’est plus à sa place. Remettez le dossier, ou retirez-le dans Données.</translation>
    </message>
    <message>
        <source>{devices} cannot be used now. Plug it in, or offer another device.</source>
        <translation>{devices} est inutilisable pour l’instant. Branchez-le, ou offrez un autre appareil.</translation>
    </message>
    <message>
        <source>The disk is nearly full. It goes on when there is room.</source>
        <translation>Le disque est presque plein. L’entraînement reprend quand il y a de la place.</translation>
    </message>
    <message>
        <source>Training computes {percent} % of the time, as you set.</source>
        <translation>L’entraînement calcule {percent} % du temps, comme vous l’avez réglé.</translation>
    </message>
    <message>
        <source>{name} has finished all its rounds. Nothing more is sent.</source>
        <translation>{name} a terminé tous ses tours. Plus rien n’est envoyé.</translation>
    </message>
    <message>
        <source>A program filled the screen until just now. Training waits until {until}.</source>
        <translation>Un programme occupait l’écran à l’instant. L’entraînement attend jusqu’à {until}.</translation>
    </message>
    <message>
        <source>A program fills the screen. Training goes on {quiet_s} after it ends.</source>
        <translation>Un programme occupe l’écran. L’entraînement reprend {quiet_s} après sa fin.</translation>
    </message>
    <message>
        <source>Your week plan says half speed: training computes {percent} % of the time.</source>
        <translation>Votre plan de la semaine prévoit la demi-vitesse&#xa0;: l’entraînement calcule {percent} % du temps.</translation>
    </message>
    <message>
        <source>This desktop does not say whether somebody uses the machine, and you want training only when nobody does.</source>
        <translation>Ce bureau n’indique pas si quelqu’un utilise la machine, et vous ne voulez d’entraînement que lorsque personne ne l’utilise.</translation>
    </message>
    <message>
        <source>You use the machine. Training goes on after {wait_s} without keyboard and mouse.</source>
        <translation>Vous utilisez la machine. L’entraînement reprend après {wait_s} sans clavier ni souris.</translation>
    </message>
    <message>
        <source>{federation} has seen a newer privacy ledger of this machine. Nothing is spent until that one is back; if you never restored an older one, leave that federation.</source>
        <translation>{federation} a vu un registre de confidentialité plus récent de cette machine. Rien n’est dépensé jusqu’à son retour&#xa0;; si vous n’avez jamais restauré de registre plus ancien, quittez cette fédération.</translation>
    </message>
    <message>
        <source>The privacy ledger is older than it was. Nothing is spent until the newer one is back.</source>
        <translation>Le registre de confidentialité est revenu à un état plus ancien. Rien n’est dépensé jusqu’au retour du plus récent.</translation>
    </message>
    <message>
        <source>The network is metered, so no round begins. A finished update is kept and sent when it no longer is.</source>
        <translation>Le réseau est facturé à l’usage&#xa0;: aucun tour ne commence. Une mise à jour terminée est conservée, puis envoyée dès qu’il ne l’est plus.</translation>
    </message>
    <message>
        <source>The data you offered this month is used. No round begins until {until}; a finished update is still sent.</source>
        <translation>Le volume de données offert ce mois-ci est épuisé. Aucun tour ne commence avant {until}&#xa0;; une mise à jour terminée est tout de même envoyée.</translation>
    </message>
    <message>
        <source>Your text has reached its privacy limit. It will not be used again.</source>
        <translation>Votre texte a atteint sa limite de confidentialité. Il n’est plus utilisé.</translation>
    </message>
    <message>
        <source>Nothing is sent. Add a folder of text, then open an invite.</source>
        <translation>Rien n’est envoyé. Ajoutez un dossier de texte, puis ouvrez une invitation.</translation>
    </message>
    <message>
        <source>You have not joined a federation. Nothing is sent until you press Join.</source>
        <translation>Vous n’avez rejoint aucune fédération. Rien n’est envoyé avant un clic sur «&#x202f;Rejoindre&#x202f;».</translation>
    </message>
    <message>
        <source>The machine runs on battery, at {percent} %. It goes on when it is plugged in.</source>
        <translation>La machine est sur batterie, à {percent} %. Reprise dès qu’elle est branchée.</translation>
    </message>
    <message>
        <source>The machine runs on battery. It goes on when it is plugged in.</source>
        <translation>La machine est sur batterie. Reprise dès qu’elle est branchée.</translation>
    </message>
    <message>
        <source>Other programs have let go of the processor. Training goes on at {until} if it stays so.</source>
        <translation>D’autres programmes ont libéré le processeur. L’entraînement reprend à {until} si cela dure.</translation>
    </message>
    <message>
        <source>Other programs use {percent} % of the processor, above your {limit} % limit. Training goes on {quiet_s} after they are done.</source>
        <translation>D’autres programmes prennent {percent} % du processeur, au-delà de votre limite de {limit} %. L’entraînement reprend {quiet_s} après.</translation>
    </message>
    <message>
        <source>Other programs have let go of the GPU. Training goes on at {until} if it stays so.</source>
        <translation>D’autres programmes ont libéré le GPU. L’entraînement reprend à {until} si cela dure.</translation>
    </message>
    <message>
        <source>Other programs use {percent} % of the GPU, above your {limit} % limit. Training goes on {quiet_s} after they are done.</source>
        <translation>D’autres programmes prennent {percent} % du GPU, au-delà de votre limite de {limit} %. L’entraînement reprend {quiet_s} après.</translation>
    </message>
    <message>
        <source>Until you resume. The trainer&apos;s memory is free.</source>
        <translation>Jusqu’à votre reprise. La mémoire de l’entraînement est libre.</translation>
    </message>
    <message>
        <source>Your text is being read on this machine.</source>
        <translation>Votre texte est en cours de lecture sur cette machine.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are sent. {federation} has yet to confirm them.</source>
        <translation>Les nombres du tour {round} sont envoyés. {federation} doit encore les confirmer.</translation>
    </message>
    <message>
        <source>No new round of {name} is begun, because you set the share to 0. Raise it in Federations.</source>
        <translation>Aucun nouveau tour de {name} ne commence, car vous avez mis sa part à 0. Augmentez-la dans Fédérations.</translation>
    </message>
    <message>
        <source>Your limits let training run.</source>
        <translation>Vos limites laissent l’entraînement tourner.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are ready. They leave at a set moment, so that their time says nothing.</source>
        <translation>Les nombres du tour {round} sont prêts. Ils partent à un moment fixé, pour que l’heure d’envoi ne révèle rien.</translation>
    </message>
    <message>
        <source>Until {until}, or when you resume. The trainer&apos;s memory is free.</source>
        <translation>Jusqu’à {until} ou jusqu’à votre reprise. La mémoire de l’entraînement est libre.</translation>
    </message>
    <message>
        <source>{federation} asks for less than before.</source>
        <translation>{federation} demande moins qu’avant.</translation>
    </message>
    <message>
        <source>The GPU is at {temperature} °C and your ceiling is {ceiling} °C. Goes on below {low} °C.</source>
        <translation>Le GPU est à {temperature} °C et votre plafond est {ceiling} °C. Reprise sous {low} °C.</translation>
    </message>
    <message>
        <source>The GPU was above your ceiling and does not say how hot it is now.</source>
        <translation>Le GPU dépassait votre plafond et ne dit pas sa température actuelle.</translation>
    </message>
    <message>
        <source>{name} has not opened its next round. Nothing to do until then.</source>
        <translation>{name} n’a pas ouvert son prochain tour. Rien à faire d’ici là.</translation>
    </message>
    <message>
        <source>Your week plan rests until {until}.</source>
        <translation>Repos jusqu’à {until} selon votre plan de la semaine.</translation>
    </message>
    <message>
        <source>Your week plan is off at all hours. It goes on when you change it.</source>
        <translation>Votre plan de la semaine est au repos à toute heure. Reprise quand vous le changez.</translation>
    </message>
    <message>
        <source>You have given the hours you offered this week. It goes on on Monday.</source>
        <translation>Vous avez donné les heures offertes cette semaine. L’entraînement reprend lundi.</translation>
    </message>
    <message>
        <source>{federation} opened round {round}. Its model is on the way to this machine.</source>
        <translation>{federation} a ouvert le tour {round}. Son modèle est en route vers cette machine.</translation>
    </message>
    <message>
        <source>Round {round} is trained. Its numbers are packed and sealed.</source>
        <translation>L’entraînement du tour {round} est terminé. Les nombres sont empaquetés et scellés.</translation>
    </message>
    <message>
        <source>Round {round} of {federation}: training computes {percent} % of the time, as your rules say.</source>
        <translation>Tour {round} de {federation}&#xa0;: l’entraînement calcule {percent} % du temps, comme le veulent vos règles.</translation>
    </message>
    <message>
        <source>{federation} opened round {round}, and none of your rules speaks against it.</source>
        <translation>{federation} a ouvert le tour {round}, et aucune de vos règles ne s’y oppose.</translation>
    </message>
    <message>
        <source>The numbers of round {round} are going to {federation}. Text sent: none.</source>
        <translation>Les nombres du tour {round} partent vers {federation}. Texte envoyé&#xa0;: aucun.</translation>
    </message>
</context>
<context>
    <name>Session</name>
    <message>
        <source>The demo does not start. Try: hedgerow demo</source>
        <translation>La démo ne démarre pas. Essayez&#xa0;: hedgerow demo</translation>
    </message>
    <message>
        <source>The engine does not start. {0}</source>
        <translation>Le moteur ne démarre pas. {0}</translation>
    </message>
    <message>
        <source>Look into its log.</source>
        <translation>Consultez son journal.</translation>
    </message>
</context>
<context>
    <name>SettingRow</name>
    <message>
        <source>Reset</source>
        <translation>Rétablir</translation>
    </message>
    <message>
        <source>Reset {0}</source>
        <translation>Rétablir {0}</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Never more than</source>
        <translation>Jamais plus de</translation>
    </message>
    <message>
        <source>Only when</source>
        <translation>Seulement quand</translation>
    </message>
    <message>
        <source>On the network, never more than</source>
        <translation>Sur le réseau, jamais plus de</translation>
    </message>
    <message>
        <source>When the window is closed</source>
        <translation>Quand la fenêtre est fermée</translation>
    </message>
    <message>
        <source>Look</source>
        <translation>Apparence</translation>
    </message>
    <message>
        <source>Tell me while the window is out of sight</source>
        <translation>Me dire, quand la fenêtre est hors de vue</translation>
    </message>
    <message>
        <source>Privacy, whatever a federation asks</source>
        <translation>Confidentialité, quoi qu’une fédération demande</translation>
    </message>
    <message>
        <source>Energy, as the history counts it</source>
        <translation>Énergie, telle que l’historique la compte</translation>
    </message>
    <message>
        <source>For those who know why</source>
        <translation>Pour qui sait pourquoi</translation>
    </message>
    <message>
        <source>Hours a week</source>
        <translation>Heures par semaine</translation>
    </message>
    <message>
        <source>Hours of training you offer. Reaching them pauses until Monday.</source>
        <translation>Heures d’entraînement offertes. Une fois atteintes, suspension jusqu’à lundi.</translation>
    </message>
    <message>
        <source>CPU threads</source>
        <translation>Threads CPU</translation>
    </message>
    <message>
        <source>0 means all cores but one.</source>
        <translation>0 signifie tous les cœurs sauf un.</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Mémoire</translation>
    </message>
    <message>
        <source>Of the trainer. 0 means half of what the machine has.</source>
        <translation>Celle de l’entraînement. 0 signifie la moitié de celle de la machine.</translation>
    </message>
    <message>
        <source>Disk for sealed uploads</source>
        <translation>Disque pour les envois scellés</translation>
    </message>
    <message>
        <source>Older ones are reduced to their hash and summary.</source>
        <translation>Les plus anciens sont réduits à leur empreinte et à leur résumé.</translation>
    </message>
    <message>
        <source>Share of the time</source>
        <translation>Part du temps</translation>
    </message>
    <message>
        <source>1 computes without a rest, 0.5 sleeps as long as it computes: less heat and noise.</source>
        <translation>1 calcule sans repos, 0,5 dort aussi longtemps qu’il calcule&#xa0;: moins de chaleur et de bruit.</translation>
    </message>
    <message>
        <source>Memory on each GPU</source>
        <translation>Mémoire sur chaque GPU</translation>
    </message>
    <message>
        <source>0 means what is free there.</source>
        <translation>0 signifie ce qui y est libre.</translation>
    </message>
    <message>
        <source>Temperature of the GPU</source>
        <translation>Température du GPU</translation>
    </message>
    <message>
        <source>Training pauses above it. 0 means no ceiling.</source>
        <translation>L’entraînement est suspendu au-dessus. 0 signifie aucun plafond.</translation>
    </message>
    <message>
        <source>Cool down by</source>
        <translation>Refroidir de</translation>
    </message>
    <message>
        <source>How far below its ceiling the GPU must be before training goes on.</source>
        <translation>Écart sous le plafond que le GPU doit atteindre avant la reprise de l’entraînement.</translation>
    </message>
    <message>
        <source>Week plan</source>
        <translation>Plan de la semaine</translation>
    </message>
    <message>
        <source>Seven days from Monday, with commas, 24 letters each: f full, h half, o off. Empty means always.</source>
        <translation>Sept jours à partir de lundi, séparés par des virgules, 24 lettres chacun&#xa0;: f plein, h moitié, o arrêt. Vide signifie toujours.</translation>
    </message>
    <message>
        <source>Only when nobody uses the machine</source>
        <translation>Seulement quand personne n’utilise la machine</translation>
    </message>
    <message>
        <source>Asked of the desktop; where it does not say, training waits and tells you.</source>
        <translation>Demandé au bureau&#xa0;; s’il ne le dit pas, l’entraînement attend et vous le signale.</translation>
    </message>
    <message>
        <source>No</source>
        <translation>Non</translation>
    </message>
    <message>
        <source>If the GPU draws the screen</source>
        <translation>Si le GPU affiche l’écran</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>Toujours</translation>
    </message>
    <message>
        <source>Nobody uses it after</source>
        <translation>Machine inutilisée après</translation>
    </message>
    <message>
        <source>Minutes without keyboard and mouse.</source>
        <translation>Minutes sans clavier ni souris.</translation>
    </message>
    <message>
        <source>Train on battery</source>
        <translation>Entraîner sur batterie</translation>
    </message>
    <message>
        <source>Off: training pauses until the machine is plugged in.</source>
        <translation>Désactivé&#xa0;: l’entraînement est suspendu jusqu’au branchement de la machine.</translation>
    </message>
    <message>
        <source>Pause while a program fills the screen</source>
        <translation>Suspendre quand un programme occupe tout l’écran</translation>
    </message>
    <message>
        <source>A game, a film, a talk.</source>
        <translation>Un jeu, un film, un exposé.</translation>
    </message>
    <message>
        <source>Pause when others use the GPU above</source>
        <translation>Suspendre si d’autres utilisent le GPU à plus de</translation>
    </message>
    <message>
        <source>0 means never.</source>
        <translation>0 signifie jamais.</translation>
    </message>
    <message>
        <source>Pause when others use the processor above</source>
        <translation>Suspendre si d’autres utilisent le processeur à plus de</translation>
    </message>
    <message>
        <source>Only if it lasts</source>
        <translation>Seulement si cela dure</translation>
    </message>
    <message>
        <source>A shorter load of others is no reason to pause.</source>
        <translation>Une charge plus brève des autres ne justifie pas de suspendre.</translation>
    </message>
    <message>
        <source>Go on after quiet for</source>
        <translation>Reprendre après un calme de</translation>
    </message>
    <message>
        <source>How long others must be done before training goes on.</source>
        <translation>Temps de calme requis avant que l’entraînement reprenne.</translation>
    </message>
    <message>
        <source>Upload</source>
        <translation>Envoi</translation>
    </message>
    <message>
        <source>0 means no limit; the least is 0.5.</source>
        <translation>0 signifie aucune limite&#xa0;; le minimum est 0,5.</translation>
    </message>
    <message>
        <source>Download</source>
        <translation>Réception</translation>
    </message>
    <message>
        <source>Data in a month</source>
        <translation>Données par mois</translation>
    </message>
    <message>
        <source>Sent and received. No round begins that would not fit. 0 means no limit.</source>
        <translation>Envoyées et reçues. Un tour qui dépasserait ne commence pas. 0 signifie aucune limite.</translation>
    </message>
    <message>
        <source>Use a metered network</source>
        <translation>Utiliser un réseau facturé à l’usage</translation>
    </message>
    <message>
        <source>Off: no round begins on one, and finished updates wait.</source>
        <translation>Désactivé&#xa0;: aucun tour n’y commence, et les mises à jour terminées attendent.</translation>
    </message>
    <message>
        <source>Weakest protection</source>
        <translation>Protection la plus faible</translation>
    </message>
    <message>
        <source>Federations that offer less cannot be joined, and joined ones rest.</source>
        <translation>Une fédération qui offre moins ne peut être rejointe&#xa0;; déjà rejointe, elle reste au repos.</translation>
    </message>
    <message>
        <source>None, if I agree each time</source>
        <translation>Aucune, si j’accepte à chaque fois</translation>
    </message>
    <message>
        <source>Each passage</source>
        <translation>Chaque passage</translation>
    </message>
    <message>
        <source>Each document</source>
        <translation>Chaque document</translation>
    </message>
    <message>
        <source>My whole text</source>
        <translation>Tout mon texte</translation>
    </message>
    <message>
        <source>Highest limit of a text</source>
        <translation>Limite la plus haute d’un texte</translation>
    </message>
    <message>
        <source>The smaller, the less anybody can learn of it. Above 8 says little.</source>
        <translation>Plus elle est petite, moins on peut en apprendre. Au-dessus de 8, elle dit peu.</translation>
    </message>
    <message>
        <source>Least noise</source>
        <translation>Bruit minimal</translation>
    </message>
    <message>
        <source>Added even where a federation and the limit ask for less.</source>
        <translation>Ajouté même là où une fédération et la limite en demandent moins.</translation>
    </message>
    <message>
        <source>Keep training in the background</source>
        <translation>Continuer l’entraînement en arrière-plan</translation>
    </message>
    <message>
        <source>Off: closing the window stops training and the engine.</source>
        <translation>Désactivé&#xa0;: fermer la fenêtre arrête l’entraînement et le moteur.</translation>
    </message>
    <message>
        <source>Start with the session</source>
        <translation>Démarrer avec la session</translation>
    </message>
    <message>
        <source>Into the tray, without a window. Off until you want it.</source>
        <translation>Dans la zone de notification, sans fenêtre. Éteint tant que vous ne le voulez pas.</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Couleurs</translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation>Comme le bureau</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Clair</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Sombre</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Langue</translation>
    </message>
    <message>
        <source>From the next start of the window.</source>
        <translation>Au prochain démarrage de la fenêtre.</translation>
    </message>
    <message>
        <source>Tray icon</source>
        <translation>Icône de la barre</translation>
    </message>
    <message>
        <source>Colour fits any panel; one ink is for those who want it quiet.</source>
        <translation>La couleur convient à toute barre&#xa0;; l’encre unie est pour qui la veut discrète.</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>Couleur</translation>
    </message>
    <message>
        <source>Light ink</source>
        <translation>Encre claire</translation>
    </message>
    <message>
        <source>Dark ink</source>
        <translation>Encre sombre</translation>
    </message>
    <message>
        <source>Reduced motion</source>
        <translation>Animations réduites</translation>
    </message>
    <message>
        <source>Rings and messages appear without gliding.</source>
        <translation>Les anneaux et les messages apparaissent sans glisser.</translation>
    </message>
    <message>
        <source>That something does not work</source>
        <translation>Que quelque chose ne marche pas</translation>
    </message>
    <message>
        <source>Such as a federation that does not answer or an engine that stopped.</source>
        <translation>Par exemple une fédération qui ne répond pas ou un moteur arrêté.</translation>
    </message>
    <message>
        <source>That a text has reached its limit</source>
        <translation>Qu’un texte a atteint sa limite</translation>
    </message>
    <message>
        <source>That a round is finished</source>
        <translation>Qu’un tour est fini</translation>
    </message>
    <message>
        <source>Checkpoint at least every</source>
        <translation>Point de contrôle au moins toutes les</translation>
    </message>
    <message>
        <source>Most training that a crash may repeat.</source>
        <translation>Au pire, l’entraînement à refaire après un plantage.</translation>
    </message>
    <message>
        <source>Power of what trains</source>
        <translation>Puissance de l’appareil</translation>
    </message>
    <message>
        <source>Taken where the machine cannot measure its energy.</source>
        <translation>Sert là où la machine ne peut pas mesurer son énergie.</translation>
    </message>
    <message>
        <source>CO₂ of your electricity</source>
        <translation>CO₂ de votre électricité</translation>
    </message>
    <message>
        <source>Grams for a kilowatt-hour; 0 means not known. In one study: France 79, United Kingdom 509, United States 547, China 975.</source>
        <translation>Grammes par kilowattheure&#xa0;; 0 signifie inconnu. Selon une étude&#xa0;: France 79, Royaume-Uni 509, États-Unis 547, Chine 975.</translation>
    </message>
    <message>
        <source>Updates go up in pieces from</source>
        <translation>Envoi par morceaux à partir de</translation>
    </message>
    <message>
        <source>Larger updates go up in pieces and are resumed after a cut.</source>
        <translation>Les mises à jour plus grandes partent par morceaux et reprennent après une coupure.</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>Appareils</translation>
    </message>
    <message>
        <source>Such as cuda:0 or cpu, with commas. Empty means the best one found.</source>
        <translation>Par exemple cuda:0 ou cpu, séparés par des virgules. Vide signifie le meilleur trouvé.</translation>
    </message>
    <message>
        <source>Python of the trainer</source>
        <translation>Python de l’entraînement</translation>
    </message>
    <message>
        <source>Empty means the engine&apos;s own.</source>
        <translation>Vide signifie celui du moteur.</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Your limits win</source>
        <translation>Vos limites l’emportent</translation>
    </message>
    <message>
        <source>Whatever a federation asks for, this machine stays below what stands here.</source>
        <translation>Quoi qu’une fédération demande, cette machine reste en dessous de ce qui figure ici.</translation>
    </message>
    <message>
        <source>The session&apos;s folder cannot be written</source>
        <translation>Impossible d’écrire dans le dossier de la session</translation>
    </message>
</context>
<context>
    <name>ShareRow</name>
    <message>
        <source>rests</source>
        <translation>au repos</translation>
    </message>
    <message>
        <source>Share beside others</source>
        <translation>Part à côté des autres</translation>
    </message>
    <message>
        <source>It rests: no new round is begun for it, one that was begun is finished.</source>
        <translation>Elle est au repos&#xa0;: aucun nouveau tour ne commence, un tour commencé est fini.</translation>
    </message>
    <message>
        <source>Alone it trains whatever stands here. Beside others twice the number is twice the time.</source>
        <translation>Seule, elle entraîne quoi qu’il soit écrit ici. À côté d’autres, le double du nombre est le double du temps.</translation>
    </message>
    <message>
        <source>Twice the number is twice the time: {0} % asked, {1} % given in the last seven days.</source>
        <translation>Le double du nombre est le double du temps&#xa0;: {0} % demandés, {1} % donnés ces sept derniers jours.</translation>
    </message>
</context>
<context>
    <name>State</name>
    <message>
        <source>Pause</source>
        <translation>Suspendre</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Reprendre</translation>
    </message>
    <message>
        <source>Problem</source>
        <translation>Problème</translation>
    </message>
    <message>
        <source>Training</source>
        <translation>Entraînement</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>En attente</translation>
    </message>
    <message>
        <source>Pausing</source>
        <translation>Suspension</translation>
    </message>
    <message>
        <source>Paused by you</source>
        <translation>Suspendu par vous</translation>
    </message>
    <message>
        <source>Resuming</source>
        <translation>Reprise</translation>
    </message>
    <message>
        <source>Paused by a rule</source>
        <translation>Suspendu par une règle</translation>
    </message>
    <message>
        <source>Change rule</source>
        <translation>Modifier la règle</translation>
    </message>
    <message>
        <source>No budget</source>
        <translation>Budget épuisé</translation>
    </message>
    <message>
        <source>See privacy</source>
        <translation>Voir la confidentialité</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Réessayer</translation>
    </message>
    <message>
        <source>Not joined</source>
        <translation>Sans fédération</translation>
    </message>
    <message>
        <source>Open invite</source>
        <translation>Ouvrir une invitation</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Démarrage</translation>
    </message>
    <message>
        <source>Start again</source>
        <translation>Relancer</translation>
    </message>
</context>
<context>
    <name>StateButton</name>
    <message>
        <source>Pause</source>
        <translation>Suspendre</translation>
    </message>
    <message>
        <source>Pause for</source>
        <translation>Suspendre pour</translation>
    </message>
    <message>
        <source>Pause for {0}</source>
        <translation>Suspendre pour {0}</translation>
    </message>
    <message>
        <source>Pause until tomorrow 08:00</source>
        <translation>Suspendre jusqu’à demain 08:00</translation>
    </message>
</context>
<context>
    <name>StatePanel</name>
    <message>
        <source>{0}, round {1}</source>
        <translation>{0}, tour {1}</translation>
    </message>
    <message>
        <source>{0} of {1}</source>
        <translation>{0} sur {1}</translation>
    </message>
    <message>
        <source>downloading the model, {0}</source>
        <translation>téléchargement du modèle, {0}</translation>
    </message>
    <message>
        <source>sending the numbers, {0}</source>
        <translation>envoi des nombres, {0}</translation>
    </message>
    <message>
        <source>step {0} of {1}</source>
        <translation>pas {0} sur {1}</translation>
    </message>
    <message>
        <source>not begun</source>
        <translation>pas commencé</translation>
    </message>
    <message>
        <source>opening your text</source>
        <translation>ouverture de votre texte</translation>
    </message>
    <message>
        <source>packing the numbers</source>
        <translation>empaquetage des nombres</translation>
    </message>
    <message>
        <source>ready, leaving at the next set moment</source>
        <translation>prêt, départ au prochain moment fixé</translation>
    </message>
    <message>
        <source>sent, waiting for the receipt</source>
        <translation>envoyé, en attente du reçu</translation>
    </message>
    <message>
        <source>then {0} of numbers leave this machine</source>
        <translation>puis {0} de nombres quittent cette machine</translation>
    </message>
    <message>
        <source>{0} left</source>
        <translation>reste {0}</translation>
    </message>
</context>
<context>
    <name>TextChoice</name>
    <message>
        <source>With which text</source>
        <translation>Avec quel texte</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>Ajouter un dossier…</translation>
    </message>
    <message>
        <source>ε {0}</source>
        <translation>ε {0}</translation>
    </message>
    <message>
        <source>promised</source>
        <translation>promis</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
    <message>
        <source>No text is ready yet. Add a folder; it is read on this machine first.</source>
        <translation>Aucun texte n’est encore prêt. Ajoutez un dossier&#xa0;; il est d’abord lu sur cette machine.</translation>
    </message>
</context>
<context>
    <name>Toast</name>
    <message>
        <source>Close message</source>
        <translation>Fermer le message</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Pause for</source>
        <translation>Suspendre pour</translation>
    </message>
    <message>
        <source>Until tomorrow 08:00</source>
        <translation>Jusqu’à demain 08:00</translation>
    </message>
    <message>
        <source>Open Hedgerow</source>
        <translation>Ouvrir Hedgerow</translation>
    </message>
    <message>
        <source>See the last upload</source>
        <translation>Voir le dernier envoi</translation>
    </message>
    <message>
        <source>Close the window, keep training</source>
        <translation>Fermer la fenêtre, continuer l’entraînement</translation>
    </message>
    <message>
        <source>Quit and stop training</source>
        <translation>Quitter et arrêter l’entraînement</translation>
    </message>
    <message>
        <source>Given this week: {0}</source>
        <translation>Donné cette semaine&#xa0;: {0}</translation>
    </message>
    <message>
        <source>Privacy left: {0}</source>
        <translation>Confidentialité restante&#xa0;: {0}</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Suspendre</translation>
    </message>
    <message>
        <source>Quit, the engine goes on</source>
        <translation>Quitter, le moteur continue</translation>
    </message>
    <message>
        <source>Privacy: {0}</source>
        <translation>Confidentialité&#xa0;: {0}</translation>
    </message>
    <message>
        <source>No guarantee: {0}</source>
        <translation>Aucune garantie&#xa0;: {0}</translation>
    </message>
</context>
<context>
    <name>TryItPage</name>
    <message>
        <source>Federation whose model is tried</source>
        <translation>Fédération dont le modèle est essayé</translation>
    </message>
    <message>
        <source>Text that the model continues</source>
        <translation>Texte que le modèle continue</translation>
    </message>
    <message>
        <source>Write how a text begins.</source>
        <translation>Écrivez le début d’un texte.</translation>
    </message>
    <message>
        <source>Continue it</source>
        <translation>Continuer le texte</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Arrêter</translation>
    </message>
    <message>
        <source>Empty the sheet</source>
        <translation>Vider la feuille</translation>
    </message>
    <message>
        <source>No model is here yet</source>
        <translation>Aucun modèle ici pour l’instant</translation>
    </message>
    <message>
        <source>Join a federation; its model comes with your first round, and you can write with it here.</source>
        <translation>Rejoignez une fédération&#xa0;; son modèle arrive avec votre premier tour, et vous pouvez écrire avec lui ici.</translation>
    </message>
    <message>
        <source>Write with the model</source>
        <translation>Écrire avec le modèle</translation>
    </message>
    <message>
        <source>It runs on this machine alone, without network. What you write goes nowhere and is not kept.</source>
        <translation>Il fonctionne uniquement sur cette machine, sans réseau. Ce que vous écrivez ne part nulle part et n’est pas conservé.</translation>
    </message>
    <message>
        <source>How much better it becomes on your held-out text is said here after two rounds.</source>
        <translation>Les progrès sur votre texte mis de côté sont indiqués ici après deux tours.</translation>
    </message>
    <message>
        <source>On your held-out text it went from {0} to {1} bits per byte since you joined.</source>
        <translation>Sur votre texte mis de côté, il est passé de {0} à {1} bits par octet depuis votre entrée.</translation>
    </message>
    <message>
        <source>On your held-out text it stands at {1} bits per byte; it was {0} when you joined.</source>
        <translation>Sur votre texte mis de côté, il est à {1} bits par octet&#xa0;; il était à {0} à votre entrée.</translation>
    </message>
    <message>
        <source>Looking for the model…</source>
        <translation>Recherche du modèle…</translation>
    </message>
    <message>
        <source>Opening {0} parameters…</source>
        <translation>Ouverture de {0} paramètres…</translation>
    </message>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n jeton</numerusform>
            <numerusform>%n jetons</numerusform>
        </translation>
    </message>
    <message>
        <source>{0} a second</source>
        <translation>{0} par seconde</translation>
    </message>
    <message numerus="yes">
        <source>Model of {0}, after %n round(s)</source>
        <translation>
            <numerusform>Modèle de {0}, après %n tour</numerusform>
            <numerusform>Modèle de {0}, après %n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>it ended the text by itself</source>
        <translation>il a terminé le texte de lui-même</translation>
    </message>
</context>
<context>
    <name>Units</name>
    <message>
        <source>per document</source>
        <translation>par document</translation>
    </message>
    <message>
        <source>per passage</source>
        <translation>par passage</translation>
    </message>
    <message>
        <source>for your whole text</source>
        <translation>pour tout votre texte</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
    <message>
        <source>Per document</source>
        <translation>Par document</translation>
    </message>
    <message>
        <source>Per passage</source>
        <translation>Par passage</translation>
    </message>
    <message>
        <source>For your whole text</source>
        <translation>Pour tout votre texte</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>Who guesses whether a document is in there goes from 50 % to at most {0} % sure.</source>
        <translation>Qui cherche à deviner si un document s’y trouve passe d’une certitude de 50 % à {0} % au plus.</translation>
    </message>
    <message>
        <source>Who guesses whether it was your text or another goes from 50 % to at most {0} % sure.</source>
        <translation>Qui cherche à deviner si c’était votre texte ou un autre passe d’une certitude de 50 % à {0} % au plus.</translation>
    </message>
    <message>
        <source>Who guesses whether a passage is in there goes from 50 % to at most {0} % sure.</source>
        <translation>Qui cherche à deviner si un passage s’y trouve passe d’une certitude de 50 % à {0} % au plus.</translation>
    </message>
    <message>
        <source>Useful at this limit</source>
        <translation>Utile à cette limite</translation>
    </message>
    <message>
        <source>Barely useful at this limit</source>
        <translation>À peine utile à cette limite</translation>
    </message>
    <message>
        <source>Not useful at this limit</source>
        <translation>Inutile à cette limite</translation>
    </message>
    <message>
        <source>Useful</source>
        <translation>Utile</translation>
    </message>
    <message>
        <source>Barely useful</source>
        <translation>À peine utile</translation>
    </message>
    <message>
        <source>Not useful</source>
        <translation>Inutile</translation>
    </message>
    <message>
        <source>With fewer than about 1,000 of them, learning under this noise is unlikely. More text helps most.</source>
        <translation>En dessous de 1&#x202f;000 environ, un apprentissage sous ce bruit est improbable. Le plus utile&#xa0;: davantage de texte.</translation>
    </message>
    <message>
        <source>The noise leaves about half of what could be learned. An expectation, not a promise.</source>
        <translation>Le bruit laisse environ la moitié de ce qui pourrait être appris. Une estimation, pas une promesse.</translation>
    </message>
    <message>
        <source>The noise leaves a small part of what could be learned; more text or a wider limit leaves more.</source>
        <translation>Le bruit laisse une petite part de ce qui pourrait être appris&#xa0;; plus de texte ou une limite plus large en laisse davantage.</translation>
    </message>
    <message>
        <source>The noise drowns what could be learned: privacy is spent for nearly nothing.</source>
        <translation>Le bruit noie ce qui pourrait être appris&#xa0;: la confidentialité est dépensée pour presque rien.</translation>
    </message>
</context>
<context>
    <name>UploadModel</name>
    <message>
        <source>Round {0}</source>
        <translation>Tour {0}</translation>
    </message>
    <message>
        <source>finished, not sent yet</source>
        <translation>terminé, pas encore envoyé</translation>
    </message>
    <message>
        <source>on its way</source>
        <translation>en route</translation>
    </message>
    <message>
        <source>{0} · refused</source>
        <translation>{0} · refusé</translation>
    </message>
    <message>
        <source>{0} · late</source>
        <translation>{0} · en retard</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
    <message>
        <source>public text only</source>
        <translation>texte public seul</translation>
    </message>
    <message>
        <source>ε +{0}</source>
        <translation>ε +{0}</translation>
    </message>
    <message>
        <source>sent, receipt not here yet</source>
        <translation>envoyé, reçu pas encore arrivé</translation>
    </message>
    <message>
        <source>accepted, receipt kept</source>
        <translation>accepté, reçu conservé</translation>
    </message>
    <message>
        <source>refused: {0}</source>
        <translation>refusé&#xa0;: {0}</translation>
    </message>
    <message>
        <source>too late for its round</source>
        <translation>trop tard pour son tour</translation>
    </message>
</context>
<context>
    <name>UploadsPage</name>
    <message>
        <source>Uploads</source>
        <translation>Envois</translation>
    </message>
    <message>
        <source>everything that ever left</source>
        <translation>tout ce qui est jamais sorti d’ici</translation>
    </message>
    <message>
        <source>Nothing has left this machine</source>
        <translation>Rien n’a quitté cette machine</translation>
    </message>
    <message>
        <source>Each update appears here, opened up: size, hash, cost in privacy, and the numbers themselves.</source>
        <translation>Chaque mise à jour apparaît ici, ouverte&#xa0;: taille, empreinte, coût en confidentialité et les nombres eux-mêmes.</translation>
    </message>
    <message numerus="yes">
        <source>%n upload(s), {0}</source>
        <translation>
            <numerusform>%n envoi, {0}</numerusform>
            <numerusform>%n envois, {0}</numerusform>
        </translation>
    </message>
    <message>
        <source>Export what was sent</source>
        <translation>Exporter ce qui fut envoyé</translation>
    </message>
    <message>
        <source>What was sent is written</source>
        <translation>Ce qui fut envoyé est écrit</translation>
    </message>
</context>
<context>
    <name>Verdict</name>
    <message>
        <source>The noise is {0} times as large as the most that is learned.</source>
        <translation>Le bruit vaut {0} fois le maximum de ce qui est appris.</translation>
    </message>
</context>
<context>
    <name>WeekGrid</name>
    <message>
        <source>Week plan: arrows move, Shift selects, Space changes</source>
        <translation>Plan de la semaine&#xa0;: les flèches déplacent, Shift sélectionne, Space modifie</translation>
    </message>
    <message>
        <source>full</source>
        <translation>plein</translation>
    </message>
    <message>
        <source>half</source>
        <translation>moitié</translation>
    </message>
    <message>
        <source>off</source>
        <translation>arrêt</translation>
    </message>
    <message>
        <source>{0} {1}:00, {2}</source>
        <translation>{0} {1}:00, {2}</translation>
    </message>
    <message>
        <source>{0}. {1} hours a week are open</source>
        <translation>{0}. {1} heures par semaine sont ouvertes</translation>
    </message>
</context>
<context>
    <name>_Charges</name>
    <message>
        <source>Charged</source>
        <translation>Débité le</translation>
    </message>
    <message>
        <source>Federation, round</source>
        <translation>Fédération, tour</translation>
    </message>
    <message>
        <source>ε added</source>
        <translation>ε ajouté</translation>
    </message>
    <message>
        <source>ε after</source>
        <translation>ε après</translation>
    </message>
    <message>
        <source>Hash of the upload</source>
        <translation>Empreinte de l’envoi</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
</context>
<context>
    <name>_Curve</name>
    <message>
        <source>Privacy charged</source>
        <translation>Confidentialité débitée</translation>
    </message>
    <message>
        <source>Charged on {0}, round by round</source>
        <translation>Débit pour {0}, tour par tour</translation>
    </message>
    <message>
        <source>ε {0} charged in {1} rounds, the limit is {2}</source>
        <translation>ε {0} débité en {1} tours, la limite est {2}</translation>
    </message>
    <message>
        <source>first round</source>
        <translation>premier tour</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>tour {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n more round(s) are planned, up to ε {0}</source>
        <translation>
            <numerusform>encore %n tour prévu, jusqu’à ε {0}</numerusform>
            <numerusform>encore %n tours prévus, jusqu’à ε {0}</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>planned, dashed: %n more round(s)</source>
        <translation>
            <numerusform>prévu, en tirets&#xa0;: encore %n tour</numerusform>
            <numerusform>prévu, en tirets&#xa0;: encore %n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>limit {0}, contribution stops</source>
        <translation>limite {0}, la contribution s’arrête</translation>
    </message>
    <message>
        <source>δ {0} · {1} · {2}</source>
        <translation>δ {0} · {1} · {2}</translation>
    </message>
    <message>
        <source> · orders {0}</source>
        <translation> · ordres {0}</translation>
    </message>
</context>
<context>
    <name>_Detail</name>
    <message>
        <source>Privacy</source>
        <translation>Confidentialité</translation>
    </message>
    <message>
        <source>Your text</source>
        <translation>Votre texte</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modèle</translation>
    </message>
    <message>
        <source>Rounds</source>
        <translation>Tours</translation>
    </message>
    <message>
        <source>Leaves</source>
        <translation>Ce qui part</translation>
    </message>
    <message>
        <source>Comes in</source>
        <translation>Ce qui arrive</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Licence</translation>
    </message>
    <message>
        <source>Last contact</source>
        <translation>Dernier contact</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Manifest</source>
        <translation>Manifeste</translation>
    </message>
    <message>
        <source>Leave…</source>
        <translation>Quitter…</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Rester</translation>
    </message>
    <message>
        <source>Purpose, in their words</source>
        <translation>But, dans leurs mots</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>rejointe</translation>
    </message>
    <message>
        <source>no answer</source>
        <translation>sans réponse</translation>
    </message>
    <message>
        <source>rests: below your floor</source>
        <translation>au repos&#xa0;: sous votre plancher</translation>
    </message>
    <message>
        <source>rests: its share is 0</source>
        <translation>au repos&#xa0;: sa part est 0</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>terminée</translation>
    </message>
    <message>
        <source>left</source>
        <translation>quittée</translation>
    </message>
    <message>
        <source>Run by {0}, {1}</source>
        <translation>Gérée par {0}, {1}</translation>
    </message>
    <message>
        <source>{0} of {1} done here, now at round {2}</source>
        <translation>{0} sur {1} faits ici, maintenant au tour {2}</translation>
    </message>
    <message>
        <source>{0}, {1} parameters</source>
        <translation>{0}, {1} paramètres</translation>
    </message>
    <message>
        <source>none</source>
        <translation>aucun</translation>
    </message>
    <message>
        <source>{0} of numbers a round</source>
        <translation>{0} de nombres par tour</translation>
    </message>
    <message>
        <source>{0} of weights a round</source>
        <translation>{0} de poids par tour</translation>
    </message>
    <message>
        <source>none yet</source>
        <translation>aucun encore</translation>
    </message>
    <message>
        <source>{0} of {1} tokens, guaranteed here</source>
        <translation>{0} de {1} jetons, garanti ici</translation>
    </message>
    <message>
        <source>{0}, guaranteed here</source>
        <translation>{0}, garanti ici</translation>
    </message>
    <message>
        <source>Deleted: the key for this federation, here and there; unfinished rounds. Stays: numbers already sent, in the shared model; your text, ledger and spent privacy, here.</source>
        <translation>Supprimé&#xa0;: la clé de cette fédération, ici et là-bas&#xa0;; les tours inachevés. Conservé&#xa0;: les nombres déjà envoyés, dans le modèle commun&#xa0;; votre texte, votre registre et la confidentialité dépensée, ici.</translation>
    </message>
    <message>
        <source>In their words: {0}</source>
        <translation>Dans leurs mots&#xa0;: {0}</translation>
    </message>
    <message>
        <source>Leave this federation</source>
        <translation>Quitter cette fédération</translation>
    </message>
    <message>
        <source>Copy hash</source>
        <translation>Copier l’empreinte</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exporter…</translation>
    </message>
    <message>
        <source>How much each layer moved</source>
        <translation>Ampleur du changement par couche</translation>
    </message>
    <message>
        <source>The numbers themselves</source>
        <translation>Les nombres eux-mêmes</translation>
    </message>
    <message>
        <source>Every field in the message</source>
        <translation>Tous les champs du message</translation>
    </message>
    <message>
        <source>Sent</source>
        <translation>Envoyé</translation>
    </message>
    <message>
        <source>To</source>
        <translation>À</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Taille</translation>
    </message>
    <message>
        <source>Charged</source>
        <translation>Débité</translation>
    </message>
    <message>
        <source>State</source>
        <translation>État</translation>
    </message>
    <message>
        <source>SHA-256</source>
        <translation>SHA-256</translation>
    </message>
    <message>
        <source>Round {0}: numbers only, no text</source>
        <translation>Tour {0}&#xa0;: des nombres seulement, aucun texte</translation>
    </message>
    <message>
        <source>not yet</source>
        <translation>pas encore</translation>
    </message>
    <message>
        <source>{0} bytes ({1}×)</source>
        <translation>{0} octets ({1}×)</translation>
    </message>
    <message>
        <source>{0} bytes</source>
        <translation>{0} octets</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
    <message>
        <source>public text only</source>
        <translation>texte public seul</translation>
    </message>
    <message>
        <source>ε +{0}, {1} after</source>
        <translation>ε +{0}, {1} après</translation>
    </message>
    <message>
        <source>Opening the sealed bytes.</source>
        <translation>Ouverture des octets scellés.</translation>
    </message>
    <message>
        <source>{0} weight changes, noised and packed as {1}</source>
        <translation>{0} changements de poids, bruités et empaquetés en {1}</translation>
    </message>
    <message>
        <source>{0} weight changes without noise, packed as {1}</source>
        <translation>{0} changements de poids sans bruit, empaquetés en {1}</translation>
    </message>
    <message numerus="yes">
        <source>%n group(s) of layers, the largest change is {0} in {1}</source>
        <translation>
            <numerusform>%n groupe de couches, le plus grand changement est {0} dans {1}</numerusform>
            <numerusform>%n groupes de couches, le plus grand changement est {0} dans {1}</numerusform>
        </translation>
    </message>
    <message>
        <source>length of the change, as sent</source>
        <translation>longueur du changement, tel qu’envoyé</translation>
    </message>
    <message>
        <source>embed</source>
        <translation>plongement</translation>
    </message>
    <message>
        <source>norm</source>
        <translation>norme</translation>
    </message>
    <message>
        <source>head</source>
        <translation>tête</translation>
    </message>
    <message>
        <source>{0} values between {1} and {2}</source>
        <translation>{0} valeurs entre {1} et {2}</translation>
    </message>
    <message>
        <source>round</source>
        <translation>tour</translation>
    </message>
    <message>
        <source>values, {0}</source>
        <translation>valeurs, {0}</translation>
    </message>
    <message>
        <source>base checkpoint</source>
        <translation>point de contrôle de base</translation>
    </message>
    <message>
        <source>manifest</source>
        <translation>manifeste</translation>
    </message>
    <message>
        <source>nonce of the round</source>
        <translation>nonce du tour</translation>
    </message>
    <message>
        <source>hash of the update</source>
        <translation>empreinte de la mise à jour</translation>
    </message>
    <message>
        <source>signature of this machine</source>
        <translation>signature de cette machine</translation>
    </message>
    <message>
        <source>over all of these</source>
        <translation>sur tout ce qui précède</translation>
    </message>
</context>
<context>
    <name>_Folders</name>
    <message>
        <source>Add folder…</source>
        <translation>Ajouter un dossier…</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>Ajouter des fichiers…</translation>
    </message>
    <message>
        <source>Nothing chosen yet. Folders can be dropped onto the window too.</source>
        <translation>Rien n’est encore choisi. Vous pouvez aussi déposer des dossiers sur la fenêtre.</translation>
    </message>
    <message>
        <source>being read</source>
        <translation>lecture en cours</translation>
    </message>
</context>
<context>
    <name>_Footprint</name>
    <message>
        <source>Energy</source>
        <translation>Énergie</translation>
    </message>
    <message>
        <source>Energy here and in a data centre</source>
        <translation>Énergie ici et dans un centre de données</translation>
    </message>
    <message>
        <source>Measured here</source>
        <translation>Mesuré ici</translation>
    </message>
    <message>
        <source>Estimated here</source>
        <translation>Estimé ici</translation>
    </message>
    <message>
        <source>Network, at most</source>
        <translation>Réseau, au plus</translation>
    </message>
    <message>
        <source>Together</source>
        <translation>Total</translation>
    </message>
    <message>
        <source>Data centre</source>
        <translation>Centre de données</translation>
    </message>
    <message>
        <source>CO₂</source>
        <translation>CO₂</translation>
    </message>
    <message>
        <source>How this is worked out</source>
        <translation>Méthode de calcul</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>measured</source>
        <translation>mesuré</translation>
    </message>
    <message>
        <source>estimated where not measured</source>
        <translation>estimé là où ce n’est pas mesuré</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>rien</translation>
    </message>
    <message>
        <source>{0}, at {1} W</source>
        <translation>{0}, à {1} W</translation>
    </message>
    <message>
        <source>{0} for the same training, estimated</source>
        <translation>{0} pour le même entraînement, estimé</translation>
    </message>
    <message>
        <source>How much CO₂ that is depends on your electricity. Say grams for a kilowatt-hour in the settings.</source>
        <translation>La quantité de CO₂ dépend de votre électricité. Indiquez les grammes par kilowattheure dans les réglages.</translation>
    </message>
    <message>
        <source>here, {0}</source>
        <translation>ici, {0}</translation>
    </message>
    <message>
        <source>data centre, {0}</source>
        <translation>centre de données, {0}</translation>
    </message>
    <message>
        <source>{0} here, {1} in a data centre</source>
        <translation>{0} ici, {1} dans un centre de données</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>inconnu</translation>
    </message>
    <message>
        <source>{0} here, {1} there, on your grid</source>
        <translation>{0} ici, {1} là-bas, avec votre électricité</translation>
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
        <translation>Ici&#xa0;: les joules du compteur de l’appareil s’il en a un, sinon votre chiffre de puissance multiplié par la durée. Rien n’est refroidi. Réseau&#xa0;: 60 Wh par gigaoctet, un chiffre de 2015 qui a baissé depuis. Centre de données&#xa0;: un V100 de 250 W qui atteint 40 % de son maximum, six opérations par paramètre et par jeton, fois 1,67 pour le refroidissement et le reste. La méthode est celle de Qiu et autres, arXiv 2102.07627.</translation>
    </message>
</context>
<context>
    <name>_GainPanel</name>
    <message>
        <source>On your own text</source>
        <translation>Sur votre propre texte</translation>
    </message>
    <message>
        <source>Bits per byte on your own text</source>
        <translation>Bits par octet sur votre propre texte</translation>
    </message>
    <message>
        <source>Measured here before each round, on text kept back. Never sent.</source>
        <translation>Mesuré ici avant chaque tour, sur du texte mis de côté. Jamais envoyé.</translation>
    </message>
    <message>
        <source>{0} bits per byte</source>
        <translation>{0} bits par octet</translation>
    </message>
    <message>
        <source>{0} %</source>
        <translation>{0} %</translation>
    </message>
    <message>
        <source>fewer bits per byte than on the day you joined, on text kept back from training</source>
        <translation>de bits par octet en moins que le jour de votre entrée, sur du texte tenu à l’écart de l’entraînement</translation>
    </message>
    <message>
        <source>more bits per byte than on the day you joined, on text kept back from training</source>
        <translation>de bits par octet en plus que le jour de votre entrée, sur du texte tenu à l’écart de l’entraînement</translation>
    </message>
    <message>
        <source>{0} bits per byte before round {1}, {2} when you joined</source>
        <translation>{0} bits par octet avant le tour {1}, {2} à votre entrée</translation>
    </message>
    <message>
        <source>joined</source>
        <translation>votre entrée</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>tour {0}</translation>
    </message>
</context>
<context>
    <name>_Gauge</name>
    <message>
        <source>unknown</source>
        <translation>inconnu</translation>
    </message>
    <message>
        <source>of {0}</source>
        <translation>sur {0}</translation>
    </message>
    <message>
        <source>last minutes {0} to {1}</source>
        <translation>dernières minutes&#xa0;: {0} à {1}</translation>
    </message>
    <message>
        <source>nothing read yet</source>
        <translation>pas encore de mesure</translation>
    </message>
    <message>
        <source>earlier</source>
        <translation>avant</translation>
    </message>
    <message>
        <source>now</source>
        <translation>maintenant</translation>
    </message>
    <message>
        <source>{0}: {1} % of its privacy left</source>
        <translation>{0}&#xa0;: reste {1} % de sa confidentialité</translation>
    </message>
    <message>
        <source>no guarantee</source>
        <translation>aucune garantie</translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} sur {1}</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Garanti ici</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Promis par eux</translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>every round of the plan was asked for</source>
        <translation>chaque tour du plan a été demandé</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s) planned, but it stops before</source>
        <translation>
            <numerusform>%n tour prévu, mais arrêt avant</numerusform>
            <numerusform>%n tours prévus, mais arrêt avant</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>the plan ends at ε {0}, in %n round(s)</source>
        <translation>
            <numerusform>le plan se termine à ε {0}, dans %n tour</numerusform>
            <numerusform>le plan se termine à ε {0}, dans %n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>a round without noise ended it, for good</source>
        <translation>un tour sans bruit y a mis fin, pour de bon</translation>
    </message>
    <message numerus="yes">
        <source>%n round(s) left</source>
        <translation>
            <numerusform>%n tour restant</numerusform>
            <numerusform>%n tours restants</numerusform>
        </translation>
    </message>
    <message>
        <source>nothing spent</source>
        <translation>aucune dépense</translation>
    </message>
</context>
<context>
    <name>_Gauges</name>
    <message>
        <source>GPU load</source>
        <translation>Charge du GPU</translation>
    </message>
    <message>
        <source>GPU temperature</source>
        <translation>Température du GPU</translation>
    </message>
    <message>
        <source>GPU memory</source>
        <translation>Mémoire du GPU</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Processeur</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Mémoire</translation>
    </message>
    <message>
        <source>{0} cores</source>
        <translation>{0} cœurs</translation>
    </message>
    <message>
        <source>limit {0} cores</source>
        <translation>limite {0} cœurs</translation>
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
        <translation>plafond {0} °C</translation>
    </message>
    <message>
        <source>limit {0} GB</source>
        <translation>limite {0} GB</translation>
    </message>
</context>
<context>
    <name>_HedgePanel</name>
    <message>
        <source>Your hedge</source>
        <translation>Votre haie</translation>
    </message>
    <message>
        <source>{0} · one stem a day</source>
        <translation>{0} · une tige par jour</translation>
    </message>
</context>
<context>
    <name>_Hours</name>
    <message>
        <source>Your hours</source>
        <translation>Vos heures</translation>
    </message>
    <message>
        <source>Filled: full effort. Dash: half. Pale: off. Drag, or arrows and Space.</source>
        <translation>Rempli&#xa0;: plein effort. Trait&#xa0;: moitié. Pâle&#xa0;: arrêt. Glissez, ou utilisez les flèches et Space.</translation>
    </message>
    <message>
        <source>{0} h open · {1} h offered a week</source>
        <translation>{0} h ouvertes · {1} h offertes par semaine</translation>
    </message>
</context>
<context>
    <name>_LeftPanel</name>
    <message>
        <source>What left this machine</source>
        <translation>Ce qui a quitté cette machine</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Tout</translation>
    </message>
    <message>
        <source>See inside the last one</source>
        <translation>Voir le contenu du dernier</translation>
    </message>
    <message>
        <source>Nothing has left this machine.</source>
        <translation>Rien n’a quitté cette machine.</translation>
    </message>
    <message>
        <source>All {0}</source>
        <translation>Tout&#xa0;: {0}</translation>
    </message>
    <message numerus="yes">
        <source>%n upload(s)</source>
        <translation>
            <numerusform>%n envoi</numerusform>
            <numerusform>%n envois</numerusform>
        </translation>
    </message>
    <message>
        <source>This week: {0}, {1}. Text sent: none.</source>
        <translation>Cette semaine&#xa0;: {0}, {1}. Texte envoyé&#xa0;: aucun.</translation>
    </message>
    <message>
        <source>round {0}</source>
        <translation>tour {0}</translation>
    </message>
</context>
<context>
    <name>_Log</name>
    <message>
        <source>Copy log</source>
        <translation>Copier le journal</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Journal</translation>
    </message>
    <message>
        <source>Log of the engine</source>
        <translation>Journal du moteur</translation>
    </message>
    <message numerus="yes">
        <source>the last %n line(s), without text of yours</source>
        <translation>
            <numerusform>%n dernière ligne, sans aucun de vos textes</numerusform>
            <numerusform>les %n dernières lignes, sans aucun de vos textes</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_LossPanel</name>
    <message>
        <source>Training loss</source>
        <translation>Perte d’entraînement</translation>
    </message>
    <message>
        <source>Appears with the first steps of training.</source>
        <translation>Apparaît avec les premiers pas de l’entraînement.</translation>
    </message>
    <message>
        <source>{0} nats per token</source>
        <translation>{0} nats par jeton</translation>
    </message>
    <message>
        <source>Training loss {0} at step {1}, {2} at the first point</source>
        <translation>Perte d’entraînement {0} au pas {1}, {2} au premier point</translation>
    </message>
    <message>
        <source>step {0}</source>
        <translation>pas {0}</translation>
    </message>
</context>
<context>
    <name>_Overview</name>
    <message>
        <source>Open invite</source>
        <translation>Ouvrir une invitation</translation>
    </message>
    <message>
        <source>Federations</source>
        <translation>Fédérations</translation>
    </message>
    <message>
        <source>An invite is a link that begins with hedgerow://join. Reading it opens no connection.</source>
        <translation>Une invitation est un lien qui commence par hedgerow://join. La lire n’ouvre aucune connexion.</translation>
    </message>
    <message>
        <source>You help nobody now</source>
        <translation>Vous n’aidez personne en ce moment</translation>
    </message>
    <message numerus="yes">
        <source>You train with %n federation(s)</source>
        <translation>
            <numerusform>Vous participez à %n fédération</numerusform>
            <numerusform>Vous participez à %n fédérations</numerusform>
        </translation>
    </message>
    <message>
        <source>No federation is active</source>
        <translation>Aucune fédération n’est active</translation>
    </message>
    <message>
        <source>Nothing is sent to anybody</source>
        <translation>Rien n’est envoyé à personne</translation>
    </message>
</context>
<context>
    <name>_Privacy</name>
    <message>
        <source>Strict</source>
        <translation>Stricte</translation>
    </message>
    <message>
        <source>Middle</source>
        <translation>Moyenne</translation>
    </message>
    <message>
        <source>Wide</source>
        <translation>Large</translation>
    </message>
    <message>
        <source>Strong. Too noisy to learn from little text.</source>
        <translation>Forte. Trop de bruit pour apprendre de peu de texte.</translation>
    </message>
    <message>
        <source>A usual choice for private writing.</source>
        <translation>Un choix courant pour des écrits privés.</translation>
    </message>
    <message>
        <source>Weak as proof, usual in research.</source>
        <translation>Faible comme preuve, courante en recherche.</translation>
    </message>
    <message>
        <source>{0}, ε at most {1}</source>
        <translation>{0}, ε au plus {1}</translation>
    </message>
    <message>
        <source>ε at most {0}</source>
        <translation>ε au plus {0}</translation>
    </message>
    <message>
        <source>ε is the measure of what is given away; smaller is safer. Each text has its own account. You can lower this at any time; a federation that asks for more is refused.</source>
        <translation>ε mesure ce qui est dévoilé&#xa0;; plus il est petit, plus c’est sûr. Chaque texte a son propre compte. Vous pouvez baisser cette limite à tout moment&#xa0;; une fédération qui demande plus est refusée.</translation>
    </message>
    <message>
        <source>At ε {0}: {1}</source>
        <translation>À ε {0}&#xa0;: {1}</translation>
    </message>
</context>
<context>
    <name>_Report</name>
    <message>
        <source>Copy report</source>
        <translation>Copier le rapport</translation>
    </message>
    <message>
        <source>Throw away</source>
        <translation>Jeter</translation>
    </message>
    <message>
        <source>Something in this window went wrong</source>
        <translation>Quelque chose a échoué dans cette fenêtre</translation>
    </message>
    <message>
        <source>Report of what went wrong</source>
        <translation>Rapport sur ce qui a échoué</translation>
    </message>
    <message>
        <source>It is sent nowhere. Whoever mends it can use it; it may name files of yours, so read it first.</source>
        <translation>Il n’est envoyé nulle part. Il aide qui répare ; il peut nommer de vos fichiers, lisez-le donc d’abord.</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Copié</translation>
    </message>
</context>
<context>
    <name>_RingsPanel</name>
    <message>
        <source>Add folder…</source>
        <translation>Ajouter un dossier…</translation>
    </message>
    <message>
        <source>Given · outer ring</source>
        <translation>Donné · anneau extérieur</translation>
    </message>
    <message>
        <source>Privacy left · inner ring</source>
        <translation>Confidentialité restante · intérieur</translation>
    </message>
    <message>
        <source>Nothing given yet</source>
        <translation>Encore rien donné</translation>
    </message>
    <message>
        <source>Hours of training fill this ring, once you have joined.</source>
        <translation>Les heures d’entraînement remplissent cet anneau dès que vous avez rejoint.</translation>
    </message>
    <message>
        <source>Nothing spent</source>
        <translation>Aucune dépense</translation>
    </message>
    <message>
        <source>It gets shorter with each round and ends at a limit you set.</source>
        <translation>Il raccourcit à chaque tour et s’arrête à une limite que vous fixez.</translation>
    </message>
    <message>
        <source>of {0} offered this week</source>
        <translation>sur {0} offertes cette semaine</translation>
    </message>
    <message>
        <source>{0} in all</source>
        <translation>{0} en tout</translation>
    </message>
    <message>
        <source>about {0} in all</source>
        <translation>environ {0} en tout</translation>
    </message>
    <message numerus="yes">
        <source>%n text(s) without</source>
        <translation>
            <numerusform>%n sans garantie</numerusform>
            <numerusform>%n sans garantie</numerusform>
        </translation>
    </message>
    <message>
        <source>No guarantee</source>
        <translation>Aucune garantie</translation>
    </message>
    <message>
        <source>No figure bounds what the model learned from it.</source>
        <translation>Aucun chiffre ne borne ce que le modèle en a appris.</translation>
    </message>
    <message>
        <source>No round has used your text yet.</source>
        <translation>Aucun tour n’a encore utilisé votre texte.</translation>
    </message>
    <message>
        <source>ε {0} of {1}</source>
        <translation>ε {0} sur {1}</translation>
    </message>
    <message>
        <source>charged so far on {0}</source>
        <translation>débité jusqu’ici pour {0}</translation>
    </message>
    <message numerus="yes">
        <source>about %n round(s)</source>
        <translation>
            <numerusform>environ %n tour</numerusform>
            <numerusform>environ %n tours</numerusform>
        </translation>
    </message>
    <message>
        <source>none left</source>
        <translation>aucun restant</translation>
    </message>
    <message>
        <source>ε {0} of {1} spent on {2}</source>
        <translation>ε {0} sur {1} dépensé pour {2}</translation>
    </message>
    <message>
        <source>Guaranteed here</source>
        <translation>Garanti ici</translation>
    </message>
    <message>
        <source>Promised by them</source>
        <translation>Promis par eux</translation>
    </message>
</context>
<context>
    <name>_Start</name>
    <message>
        <source>Open invite</source>
        <translation>Ouvrir une invitation</translation>
    </message>
    <message>
        <source>Run the demo</source>
        <translation>Lancer la démo</translation>
    </message>
    <message>
        <source>You got a link that begins with hedgerow://join. Reading it opens no connection.</source>
        <translation>Vous avez reçu un lien qui commence par hedgerow://join. Le lire n’ouvre aucune connexion.</translation>
    </message>
    <message>
        <source>Without an invite: a coordinator and two volunteers run on this machine for some minutes, on text that every machine has. A second window shows one of them.</source>
        <translation>Sans invitation&#xa0;: un coordinateur et deux participants tournent quelques minutes sur cette machine, sur du texte que toute machine possède. Une seconde fenêtre montre l’un d’eux.</translation>
    </message>
    <message>
        <source>The demo starts. Its window opens when its first volunteer is there, in a minute.</source>
        <translation>La démo démarre. Sa fenêtre s’ouvre quand son premier participant est là, dans une minute.</translation>
    </message>
</context>
<context>
    <name>_Steps</name>
    <message>
        <source>Every step can be skipped and done later from Home.</source>
        <translation>Chaque étape peut être passée et faite plus tard depuis Accueil.</translation>
    </message>
    <message>
        <source>{0}, seen</source>
        <translation>{0}, vue</translation>
    </message>
    <message>
        <source>{0}, now</source>
        <translation>{0}, en cours</translation>
    </message>
</context>
<context>
    <name>_What</name>
    <message>
        <source>You point it at text of yours</source>
        <translation>Vous lui indiquez vos textes</translation>
    </message>
    <message>
        <source>It is read and kept encrypted here. Nobody else gets to see it, not even its file names.</source>
        <translation>Ils sont lus et gardés chiffrés ici. Personne d’autre ne les voit, pas même leurs noms de fichiers.</translation>
    </message>
    <message>
        <source>Your machine trains for a while</source>
        <translation>Votre machine entraîne le modèle un moment</translation>
    </message>
    <message>
        <source>When you allow it, as hard as you allow it. It stops at once when you press Pause.</source>
        <translation>Quand vous le permettez, autant que vous le permettez. Elle s’arrête dès que vous cliquez sur «&#x202f;Suspendre&#x202f;».</translation>
    </message>
    <message>
        <source>Numbers leave, with noise</source>
        <translation>Des nombres partent, avec du bruit</translation>
    </message>
    <message>
        <source>A few megabytes that say how to change the model a little. Every one of them can be opened and looked at.</source>
        <translation>Quelques mégaoctets qui disent comment changer un peu le modèle. Chaque envoi peut être ouvert et consulté.</translation>
    </message>
    <message>
        <source>What it costs in privacy is counted</source>
        <translation>Ce que cela coûte en confidentialité est compté</translation>
    </message>
    <message>
        <source>As an upper bound, written down before anything leaves. At your limit it stops by itself.</source>
        <translation>Par une borne supérieure, inscrite avant tout envoi. À votre limite, l’entraînement s’arrête de lui-même.</translation>
    </message>
    <message>
        <source>What it does not hide</source>
        <translation>Ce que cela ne cache pas</translation>
    </message>
    <message>
        <source>That you take part, and a fact that stands in many of your documents.</source>
        <translation>Le fait que vous participez, et un fait qui figure dans beaucoup de vos documents.</translation>
    </message>
</context>
<context>
    <name>_Words</name>
    <message>
        <source>Charged to disk before anything is sent</source>
        <translation>Débit inscrit sur disque avant tout envoi</translation>
    </message>
    <message>
        <source>A crash or a retry never gives it back</source>
        <translation>Ni un plantage ni un nouvel essai ne le rend</translation>
    </message>
    <message>
        <source>What becomes of single uploads cannot be checked from here</source>
        <translation>Ce que deviennent les envois isolés n’est pas vérifiable d’ici</translation>
    </message>
    <message>
        <source>That you take part</source>
        <translation>Le fait que vous participez</translation>
    </message>
    <message>
        <source>What earlier rounds taught the model</source>
        <translation>Ce que les tours précédents ont appris au modèle</translation>
    </message>
    <message>
        <source>A fact that is in many of your texts</source>
        <translation>Un fait présent dans beaucoup de vos textes</translation>
    </message>
    <message>
        <source>worked out and enforced on this machine</source>
        <translation>calculé et appliqué sur cette machine</translation>
    </message>
    <message>
        <source>no one can undo or hide these</source>
        <translation>nul ne peut les annuler ni les cacher</translation>
    </message>
    <message>
        <source>Guaranteed</source>
        <translation>Garanti</translation>
    </message>
    <message>
        <source>Promised</source>
        <translation>Promis</translation>
    </message>
    <message>
        <source>Not covered</source>
        <translation>Non couvert</translation>
    </message>
    <message>
        <source>ε is an upper bound (δ {0})</source>
        <translation>ε est une borne supérieure (δ {0})</translation>
    </message>
    <message>
        <source>Only that no text is sent</source>
        <translation>Seulement qu’aucun texte n’est envoyé</translation>
    </message>
    <message>
        <source>ε is an upper bound, and the limit is yours</source>
        <translation>ε est une borne supérieure, et la limite est à vous</translation>
    </message>
    <message>
        <source>a federation</source>
        <translation>une fédération</translation>
    </message>
    <message>
        <source>said by {0}, not checkable here</source>
        <translation>dit par {0}, non vérifiable ici</translation>
    </message>
    <message>
        <source>Only sums over a round&apos;s volunteers are kept</source>
        <translation>Seules les sommes sur les participants d’un tour sont gardées</translation>
    </message>
</context>
</TS>
