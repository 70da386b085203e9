complete --keep-order --exclusive --command mcpchat --arguments "(_MCPCHAT_COMPLETE=fish mcpchat -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
