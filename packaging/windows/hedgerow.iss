; NOT TESTED. Inno Setup 6 script: packs what PyInstaller made of packaging/pyinstaller/hedgerow.spec on Windows
; (build\package\frozen\app) with the source for the compute runtime (build\package\tree\usr\lib\hedgerow\lib).
;   iscc packaging\windows\hedgerow.iss
; On Windows the engine's socket, the sandbox and therefore training do not work yet; see README.md.

#define Version "0.1.0"

[Setup]
AppId={{6C6E2C0B-6C7A-4B0C-9E59-6F2B0D0F7E11}
AppName=Hedgerow
AppVersion={#Version}
AppPublisher=The Hedgerow developers
DefaultDirName={autopf}\Hedgerow
DefaultGroupName=Hedgerow
PrivilegesRequired=lowest
LicenseFile=..\..\LICENSE
OutputDir=..\..\dist
OutputBaseFilename=hedgerow-{#Version}-setup
Compression=lzma2
SolidCompression=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
UninstallDisplayIcon={app}\app\hedgerow.exe

[Files]
Source: "..\..\build\package\frozen\app\*"; DestDir: "{app}\app"; Flags: recursesubdirs ignoreversion
Source: "..\..\build\package\tree\usr\lib\hedgerow\lib\*"; DestDir: "{app}\lib"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{group}\Hedgerow"; Filename: "{app}\app\hedgerow.exe"

[Registry]
Root: HKA; Subkey: "Software\Classes\hedgerow"; ValueType: string; ValueData: "URL:Hedgerow invite"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\hedgerow"; ValueType: string; ValueName: "URL Protocol"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\hedgerow\DefaultIcon"; ValueType: string; ValueData: "{app}\app\hedgerow.exe,0"
Root: HKA; Subkey: "Software\Classes\hedgerow\shell\open\command"; ValueType: string; ValueData: """{app}\app\hedgerow.exe"" ""%1"""

[UninstallRun]
Filename: "{app}\app\hedgerow.exe"; Parameters: "uninstall --yes"; RunOnceId: "hedgerow-data"; Flags: runhidden; Check: DataGoesToo

[Code]
function DataGoesToo: Boolean;
begin
  Result := MsgBox('Remove settings, privacy ledger, keys and the compute runtime as well?', mbConfirmation, MB_YESNO or MB_DEFBUTTON2) = IDYES;
end;
