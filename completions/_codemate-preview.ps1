# Completes codemate-preview in PowerShell. Call it from $PROFILE.
$env:COMPLETE = "powershell"
codemate-preview | Out-String | Invoke-Expression
Remove-Item Env:\COMPLETE
