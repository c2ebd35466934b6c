"""How often what may go wrong at any moment does: little in the ordinary tests, ARGOSY_KILLS times in a trial."""

from __future__ import annotations

import os

KILLS = int(os.environ.get("ARGOSY_KILLS", "30"))
