"""What is not installed here is not tested here."""

from __future__ import annotations

import shutil

collect_ignore = [] if shutil.which("nginx") else ["test_nginx.py"]
