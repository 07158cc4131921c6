<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_GB" sourcelanguage="en_GB">
<context>
    <name>CorpusInspector</name>
    <message numerus="yes">
        <source>{0} document(s)</source>
        <translation>
            <numerusform>{0} document</numerusform>
            <numerusform>{0} documents</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DataPage</name>
    <message numerus="yes">
        <source>%n source(s), {0} tokens.</source>
        <translation>
            <numerusform>%n source, {0} tokens.</numerusform>
            <numerusform>%n sources, {0} tokens.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message numerus="yes">
        <source>{0} of %n check(s) failed</source>
        <translation>
            <numerusform>{0} of %n check failed</numerusform>
            <numerusform>{0} of %n checks failed</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>All %n check(s) passed</source>
        <translation>
            <numerusform>All %n check passed</numerusform>
            <numerusform>All %n checks passed</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>EngineStore</name>
    <message numerus="yes">
        <source>{0} round(s) left</source>
        <translation>
            <numerusform>{0} round left</numerusform>
            <numerusform>{0} rounds left</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Flows</name>
    <message numerus="yes">
        <source>They ask %n volunteer(s) a round and keep the sum of what arrives.</source>
        <translation>
            <numerusform>They ask %n volunteer a round and keep the sum of what arrives.</numerusform>
            <numerusform>They ask %n volunteers a round and keep the sum of what arrives.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HistoryPage</name>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n round</numerusform>
            <numerusform>%n rounds</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{0} tokens in %n finished round(s), {1} sent</source>
        <translation>
            <numerusform>{0} tokens in %n finished round, {1} sent</numerusform>
            <numerusform>{0} tokens in %n finished rounds, {1} sent</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostDetail</name>
    <message numerus="yes">
        <source>%n joined</source>
        <translation>
            <numerusform>%n joined</numerusform>
            <numerusform>%n joined</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>From {0} to {1} bits per byte over %n measurement(s)</source>
        <translation>
            <numerusform>From {0} to {1} bits per byte over %n measurement</numerusform>
            <numerusform>From {0} to {1} bits per byte over %n measurements</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostInvite</name>
    <message numerus="yes">
        <source>%n day(s)</source>
        <translation>
            <numerusform>%n day</numerusform>
            <numerusform>%n days</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n volunteer can join with it</numerusform>
            <numerusform>%n volunteers can join with it</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostPage</name>
    <message numerus="yes">
        <source>%n volunteer(s) joined</source>
        <translation>
            <numerusform>%n volunteer joined</numerusform>
            <numerusform>%n volunteers joined</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostedRoundModel</name>
    <message numerus="yes">
        <source>%n volunteer(s)</source>
        <translation>
            <numerusform>%n volunteer</numerusform>
            <numerusform>%n volunteers</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HostedVolunteerModel</name>
    <message numerus="yes">
        <source>%n update(s)</source>
        <translation>
            <numerusform>%n update</numerusform>
            <numerusform>%n updates</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>InvitePage</name>
    <message numerus="yes">
        <source>%n volunteer(s) can join with it</source>
        <translation>
            <numerusform>%n volunteer can join with it</numerusform>
            <numerusform>%n volunteers can join with it</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Notifications</name>
    <message numerus="yes">
        <source>%n round(s) finished on this machine so far</source>
        <translation>
            <numerusform>%n round finished on this machine so far</numerusform>
            <numerusform>%n rounds finished on this machine so far</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Price</name>
    <message numerus="yes">
        <source>%n round(s)</source>
        <translation>
            <numerusform>%n round</numerusform>
            <numerusform>%n rounds</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>PrivacyPage</name>
    <message numerus="yes">
        <source>ε {0} of {1} charged in %n round(s). At {1} it stops.</source>
        <translation>
            <numerusform>ε {0} of {1} charged in %n round. At {1} it stops.</numerusform>
            <numerusform>ε {0} of {1} charged in %n rounds. At {1} it stops.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>About %n round(s) left on {0}</source>
        <translation>
            <numerusform>About %n round left on {0}</numerusform>
            <numerusform>About %n rounds left on {0}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TryItPage</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Model of {0}, after %n round(s)</source>
        <translation>
            <numerusform>Model of {0}, after %n round</numerusform>
            <numerusform>Model of {0}, after %n rounds</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>UploadsPage</name>
    <message numerus="yes">
        <source>%n upload(s), {0}</source>
        <translation>
            <numerusform>%n upload, {0}</numerusform>
            <numerusform>%n uploads, {0}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_Curve</name>
    <message numerus="yes">
        <source>%n more round(s) are planned, up to ε {0}</source>
        <translation>
            <numerusform>%n more round is planned, up to ε {0}</numerusform>
            <numerusform>%n more rounds are planned, up to ε {0}</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>planned, dashed: %n more round(s)</source>
        <translation>
            <numerusform>planned, dashed: %n more round</numerusform>
            <numerusform>planned, dashed: %n more rounds</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_Detail</name>
    <message numerus="yes">
        <source>%n group(s) of layers, the largest change is {0} in {1}</source>
        <translation>
            <numerusform>%n group of layers, the largest change is {0} in {1}</numerusform>
            <numerusform>%n groups of layers, the largest change is {0} in {1}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_Gauge</name>
    <message numerus="yes">
        <source>%n round(s) left</source>
        <translation>
            <numerusform>%n round left</numerusform>
            <numerusform>%n rounds left</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n round(s) planned, but it stops before</source>
        <translation>
            <numerusform>%n round planned, but it stops before</numerusform>
            <numerusform>%n rounds planned, but it stops before</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>the plan ends at ε {0}, in %n round(s)</source>
        <translation>
            <numerusform>the plan ends at ε {0}, in %n round</numerusform>
            <numerusform>the plan ends at ε {0}, in %n rounds</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_LeftPanel</name>
    <message numerus="yes">
        <source>%n upload(s)</source>
        <translation>
            <numerusform>%n upload</numerusform>
            <numerusform>%n uploads</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_Log</name>
    <message numerus="yes">
        <source>the last %n line(s), without text of yours</source>
        <translation>
            <numerusform>the last %n line, without text of yours</numerusform>
            <numerusform>the last %n lines, without text of yours</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_Overview</name>
    <message numerus="yes">
        <source>You train with %n federation(s)</source>
        <translation>
            <numerusform>You train with %n federation</numerusform>
            <numerusform>You train with %n federations</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>_RingsPanel</name>
    <message numerus="yes">
        <source>%n text(s) without</source>
        <translation>
            <numerusform>%n text without</numerusform>
            <numerusform>%n texts without</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>about %n round(s)</source>
        <translation>
            <numerusform>about %n round</numerusform>
            <numerusform>about %n rounds</numerusform>
        </translation>
    </message>
</context>
</TS>
