# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mcpchat_global_optspecs
    string join \n config= o/output= json color= v/verbose h/help V/version
end

function __fish_mcpchat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mcpchat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mcpchat_using_subcommand
    set -l cmd (__fish_mcpchat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mcpchat -n "__fish_mcpchat_needs_command" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_needs_command" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_needs_command" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_needs_command" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "serve" -d 'Run the service'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "chat" -d 'Ask one question'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "user" -d 'Manage accounts'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "key" -d 'Manage API keys'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "ratelimit" -d 'Look at limits, make exceptions, and clear counters'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "audit" -d 'Read and verify the audit log'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "migrate" -d 'Bring the database to this version\'s schema'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "config" -d 'Look at the configuration'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "man" -d 'Print the manual page, or write all of them into a folder'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "openapi" -d 'Print the OpenAPI description of the HTTP API'
complete -c mcpchat -n "__fish_mcpchat_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l listen -d 'Where the API listens' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l metrics-listen -d 'Where the metrics listen, or `off`' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l no-migrate -d 'Do not bring the database\'s schema up to date; refuse to start if it is not'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l dev -d 'Make an account `admin` on the first start and print its password once'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand serve" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l prompt-file -d 'Read the question from this file; a piped text is added to it' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s c -l conversation -d 'Go on with this conversation' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s m -l model -d 'Ask this model; `mcpchat.toml` names them' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l system -d 'Instructions for the model' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l temperature -d 'How free the model is in its choice of words, from 0 to 2' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l max-tokens -d 'The most the answer may have, in tokens' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l seed -d 'For answers that can be repeated, where the provider knows it' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l var -d 'The value for {{NAME}} in the question and in --system; piped text that is added to a question has no such places' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l as -d 'Act as this user (name or email)' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l server -d 'Ask through this server instead of in this process' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l timeout -d 'Give up after this time (exit 124), like `90s` or `5m`' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l expect -d 'KIND:TEXT, again and again: contains, not-contains, regex, equals, jq, json-schema' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l schema -d 'Ask for JSON of this form, in the provider\'s own way, and check the answer all the same' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l max-cost -d 'The most it may cost, repair included' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l max-latency -d 'The longest it may take, like `2s`' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l max-first-token -d 'The longest its first words may take' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l max-output-tokens -d 'The most tokens it may have; --max-tokens makes the model stop' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l no-stream -d 'Print the answer once it is whole'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s q -l quiet -d 'Show no progress, and nothing beside the answer'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l repair -d 'Ask once more, saying what is wrong, where the answer does not fit --schema'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l allow-truncated -d 'Let an answer pass that was cut by the token limit'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand chat" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "add" -d 'Make an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "list" -d 'List accounts by name'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "show" -d 'Show an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "promote" -d 'Let a user do more: make them an admin, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "demote" -d 'Let a user do less: make them an ordinary user, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "enable" -d 'Let a disabled user in again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "disable" -d 'Shut a user out; all their sessions end within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "password" -d 'Set a new password; all sessions of the user end'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "sessions" -d 'List a user\'s sessions, or end them'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "delete" -d 'Delete an account, with its sessions, API keys and conversations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and not __fish_seen_subcommand_from add list show promote demote enable disable password sessions delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l email -d 'A second name to log in with' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l role -d 'user, auditor or admin' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l admin -d 'Short for `--role admin`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l password-stdin -d 'Read the password from standard input'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l generate-password -d 'Make a password up and print it'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l query -d 'Only those with this in their name or email' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l role -d 'Only those with this role' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l enabled -d 'Only those that are enabled (true) or disabled (false)' -r -f -a "true\t''
false\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l role -d 'auditor (reads the audit log) or admin' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from promote" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l role -d 'user or auditor' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from demote" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -s y -l yes -d 'Do not ask'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from disable" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l password-stdin -d 'Read the password from standard input'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l generate-password -d 'Make a password up and print it'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from password" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l revoke -d 'End them all; within a second their tokens are refused and their streams closed'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -s y -l yes -d 'Do not ask'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from sessions" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Do not ask'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "add" -d 'Make an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "list" -d 'List accounts by name'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "promote" -d 'Let a user do more: make them an admin, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "demote" -d 'Let a user do less: make them an ordinary user, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Let a disabled user in again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Shut a user out; all their sessions end within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "password" -d 'Set a new password; all sessions of the user end'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "sessions" -d 'List a user\'s sessions, or end them'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete an account, with its sessions, API keys and conversations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -f -a "add" -d 'Make an API key; it is printed this once'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -f -a "list" -d 'List API keys, the newest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -f -a "revoke" -d 'Revoke an API key; it is refused everywhere within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and not __fish_seen_subcommand_from add list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l name -d 'What to call the key' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l scope -d 'What it may do: chat, read or admin; can be repeated' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l expires -d 'How long it lives, like `90d`; without it, until it is revoked' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Do not ask'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from revoke" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "add" -d 'Make an API key; it is printed this once'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "list" -d 'List API keys, the newest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke an API key; it is refused everywhere within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "show" -d 'Show the limits; of a user also what is used, what is left, and when it is free again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "set" -d 'Hold a user to another maximum than a rule\'s, within a second, on all servers'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "unset" -d 'Take such an exception back: the rule holds again as it is'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "reset" -d 'Clear every counter of a user: messages, turns, tokens, cost, logins, their keys\', and violations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "violations" -d 'Show who was refused by which limit, the latest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and not __fish_seen_subcommand_from show set unset reset violations help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l max -d 'The maximum; of cost, in US dollars' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l until -d 'Its end: 2h for two hours from now, 2026-12-24, or 2026-12-24T18:00:00Z [default: until unset]' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from unset" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l rule -d 'Only what this rule counts' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l reason -d 'Why; kept in the audit log' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l all -d 'Everybody\'s counters, addresses included'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -s y -l yes -d 'Do not ask'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l dry-run -d 'Show what would change, and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from reset" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -s n -l rows -d 'How many at the most' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from violations" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the limits; of a user also what is used, what is left, and when it is free again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "set" -d 'Hold a user to another maximum than a rule\'s, within a second, on all servers'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "unset" -d 'Take such an exception back: the rule holds again as it is'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Clear every counter of a user: messages, turns, tokens, cost, logins, their keys\', and violations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "violations" -d 'Show who was refused by which limit, the latest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand ratelimit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -f -a "tail" -d 'Show the last acts, and with -f those that come'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -f -a "verify" -d 'Compute the chain of the audit log again; exit 8 and name the first row that is wrong'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -f -a "export" -d 'Write the audit log as one JSON object a line; `audit verify --export` takes it'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -f -a "public-key" -d 'Print the key by which others can check the checkpoints of the audit log'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and not __fish_seen_subcommand_from tail verify export public-key help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s n -l rows -d 'How many to begin with [default: 20, or all of them with --since]' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l since -d 'From this time on: 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l actor -d 'Only what this user or operator did' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l action -d 'Only this action (user.add), or all of a noun (user)' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l target -d 'Only what was done to this user or thing' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s f -l follow -d 'Go on as rows come, also over restarts of the database'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from tail" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l checkpoint-file -d 'Checkpoints to compare with [default: those of `[audit] checkpoint_file`]' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l public-key -d 'The keys they may be signed with, as `mcpchat audit public-key` prints them, one a line' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l export -d 'Verify what `mcpchat audit export` wrote (`-`: stdin) instead of the database' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l since -d 'From the first row of this time on: 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l until -d 'Up to the last row before this time' -r
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l out -d 'Write to this file, which has its name only once it is whole' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from public-key" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "tail" -d 'Show the last acts, and with -f those that come'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Compute the chain of the audit log again; exit 8 and name the first row that is wrong'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the audit log as one JSON object a line; `audit verify --export` takes it'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "public-key" -d 'Print the key by which others can check the checkpoints of the audit log'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -l check -d 'Change nothing; exit 8 unless the schema is current'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -l plan -d 'Change nothing; list every migration and whether it is applied'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand migrate" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -f -a "show" -d 'Print every setting; secrets as ***'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -f -a "check" -d 'Exit 9 and say all that is wrong, or exit 0; warnings are told and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -f -a "example" -d 'Print an annotated configuration with every key and its default'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and not __fish_seen_subcommand_from show check example help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say where each value comes from'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from example" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting; secrets as ***'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Exit 9 and say all that is wrong, or exit 0; warnings are told and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "example" -d 'Print an annotated configuration with every key and its default'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand completions" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -l out -d 'The folder; it is made if it is not there' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand man" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -l config -d 'Read this configuration file instead of looking for one' -r -F
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -s o -l output -d 'How to write the answer' -r -f -a "table\t''
json\t'One document'
ndjson\t'One document a line'
plain\t'Tab-separated, without headings'"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -l color -d 'When to use color; NO_COLOR turns it off too' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -l json -d 'Short for `--output json`'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -s v -l verbose -d 'Log more; twice for still more'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand openapi" -s V -l version -d 'Print version'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "serve" -d 'Run the service'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "chat" -d 'Ask one question'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "user" -d 'Manage accounts'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "key" -d 'Manage API keys'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "ratelimit" -d 'Look at limits, make exceptions, and clear counters'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "audit" -d 'Read and verify the audit log'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "migrate" -d 'Bring the database to this version\'s schema'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "config" -d 'Look at the configuration'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "man" -d 'Print the manual page, or write all of them into a folder'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "openapi" -d 'Print the OpenAPI description of the HTTP API'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and not __fish_seen_subcommand_from serve chat user key ratelimit audit migrate config completions man openapi help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "add" -d 'Make an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "list" -d 'List accounts by name'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "show" -d 'Show an account'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "promote" -d 'Let a user do more: make them an admin, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "demote" -d 'Let a user do less: make them an ordinary user, or an auditor'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "enable" -d 'Let a disabled user in again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "disable" -d 'Shut a user out; all their sessions end within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "password" -d 'Set a new password; all sessions of the user end'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "sessions" -d 'List a user\'s sessions, or end them'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "delete" -d 'Delete an account, with its sessions, API keys and conversations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "add" -d 'Make an API key; it is printed this once'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "list" -d 'List API keys, the newest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "revoke" -d 'Revoke an API key; it is refused everywhere within a second'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from ratelimit" -f -a "show" -d 'Show the limits; of a user also what is used, what is left, and when it is free again'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from ratelimit" -f -a "set" -d 'Hold a user to another maximum than a rule\'s, within a second, on all servers'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from ratelimit" -f -a "unset" -d 'Take such an exception back: the rule holds again as it is'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from ratelimit" -f -a "reset" -d 'Clear every counter of a user: messages, turns, tokens, cost, logins, their keys\', and violations'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from ratelimit" -f -a "violations" -d 'Show who was refused by which limit, the latest first'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "tail" -d 'Show the last acts, and with -f those that come'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Compute the chain of the audit log again; exit 8 and name the first row that is wrong'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "export" -d 'Write the audit log as one JSON object a line; `audit verify --export` takes it'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "public-key" -d 'Print the key by which others can check the checkpoints of the audit log'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting; secrets as ***'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Exit 9 and say all that is wrong, or exit 0; warnings are told and change nothing'
complete -c mcpchat -n "__fish_mcpchat_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "example" -d 'Print an annotated configuration with every key and its default'
