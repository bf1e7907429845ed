# Completes codemate-preview in bash. Source it, or put it where bash-completion finds it.
eval "$(COMPLETE=bash codemate-preview)"
