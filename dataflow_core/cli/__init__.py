"""The command line: the same verbs as the app, over the same workspaces."""
