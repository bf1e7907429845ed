# Completes codemate-preview in elvish. Add it to rc.elv.
eval (env COMPLETE=elvish codemate-preview | slurp)
