# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_codemate_preview_global_optspecs
    string join \n format= json q/quiet v/verbose no-input y/yes timeout= C/directory= name= color= h/help V/version
end

function __fish_codemate_preview_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_codemate_preview_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_codemate_preview_using_subcommand
    set -l cmd (__fish_codemate_preview_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -s V -l version -d 'Print version'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "up" -d 'Run a project and print its URL'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "down" -d 'Stop instances'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "ls" -d 'List instances'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "ps" -d 'List instances'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "status" -d 'Show one instance'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "url" -d 'Print the URL of an instance'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "open" -d 'Open an instance in the browser'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "logs" -d 'Print what an instance wrote'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "exec" -d 'Run a command inside an instance'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "restart" -d 'Start the app of an instance again'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "wait" -d 'Wait until an instance is ready'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "events" -d 'Print what happened to an instance, or to all of them'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "detect" -d 'Show what a project is recognised as, and why'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "images" -d 'List, build and remove base images'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "agent" -d 'Control the agent, which runs the instances in the background'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "prune" -d 'Remove what no instance needs any more: volumes, images, mirrors, logs'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "secret" -d 'Keep values of an instance\'s environment, away from files and command lines'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "sync" -d 'Show how far the files of an instance are behind their table'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "supabase" -d 'Sign in at Supabase, and check the tables that files come from'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "token" -d 'Make, list and revoke tokens for the agent\'s API over TCP'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "tunnel" -d 'Control the public URLs of instances'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "share" -d 'Make links to public URLs, and take them back'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "tether" -d 'Become a program that ends with the agent'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "doctor" -d 'Check that everything needed is there'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c codemate-preview -n "__fish_codemate_preview_needs_command" -f -a "help" -d 'Show help for a command, or the exit codes'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l project -d 'Take the files from a Supabase table: the rows of this project' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l template -d 'Take this template without looking at the others' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l image -d 'Run in this image in place of the template\'s' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l port -d 'The port the app listens on; found by itself when not given' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l set -d 'Answer a question of the template, such as `entry=main:app`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l config -d 'A setting as codemate-preview.toml has it, such as `version = "3.11"`, over what that says' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l tunnel -d 'How the world reaches it: a kind of tunnel, or `none`' -r -f -a "none\t''
cloudflare-quick\t''
cloudflare\t''
ngrok\t''
ssh\t''
localhost.run\t''
pinggy\t''
command\t''
static\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l expires -d 'How long the link is good for, or how long it is public, such as `2h` or `never`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l expose -d 'Let visitors ask for this port too, at `<port>--<public host>`; give it once for each port' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l ready-status -d 'The only status that counts as ready, or a range such as `200-399`: anything else is a failure' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l cpus -d 'How many cores it may use, such as `1.5`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l memory -d 'How much memory it may use, such as `512MiB`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l egress -d 'What it may connect to: `open` for the internet, `none`, or hosts and presets such as `pypi`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l disk -d 'How much its files, dependencies and caches may hold, such as `4GiB`. They are counted every 1 to 10 s, more often the nearer the limit is, and it is stopped when they are past it: for as long it can write beyond it' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s e -l env -d 'Set a variable of the app\'s environment' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l env-file -d 'Read variables of the app\'s environment from a file' -r -F
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l attach -d 'Stay and show what the app writes; Ctrl-C stops what this command started'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l rebuild -d 'Start over: fresh files, fresh installation'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l public -d 'Let everyone who knows the public URL visit it, not only who has a link'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l private -d 'Let only who has a link visit it, whatever the settings say'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l qr -d 'Show the URL as a QR code too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand up" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l all -d 'Every instance'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l purge -d 'Also remove what they kept: files the app made, dependencies, caches'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand down" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand ps" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand status" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l port -d 'The URL of another port that is listened on inside' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l public -d 'The public URL, and an error if there is none'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l local -d 'The URL on this host'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l qr -d 'Show it as a QR code too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand url" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand open" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l since -d 'Only what is newer: an age such as `5m`, or a time such as `2026-11-23T14:00:00Z`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s n -l tail -d 'Only the last lines' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l grep -d 'Only lines in which this regular expression is found' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s f -l follow -d 'Go on with what it writes from now'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand logs" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s e -l env -d 'Set a variable of the command\'s environment' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s T -l no-tty -d 'Give the command no terminal even if this is one'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand exec" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand restart" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand wait" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s f -l follow -d 'Go on with what happens from now'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand events" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l template -d 'Take this template without looking at the others' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l image -d 'Run in this image in place of the template\'s' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l port -d 'The port the app listens on; found by itself when not given' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l set -d 'Answer a question of the template, such as `entry=main:app`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l config -d 'A setting as codemate-preview.toml has it, such as `version = "3.11"`, over what that says' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand detect" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -f -a "ls" -d 'List the base images there are, and which have been built'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -f -a "build" -d 'Build base images; the default of each stack if none is named'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and not __fish_seen_subcommand_from ls build prune" -f -a "prune" -d 'Remove base images that no instance uses'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l rebuild -d 'Build again what is there already'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand images; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "run" -d 'Be the agent, until told to stop'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "start" -d 'Start it, unless it runs'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "status" -d 'Show the agent that runs'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "stop" -d 'Stop it; instances that run go on'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "restart" -d 'Stop it and start it again'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and not __fish_seen_subcommand_from run start status stop restart logs" -f -a "logs" -d 'Print what it wrote to its log'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s n -l tail -d 'Only the last lines' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on with what it writes from now'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand agent; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l all -d 'Base images that no instance uses, too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l dry-run -d 'Show what would go, and remove nothing; with `--all`, base images in use are shown too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand prune" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -f -a "set" -d 'Keep a value, asked for without showing it or read from standard input'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -f -a "ls" -d 'List which there are and when they were set, never the values'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and not __fish_seen_subcommand_from set ls rm" -f -a "rm" -d 'Forget values'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l from-file -d 'Keep every variable of a file of `KEY=VALUE` lines' -r -F
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l for -d 'Whose: a name, an id or a directory; the instance of the current directory if not given' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l for -d 'Whose: a name, an id or a directory; the instance of the current directory if not given' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand secret; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l status -d 'Show what of a directory is left out and why, or of a table its cursor, lag and last full check; files are kept in step by themselves'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand sync" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -f -a "login" -d 'Sign in as a user of the project, so that row-level security lets files be read'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -f -a "logout" -d 'Sign out, at the server too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -f -a "status" -d 'Show who requests are made as'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -f -a "doctor" -d 'Check URL, key, row-level security, columns and publication'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and not __fish_seen_subcommand_from login logout status doctor schema" -f -a "schema" -d 'Print the SQL of the tables that work best'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l email -d 'Asked for when not given' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l password-stdin -d 'Read the password from the first line of standard input'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from logout" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from doctor" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand supabase; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -f -a "new" -d 'Make a token and print it, this one time'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -f -a "ls" -d 'List tokens, without what they are'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and not __fish_seen_subcommand_from new ls revoke" -f -a "revoke" -d 'End a token, and what is being done with it'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l instance -d 'It reaches this instance and no other' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l expires-in -d 'For how long it is good, such as `30d`; until it is revoked when not given' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l manage -d 'It may change things, and not only look at them'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l local-dirs -d 'It may name directories of this host as projects'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -f -a "ls" -d 'List tunnels and how they are'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -f -a "start" -d 'Give a running instance a public URL, or one of another kind'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -f -a "stop" -d 'Take the public URL of an instance away'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and not __fish_seen_subcommand_from ls start stop doctor" -f -a "doctor" -d 'Check what each kind of tunnel needs'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l tunnel -d 'The kind of tunnel; the one it had, or the default, when not given' -r -f -a "cloudflare-quick\t''
cloudflare\t''
ngrok\t''
ssh\t''
localhost.run\t''
pinggy\t''
command\t''
static\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l qr -d 'Show the URL as a QR code too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l offline -d 'Ask nothing of the providers'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tunnel; and __fish_seen_subcommand_from doctor" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -f -a "ls" -d 'List who may visit the public URLs: links, and whether everyone may'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -f -a "new" -d 'Make a link to the public URL of an instance, and print it'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and not __fish_seen_subcommand_from ls new revoke" -f -a "revoke" -d 'Take links back; who came by them is put out at once'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l expires -d 'How long it is good for, such as `2h`, or `never`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l label -d 'Whom it is for, to be shown by `share ls`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l qr -d 'Show it as a QR code too'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l all-of -d 'Every link of this instance: a name, an id or a directory (with a `/`, or `.`)' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand share; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand tether" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l tunnel -d 'Check the tunnels too, and ask their providers'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l probe -d 'Try to get out of a throw-away preview, and show what held'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand completions" -s h -l help -d 'Print help'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l format -d 'What is written to standard output: text, one JSON document, or a stream of JSON lines' -r -f -a "text\t''
json\t''
ndjson\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l timeout -d 'Give up after this long, such as `90s`' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -s C -l directory -d 'Work as if started in this directory' -r -f -a "(__fish_complete_directories)"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l name -d 'The name of one of several instances of a directory' -r
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l json -d 'The same as `--format json`'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -s q -l quiet -d 'Show no progress; twice: print nothing at all'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -s v -l verbose -d 'Show more of what happens'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -l no-input -d 'Never ask; fail where an answer is needed'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -s y -l yes -d 'Answer yes to every question'
complete -c codemate-preview -n "__fish_codemate_preview_using_subcommand help" -s h -l help -d 'Print help'
