"""`python -m controlplane.local` is `stoa up`."""

from __future__ import annotations

import sys

from controlplane.local.up import main

sys.exit(main())
