"""Write schemas/config.schema.json from the configuration's model."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from embedding_sensitivity.experiment.settings import schema  # noqa: E402  (needs the path set above)

text = json.dumps(schema(), indent=2) + "\n"
(ROOT / "schemas" / "config.schema.json").write_text(text, encoding="utf-8")
