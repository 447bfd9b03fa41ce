"""An app that cannot be synthesised."""

raise SystemExit("this app is broken on purpose")
