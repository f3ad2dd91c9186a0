"""Ways to close a box around tenant code, behind one interface (`base.Launcher`)."""
