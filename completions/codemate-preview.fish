# Completes codemate-preview in fish. Put it into ~/.config/fish/completions.
COMPLETE=fish codemate-preview | source
