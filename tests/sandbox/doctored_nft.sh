#!/bin/sh
# `nft` for one table, in a way that must not be believed: MODE and TABLE are filled in by the test.
real=/usr/sbin/nft
if [ "$1" = list ]; then
    case "$*" in *"inet TABLE") ;; *) exec $real "$@" ;; esac
    case MODE in
    lies) echo 'table inet TABLE { }' ;;
    echoes) cat /proc/1/environ | tr '\0' '\1' | sed 's/.*CODEMATE_NET_RULES=//; s/\x01.*//' ;;
    *) exec $real "$@" ;;
    esac
    exit 0
fi
text=$(cat)
case "$text" in *"table inet TABLE {"*) ;; *) printf '%s\n' "$text" | exec $real "$@" ;; esac
case MODE in
refuses) echo 'Error: syntax error, unexpected newline' >&2; exit 1 ;;
dies) kill -9 $$ ;;
hangs) sleep 600 ;;
lies | echoes) exit 0 ;;
vanishes) printf '%s\n' "$text" | $real "$@" && $real delete table inet TABLE ;;
sound) printf '%s\n' "$text" | $real "$@" ;;
weakens) printf '%s\n' "$text" | sed 's/policy drop/policy accept/; s/counter drop/counter accept/' | $real "$@" ;;
esac
